//! One execution of a pipeline: what is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::artifact::Artifact;
use super::condition::Checked;
use super::variables::Known;
use crate::wire::shape::asked::SourceRevisionOverride;
use crate::wire::shape::declaration::{ActionDeclaration, ExecutionMode, PipelineDeclaration, StageDeclaration};
use crate::wire::shape::told::{ArtifactRevision, ErrorDetails};

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Superseded,
    Failed,
    Cancelled,
}

impl Status {
    /// Whether it still goes on by itself.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::InProgress | Self::Stopping)
    }

    /// As the API writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Superseded => "Superseded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// How a stage of an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageStatus {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Cancelled,
    Skipped,
}

impl StageStatus {
    /// As the API writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
        }
    }
}

/// How an action's execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionStatus {
    InProgress,
    Succeeded,
    Failed,
    Abandoned,
}

impl ActionStatus {
    /// As the API writes it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Abandoned => "Abandoned",
        }
    }
}

/// Where an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before this stage, until it may enter.
    Before(usize),
    /// In this stage.
    In(usize),
    /// Ended in this stage, which may be tried again.
    Halted(usize),
    /// Through.
    Done,
}

/// What an execution is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the first stage to the last.
    Standard,
    /// One stage, as an earlier execution had it.
    Rollback {
        /// The earlier execution's id.
        target: String,
    },
}

/// What started an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trigger {
    /// `StartPipelineExecution`, ...
    pub(super) kind: &'static str,
    /// By whom or what.
    pub(super) detail: String,
}

/// A stop that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    /// Without waiting for the actions under way.
    pub(super) abandon: bool,
    /// Why.
    pub(super) reason: Option<String>,
}

/// A stage of an execution.
#[derive(Debug, Clone, Default)]
pub(super) struct StageRun {
    pub(super) status: Option<StageStatus>,
    pub(super) started: Option<Timestamp>,
    /// When it was last tried again.
    pub(super) retried: Option<Timestamp>,
    pub(super) automatic_retries: u32,
    pub(super) manual_retries: u32,
    /// The last retry was the service's own.
    pub(super) retried_by_itself: bool,
    /// The pipeline's count of entries when it was entered: the highest is the stage's latest execution.
    pub(super) entry: u64,
    /// The actions that need not run again.
    pub(super) settled: BTreeSet<String>,
    /// One of its actions has failed since it was last tried.
    pub(super) failed: bool,
    pub(super) before_entry: Option<Checked>,
    pub(super) on_success: Option<Checked>,
    /// Somebody lets it in, whatever the condition says.
    pub(super) entry_overridden: bool,
    /// Somebody lets it pass, whatever the condition says.
    pub(super) success_overridden: bool,
}

/// One execution of an action.
#[derive(Debug, Clone)]
pub(super) struct ActionRun {
    pub(super) id: String,
    pub(super) stage: usize,
    pub(super) action: ActionDeclaration,
    pub(super) status: ActionStatus,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    /// With every variable put in.
    pub(super) resolved: BTreeMap<String, String>,
    pub(super) inputs: Vec<Artifact>,
    pub(super) outputs: Vec<Artifact>,
    pub(super) external_id: Option<String>,
    pub(super) external_url: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) error: Option<ErrorDetails>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) updated_by: Option<String>,
    /// When it is no longer waited for.
    pub(super) expires: Option<Timestamp>,
}

/// What a source action brought.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) action: String,
    pub(super) told: ArtifactRevision,
}

/// An execution.
#[derive(Debug, Clone)]
pub(super) struct Execution {
    pub(super) id: String,
    pub(super) declaration: Arc<PipelineDeclaration>,
    pub(super) version: u32,
    pub(super) mode: ExecutionMode,
    pub(super) kind: Kind,
    pub(super) trigger: Trigger,
    pub(super) token: Option<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) overrides: Vec<SourceRevisionOverride>,
    pub(super) status: Status,
    pub(super) summary: Option<String>,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    /// From 1, one more with each retry of a stage.
    pub(super) attempt: u32,
    pub(super) retried: Option<Timestamp>,
    pub(super) stop: Option<Stop>,
    pub(super) place: Place,
    pub(super) stages: Vec<StageRun>,
    /// Every attempt, in the order they began.
    pub(super) actions: Vec<ActionRun>,
    /// The newest of each name.
    pub(super) artifacts: BTreeMap<String, Artifact>,
    /// What actions told, by namespace.
    pub(super) outputs: Known,
    pub(super) revisions: Vec<Revision>,
}

impl Execution {
    /// A stage as it is declared.
    pub(super) fn stage(&self, at: usize) -> &StageDeclaration {
        &self.declaration.stages[at]
    }

    /// Which stage has this name.
    pub(super) fn stage_named(&self, name: &str) -> Option<usize> {
        self.declaration.stages.iter().position(|stage| stage.name == name)
    }

    /// The actions of a stage that are under way.
    pub(super) fn live_actions(&self, stage: usize) -> impl Iterator<Item = &ActionRun> {
        self.actions.iter().filter(move |run| run.stage == stage && run.status == ActionStatus::InProgress)
    }

    /// The last execution of an action.
    pub(super) fn last_run(&self, stage: usize, action: &str) -> Option<&ActionRun> {
        self.actions.iter().rev().find(|run| run.stage == stage && run.action.name == action)
    }

    /// The variables that its actions may name.
    pub(super) fn known(&self) -> Known {
        let mut known = self.outputs.clone();
        let id = BTreeMap::from([("PipelineExecutionId".to_owned(), self.id.clone())]);
        known.insert("codepipeline".to_owned(), id);
        if self.declaration.variables.as_ref().is_some_and(|declared| !declared.is_empty()) {
            known.insert("variables".to_owned(), self.variables.iter().cloned().collect());
        }
        known
    }

    /// The bucket its artifacts are said to lie in.
    pub(super) fn bucket(&self, region: &str) -> String {
        let declaration = &self.declaration;
        let by_region = || declaration.artifact_stores.as_ref().and_then(|stores| stores.get(region));
        declaration.artifact_store.as_ref().or_else(by_region).map_or_else(String::new, |store| store.location.clone())
    }

    /// The attempt as an event of a stage tells it: 0 until a stage was tried again.
    pub(super) fn stage_attempt(&self) -> u32 {
        if self.attempt == 1 { 0 } else { self.attempt }
    }
}
