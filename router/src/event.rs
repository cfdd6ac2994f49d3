//! What happened, in our own words.
//!
//! `event/{github,gitlab,local}` are the only files that know a forge's field names. They are lenient: a field that
//! is not needed is not read, an event that is not for us is [`Event::Other`], never an error.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{CommitId, DeliveryId, ForgeKind, ForgeName, GitRef, Origin, RepoPath, Repository, RequestRef};
use crate::verify::Verified;

pub mod github;
pub mod gitlab;
pub mod local;
mod reading;

/// Reads what a forge of this kind and name has sent. It cannot fail: what is genuine gets a receipt, and what cannot be
/// read says so as [`Event::Unreadable`].
pub fn read(kind: ForgeKind, forge: &ForgeName, verified: &Verified<'_>) -> Delivered {
    match kind {
        ForgeKind::Github => github::read(verified, forge),
        ForgeKind::Gitlab => gitlab::read(verified, forge),
        ForgeKind::Local => local::read(verified, forge),
    }
}

/// The headers that say, beside the body, what a delivery of this kind means.
pub fn meant_by(kind: ForgeKind) -> [&'static str; 2] {
    let event = match kind {
        ForgeKind::Github => github::EVENT,
        ForgeKind::Gitlab => gitlab::EVENT,
        ForgeKind::Local => local::EVENT,
    };
    [event, "content-type"]
}

/// What [`read`] gives for a delivery whose body was read before, under the same headers of [`meant_by`]: it says the same, under an
/// id of its own.
pub fn again(kind: ForgeKind, verified: &Verified<'_>, event: Arc<Event>) -> Delivered {
    let ids = match kind {
        ForgeKind::Github => github::IDS,
        ForgeKind::Gitlab => gitlab::IDS,
        ForgeKind::Local => local::IDS,
    };
    let what = verified.headers().text(meant_by(kind)[0]).unwrap_or_default();
    reading::delivered(verified, ids, what, Ok(event))
}

/// A delivery that has been proved genuine, read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    /// The forge's id for it, or one made of the body.
    pub id: DeliveryId,
    /// What it says, shared by all the deliveries of one body.
    pub event: Arc<Event>,
}

/// The closed list of what can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Event {
    /// A branch or a tag now points to a commit.
    Push(Push),
    /// A branch or a tag is gone.
    Deleted(Deleted),
    /// A pull request or merge request was opened or changed.
    ChangeRequest(ChangeRequest),
    /// Somebody wrote a comment.
    Comment(About),
    /// The forge tries whether we are there.
    Ping(About),
    /// Genuine and not for us.
    Other(About),
    /// Genuine, and its body could not be read: not JSON, or a field that a push must have is missing or wrong.
    Unreadable(Unreadable),
}

/// A branch or a tag now points to a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// Where.
    pub repository: Repository,
    /// What moved.
    pub git_ref: GitRef,
    /// Where it pointed before; none when it is new.
    pub before: Option<CommitId>,
    /// The commit it points to. For an annotated tag the commit, not the tag object.
    pub commit: CommitId,
    /// Who pushed: the account's name, empty when the forge does not say.
    pub actor: String,
    /// Who made the commit that the ref points to.
    #[serde(default, skip_serializing_if = "Author::is_unknown")]
    pub author: Author,
    /// The branch or tag did not exist before.
    pub created: bool,
    /// History was rewritten. GitLab does not say: then false.
    pub forced: bool,
    /// The files that this push changed.
    pub changed: ChangedFiles,
    /// The message of the newest commit, empty when the forge does not say.
    pub message: String,
    /// When it was pushed, by the forge's clock, to the second; none when the forge does not say.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
}

/// The author of a commit, as the forge names them; what it does not say is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Author {
    /// Their account on the forge.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub login: String,
    /// Their e-mail address, as the commit has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
}

impl Author {
    /// Nothing is known.
    pub fn is_unknown(&self) -> bool {
        self.login.is_empty() && self.email.is_empty()
    }
}

/// The files a push changed, which may be unknown: a value, not an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedFiles {
    /// All of them, by their path from the repository's root.
    Known(BTreeSet<String>),
    /// Not known, and why ("the branch is new", "the forge listed 20 of 31 commits").
    Unknown(String),
}

impl Default for ChangedFiles {
    fn default() -> Self {
        Self::Unknown("a change request does not list them".to_owned())
    }
}

impl ChangedFiles {
    /// A known set, from anything that gives paths.
    pub fn known<S: Into<String>>(paths: impl IntoIterator<Item = S>) -> Self {
        Self::Known(paths.into_iter().map(Into::into).collect())
    }
}

/// A branch or a tag is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deleted {
    /// Where.
    pub repository: Repository,
    /// What is gone.
    pub git_ref: GitRef,
    /// Where it pointed.
    pub before: Option<CommitId>,
    /// Who deleted it.
    pub actor: String,
    /// When, by the forge's clock; none when the forge does not say.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
}

