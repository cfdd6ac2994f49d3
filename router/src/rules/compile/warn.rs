//! What is allowed and hardly meant. A warning is a guess, so it never keeps a file from being used.

use std::collections::HashSet;

use crate::problem::Problem;
use crate::rules::parse::{EnvironmentEntry, File, Target};

/// Names that people give to the place where their customers are.
const CUSTOMERS: [&str; 4] = ["prod", "production", "prd", "live"];

pub(super) fn about(file: &File) -> Vec<Problem> {
    let reached: HashSet<&str> =
        file.routes.iter().flat_map(|route| route.to.iter().map(|name| name.value.as_str())).collect();
    let unguarded =
        file.environments.iter().filter(|place| reached.contains(place.name.value.as_str()) && is_unguarded(place));
    let unguarded = unguarded.map(|place| {
        let message = format!("commits enter `{}` and nobody need say yes", place.name.value);
        Problem::new(place.name.place, message).help("give it an `approval`, or say `allow_unapproved: true`")
    });
    let started: HashSet<&str> = file
        .routes
        .iter()
        .filter_map(|route| match route.target.as_ref()? {
            Target::Pipeline(name) => Some(name.value.as_str()),
            Target::None => None,
        })
        .collect();
    let idle = file.pipelines.iter().filter(|pipeline| !started.contains(pipeline.name.value.as_str()));
    let idle = idle.map(|pipeline| {
        Problem::new(pipeline.name.place, format!("no route starts the pipeline `{}`", pipeline.name.value))
    });
    let asked: HashSet<&str> = file
        .environments
        .iter()
        .flat_map(|place| place.approval.iter().flat_map(|approval| approval.by.iter().map(|by| by.value.as_str())))
        .collect();
    let idle_groups = file.people.iter().filter(|group| !asked.contains(group.name.value.as_str()));
    let idle_groups = idle_groups
        .map(|group| Problem::new(group.name.place, format!("no environment asks the group `{}`", group.name.value)));
    let closed = file.environments.iter().filter_map(|place| strangers(file, place));
    let mut all: Vec<Problem> = unguarded.chain(idle).chain(idle_groups).chain(closed).collect();
    all.sort_by_key(|problem| problem.place.offset);
    all
}

/// An approval that nobody or not everybody named can give: who is in an OIDC group is not looked up.
fn strangers(file: &File, place: &EnvironmentEntry) -> Option<Problem> {
    let approval = place.approval.as_ref()?;
    let people = |by: &str| -> Vec<String> {
        let groups = file.people.iter().filter(|group| group.name.value == by);
        let of_groups = groups.flat_map(|group| group.people.iter().cloned());
        of_groups.chain(by.contains(':').then(|| by.to_owned())).collect()
    };
    let people: Vec<String> = approval.by.iter().flat_map(|by| people(&by.value)).collect();
    let stranger = people.iter().find(|person| person.starts_with("oidc:"))?;
    let is_closed = people.iter().all(|person| person.starts_with("oidc:"));
    let who = if is_closed { "nobody can" } else { "its members cannot" };
    let message = format!("`{stranger}` is not looked up, so {who} say yes at `{}` by it", place.name.value);
    let at = approval.by.first().map_or(place.name.place, |by| by.place);
    Some(Problem::new(at, message).help("name a team of a forge, or each of its people as `user:NAME`"))
}

fn is_unguarded(place: &EnvironmentEntry) -> bool {
    let name = place.name.value.as_str().to_lowercase();
    let of_customers = name.split(['-', '_', '.']).any(|part| CUSTOMERS.contains(&part));
    of_customers && place.approval.is_none() && !place.allow_unapproved
}
