//! A stage is tried again, by hand or by itself, or somebody lets it pass its condition.

use super::{Turn, go_on, settle, tell};
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::{Execution, Place, StageStatus, Status};
use crate::wire::pipeline::limits;
use crate::wire::shape::declaration::{ConditionResult, ExecutionMode, RetryMode};

/// Somebody tries a stage again.
///
/// # Errors
/// `StageNotRetryableException`, `NotLatestPipelineExecutionException`, `ConflictException`,
/// `ConcurrentPipelineExecutionsLimitExceededException`.
pub(in crate::wire::pipeline) fn ask(
    pipeline: &mut Pipeline,
    id: &str,
    stage: &str,
    mode: RetryMode,
    turn: &mut Turn<'_>,
) -> Result<(), AwsError> {
    let refused = |message: String| AwsError::refused("StageNotRetryableException", message);
    let at = pipeline.position(id).map_err(|error| refused(error.message))?;
    let execution = &pipeline.executions[at];
    let index = execution.stage_named(stage).ok_or_else(|| refused(format!("The execution has no stage '{stage}'")))?;
    let ended = matches!(execution.stages[index].status, Some(StageStatus::Failed | StageStatus::Stopped));
    if !ended || execution.place != Place::Halted(index) || execution.status.is_live() {
        let status = execution.stages[index].status.map_or("not reached", StageStatus::word);
        return Err(refused(format!("Stage '{stage}' is {status} in execution '{id}' and cannot be retried")));
    }
    if execution.version != pipeline.version {
        return Err(refused("The pipeline structure was updated since the execution began".to_owned()));
    }
    if execution.attempt >= limits::ATTEMPTS {
        return Err(refused(format!("The execution has been retried {} times already", limits::ATTEMPTS)));
    }
    alone(pipeline, at, index, stage)?;
    super::start::room(pipeline)?;
    let execution = &mut pipeline.executions[at];
    let kept_out = execution.stages[index].before_entry.as_ref().is_some_and(|c| c.result.is_some() && !c.overridden);
    again(execution, index, mode, false, turn);
    if kept_out {
        execution.place = Place::Before(index);
    }
    settle(pipeline, turn);
    Ok(())
}

/// Nobody newer has been in the stage, and nobody is in it.
fn alone(pipeline: &Pipeline, at: usize, index: usize, stage: &str) -> Result<(), AwsError> {
    let execution = &pipeline.executions[at];
    if execution.mode == ExecutionMode::Parallel {
        return Ok(());
    }
    let entry = execution.stages[index].entry;
    let newer = |other: &Execution| other.stage_named(stage).is_some_and(|index| other.stages[index].entry > entry);
    if pipeline.executions.iter().any(newer) {
        let message = format!("Execution '{}' is not the latest in stage '{stage}'", execution.id);
        return Err(AwsError::refused("NotLatestPipelineExecutionException", message));
    }
    match pipeline.occupant(stage) {
        Some(other) => {
            let message = format!("Execution '{}' is in stage '{stage}'. Try again later", other.id);
            Err(AwsError::refused("ConflictException", message))
        }
        None => Ok(()),
    }
}

/// The stage is tried again.
pub(super) fn again(execution: &mut Execution, stage: usize, mode: RetryMode, by_itself: bool, turn: &mut Turn<'_>) {
    execution.attempt += 1;
    execution.retried = Some(turn.now);
    let run = &mut execution.stages[stage];
    (run.retried, run.retried_by_itself, run.failed) = (Some(turn.now), by_itself, false);
    *if by_itself { &mut run.automatic_retries } else { &mut run.manual_retries } += 1;
    if mode == RetryMode::AllActions {
        run.settled.clear();
    }
    resume(execution, stage, turn);
}

/// It goes on in a stage where it had ended.
fn resume(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) {
    execution.stages[stage].status = Some(StageStatus::InProgress);
    (execution.status, execution.place) = (Status::InProgress, Place::In(stage));
    (execution.stop, execution.updated) = (None, turn.now);
    tell::pipeline(execution, "RESUMED", turn);
    tell::stage(execution, stage, "RESUMED", turn);
}

/// Somebody lets a stage pass a condition that was not met.
///
/// # Errors
/// `ConditionNotOverridableException`, `NotLatestPipelineExecutionException`, `ConflictException`,
/// `ConcurrentPipelineExecutionsLimitExceededException`.
pub(in crate::wire::pipeline) fn override_condition(
    pipeline: &mut Pipeline,
    id: &str,
    stage: &str,
    on_success: bool,
    turn: &mut Turn<'_>,
) -> Result<(), AwsError> {
    let refused = |message: String| AwsError::refused("ConditionNotOverridableException", message);
    let at = pipeline.position(id).map_err(|error| refused(error.message))?;
    let execution = &pipeline.executions[at];
    let index = execution.stage_named(stage).ok_or_else(|| refused(format!("The execution has no stage '{stage}'")))?;
    let run = &execution.stages[index];
    let checked = if on_success { &run.on_success } else { &run.before_entry };
    let result = checked.as_ref().filter(|checked| !checked.overridden).and_then(|checked| checked.result);
    let over = execution.place == Place::Halted(index) && execution.status == Status::Failed;
    if !over || run.failed || !matches!(result, Some(ConditionResult::Fail | ConditionResult::Rollback)) {
        return Err(refused(format!("Stage '{stage}' has no condition that failed in execution '{id}'")));
    }
    alone(pipeline, at, index, stage)?;
    super::start::room(pipeline)?;
    let execution = &mut pipeline.executions[at];
    let run = &mut execution.stages[index];
    let checked = if on_success { &mut run.on_success } else { &mut run.before_entry };
    if let Some(checked) = checked {
        checked.overridden = true;
    }
    if on_success {
        run.success_overridden = true;
    } else {
        run.entry_overridden = true;
    }
    resume(execution, index, turn);
    if on_success {
        execution.stages[index].status = Some(StageStatus::Succeeded);
        tell::stage(execution, index, "SUCCEEDED", turn);
        go_on(execution, index, turn);
    }
    settle(pipeline, turn);
    Ok(())
}