/// A pull request or merge request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// The repository it asks to change.
    pub repository: Repository,
    /// Its number there.
    pub number: u64,
    /// The forge's word for what happened to it: `opened`, `synchronize`, `update`.
    pub action: String,
    /// The branch it asks to change.
    pub target: String,
    /// The branch it comes from.
    pub source: String,
    /// It comes from another repository.
    pub fork: bool,
    /// That other repository, when the forge names it.
    #[serde(default)]
    pub from: Option<RepoPath>,
    /// Its newest commit, when the forge says.
    pub commit: Option<CommitId>,
    /// The commit before that, when this event is about new ones and the forge says.
    #[serde(default)]
    pub before: Option<CommitId>,
    /// It is new, open again, or has new commits: what a pipeline can be started for.
    #[serde(default)]
    pub moved: bool,
    /// Who did it.
    pub actor: String,
    /// Whose commits they are: on GitHub whoever opened it, on GitLab the newest commit's author.
    #[serde(default, skip_serializing_if = "Author::is_unknown")]
    pub author: Author,
    /// Its title, which its author wrote.
    #[serde(default)]
    pub title: String,
    /// The files that it asks to change. No event says them; the forge does when it is asked.
    #[serde(default)]
    pub changed: ChangedFiles,
}

impl ChangeRequest {
    /// Itself as a push of its head, when there is something that a pipeline could be started for.
    pub fn as_push(&self) -> Option<Push> {
        let origin = match (&self.from, self.fork) {
            (_, false) => Origin::Same,
            (Some(path), true) => Origin::Fork(path.clone()),
            (None, true) => Origin::Unnamed,
        };
        let (number, target, source) = (self.number, self.target.clone(), self.source.clone());
        let git_ref = GitRef::Request(Box::new(RequestRef { number, target, source, origin }));
        // Two names that are too long together cannot be kept.
        let git_ref = GitRef::new(&git_ref.to_string()).ok()?;
        Some(Push {
            repository: self.repository.clone(),
            git_ref,
            before: self.before.clone(),
            commit: self.commit.clone().filter(|_| self.moved)?,
            actor: self.actor.clone(),
            author: self.author.clone(),
            created: false,
            forced: false,
            changed: self.changed.clone(),
            message: self.title.clone(),
            pushed_at: None,
        })
    }
}

/// What is known of an event that starts nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The forge's own word for it, at most 100 characters.
    pub what: String,
    /// The repository, when it names one that can be read.
    pub repository: Option<Repository>,
    /// Who did it, empty when not said.
    pub actor: String,
}

/// A genuine delivery that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The forge's own word for the event, at most 100 characters.
    pub what: String,
    /// What is wrong, in words for the person who set the webhook up.
    pub why: String,
}

impl Event {
    /// What a pipeline could be started for: a push, or a change request as a push of its head.
    pub fn as_push(&self) -> Option<Cow<'_, Push>> {
        match self {
            Self::Push(push) => Some(Cow::Borrowed(push)),
            Self::ChangeRequest(request) => request.as_push().map(Cow::Owned),
            Self::Deleted(_) | Self::Comment(_) | Self::Ping(_) | Self::Other(_) | Self::Unreadable(_) => None,
        }
    }

    /// Fills in the changed files that the forge has told.
    pub fn set_changed(&mut self, files: ChangedFiles) {
        match self {
            Self::Push(push) => push.changed = files,
            Self::ChangeRequest(request) => request.changed = files,
            Self::Deleted(_) | Self::Comment(_) | Self::Ping(_) | Self::Other(_) | Self::Unreadable(_) => {}
        }
    }

    /// The repository it is about, when it has one.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Push(push) => Some(&push.repository),
            Self::Deleted(deleted) => Some(&deleted.repository),
            Self::ChangeRequest(request) => Some(&request.repository),
            Self::Comment(about) | Self::Ping(about) | Self::Other(about) => about.repository.as_ref(),
            Self::Unreadable(_) => None,
        }
    }

    /// The receipt's word: `push`, `branch_deleted`, `tag`, `tag_deleted`, `change_request`, `comment`, `ping`, `other`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Push(Push { git_ref: GitRef::Branch(_), .. }) => "push",
            Self::Push(Push { git_ref: GitRef::Tag(_), .. }) => "tag",
            Self::Push(Push { git_ref: GitRef::Request(_), .. })
            | Self::Deleted(Deleted { git_ref: GitRef::Request(_), .. }) => "change_request",
            Self::Deleted(Deleted { git_ref: GitRef::Branch(_), .. }) => "branch_deleted",
            Self::Deleted(Deleted { git_ref: GitRef::Tag(_), .. }) => "tag_deleted",
            Self::ChangeRequest(_) => "change_request",
            Self::Comment(_) => "comment",
            Self::Ping(_) => "ping",
            Self::Other(_) | Self::Unreadable(_) => "other",
        }
    }
}
