//! Routes resolved and checked against the rest of the file.

use std::collections::HashMap;

use super::{twice, undefined};
use crate::id::{EnvironmentName, RouteName, StageName};
use crate::rules::condition::About;
use crate::rules::parse::{At, EnvironmentEntry, PipelineEntry, Reader, RouteEntry, Target};
use crate::rules::{Goal, Route};

/// The most routes of a file.
const ROUTES_MAX: usize = 100_000;

/// What a route can name.
struct Known<'a> {
    pipelines: &'a [PipelineEntry],
    environments: &'a [EnvironmentEntry],
    routes: HashMap<&'a RouteName, (usize, &'a RouteEntry)>,
    /// In the order of the file, so that a message is the same every time.
    route_names: Vec<&'a str>,
}

/// Resolves every route. What cannot be resolved has been told, and is left out.
pub(super) fn resolve(
    reader: &mut Reader,
    entries: Vec<RouteEntry>,
    pipelines: &[PipelineEntry],
    environments: &[EnvironmentEntry],
) -> Vec<Route> {
    if let Some(one_too_many) = entries.get(ROUTES_MAX) {
        reader.tell(one_too_many.place, format!("{} routes; at most {ROUTES_MAX} are read", entries.len()));
        return Vec::new();
    }
    twice(reader, entries.iter().filter_map(|route| route.name.as_ref()), "route");
    let named = entries.iter().enumerate().filter_map(|(at, entry)| Some((&entry.name.as_ref()?.value, (at, entry))));
    let route_names = entries.iter().filter_map(|entry| Some(entry.name.as_ref()?.value.as_str())).collect();
    let known = Known { pipelines, environments, routes: named.collect(), route_names };
    let goals: Vec<Option<Goal>> = entries.iter().map(|entry| goal(reader, entry, &known)).collect();
    cycles(reader, &entries, &goals);
    last_takes_all(reader, &entries);
    let resolved = entries.into_iter().zip(goals);
    let route = |(entry, goal): (RouteEntry, _)| {
        let At { value: name, place } = entry.name?;
        Some(Route { name, place, condition: entry.condition, goal, shadow: entry.shadow })
    };
    resolved.filter_map(route).collect()
}

fn goal(reader: &mut Reader, entry: &RouteEntry, known: &Known<'_>) -> Option<Goal> {
    let name = match entry.target.as_ref()? {
        Target::Pipeline(name) => name,
        Target::None => {
            for (key, place) in &entry.follow_ups {
                reader.tell(*place, format!("`{key}` means nothing here: `pipeline: none` starts nothing"));
            }
            return None;
        }
    };
    let environments = environments(reader, &entry.to, known.environments);
    let then = entry.then.as_ref().and_then(|then| then_route(reader, entry, then, known));
    let Some(number) = known.pipelines.iter().position(|pipeline| pipeline.name.value == name.value) else {
        let names = known.pipelines.iter().map(|pipeline| pipeline.name.value.as_str());
        let names: Vec<&str> = names.chain(["none"]).collect();
        undefined(reader, name, "there is no pipeline", &names);
        return None;
    };
    let pipeline = &known.pipelines[number];
    if let (Some(first), None) = (entry.to.first(), &pipeline.deploy) {
        let message = format!("the pipeline `{}` cannot go to `{}`: it has no `deploy`", name.value, first.value);
        reader.advise(first.place, message, "give the pipeline a `deploy`, or leave `to` out");
    }
    let stages = entry.stages.as_ref().map(|picked| stages(reader, picked, pipeline));
    Some(Goal { pipeline: number, stages, environments, then, concurrency: entry.concurrency, manual: entry.manual })
}

/// Picks by name; the stages run in the pipeline's order, whatever the order here.
fn stages(reader: &mut Reader, picked: &[At<StageName>], pipeline: &PipelineEntry) -> Vec<usize> {
    let mut numbers = Vec::new();
    for name in picked {
        match pipeline.stages.iter().position(|stage| stage.name.value == name.value) {
            Some(number) => numbers.push(number),
            None => {
                let lack = format!("the pipeline `{}` has no stage", pipeline.name.value);
                let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.value.as_str()).collect();
                undefined(reader, name, &lack, &names);
            }
        }
    }
    numbers.sort_unstable();
    numbers
}

fn environments(reader: &mut Reader, to: &[At<EnvironmentName>], known: &[EnvironmentEntry]) -> Vec<usize> {
    let mut numbers: Vec<usize> = Vec::new();
    for name in to {
        let Some(number) = known.iter().position(|place| place.name.value == name.value) else {
            let names: Vec<&str> = known.iter().map(|place| place.name.value.as_str()).collect();
            undefined(reader, name, "there is no environment", &names);
            continue;
        };
        if let Some(before) = numbers.last().filter(|last| **last > number) {
            let message = format!("`{}` comes before `{}`", name.value, known[*before].name.value);
            reader.advise(name.place, message, "`to` keeps the order of `environments`");
        }
        numbers.push(number);
    }
    numbers
}

fn then_route(reader: &mut Reader, entry: &RouteEntry, then: &At<RouteName>, known: &Known<'_>) -> Option<usize> {
    if !entry.condition.takes_files() {
        let message = "`then` hands on the files that `paths` leaves over, and this route takes all of them";
        reader.advise(then.place, message, "give the route `paths: {any: [...]}` or `paths: {all: [...]}`");
    }
    let Some((number, target)) = known.routes.get(&then.value) else {
        undefined(reader, then, "there is no route", &known.route_names);
        return None;
    };
    if matches!(target.target, Some(Target::None)) {
        reader.tell(then.place, format!("`{}` starts nothing, so it cannot come next", then.value));
    }
    if target.shadow {
        reader.tell(then.place, format!("`{}` is a shadow, so it cannot come next", then.value));
    }
    if target.manual {
        reader
            .tell(then.place, format!("`{}` waits for a person (`start: manual`), so it cannot come next", then.value));
    }
    Some(*number)
}

/// Tells each chain of `then` that comes back to itself, once.
fn cycles(reader: &mut Reader, entries: &[RouteEntry], goals: &[Option<Goal>]) {
    const UNSEEN: usize = usize::MAX;
    let mut seen_from = vec![UNSEEN; goals.len()];
    for start in 0..goals.len() {
        let mut at = start;
        while seen_from[at] == UNSEEN {
            seen_from[at] = start;
            let Some(next) = goals[at].as_ref().and_then(|goal| goal.then) else { break };
            if seen_from[next] == start
                && let Some(then) = &entries[at].then
            {
                reader.tell(then.place, format!("the chain of `then` comes back to `{}` and never ends", then.value));
            }
            at = next;
        }
    }
}

/// The last route takes what is left, and no other takes everything.
fn last_takes_all(reader: &mut Reader, entries: &[RouteEntry]) {
    let Some((last, before)) = entries.split_last() else { return };
    if !last.condition.all.is_empty() || last.condition.about != About::Pushes || last.shadow {
        let help = "end with - {name: the-rest, any: true, pipeline: none}";
        reader.advise(
            last.place,
            "the last route takes every push: it says `any: true` and no other condition, and is no shadow",
            help,
        );
    }
    if let Some(at) = before.iter().position(|entry| entry.takes_all) {
        reader.tell(entries[at].place, "this route takes every push, so no route below it is ever asked");
    }
}
