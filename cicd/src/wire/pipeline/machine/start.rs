//! An execution begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Turn, settle, tell};
use crate::wire::error::AwsError;
use crate::wire::ids;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::{Execution, Kind, Place, StageRun, Status, Trigger};
use crate::wire::pipeline::limits;
use crate::wire::shape::asked::SourceRevisionOverride;
use crate::wire::shape::declaration::{ExecutionMode, PipelineDeclaration};

/// What a start brings with it.
#[derive(Debug, Default)]
pub(in crate::wire::pipeline) struct Asked {
    pub(in crate::wire::pipeline) variables: BTreeMap<String, String>,
    pub(in crate::wire::pipeline) overrides: Vec<SourceRevisionOverride>,
    pub(in crate::wire::pipeline) token: Option<String>,
}

/// Begins an execution, which fails at once when it lacks a variable, and says its id.
///
/// # Errors
/// `ConcurrentPipelineExecutionsLimitExceededException`.
pub(in crate::wire::pipeline) fn begin(
    pipeline: &mut Pipeline,
    asked: Asked,
    trigger: Trigger,
    turn: &mut Turn<'_>,
) -> Result<String, AwsError> {
    room(pipeline)?;
    let mut execution = new(pipeline, Kind::Standard, trigger, turn);
    (execution.token, execution.overrides) = (asked.token, asked.overrides);
    let bound = bind(&execution.declaration, &asked.variables);
    let id = execution.id.clone();
    tell::pipeline(&execution, "STARTED", turn);
    match bound {
        Ok(variables) => execution.variables = variables,
        Err(missing) => {
            let summary = format!("Values for required variables haven't been provided: {}", missing.join(", "));
            execution.summary = Some(summary);
            super::end_execution(&mut execution, Status::Failed, Place::Done, turn);
        }
    }
    pipeline.executions.push(execution);
    settle(pipeline, turn);
    Ok(id)
}

/// There may be one more execution under way.
///
/// # Errors
/// `ConcurrentPipelineExecutionsLimitExceededException`.
pub(super) fn room(pipeline: &Pipeline) -> Result<(), AwsError> {
    let live = pipeline.executions.iter().filter(|execution| execution.status.is_live()).count();
    if pipeline.mode() != ExecutionMode::Superseded && live >= limits::LIVE_EXECUTIONS {
        let message = format!(
            "Pipeline '{}' has {live} executions in progress, the most that may run concurrently",
            pipeline.declaration.name
        );
        return Err(AwsError::refused("ConcurrentPipelineExecutionsLimitExceededException", message));
    }
    Ok(())
}

/// The variables with their values, or the names of those that have none.
fn bind(
    declaration: &PipelineDeclaration,
    given: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, Vec<String>> {
    let declared = declaration.variables.as_deref().unwrap_or_default();
    let value = |name: &String, default: &Option<String>| given.get(name).cloned().or_else(|| default.clone());
    let missing = declared.iter().filter(|v| value(&v.name, &v.default_value).is_none());
    let missing: Vec<String> = missing.map(|variable| variable.name.clone()).collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    Ok(declared.iter().filter_map(|v| Some((v.name.clone(), value(&v.name, &v.default_value)?))).collect())
}

/// An execution of the pipeline as it is now, before its first stage.
pub(super) fn new(pipeline: &Pipeline, kind: Kind, trigger: Trigger, turn: &Turn<'_>) -> Execution {
    Execution {
        id: ids::uuid(),
        declaration: Arc::clone(&pipeline.declaration),
        version: pipeline.version,
        mode: pipeline.mode(),
        kind,
        trigger,
        token: None,
        variables: vec![],
        overrides: vec![],
        status: Status::InProgress,
        summary: None,
        started: turn.now,
        updated: turn.now,
        attempt: 1,
        retried: None,
        stop: None,
        place: Place::Before(0),
        stages: vec![StageRun::default(); pipeline.declaration.stages.len()],
        actions: vec![],
        artifacts: BTreeMap::new(),
        outputs: BTreeMap::new(),
        revisions: vec![],
    }
}
