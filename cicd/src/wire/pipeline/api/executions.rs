//! Executions are read and stopped.

use std::sync::Arc;

use super::page::Page;
use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::execution::{Execution, Kind, StageStatus, Stop};
use crate::wire::pipeline::machine::stop;
use crate::wire::shape::asked;
use crate::wire::shape::check::{Check, anything};
use crate::wire::shape::told;

/// One execution.
pub(super) fn get(
    wire: &Arc<Wire>,
    asked: asked::GetPipelineExecution,
) -> Result<told::GetPipelineExecution, AwsError> {
    let id = &asked.pipeline_execution_id;
    Check::new().name("pipelineName", &asked.pipeline_name).uuid("pipelineExecutionId", id).done()?;
    wire.look(|book| {
        let pipeline = book.pipeline(&wire.locality.account, &asked.pipeline_name)?;
        let execution = &pipeline.executions[pipeline.position(id)?];
        let variable = |(name, value): &(String, String)| told::ResolvedVariable {
            name: name.clone(),
            resolved_value: value.clone(),
        };
        let variables: Vec<_> = execution.variables.iter().map(variable).collect();
        let pipeline_execution = told::PipelineExecution {
            pipeline_name: asked.pipeline_name.clone(),
            pipeline_version: execution.version,
            pipeline_execution_id: execution.id.clone(),
            status: execution.status.word(),
            status_summary: execution.summary.clone(),
            artifact_revisions: execution.revisions.iter().map(|revision| revision.told.clone()).collect(),
            variables: Some(variables).filter(|variables| !variables.is_empty()),
            trigger: trigger(execution),
            execution_mode: execution.mode,
            execution_type: kind(execution),
            rollback_metadata: rollback(execution),
        };
        Ok(told::GetPipelineExecution { pipeline_execution })
    })
}

fn trigger(execution: &Execution) -> told::Trigger {
    told::Trigger { trigger_type: execution.trigger.kind, trigger_detail: execution.trigger.detail.clone() }
}

/// `ExecutionType`, which the service has been seen to tell of rollbacks only.
pub(super) fn kind(execution: &Execution) -> Option<&'static str> {
    (execution.kind != Kind::Standard).then_some("ROLLBACK")
}

fn rollback(execution: &Execution) -> Option<told::RollbackMetadata> {
    match &execution.kind {
        Kind::Standard => None,
        Kind::Rollback { target } => {
            Some(told::RollbackMetadata { rollback_target_pipeline_execution_id: target.clone() })
        }
    }
}

/// The executions, the newest first.
pub(super) fn list(
    wire: &Arc<Wire>,
    asked: asked::ListPipelineExecutions,
) -> Result<told::ListPipelineExecutions, AwsError> {
    Check::new().name("pipelineName", &asked.pipeline_name).done()?;
    let stage = asked.filter.and_then(|filter| filter.succeeded_in_stage).and_then(|filter| filter.stage_name);
    let of = format!("executions {} {stage:?}", asked.pipeline_name);
    let page = Page::asked(&of, asked.max_results, 100, asked.next_token.as_deref())?;
    let all = wire.look(|book| {
        let pipeline = book.pipeline(&wire.locality.account, &asked.pipeline_name)?;
        let wanted = |execution: &&Execution| {
            stage.as_ref().is_none_or(|stage| {
                let at = execution.stage_named(stage);
                at.is_some_and(|at| execution.stages[at].status == Some(StageStatus::Succeeded))
            })
        };
        Ok(pipeline.executions.iter().rev().filter(wanted).map(summary).collect::<Vec<_>>())
    })?;
    let (pipeline_execution_summaries, next_token) = page.cut(all);
    Ok(told::ListPipelineExecutions { pipeline_execution_summaries, next_token })
}

fn summary(execution: &Execution) -> told::ExecutionSummary {
    let revision = |revision: &crate::wire::pipeline::execution::Revision| told::SourceRevision {
        action_name: revision.action.clone(),
        revision_id: Some(revision.told.revision_id.clone()),
        revision_summary: revision.told.revision_summary.clone(),
    };
    told::ExecutionSummary {
        pipeline_execution_id: execution.id.clone(),
        status: execution.status.word(),
        status_summary: execution.summary.clone(),
        start_time: execution.started.into(),
        last_update_time: execution.updated.into(),
        source_revisions: execution.revisions.iter().map(revision).collect(),
        trigger: trigger(execution),
        stop_trigger: execution.stop.as_ref().map(|stop| told::StopTrigger { reason: stop.reason.clone() }),
        execution_mode: execution.mode,
        execution_type: kind(execution),
        rollback_metadata: rollback(execution),
    }
}

/// An execution is stopped.
pub(super) fn stop(wire: &Arc<Wire>, asked: asked::StopPipelineExecution) -> Result<told::ExecutionId, AwsError> {
    let id = asked.pipeline_execution_id;
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name).uuid("pipelineExecutionId", &id);
    check.text("reason", asked.reason.as_deref().unwrap_or_default(), 0, 200, (anything, ".*")).done()?;
    let stop = Stop { abandon: asked.abandon, reason: asked.reason };
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        stop::ask(pipeline, &id, stop, turn)
    })?;
    Ok(told::ExecutionId { pipeline_execution_id: id })
}
