//! What a push must be like.
//!
//! A condition is a list of predicates that must all hold. What has no answer (the changed files are not known) is
//! decided so that no work is ever skipped for lack of evidence: see [`Condition::first_failing`].

use std::collections::BTreeSet;

use super::parse::shown;
use super::pattern::{Pattern, Patterns};
use crate::event::{ChangedFiles, Push};
use crate::id::{ForgeName, GitRef, Origin};

/// Predicates that must all hold.
#[derive(Debug)]
pub(super) struct Condition {
    /// In the order in which they are tried: those about files are last.
    pub(super) all: Vec<Predicate>,
    /// A push that this owns starts nothing.
    pub(super) skips: bool,
    /// What it is asked about at all.
    pub(super) about: About,
}

/// What a condition is asked about. A route for pushes is never asked about a change request, nor the other way round, so
/// that code from outside starts nothing unless a route names change requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// `branch`, `tag`, `any`.
    Pushes,
    /// `change_request`.
    Requests,
    /// An `ignore` entry.
    Both,
}

impl About {
    pub(super) fn covers(self, git_ref: &GitRef) -> bool {
        match self {
            Self::Pushes => git_ref.request().is_none(),
            Self::Requests => git_ref.request().is_some(),
            Self::Both => true,
        }
    }
}

/// One thing that a push must be like.
#[derive(Debug)]
pub(super) enum Predicate {
    /// `repos`
    Repository(Patterns),
    /// `forge`: a forge's name, or a kind of forge.
    Forge(Vec<ForgeName>),
    /// `branch` and `tag`
    Ref(Moved, Patterns),
    /// `change_request: {target}`
    Target(Patterns),
    /// `change_request: {source}`
    Source(Patterns),
    /// `forks: false`: a change request comes from the repository itself.
    NoFork,
    /// `actors`
    Actor(Patterns),
    /// `message`
    Message(Patterns),
    /// `created`
    Created(bool),
    /// `forced`
    Forced(bool),
    /// `paths`
    Files(Quantity, Patterns),
}

/// What a push moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Branch,
    Tag,
    Request,
}

/// How many of the changed files, or of the globs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Some changed file matches.
    Any,
    /// Each glob is matched by some changed file.
    All,
    /// There are changed files, and each of them matches.
    Only,
    /// No changed file matches.
    None,
}

impl Quantity {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::Only => "only",
            Self::None => "none",
        }
    }
}

impl Moved {
    fn of(git_ref: &GitRef) -> Self {
        match git_ref {
            GitRef::Branch(_) => Self::Branch,
            GitRef::Tag(_) => Self::Tag,
            GitRef::Request(_) => Self::Request,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Request => "change request",
        }
    }
}

impl Condition {
    /// The first predicate that fails, with the number of those that held before it.
    /// The caller has seen to it that the condition is [`About`] this push at all.
    pub(super) fn first_failing(&self, push: &Push) -> Option<(usize, &Predicate)> {
        self.all.iter().enumerate().find(|(_, predicate)| !predicate.holds(push, self.skips))
    }

    /// Whether it is about this push, and all of it holds.
    pub(super) fn holds(&self, push: &Push) -> bool {
        self.about.covers(&push.git_ref) && self.first_failing(push).is_none()
    }

    /// Whether everything holds that can be said without looking at files.
    pub(super) fn holds_but_for_files(&self, push: &Push) -> bool {
        self.about.covers(&push.git_ref)
            && self.all.iter().all(|predicate| predicate.is_about_files() || predicate.holds(push, self.skips))
    }

    pub(super) fn looks_at_files(&self) -> bool {
        self.all.iter().any(Predicate::is_about_files)
    }

    pub(super) fn looks_at_history(&self) -> bool {
        self.all.iter().any(|predicate| matches!(predicate, Predicate::Forced(_)))
    }

