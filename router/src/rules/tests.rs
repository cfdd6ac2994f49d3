//! The rule language as a whole; each room tests its own part beside itself.

use super::*;
use crate::event::{ChangedFiles, Event, Push};
use crate::id::{CommitId, GitRef, RepoPath};

mod decisions;
mod mistakes;
mod near;
mod own;
mod reference;
mod requests;
mod schema;

/// The rule file at the root of this repository.
const ROOT: &str = include_str!("../../../pointsman.yaml");

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn repository(kind: ForgeKind, path: &str) -> Repository {
    Repository { forge: kind.default_name(), kind, path: RepoPath::new(path).unwrap() }
}

/// A push by dana of a branch, or of a tag when it says `tag:`.
fn push(name: &str, changed: ChangedFiles) -> Push {
    let full = match name.strip_prefix("tag:") {
        Some(tag) => format!("refs/tags/{tag}"),
        None => format!("refs/heads/{name}"),
    };
    Push {
        repository: repository(ForgeKind::Local, "demo"),
        git_ref: GitRef::new(&full).unwrap(),
        before: Some(CommitId::new("b".repeat(40)).unwrap()),
        commit: CommitId::new("a".repeat(40)).unwrap(),
        actor: "dana".to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed,
        message: "change things".to_owned(),
        pushed_at: None,
    }
}

fn known(files: &[&str]) -> ChangedFiles {
    ChangedFiles::known(files.iter().copied())
}

fn unknown() -> ChangedFiles {
    ChangedFiles::Unknown("the branch is new".to_owned())
}

/// What was decided, in one word and the routes: `start infra main`, `ignore bots`, `nothing the-rest`.
fn outcome(rules: &Rules, push: Push) -> String {
    match rules.decide(&Event::Push(push)).verdict {
        Verdict::Start { chain, .. } => {
            let routes: Vec<&str> = chain.iter().map(|planned| planned.route.as_str()).collect();
            format!("start {}", routes.join(" "))
        }
        Verdict::Ignore { rule } => format!("ignore {rule}"),
        Verdict::Nothing { route } => format!("nothing {}", route.map(|route| route.to_string()).unwrap_or_default()),
        Verdict::Refused => "refused".to_owned(),
    }
}
