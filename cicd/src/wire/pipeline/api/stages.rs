//! Stages are tried again, taken back, let pass, closed and opened.

use std::sync::Arc;

use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Transition;
use crate::wire::pipeline::machine::{retry as again, rollback as back, settle};
use crate::wire::shape::asked;
use crate::wire::shape::check::Check;
use crate::wire::shape::told;

/// A stage is tried again.
pub(super) fn retry(wire: &Arc<Wire>, asked: asked::RetryStageExecution) -> Result<told::ExecutionId, AwsError> {
    let id = asked.pipeline_execution_id;
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name).name("stageName", &asked.stage_name);
    check.uuid("pipelineExecutionId", &id).done()?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        pipeline.stage_named(&asked.stage_name)?;
        again::ask(pipeline, &id, &asked.stage_name, asked.retry_mode, turn)
    })?;
    Ok(told::ExecutionId { pipeline_execution_id: id })
}

/// A stage goes back to an earlier execution.
pub(super) fn rollback(wire: &Arc<Wire>, asked: asked::RollbackStage) -> Result<told::ExecutionId, AwsError> {
    let target = asked.target_pipeline_execution_id;
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name).name("stageName", &asked.stage_name);
    check.uuid("targetPipelineExecutionId", &target).done()?;
    let caller = wire.locality.caller();
    let pipeline_execution_id = wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        back::ask(pipeline, &asked.stage_name, &target, &caller, turn)
    })?;
    Ok(told::ExecutionId { pipeline_execution_id })
}

/// A condition that was not met is let pass.
pub(super) fn override_condition(wire: &Arc<Wire>, asked: asked::OverrideStageCondition) -> Result<(), AwsError> {
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name).name("stageName", &asked.stage_name);
    check.uuid("pipelineExecutionId", &asked.pipeline_execution_id);
    check.word("conditionType", &asked.condition_type, &["BEFORE_ENTRY", "ON_SUCCESS"]).done()?;
    let on_success = asked.condition_type == "ON_SUCCESS";
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        pipeline.stage_named(&asked.stage_name)?;
        again::override_condition(pipeline, &asked.pipeline_execution_id, &asked.stage_name, on_success, turn)
    })
}

/// The way into or out of a stage is opened or closed.
pub(super) fn transition(wire: &Arc<Wire>, enabled: bool, asked: asked::StageTransition) -> Result<(), AwsError> {
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name).name("stageName", &asked.stage_name);
    check.word("transitionType", &asked.transition_type, &["Inbound", "Outbound"]);
    if !enabled {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!@ ().*?-".contains(c);
        let reason = asked.reason.as_deref().unwrap_or_default();
        check.text("reason", reason, 1, 300, (allowed, r"[a-zA-Z0-9!@ \(\)\.\*\?\-]+"));
    }
    check.done()?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        pipeline.stage_named(&asked.stage_name)?;
        let reason = asked.reason.filter(|_| !enabled);
        let transition = Transition { enabled, by: turn.locality.caller(), at: turn.now, reason };
        pipeline.transitions.insert((asked.stage_name, asked.transition_type == "Inbound"), transition);
        settle(pipeline, turn);
        Ok(())
    })
}
