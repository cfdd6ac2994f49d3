//! Tells a forge, and asks it.
//!
//! Every call is made once and comes back within [`ANSWER_WITHIN`]: nothing here sleeps or tries again, because a wait that
//! a forge asks for must outlive this process. No text that comes out of here holds a token.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, ForgeName, GitRef, Repository};
use router::run::Team;
use router::status::Status;

use crate::outbound::Outbound;
use crate::store::Commit;

mod archive;
pub mod github;
pub mod gitlab;
#[cfg(feature = "machine")]
pub mod local;
mod refusal;
pub mod renewed;
mod words;

pub use archive::{Archive, NoArchive};

/// A forge that takes longer is treated as one that cannot be reached.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A forge that cannot even be connected to is not waited for that long.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A repository with more branches is not listed; nor are the tags of one with more.
pub const BRANCHES_MAX: usize = 1000;

/// Things on one page of a list, which is what both forges give at most.
const PAGE: usize = 100;

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("pointsman/", env!("CARGO_PKG_VERSION"));

/// The way to a forge; nothing is connected yet.
fn outbound() -> Outbound {
    Outbound::new(CONNECT_WITHIN)
}

/// What a forge did with a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It shows it.
    Shown,
    /// It never will, and asking again is useless: the commit has vanished, the token may not. Why, for the page.
    Never(String),
}

/// Why a forge could not, for now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct TryLater {
    /// What it said, without secrets.
    pub why: String,
    /// How long it asked to be left alone, when it did.
    pub wait: Option<Duration>,
    /// After so many failures in a row this is no longer "later" but "never": a forge that does not know a commit yet and
    /// one that has lost it say the same words. None when only a cure outside ends it.
    pub gives_up_after: Option<u32>,
}

impl TryLater {
    /// It may work in a moment.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), wait: None, gives_up_after: None }
    }

    /// Not before so long.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { wait: Some(wait), ..self }
    }

    /// Not more often than this in a row.
    #[must_use]
    pub fn at_most(self, failures: u32) -> Self {
        Self { gives_up_after: Some(failures), ..self }
    }
}

/// One forge. Calls are made once: trying again is the outbox's business.
#[async_trait]
pub trait Forge: Send + Sync + 'static {
    /// Shows one status on one commit. Telling what it already shows is success.
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater>;

    /// The files that a push changed, when its event could not say. What cannot be known for certain (a new branch, a list
    /// at the forge's limit, rewritten history, a token that may not) is [`ChangedFiles::Unknown`], not an error.
    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater>;

    /// The files of a commit as they come in: a tar packed with gzip, in which they all stand below one folder.
    async fn archive(&self, repository: &Repository, commit: &CommitId) -> Result<Archive, NoArchive>;

    /// Whether a push rewrote history, for a forge whose events do not say. It is asked of branches that were there before.
    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater>;

    /// The commit that a ref points to now; none when there is no such ref.
    async fn tip(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater>;

    /// Every branch of a repository and where it points; none when there are more than [`BRANCHES_MAX`].
    async fn branches(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater>;

    /// Every tag of a repository and the commit that it is, or is the tag of; none when there are more than [`BRANCHES_MAX`].
    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater>;

    /// Who made a commit; what it does not say stays empty.
    async fn author(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater>;

    /// Those of these statuses that it does not show: another state stands there, or nothing.
    async fn missing(&self, commit: &Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater>;
    /// A small text file at the head of the repository's default branch; none when it has no such file.
    async fn own_file(&self, repository: &Repository, path: &str) -> Result<Option<String>, TryLater>;

    /// Whether a team has an account among its members now; whoever was only invited is none. A team that the forge does not show us
    /// lets nobody in.
    async fn is_member(&self, team: &Team, account: &str) -> Result<bool, TryLater>;

    /// Where git fetches a repository from, and the `Authorization` header it needs, if any.
    fn fetch_from(&self, repository: &Repository) -> Option<CloneFrom>;
}

/// The text of a file as forges' APIs give it: in Base64, with line ends in it.
fn from_base64(content: &str) -> Result<String, TryLater> {
    let packed: String = content.split_ascii_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(packed).map_err(|_| TryLater::new("the forge's answer holds no file"))?;
    String::from_utf8(bytes).map_err(|_| TryLater::new("the file is not UTF-8 text"))
}

/// Where git fetches from.
#[derive(Clone)]
pub struct CloneFrom {
    /// An address or a path.
    pub url: String,
    /// The value of an `Authorization` header; given to git through its environment, never in an argument.
    pub authorization: Option<router::secret::Secret>,
}

/// The configured forges by name. A forge without a token is not in it: it gets no statuses.
pub type Forges = BTreeMap<ForgeName, Arc<dyn Forge>>;