    /// The changed files that this condition's globs did not match: what its `then` hands on.
    pub(super) fn left_over(&self, changed: &ChangedFiles) -> ChangedFiles {
        let ChangedFiles::Known(files) = changed else { return changed.clone() };
        let taken = |file: &String| {
            self.all.iter().any(|predicate| match predicate {
                Predicate::Files(Quantity::Any | Quantity::All, globs) => globs.matches(file),
                _ => false,
            })
        };
        ChangedFiles::Known(files.iter().filter(|file| !taken(file)).cloned().collect())
    }

    /// Whether it has globs that can leave files over.
    pub(super) fn takes_files(&self) -> bool {
        self.all.iter().any(|predicate| matches!(predicate, Predicate::Files(Quantity::Any | Quantity::All, _)))
    }
}

impl Predicate {
    fn is_about_files(&self) -> bool {
        matches!(self, Self::Files(..))
    }

    /// Whether it holds. With unknown files only `any` does, and not even that where it would skip work.
    pub(super) fn holds(&self, push: &Push, skips: bool) -> bool {
        match self {
            Self::Repository(globs) => globs.matches(push.repository.path.as_str()),
            Self::Forge(names) => {
                let kind = push.repository.kind.as_str();
                names.iter().any(|name| *name == push.repository.forge || name.as_str() == kind)
            }
            Self::Ref(moved, globs) => *moved == Moved::of(&push.git_ref) && globs.matches(push.git_ref.short()),
            Self::Actor(globs) => globs.matches(&push.actor),
            Self::Target(globs) => push.git_ref.request().is_some_and(|request| globs.matches(&request.target)),
            Self::Source(globs) => push.git_ref.request().is_some_and(|request| globs.matches(&request.source)),
            Self::NoFork => !is_from_fork(push),
            // What an outsider writes is no reason to skip work, and to show a success, on the outsider's own code.
            Self::Message(_) if skips && is_from_fork(push) => false,
            Self::Message(globs) => globs.matches(&push.message),
            Self::Created(wanted) => push.created == *wanted,
            Self::Forced(wanted) => push.forced == *wanted,
            Self::Files(quantity, globs) => match &push.changed {
                ChangedFiles::Unknown(_) => *quantity == Quantity::Any && !skips,
                ChangedFiles::Known(files) => quantity.holds(globs, files),
            },
        }
    }

    /// Why it holds or does not, as a sentence.
    pub(super) fn words(&self, push: &Push, skips: bool) -> String {
        match self {
            Self::Repository(globs) => matched("repository", push.repository.path.as_str(), globs),
            Self::Forge(names) => {
                let verb = if self.holds(push, skips) { "is" } else { "is none of" };
                format!("forge {} {verb} {}", push.repository.forge, listed(names))
            }
            Self::Ref(wanted, globs) => match Moved::of(&push.git_ref) {
                moved if moved == *wanted => matched(moved.word(), push.git_ref.short(), globs),
                moved => format!("{} is a {}, not a {}", shown(push.git_ref.short()), moved.word(), wanted.word()),
            },
            Self::Actor(globs) => matched("actor", &push.actor, globs),
            Self::Target(globs) => {
                matched("target", push.git_ref.request().map_or("", |request| &request.target), globs)
            }
            Self::Source(globs) => {
                matched("source", push.git_ref.request().map_or("", |request| &request.source), globs)
            }
            Self::NoFork => match push.git_ref.request().map(|request| &request.origin) {
                None | Some(Origin::Same) => "it comes from a branch of this repository".to_owned(),
                Some(Origin::Fork(path)) => {
                    format!("it comes from the fork {path}, and forks start nothing here (forks: false)")
                }
                Some(Origin::Unnamed) => "it comes from a fork, and forks start nothing here (forks: false)".to_owned(),
            },
            Self::Message(_) if skips && is_from_fork(push) => {
                "it comes from a fork, and what is written there skips nothing".to_owned()
            }
            Self::Message(globs) => {
                let verb = if globs.matches(&push.message) { "matches" } else { "does not match" };
                format!("the message {verb} {}", globs.words())
            }
            Self::Created(_) => {
                let state = if push.created { "new" } else { "not new" };
                format!("the {} is {state}", Moved::of(&push.git_ref).word())
            }
            Self::Forced(_) if push.forced => "history was rewritten".to_owned(),
            Self::Forced(_) => "history was not rewritten".to_owned(),
            Self::Files(quantity, globs) => match &push.changed {
                ChangedFiles::Known(files) => quantity.words(globs, files),
                ChangedFiles::Unknown(why) if self.holds(push, skips) => {
                    format!("the changed files are unknown ({}), so {} may be among them", shown(why), globs.words())
                }
                ChangedFiles::Unknown(why) => {
                    let key = quantity.key();
                    format!(
                        "the changed files are unknown ({}), so `{key}: {}` is not proved",
                        shown(why),
                        globs.words()
                    )
                }
            },
        }
    }

