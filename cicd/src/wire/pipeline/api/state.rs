//! How a pipeline stands, stage by stage.

use std::sync::Arc;

use super::executions::kind;
use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::condition::Checked;
use crate::wire::pipeline::execution::{ActionRun, ActionStatus, Execution, Place, StageStatus};
use crate::wire::shape::asked::OfPipeline;
use crate::wire::shape::check::Check;
use crate::wire::shape::declaration::{ActionDeclaration, ExecutionMode, StageDeclaration};
use crate::wire::shape::told;

/// The state of every stage: its latest execution, who waits for it, and its actions.
pub(super) fn get(wire: &Arc<Wire>, asked: OfPipeline) -> Result<told::PipelineState, AwsError> {
    Check::new().name("name", &asked.name).done()?;
    wire.look(|book| {
        let pipeline = book.pipeline(&wire.locality.account, &asked.name)?;
        let stages = pipeline.declaration.stages.iter().enumerate();
        Ok(told::PipelineState {
            pipeline_name: asked.name.clone(),
            pipeline_version: pipeline.version,
            stage_states: stages.map(|(at, stage)| of_stage(pipeline, at, stage, &wire.locality.region)).collect(),
            created: pipeline.created.into(),
            updated: pipeline.updated.into(),
        })
    })
}

fn of_stage(pipeline: &Pipeline, at: usize, stage: &StageDeclaration, region: &str) -> told::StageState {
    let in_it = |execution: &'_ Execution| execution.stage_named(&stage.name);
    let entered = pipeline.executions.iter().filter_map(|e| in_it(e).map(|at| (e, &e.stages[at])));
    let latest = entered.filter(|(_, run)| run.entry > 0).max_by_key(|(_, run)| run.entry);
    let waiting = |e: &&Execution| e.status.is_live() && in_it(e).is_some_and(|at| e.place == Place::Before(at));
    let inbound: Vec<_> = pipeline.executions.iter().filter(waiting).map(|e| stage_execution(e, None)).collect();
    let run = latest.map(|(_, run)| run);
    let retried = run.filter(|run| run.automatic_retries + run.manual_retries > 0);
    let count = |count: u32| Some(count).filter(|count| *count > 0);
    told::StageState {
        stage_name: stage.name.clone(),
        inbound_execution: inbound.last().cloned(),
        inbound_executions: inbound,
        inbound_transition_state: transition(pipeline, at),
        action_states: stage.actions.iter().map(|action| of_action(pipeline, stage, action, region)).collect(),
        latest_execution: latest.map(|(execution, run)| stage_execution(execution, run.status)),
        before_entry_condition_state: run.and_then(|run| run.before_entry.as_ref()).map(of_condition),
        on_success_condition_state: run.and_then(|run| run.on_success.as_ref()).map(of_condition),
        retry_stage_metadata: retried.map(|run| told::RetryMetadata {
            auto_stage_retry_attempt: count(run.automatic_retries),
            manual_stage_retry_attempt: count(run.manual_retries),
            latest_retry_trigger: if run.retried_by_itself { "AutomatedStageRetry" } else { "ManualStageRetry" },
        }),
    }
}

fn stage_execution(execution: &Execution, status: Option<StageStatus>) -> told::StageExecution {
    told::StageExecution {
        pipeline_execution_id: execution.id.clone(),
        status: status.map_or("InProgress", StageStatus::word),
        r#type: kind(execution),
    }
}

fn transition(pipeline: &Pipeline, at: usize) -> told::TransitionState {
    let stages = &pipeline.declaration.stages;
    let before = at.checked_sub(1).map(|before| (stages[before].name.clone(), false));
    let ways = [Some((stages[at].name.clone(), true)), before];
    let known = || ways.iter().flatten().filter_map(|way| pipeline.transitions.get(way));
    let shown =
        known().find(|transition| !transition.enabled).or_else(|| known().max_by_key(|transition| transition.at));
    told::TransitionState {
        enabled: shown.is_none_or(|transition| transition.enabled),
        last_changed_by: shown.map(|transition| transition.by.clone()),
        last_changed_at: shown.map(|transition| transition.at.into()),
        disabled_reason: shown.and_then(|transition| transition.reason.clone()),
    }
}

/// Where what an action works on is shown.
fn entity(action: &ActionDeclaration, latest: Option<&ActionRun>, region: &str) -> Option<String> {
    match action.action_type_id.provider.as_str() {
        "S3" if action.is_source() => Some(format!("https://console.aws.amazon.com/s3/home?region={region}#")),
        "Manual" => latest.and_then(|run| run.resolved.get("ExternalEntityLink")).cloned(),
        _ => None,
    }
}

fn of_action(
    pipeline: &Pipeline,
    stage: &StageDeclaration,
    action: &ActionDeclaration,
    region: &str,
) -> told::ActionState {
    let last = |execution: &'_ Execution| execution.stage_named(&stage.name);
    let runs = pipeline.executions.iter().filter_map(|execution| {
        let run = execution.last_run(last(execution)?, &action.name)?;
        Some((execution, run))
    });
    let latest = runs.max_by_key(|(_, run)| run.started);
    let revision = latest.filter(|(_, run)| action.is_source() && run.status == ActionStatus::Succeeded);
    told::ActionState {
        action_name: action.name.clone(),
        current_revision: revision.and_then(|(_, run)| {
            let revision_id = run.external_id.clone()?;
            let revision_change_id = run.variables.get("ETag").cloned().unwrap_or_default();
            Some(told::CurrentRevision { revision_id, revision_change_id, created: run.updated.into() })
        }),
        latest_execution: latest.map(|(execution, run)| of_run(execution, run)),
        entity_url: entity(action, latest.map(|(_, run)| run), region),
    }
}

fn of_run(execution: &Execution, run: &ActionRun) -> told::ActionExecution {
    // The service tells no token for PARALLEL executions; ListActionExecutions has it.
    let open = run.action.is_approval() && run.status == ActionStatus::InProgress;
    let told_here = open && execution.mode != ExecutionMode::Parallel;
    told::ActionExecution {
        action_execution_id: run.id.clone(),
        status: run.status.word(),
        summary: run.summary.clone(),
        last_status_change: run.updated.into(),
        token: told_here.then(|| run.id.clone()),
        last_updated_by: run.updated_by.clone(),
        external_execution_id: run.external_id.clone(),
        external_execution_url: run.external_url.clone(),
        error_details: run.error.clone(),
    }
}

fn of_condition(checked: &Checked) -> told::ConditionsState {
    let execution = told::ConditionExecution {
        status: checked.word(),
        summary: Some(checked.summary()),
        last_status_change: Some(checked.at.into()),
    };
    let rules = checked.rules.iter().map(|rule| told::RuleState {
        rule_name: rule.rule.name.clone(),
        latest_execution: Some(told::RuleExecution {
            rule_execution_id: rule.id.clone(),
            status: if rule.failed { "Failed" } else { "Succeeded" },
            summary: Some(rule.summary.clone()),
            last_status_change: checked.at.into(),
            error_details: rule.error.clone(),
        }),
    });
    let condition = told::ConditionState { latest_execution: Some(execution.clone()), rule_states: rules.collect() };
    told::ConditionsState {
        // A stage's conditions together have no time of their own in the model.
        latest_execution: Some(told::ConditionExecution { last_status_change: None, ..execution }),
        condition_states: vec![condition],
    }
}
