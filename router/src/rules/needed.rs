//! What a push lacks: what it would have to be like for a condition to hold, with names that would do.

use super::condition::{Condition, Predicate, Quantity};
use super::parse::shown;
use super::pattern::Patterns;
use super::prove::{Language, atoms};
use crate::event::{ChangedFiles, Push};
use crate::id::ForgeName;

impl Condition {
    /// All that the push would need, each in a few words: "branch main".
    pub(super) fn needed(&self, push: &Push) -> Vec<String> {
        let failing = self.all.iter().filter(|predicate| !predicate.holds(push, self.skips));
        failing.flat_map(|predicate| predicate.needed(push)).collect()
    }
}

impl Predicate {
    fn needed(&self, push: &Push) -> Vec<String> {
        vec![match self {
            Self::Repository(globs) => such("repository", globs, atoms::repositories),
            Self::Forge(names) => {
                let names: Vec<&str> = names.iter().map(ForgeName::as_str).collect();
                format!("forge {}", names.join(" or "))
            }
            Self::Ref(moved, globs) => such(moved.word(), globs, atoms::refs),
            Self::Target(globs) => such("target", globs, atoms::refs),
            Self::Source(globs) => such("source", globs, atoms::refs),
            Self::NoFork => "a branch of this repository instead of a fork's".to_owned(),
            Self::Actor(globs) => such("actor", globs, atoms::actors),
            Self::Message(globs) => such("message", globs, atoms::messages),
            Self::Created(true) => "a branch or tag that is new".to_owned(),
            Self::Created(false) => "a branch or tag that was there before".to_owned(),
            Self::Forced(true) => "rewritten history".to_owned(),
            Self::Forced(false) => "history that is not rewritten".to_owned(),
            Self::Files(quantity, globs) => return files(*quantity, globs, &push.changed),
        }]
    }
}

fn files(quantity: Quantity, globs: &Patterns, changed: &ChangedFiles) -> Vec<String> {
    let a_file = |globs: &Patterns| such("changed file", globs, atoms::files);
    match (quantity, changed) {
        (Quantity::Any, _) => vec![a_file(globs)],
        (Quantity::All, _) => {
            let lacks = |number: &usize| match changed {
                ChangedFiles::Known(files) => !files.iter().any(|file| globs.takes_by(*number, file)),
                ChangedFiles::Unknown(_) => true,
            };
            let lacking = (0..globs.yes.len()).filter(lacks);
            let one = |number: usize| {
                let example = globs.example(number, atoms::files).map_or(String::new(), as_does);
                format!("a changed file that matches {}{example}", globs.yes[number].as_str())
            };
            lacking.map(one).collect()
        }
        (Quantity::Only, _) => {
            vec![format!("only changed files that match {}{}", globs.words(), example(globs, atoms::files))]
        }
        (Quantity::None, ChangedFiles::Known(_)) => vec![format!("no changed file that matches {}", globs.words())],
        (Quantity::None, ChangedFiles::Unknown(_)) => {
            vec![format!("changed files that are known, and none that matches {}", globs.words())]
        }
    }
}

/// "branch main", or "a branch that matches release/*, as release/a does".
fn such(what: &str, globs: &Patterns, language: fn() -> Language) -> String {
    if let ([one], []) = (&globs.yes[..], &globs.no[..])
        && let Some(name) = one.exact()
    {
        return format!("{what} {}", shown(name));
    }
    let article = if what.starts_with('a') { "an" } else { "a" };
    format!("{article} {what} that matches {}{}", globs.words(), example(globs, language))
}

/// ", as main does", of the first glob that matches anything.
fn example(globs: &Patterns, language: fn() -> Language) -> String {
    (0..globs.yes.len()).find_map(|number| globs.example(number, language)).map_or(String::new(), as_does)
}

fn as_does(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(", as {} does", shown(name)) }
}
