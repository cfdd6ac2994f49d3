//! What runs pipelines.
//!
//! An engine is told runs and tells events. It keeps no truth of its own that we rely on: [`Engine::start`] with a run that
//! has come half its way goes on from there, so a restart of this process is nothing special.

use async_trait::async_trait;
use jiff::Timestamp;
use router::id::RunId;
use router::run::{Run, RunEvent};
use tokio::sync::mpsc;

pub mod codepipeline;
#[cfg(feature = "machine")]
pub mod local;

/// Something happened to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineEvent {
    /// To which.
    pub run: RunId,
    /// What.
    pub event: RunEvent,
}

/// Where an engine tells what happens. Bounded: an engine waits when nobody listens.
pub type Events = mpsc::Sender<EngineEvent>;

/// What an engine knows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It is at work on it, or was, in this process, and not all that it told has been heard.
    AtWork,
    /// It is not: never started, over, at a gate, or forgotten in a restart.
    Idle,
}

/// A look at a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Whether it is at work on it.
    pub sight: Sight,
    /// What has happened to it as far as the engine knows and the run does not, in order. A run that is over may lack how a stage or a
    /// deploy ended.
    pub missed: Vec<RunEvent>,
}

impl Look {
    /// A look that brings nothing else.
    pub fn only(sight: Sight) -> Self {
        Self { sight, missed: Vec::new() }
    }
}

/// Why an engine could not.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It may work in a moment.
    #[error("the engine cannot answer now: {0}")]
    Unavailable(String),
    /// What this run needs is not there yet. Runs of other refs need not wait for it.
    #[error("not yet: {0}")]
    NotYet(String),
    /// It will not work; the run fails with these words.
    #[error("{0}")]
    Refused(String),
}

/// Runs pipelines.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Its word: `local`, `codepipeline`.
    fn name(&self) -> &'static str;

    /// Carries a run on from where it stands: the stages that have not succeeded, then each environment whose gate is open,
    /// up to the first gate that is not, where it tells [`RunEvent::GateReached`] and lets go. A run that it is at work on
    /// already is left alone, and so is one of which it has told what the run does not know yet. Returns what is known of it
    /// at once; what happens later is told as events.
    async fn start(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError>;

    /// Ends what it does for a run, whole process groups included, and returns when nothing of it is left, but for what cannot be
    /// ended: [`Self::look`] tells when that is over. A run it does not know is already stopped.
    async fn stop(&self, run: &Run) -> Result<(), EngineError>;

    /// Lets go of everything that lives in this process and says nothing of it: the runs stay as they are, for the next
    /// process to carry on. Returns when nothing is left.
    async fn leave(&self);

    /// What it knows of a run.
    async fn look(&self, run: &Run) -> Result<Look, EngineError>;

    /// Lets go of what it keeps only to be faster and has not used since then.
    async fn forget(&self, _unused_since: Timestamp) {}

    /// What a message from outside means for our runs: nothing, when it is about something else. [`EngineError::Refused`] when it
    /// cannot be read and never will be.
    async fn hear(&self, message: &str) -> Result<Vec<EngineEvent>, EngineError>;
}
