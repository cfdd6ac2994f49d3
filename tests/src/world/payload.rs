//! The bodies of webhooks, with the fields that the forges send and their limits.

use std::path::Path;

use router::id::ForgeKind;
use serde_json::{Value, json};

use super::moved::Moved;

mod github;
mod gitlab;
mod local;
#[cfg(test)]
mod tests;

/// A pull request or merge request.
pub(super) struct Asked<'a> {
    pub(super) number: u64,
    pub(super) source: &'a str,
    pub(super) target: &'a str,
    pub(super) fork: bool,
    pub(super) commit: &'a str,
}

/// The event's name in the header, and the body.
type Told = (&'static str, Value);

/// A ref moved.
pub(super) fn push(kind: ForgeKind, path: &str, bare: &Path, moved: &Moved) -> Told {
    match kind {
        ForgeKind::Github => github::push(path, moved),
        ForgeKind::Gitlab => gitlab::push(path, moved),
        ForgeKind::Local => local::push(path, bare, moved),
    }
}

/// The forge tries whether somebody is there.
pub(super) fn ping(kind: ForgeKind, path: &str) -> Told {
    match kind {
        ForgeKind::Github => github::ping(path),
        ForgeKind::Gitlab => gitlab::pipeline(path),
        ForgeKind::Local => ("ping", json!({ "repository": path })),
    }
}

/// Somebody asks for a change.
pub(super) fn change_request(kind: ForgeKind, path: &str, asked: &Asked<'_>) -> Told {
    match kind {
        ForgeKind::Github => github::pull_request(path, asked),
        ForgeKind::Gitlab => gitlab::merge_request(path, asked),
        ForgeKind::Local => panic!("a local repository has no change requests"),
    }
}
