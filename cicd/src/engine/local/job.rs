//! One step to be done: a stage or a deploy of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use router::id::EnvironmentName;
use router::pipeline::Step;
use router::run::{Artifact, Outcome, Run};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::archive::Digested;
use crate::git::GitError;

/// What is to be done.
pub(super) struct Job<'a> {
    /// For which run.
    pub(super) run: &'a Run,
    /// How.
    pub(super) step: &'a Step,
    /// The stage's name, or `deploy-<environment>`: names the log and the folder.
    pub(super) name: String,
    /// Where to, when it is a deploy.
    pub(super) environment: Option<&'a EnvironmentName>,
    /// What earlier stages exported.
    pub(super) exports: &'a BTreeMap<String, String>,
    /// The stages before it, in their order: their artifacts are unpacked.
    pub(super) before: Vec<&'a str>,
    /// The newest artifact.
    pub(super) artifact: Option<&'a Artifact>,
}

/// How a step ended.
pub(super) struct Ended {
    /// Well or not.
    pub(super) outcome: Outcome,
    /// What it left.
    pub(super) artifact: Option<Digested>,
    /// What it exported.
    pub(super) exports: BTreeMap<String, String>,
}

impl Ended {
    /// An end without anything left.
    pub(super) fn with(outcome: Outcome) -> Self {
        Self { outcome, artifact: None, exports: BTreeMap::new() }
    }
}

/// Why a step does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The run is being stopped.
    Stopped,
    /// The step's time is over.
    TimedOut,
    /// The step has failed.
    Failed(String),
    /// The whole run cannot go on.
    RunOver(String),
}

impl From<std::io::Error> for Halt {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(format!("this machine cannot go on: {error}"))
    }
}

impl From<GitError> for Halt {
    fn from(error: GitError) -> Self {
        match error {
            GitError::CommitGone(_) => Self::RunOver(error.to_string()),
            GitError::Unreachable(_) | GitError::TimedOut(_) | GitError::Failed(_) => {
                Self::Failed(format!("DOWNLOAD_SOURCE: {error}"))
            }
        }
    }
}

/// What ends a step early: a stop, or its timeout.
pub(crate) struct Leash {
    stop: CancellationToken,
    until: Instant,
}

/// A longer timeout, a year, is none.
const TIMEOUT_MAX: u64 = 366 * 24 * 3600;

impl Leash {
    /// A leash of so many seconds, from now on.
    pub(crate) fn new(stop: &CancellationToken, seconds: u64) -> Self {
        Self::within(stop, Duration::from_secs(seconds))
    }

    /// A leash of so long, from now on.
    pub(crate) fn within(stop: &CancellationToken, time: Duration) -> Self {
        let until = Instant::now() + time.min(Duration::from_secs(TIMEOUT_MAX));
        Self { stop: stop.clone(), until }
    }

    /// Waits for `work`, or gives it up.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Stopped),
            () = tokio::time::sleep_until(self.until) => Err(Halt::TimedOut),
            done = work => Ok(done),
        }
    }
}
