//! What is remembered: projects and builds, in this process only.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use super::record::{Build, PhaseRecord, Status};
use super::shape::Declared;
use crate::engine::local::phases::PhaseEnd;

/// A project.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) declared: Declared,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// How many builds it has had.
    pub(super) builds: u64,
}

/// What an idempotency token stood for.
#[derive(Debug)]
pub(super) struct Used {
    /// The whole request but the token.
    pub(super) asked: Value,
    pub(super) build: String,
    pub(super) at: Timestamp,
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) projects: BTreeMap<String, Project>,
    /// By id.
    pub(super) builds: HashMap<String, Build>,
    /// Ids, the oldest first.
    pub(super) order: Vec<String>,
    pub(super) tokens: HashMap<String, Used>,
}

impl Books {
    /// A phase of a build begins.
    pub(super) fn begins(&mut self, build: &str, phase: &str, now: Timestamp) {
        if let Some(build) = self.builds.get_mut(build) {
            let name = phase.to_owned();
            build.phases.push(PhaseRecord { name, started: now, ended: None, status: None, context: None });
        }
    }

    /// The phase that is open has ended.
    pub(super) fn ends(&mut self, build: &str, how: PhaseEnd<'_>, now: Timestamp) {
        let Some(phase) = self.builds.get_mut(build).and_then(|build| build.phases.last_mut()) else { return };
        let context = |code: &str, message: &str| Some((code.to_owned(), message.to_owned()));
        (phase.status, phase.context) = match how {
            PhaseEnd::Succeeded => (Some("SUCCEEDED"), None),
            PhaseEnd::Failed(code, message) => (Some("FAILED"), context(code, message)),
            PhaseEnd::TimedOut => (Some("TIMED_OUT"), context("BUILD_TIMED_OUT", "Build has timed out. ")),
            PhaseEnd::Stopped => (Some("STOPPED"), None),
        };
        phase.ended = Some(now);
    }

    /// A build is over.
    pub(super) fn over(&mut self, build: &str, status: Status, now: Timestamp) {
        if let Some(build) = self.builds.get_mut(build) {
            build.status = status;
            build.ended = Some(now);
        }
    }
}
