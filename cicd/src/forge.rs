//! Tells a forge, and asks it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use router::event::{ChangedFiles, Push};
use router::id::{ForgeName, Repository};
use router::status::Status;

use crate::store::Commit;

pub mod github;
pub mod gitlab;
pub mod local;

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
}

/// One forge. Calls are made once: trying again is the outbox's business.
#[async_trait]
pub trait Forge: Send + Sync + 'static {
    /// Shows one status on one commit. Telling what it already shows is success.
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater>;

    /// The files that a push changed, when its event could not say. What cannot be known for certain (a new branch, a list
    /// at the forge's limit, rewritten history) is [`ChangedFiles::Unknown`], not an error.
    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater>;

    /// Where git fetches a repository from, and the `Authorization` header it needs, if any.
    fn clone_from(&self, repository: &Repository) -> Option<CloneFrom>;
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
