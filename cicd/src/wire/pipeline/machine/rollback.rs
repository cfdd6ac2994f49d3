//! A stage goes back to what an earlier execution brought: a new execution that runs only this stage.

use super::{Turn, settle, start, tell};
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::{Execution, Kind, Place, StageStatus, Trigger};

/// Somebody takes a stage back, and hears the new execution's id.
///
/// # Errors
/// `PipelineExecutionNotFoundException`, `PipelineExecutionOutdatedException`, `UnableToRollbackStageException`.
pub(in crate::wire::pipeline) fn ask(
    pipeline: &mut Pipeline,
    stage: &str,
    target: &str,
    by: &str,
    turn: &mut Turn<'_>,
) -> Result<String, AwsError> {
    let index = pipeline.stage_named(stage)?;
    let at = pipeline.position(target)?;
    if pipeline.executions[at].version != pipeline.version {
        let message = format!("Execution '{target}' ran with an earlier structure of the pipeline");
        return Err(AwsError::refused("PipelineExecutionOutdatedException", message));
    }
    let unable = |why: String| AwsError::refused("UnableToRollbackStageException", why);
    if !may_be_target(&pipeline.executions[at], index) {
        return Err(unable(format!(
            "Execution '{target}' did not succeed in stage '{stage}', or is a rollback itself"
        )));
    }
    if pipeline.executions[at].artifacts.values().any(|artifact| artifact.zip.is_none()) {
        return Err(unable(format!("The artifacts of execution '{target}' are no longer kept")));
    }
    if let Some(other) = pipeline.occupant(stage) {
        return Err(unable(format!("Execution '{}' is in stage '{stage}'", other.id)));
    }
    let trigger = Trigger { kind: "ManualRollback", detail: serde_json::json!({"AwsUserArn": by}).to_string() };
    let id = begin(pipeline, at, index, trigger, turn);
    settle(pipeline, turn);
    Ok(id)
}

/// A stage that failed goes back by itself to the last execution that succeeded in it, if there is one.
pub(super) fn by_itself(pipeline: &mut Pipeline, failed: usize, stage: usize, turn: &mut Turn<'_>) {
    let version = pipeline.version;
    let kept = |execution: &Execution| execution.artifacts.values().all(|artifact| artifact.zip.is_some());
    let good =
        |execution: &Execution| execution.version == version && may_be_target(execution, stage) && kept(execution);
    let target = (0..failed).rev().find(|at| good(&pipeline.executions[*at]));
    match target {
        Some(at) if pipeline.executions[failed].version == version => {
            let detail = serde_json::json!({"FailedPipelineExecutionId": pipeline.executions[failed].id}).to_string();
            let trigger = Trigger { kind: "AutomatedRollback", detail };
            begin(pipeline, at, stage, trigger, turn);
        }
        _ => tracing::info!(pipeline = pipeline.declaration.name, "a stage failed and there is nothing to go back to"),
    }
}

fn may_be_target(execution: &Execution, stage: usize) -> bool {
    execution.kind == Kind::Standard && execution.stages[stage].status == Some(StageStatus::Succeeded)
}

fn begin(pipeline: &mut Pipeline, target: usize, stage: usize, trigger: Trigger, turn: &mut Turn<'_>) -> String {
    let kind = Kind::Rollback { target: pipeline.executions[target].id.clone() };
    let mut execution = start::new(pipeline, kind, trigger, turn);
    let target = &pipeline.executions[target];
    execution.variables.clone_from(&target.variables);
    execution.artifacts.clone_from(&target.artifacts);
    execution.outputs.clone_from(&target.outputs);
    execution.revisions.clone_from(&target.revisions);
    execution.overrides.clone_from(&target.overrides);
    pipeline.entries += 1;
    let run = &mut execution.stages[stage];
    (run.entry, run.started, run.status) = (pipeline.entries, Some(turn.now), Some(StageStatus::InProgress));
    execution.place = Place::In(stage);
    tell::pipeline(&execution, "STARTED", turn);
    tell::stage(&execution, stage, "STARTED", turn);
    let id = execution.id.clone();
    pipeline.executions.push(execution);
    id
}