    /// `branch main`, `paths any infra/**`: the predicate itself, for a list of routes.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Repository(globs) => format!("repos {}", globs.words()),
            Self::Forge(names) => format!("forge {}", listed(names)),
            Self::Ref(moved, globs) => format!("{} {}", moved.word(), globs.words()),
            Self::Target(globs) => format!("target {}", globs.words()),
            Self::Source(globs) => format!("source {}", globs.words()),
            Self::NoFork => "no forks".to_owned(),
            Self::Actor(globs) => format!("actors {}", globs.words()),
            Self::Message(globs) => format!("message {}", globs.words()),
            Self::Created(wanted) => format!("created {wanted}"),
            Self::Forced(wanted) => format!("forced {wanted}"),
            Self::Files(quantity, globs) => format!("paths {} {}", quantity.key(), globs.words()),
        }
    }
}

impl Quantity {
    fn holds(self, globs: &Patterns, files: &BTreeSet<String>) -> bool {
        match self {
            Self::Any => files.iter().any(|file| globs.matches(file)),
            Self::All => missing(globs, files).is_none(),
            Self::Only => !files.is_empty() && files.iter().all(|file| globs.matches(file)),
            Self::None => !files.iter().any(|file| globs.matches(file)),
        }
    }

    fn words(self, globs: &Patterns, files: &BTreeSet<String>) -> String {
        let found = files.iter().find_map(|file| Some((file, globs.matching(file)?)));
        match (self, found) {
            (Self::Any | Self::None, Some((file, glob))) => {
                format!("changed {} matches {}", shown(file), glob.as_str())
            }
            (Self::Any | Self::None, None) => format!("no changed file matches {}", globs.words()),
            (Self::All, _) => match missing(globs, files) {
                Some(glob) => format!("no changed file matches {}", glob.as_str()),
                None => format!("changed files match each of {}", globs.words()),
            },
            (Self::Only, _) => match files.iter().find(|file| !globs.matches(file)) {
                _ if files.is_empty() => "no file was changed".to_owned(),
                Some(file) => format!("changed {} does not match {}", shown(file), globs.words()),
                None => format!("every changed file matches {}", globs.words()),
            },
        }
    }
}

/// The first glob that no changed file matches.
fn missing<'a>(globs: &'a Patterns, files: &BTreeSet<String>) -> Option<&'a Pattern> {
    let matched = |glob: &Pattern| files.iter().any(|file| glob.matches(file) && globs.excluding(file).is_none());
    globs.yes.iter().find(|glob| !matched(glob))
}

fn matched(what: &str, name: &str, globs: &Patterns) -> String {
    let shown = if name.is_empty() { "(unknown)".to_owned() } else { shown(name) };
    match (globs.matching(name), globs.excluding(name)) {
        (Some(glob), _) => format!("{what} {shown} matches {}", glob.as_str()),
        (None, Some(glob)) => format!("{what} {shown} is taken out by !{}", glob.as_str()),
        (None, None) => format!("{what} {shown} does not match {}", globs.words()),
    }
}

fn is_from_fork(push: &Push) -> bool {
    push.git_ref.request().is_some_and(crate::id::RequestRef::is_from_fork)
}

fn listed(names: &[ForgeName]) -> String {
    names.iter().map(ForgeName::as_str).collect::<Vec<_>>().join(", ")
}
