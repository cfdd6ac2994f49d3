//! The index against asking every route in turn.

use proptest::prelude::*;

use super::Asked;
use crate::event::{ChangedFiles, Push};
use crate::id::{CommitId, ForgeKind, GitRef, RepoPath, Repository};
use crate::rules::Rules;

/// What the index stands for.
fn in_turn(rules: &Rules, push: &Push) -> Asked {
    let mut asked = Asked::default();
    let mut most = None;
    for (at, route) in rules.routes.iter().enumerate().filter(|(_, route)| route.condition.about.covers(&push.git_ref))
    {
        match route.condition.first_failing(push) {
            None if route.shadow => asked.shadows.push(at),
            None => return Asked { owner: Some(at), ..asked },
            Some(_) if route.shadow => {}
            Some((passed, _)) if most.is_none_or(|most| passed > most) => {
                (most, asked.nearest) = (Some(passed), Some(at))
            }
            Some(_) => {}
        }
    }
    asked
}

fn push(full: &str, changed: ChangedFiles, actor: &str) -> Push {
    let kind = ForgeKind::Github;
    Push {
        repository: Repository { forge: kind.default_name(), kind, path: RepoPath::new("r").unwrap() },
        git_ref: GitRef::new(full).unwrap(),
        before: None,
        commit: CommitId::new("1".repeat(40)).unwrap(),
        actor: actor.to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed,
        message: String::new(),
        pushed_at: None,
    }
}

fn route() -> impl Strategy<Value = String> {
    let glob = "(ab|a|abc/|a/|b/|\\*|\\*\\*/|\\?|abcdefgh|\\{a,b\\}|\\[a/\\]){1,3}(\\*|b|c|/\\*\\*)?";
    let globs = prop::collection::vec(glob, 1..3).prop_map(|globs| format!("['{}']", globs.join("', '")));
    let which = (prop::sample::select(vec!["branch", "branch", "tag", "target"]), globs.clone());
    let files = prop::option::of((prop::sample::select(vec!["any", "any", "all", "only", "none"]), globs));
    (which, files, prop::option::weighted(0.2, Just("x")), prop::bool::weighted(0.2)).prop_map(
        |(which, files, actor, shadow)| {
            let (key, globs) = which;
            let which = match key {
                "target" => format!("change_request: {{target: {globs}}}, forks: false"),
                key => format!("{key}: {globs}"),
            };
            let files = files.map(|(key, globs)| format!(", paths: {{{key}: {globs}}}")).unwrap_or_default();
            let actor = actor.map(|actor| format!(", actors: {actor}")).unwrap_or_default();
            format!("{which}{files}{actor}, shadow: {shadow}, pipeline: none")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_index_finds_what_asking_in_turn_finds(
        routes in prop::collection::vec(route(), 1..8),
        name in "(ab|a|abc|abcdefgh|b){1,3}(/[abc]{1,2}){0,2}",
        which in 0..3usize,
        files in prop::option::of(prop::collection::vec("(ab|a|abc|abcdefgh|b)(/[abc]{1,2}){0,2}", 0..4)),
        actor in "x?",
    ) {
        let lines: Vec<String> = routes.iter().enumerate().map(|(n, said)| format!("  - {{name: r{n}, {said}}}\n")).collect();
        let text = format!("version: 1\nrepositories: [{{github: r}}]\nroutes:\n{}  - {{name: z, any: true, pipeline: none}}\n", lines.concat());
        // A glob of chance may be none.
        if let Ok(rules) = Rules::parse(&text) {
            let full = ["refs/heads/", "refs/tags/", "refs/requests/1/"][which].to_owned() + &name;
            let full = if which == 2 { full + ":a" } else { full };
            let changed = files.map_or(ChangedFiles::Unknown(String::new()), ChangedFiles::known);
            let push = push(&full, changed, &actor);
            prop_assert_eq!(rules.index.ask(&rules.routes, &push), in_turn(&rules, &push), "{}", text);
        }
    }
}
