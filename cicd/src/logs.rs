//! The logs of stages and deploys: one file per step of a run, and the same lines live.
//!
//! Secrets are masked before a line gets here.

use std::path::{Path, PathBuf};

use router::id::RunId;
use tokio::sync::broadcast;

/// One line as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Of which run.
    pub run: RunId,
    /// Of which step: a stage's name, or `deploy-<environment>`.
    pub step: String,
    /// The line, without its end.
    pub line: String,
}

/// Where logs are.
#[derive(Debug, Clone)]
pub struct Logs {
    folder: PathBuf,
    live: broadcast::Sender<LogLine>,
}

impl Logs {
    /// Logs under `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), live: broadcast::channel(1024).0 }
    }

    /// The file of one step. `step` is a checked name, or `deploy-` and one.
    pub fn file(&self, run: &RunId, step: &str) -> PathBuf {
        self.folder.join(run.as_str()).join(format!("{step}.log"))
    }

    /// The folder of one run.
    pub fn folder(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    /// Tells whoever listens; nobody need.
    pub fn tell(&self, line: LogLine) {
        let _nobody_listens = self.live.send(line);
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<LogLine> {
        self.live.subscribe()
    }

    /// The folder of all logs.
    pub fn root(&self) -> &Path {
        &self.folder
    }
}
