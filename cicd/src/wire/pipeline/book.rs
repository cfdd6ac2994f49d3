//! What is known of all pipelines.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::execution::{Execution, Place};
use super::limits;
use crate::wire::error::AwsError;
use crate::wire::shape::declaration::{ExecutionMode, PipelineDeclaration};

/// Everything.
#[derive(Debug, Default)]
pub(in crate::wire) struct Book {
    /// By name.
    pub(super) pipelines: BTreeMap<String, Pipeline>,
}

/// One pipeline with its executions.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) declaration: Arc<PipelineDeclaration>,
    pub(super) version: u32,
    /// The declarations that can still be told.
    pub(super) versions: BTreeMap<u32, Arc<PipelineDeclaration>>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    /// By stage and whether it is the way in.
    pub(super) transitions: BTreeMap<(String, bool), Transition>,
    /// The oldest first.
    pub(super) executions: Vec<Execution>,
    /// How many stages have been entered.
    pub(super) entries: u64,
}

/// A way into or out of a stage.
#[derive(Debug, Clone)]
pub(super) struct Transition {
    pub(super) enabled: bool,
    pub(super) by: String,
    pub(super) at: Timestamp,
    pub(super) reason: Option<String>,
}

impl Book {
    /// A pipeline by its name.
    pub(super) fn pipeline(&self, account: &str, name: &str) -> Result<&Pipeline, AwsError> {
        self.pipelines.get(name).ok_or_else(|| no_pipeline(account, name))
    }

    /// A pipeline by its name, to change it.
    pub(super) fn pipeline_mut(&mut self, account: &str, name: &str) -> Result<&mut Pipeline, AwsError> {
        self.pipelines.get_mut(name).ok_or_else(|| no_pipeline(account, name))
    }
}

fn no_pipeline(account: &str, name: &str) -> AwsError {
    let message = format!("The account with AWS account ID '{account}' does not include a pipeline named '{name}'");
    AwsError::refused("PipelineNotFoundException", message)
}

impl Pipeline {
    /// A new one.
    pub(super) fn new(declaration: PipelineDeclaration, now: Timestamp) -> Self {
        let declaration = Arc::new(PipelineDeclaration { version: Some(1), ..declaration });
        Self {
            version: 1,
            versions: BTreeMap::from([(1, Arc::clone(&declaration))]),
            declaration,
            created: now,
            updated: now,
            tags: BTreeMap::new(),
            transitions: BTreeMap::new(),
            executions: vec![],
            entries: 0,
        }
    }

    /// How its executions stand to each other now.
    pub(super) fn mode(&self) -> ExecutionMode {
        self.declaration.execution_mode.unwrap_or_default()
    }

    /// Which stage has this name now.
    ///
    /// # Errors
    /// `StageNotFoundException`.
    pub(super) fn stage_named(&self, name: &str) -> Result<usize, AwsError> {
        self.declaration.stages.iter().position(|stage| stage.name == name).ok_or_else(|| {
            let pipeline = &self.declaration.name;
            AwsError::refused("StageNotFoundException", format!("Pipeline '{pipeline}' does not have a stage '{name}'"))
        })
    }

    /// Where an execution is in the list.
    ///
    /// # Errors
    /// `PipelineExecutionNotFoundException`.
    pub(super) fn position(&self, id: &str) -> Result<usize, AwsError> {
        self.executions.iter().position(|execution| execution.id == id).ok_or_else(|| {
            let pipeline = &self.declaration.name;
            let message = format!("Pipeline '{pipeline}' does not have an execution '{id}'");
            AwsError::refused("PipelineExecutionNotFoundException", message)
        })
    }

    /// Whether the way into a stage is open.
    pub(super) fn is_open(&self, declaration: &PipelineDeclaration, stage: usize) -> bool {
        let closed = |stage: usize, inbound: bool| {
            let name = &declaration.stages[stage].name;
            self.transitions.get(&(name.clone(), inbound)).is_some_and(|transition| !transition.enabled)
        };
        !(closed(stage, true) || stage > 0 && closed(stage - 1, false))
    }

    /// Who is in a stage, by the stage's name, for executions that share stages.
    pub(super) fn occupant(&self, stage: &str) -> Option<&Execution> {
        self.executions.iter().find(|execution| {
            let inside = matches!(execution.place, Place::In(at) if execution.stage(at).name == stage);
            inside && execution.status.is_live() && execution.mode != ExecutionMode::Parallel
        })
    }

    /// Forgets what is older than we promise to remember.
    pub(super) fn forget(&mut self) {
        let mut ended = 0;
        for execution in self.executions.iter_mut().rev().filter(|execution| !execution.status.is_live()) {
            ended += 1;
            if ended > limits::WITH_ARTIFACTS {
                let runs = execution.actions.iter_mut();
                let kept = runs.flat_map(|run| run.inputs.iter_mut().chain(run.outputs.iter_mut()));
                kept.chain(execution.artifacts.values_mut()).for_each(|artifact| artifact.zip = None);
            }
        }
        let mut too_many = ended.saturating_sub(limits::REMEMBERED);
        self.executions.retain(|execution| {
            let goes = too_many > 0 && !execution.status.is_live();
            too_many -= usize::from(goes);
            !goes
        });
        while self.versions.len() > limits::VERSIONS {
            self.versions.pop_first();
        }
    }
}
