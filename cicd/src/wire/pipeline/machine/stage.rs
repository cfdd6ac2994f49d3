//! A stage begins its actions group by group, and ends.

use super::{Turn, begin, end_execution, go_on, retry, stop, tell};
use crate::wire::pipeline::condition;
use crate::wire::pipeline::execution::{Execution, Kind, Place, StageStatus, Status};
use crate::wire::pipeline::limits;
use crate::wire::shape::declaration::{ConditionResult, ExecutionMode, RetryMode};

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for its actions.
    Nothing,
    /// It moved.
    Moved,
    /// It failed, and wants to go back to what was there before.
    Rollback,
}

/// Moves a stage one step.
pub(super) fn step(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) -> Step {
    if execution.live_actions(stage).next().is_some() {
        return Step::Nothing;
    }
    if execution.stop.is_some() {
        stop::now(execution, stage, turn);
        return Step::Moved;
    }
    if execution.stages[stage].failed {
        return failed(execution, stage, turn);
    }
    let waiting = |name: &String| !execution.stages[stage].settled.contains(name);
    let actions = &execution.stage(stage).actions;
    let next = actions.iter().filter(|action| waiting(&action.name)).map(|action| action.run_order).min();
    match next {
        Some(order) => {
            begin_group(execution, stage, order, turn);
            Step::Moved
        }
        None => succeeded(execution, stage, turn),
    }
}

/// Begins all actions of one order that are still to be done.
fn begin_group(execution: &mut Execution, stage: usize, order: u32, turn: &mut Turn<'_>) {
    let settled = execution.stages[stage].settled.clone();
    let group = execution.stage(stage).actions.iter().filter(|action| action.run_order == order);
    let group: Vec<_> = group.filter(|action| !settled.contains(&action.name)).cloned().collect();
    if execution.mode == ExecutionMode::Parallel && group.len() > limits::LIVE_ACTIONS {
        fail(execution, stage, turn);
        return;
    }
    for action in group {
        begin::action(execution, stage, action, turn);
    }
}

/// Every action is done: the stage has succeeded, unless its condition says otherwise.
fn succeeded(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) -> Step {
    let known = execution.known();
    let conditions = execution.stage(stage).on_success.clone();
    let run = &mut execution.stages[stage];
    if let Some(conditions) = conditions.filter(|_| !run.success_overridden) {
        run.on_success = condition::check(&conditions, &known, turn.now);
    }
    let refused = run.on_success.as_ref().filter(|checked| !checked.overridden).and_then(|checked| checked.result);
    match refused {
        Some(result) => {
            fail(execution, stage, turn);
            if result == ConditionResult::Rollback { Step::Rollback } else { Step::Moved }
        }
        None => {
            run.status = Some(StageStatus::Succeeded);
            tell::stage(execution, stage, "SUCCEEDED", turn);
            go_on(execution, stage, turn);
            Step::Moved
        }
    }
}

/// An action has failed and none is under way any more.
fn failed(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) -> Step {
    let declared = execution.stage(stage).on_failure.clone();
    let result = declared.as_ref().and_then(|on_failure| on_failure.result);
    match result {
        Some(ConditionResult::Retry) if execution.stages[stage].automatic_retries == 0 => {
            let configured = declared.and_then(|on_failure| on_failure.retry_configuration);
            let mode = configured.and_then(|retry| retry.retry_mode).unwrap_or(RetryMode::FailedActions);
            execution.stages[stage].status = Some(StageStatus::Failed);
            tell::stage(execution, stage, "FAILED", turn);
            retry::again(execution, stage, mode, true, turn);
            Step::Moved
        }
        Some(ConditionResult::Rollback) if execution.kind == Kind::Standard => {
            fail(execution, stage, turn);
            Step::Rollback
        }
        _ => {
            fail(execution, stage, turn);
            Step::Moved
        }
    }
}

/// The stage has failed, and the execution with it.
pub(super) fn fail(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) {
    execution.stages[stage].status = Some(StageStatus::Failed);
    tell::stage(execution, stage, "FAILED", turn);
    end_execution(execution, Status::Failed, Place::Halted(stage), turn);
}
