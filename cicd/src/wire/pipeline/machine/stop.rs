//! An execution is stopped, or cancelled.

use super::{Turn, end_execution, settle, tell};
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::{ActionStatus, Execution, Place, StageStatus, Status, Stop};
use crate::wire::shape::declaration::ExecutionMode;

/// Somebody stops an execution.
///
/// # Errors
/// `PipelineExecutionNotStoppableException`, `DuplicatedStopRequestException`.
pub(in crate::wire::pipeline) fn ask(
    pipeline: &mut Pipeline,
    id: &str,
    stop: Stop,
    turn: &mut Turn<'_>,
) -> Result<(), AwsError> {
    let not_stoppable = |why: String| AwsError::refused("PipelineExecutionNotStoppableException", why);
    let at = pipeline.position(id).map_err(|error| not_stoppable(error.message))?;
    let execution = &mut pipeline.executions[at];
    if !execution.status.is_live() {
        let message = format!("The pipeline execution '{id}' is {} and cannot be stopped", execution.status.word());
        return Err(not_stoppable(message));
    }
    if execution.stop.as_ref().is_some_and(|asked| asked.abandon || !stop.abandon) {
        let message = format!("The pipeline execution '{id}' is being stopped already; it can still be abandoned");
        return Err(AwsError::refused("DuplicatedStopRequestException", message));
    }
    let first = execution.stop.is_none();
    let abandon = stop.abandon;
    (execution.stop, execution.status, execution.updated) = (Some(stop), Status::Stopping, turn.now);
    if first {
        tell::pipeline(execution, "STOPPING", turn);
    }
    if let Place::In(stage) = execution.place {
        if first {
            execution.stages[stage].status = Some(StageStatus::Stopping);
            tell::stage(execution, stage, "STOPPING", turn);
        }
        if abandon {
            give_up_actions(execution, stage, "ABANDONED", turn);
        }
    }
    settle(pipeline, turn);
    Ok(())
}

/// The actions under way are no longer waited for.
fn give_up_actions(execution: &mut Execution, stage: usize, state: &str, turn: &mut Turn<'_>) {
    for at in 0..execution.actions.len() {
        let run = &mut execution.actions[at];
        if run.stage == stage && run.status == ActionStatus::InProgress {
            (run.status, run.updated) = (ActionStatus::Abandoned, turn.now);
            let run = run.clone();
            tell::action(execution, &run, state, turn);
        }
    }
}

/// Nothing is under way any more: it is stopped where it is.
pub(super) fn now(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) {
    if execution.place == Place::In(stage) {
        execution.stages[stage].status = Some(StageStatus::Stopped);
        tell::stage(execution, stage, "STOPPED", turn);
    }
    end_execution(execution, Status::Stopped, Place::Halted(stage), turn);
}

/// The pipeline has changed: executions that share its stages are cancelled.
pub(in crate::wire::pipeline) fn cancel_all(pipeline: &mut Pipeline, turn: &mut Turn<'_>) {
    for execution in &mut pipeline.executions {
        if !execution.status.is_live() || execution.mode == ExecutionMode::Parallel {
            continue;
        }
        let stage = match execution.place {
            Place::In(stage) => {
                give_up_actions(execution, stage, "CANCELED", turn);
                execution.stages[stage].status = Some(StageStatus::Cancelled);
                tell::stage(execution, stage, "CANCELED", turn);
                stage
            }
            Place::Before(stage) | Place::Halted(stage) => stage,
            Place::Done => 0,
        };
        execution.summary = Some("The execution was cancelled because the pipeline structure was updated".to_owned());
        end_execution(execution, Status::Cancelled, Place::Halted(stage), turn);
    }
}
