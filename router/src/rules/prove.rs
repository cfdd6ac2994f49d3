//! What a rule file can and cannot do, over every push there can be.
//!
//! `space` cuts all pushes into what the file can tell apart (`atoms`: names, `files`: sets of changed files), `search` finds
//! the shortest push of a kind, `findings` and `claim` ask it. Nothing is sampled, and nothing is left out: globs are regular
//! languages, and of a set of changed files only the globs that its files match can matter. What is taken as free although a
//! forge may never send it: who pushes what, whether a branch is new, whether history was rewritten.

use crate::event::{ChangedFiles, Event, Push};
use crate::id::{ForgeKind, GitRef, Origin};
use crate::rules::{Decision, OwnWord, Rules};

pub(super) mod atoms;
mod bits;
mod claim;
mod files;
mod findings;
mod search;
mod space;

pub(super) use atoms::Language;
pub use claim::{Answer, CLAIMS, Claim};
pub use findings::{Finding, FindingKind, Proof};

/// There are more cases than can be looked at, within the limits on time and memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TooTangled(String);

/// A push that shows something, as short as there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The push; its commits are made up.
    pub push: Push,
    /// What is decided about it.
    pub decision: Decision,
}

impl Witness {
    fn of(rules: &Rules, own: Option<&OwnWord>, push: Push) -> Self {
        let decision = rules.decide_with(&Event::Push(push.clone()), own);
        Self { push, decision }
    }

    /// The arguments by which `pointsman explain` shows the same.
    pub fn arguments(&self) -> Vec<String> {
        let Push { repository, git_ref, actor, created, forced, changed, message, .. } = &self.push;
        let mut arguments = vec!["--repo".to_owned(), repository.path.to_string()];
        let mut say = |key: &str, value: &str| arguments.extend([format!("--{key}"), value.to_owned()]);
        if repository.forge != ForgeKind::Github.default_name() {
            say("forge", repository.forge.as_str());
        }
        match git_ref {
            GitRef::Branch(name) => say("branch", name),
            GitRef::Tag(name) => say("tag", name),
            GitRef::Request(request) => {
                say("target", &request.target);
                say("source", &request.source);
            }
        }
        match changed {
            ChangedFiles::Unknown(_) => say("changed", "unknown"),
            ChangedFiles::Known(files) if files.is_empty() => say("changed", ""),
            ChangedFiles::Known(files) => files.iter().for_each(|file| say("changed", file)),
        }
        for (key, value) in [("actor", actor), ("message", message)] {
            if !value.is_empty() {
                say(key, value);
            }
        }
        let fork = git_ref.request().is_some_and(|request| request.origin != Origin::Same);
        let flags = [("--created", *created), ("--forced", *forced), ("--fork", fork)];
        arguments.extend(flags.into_iter().filter(|(_, on)| *on).map(|(flag, _)| flag.to_owned()));
        arguments
    }
}

impl std::fmt::Display for Witness {
    /// "branch main of github:acme/shop, changed a, b, by dana".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = super::parse::shown;
        match &self.push.git_ref {
            GitRef::Branch(name) => write!(f, "branch {}", shown(name))?,
            GitRef::Tag(name) => write!(f, "tag {}", shown(name))?,
            GitRef::Request(request) => {
                let fork = if request.origin == Origin::Same { "" } else { " of a fork" };
                write!(f, "change request from {}{fork} to {}", shown(&request.source), shown(&request.target))?;
            }
        }
        write!(f, " of {}", self.push.repository)?;
        match &self.push.changed {
            ChangedFiles::Unknown(_) => write!(f, ", changed files unknown")?,
            ChangedFiles::Known(files) if files.is_empty() => write!(f, ", no file changed")?,
            ChangedFiles::Known(files) => {
                let files: Vec<String> = files.iter().map(|file| shown(file)).collect();
                write!(f, ", changed {}", files.join(", "))?;
            }
        }
        if !self.push.actor.is_empty() {
            write!(f, ", by {}", shown(&self.push.actor))?;
        }
        if !self.push.message.is_empty() {
            write!(f, ", message {:?}", shown(&self.push.message))?;
        }
        let flags = [("new", self.push.created), ("history rewritten", self.push.forced)];
        flags.into_iter().filter(|(_, on)| *on).try_for_each(|(word, _)| write!(f, ", {word}"))
    }
}

#[cfg(test)]
mod tests;
