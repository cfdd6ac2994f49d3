//! Every execution of an action or a rule that is remembered, the newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::page::Page;
use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::artifact::Artifact;
use crate::wire::pipeline::condition::{Checked, CheckedRule};
use crate::wire::pipeline::execution::{ActionRun, ActionStatus, Execution};
use crate::wire::shape::asked::ListActionExecutions;
use crate::wire::shape::check::Check;
use crate::wire::shape::told;

/// Which executions are asked for, and whether only the last attempts.
struct Wanted {
    execution: Option<String>,
    latest: bool,
}

fn wanted(asked: &ListActionExecutions) -> Result<Wanted, AwsError> {
    let mut check = Check::new();
    check.name("pipelineName", &asked.pipeline_name);
    let Some(filter) = &asked.filter else {
        check.done()?;
        return Ok(Wanted { execution: None, latest: false });
    };
    if let Some(id) = &filter.pipeline_execution_id {
        check.uuid("filter.pipelineExecutionId", id);
    }
    let Some(latest) = &filter.latest_in_pipeline_execution else {
        check.done()?;
        return Ok(Wanted { execution: filter.pipeline_execution_id.clone(), latest: false });
    };
    let range = &latest.start_time_range;
    check.uuid("filter.latestInPipelineExecution.pipelineExecutionId", &latest.pipeline_execution_id);
    check.word("filter.latestInPipelineExecution.startTimeRange", range, &["All", "Latest"]).done()?;
    // Both selectors together choose what both choose.
    let both = filter.pipeline_execution_id.as_ref().is_none_or(|id| *id == latest.pipeline_execution_id);
    let execution = if both { latest.pipeline_execution_id.clone() } else { String::new() };
    Ok(Wanted { execution: Some(execution), latest: range == "Latest" })
}

/// Reads something of the executions that are asked for.
fn gather<T>(
    wire: &Wire,
    asked: &ListActionExecutions,
    what: &str,
    of: impl Fn(&Execution, bool) -> Vec<T>,
) -> Result<(Vec<T>, Option<String>), AwsError> {
    let Wanted { execution, latest } = wanted(asked)?;
    let list = format!("{what} {} {execution:?} {latest}", asked.pipeline_name);
    let page = Page::asked(&list, asked.max_results, 100, asked.next_token.as_deref())?;
    let all = wire.look(|book| {
        let pipeline = book.pipeline(&wire.locality.account, &asked.pipeline_name)?;
        if let Some(id) = execution.as_ref().filter(|id| !id.is_empty()) {
            pipeline.position(id)?;
        }
        let chosen = pipeline.executions.iter().rev().filter(|e| execution.as_ref().is_none_or(|id| *id == e.id));
        Ok::<_, AwsError>(chosen.flat_map(|execution| of(execution, latest)).collect())
    })?;
    Ok(page.cut(all))
}

/// The executions of actions.
pub(super) fn actions(wire: &Arc<Wire>, asked: ListActionExecutions) -> Result<told::ListActionExecutions, AwsError> {
    let region = &wire.locality.region;
    let of = |execution: &Execution, latest: bool| {
        let mut seen = BTreeSet::new();
        let mut newest = |run: &&ActionRun| !latest || seen.insert((run.stage, run.action.name.clone()));
        let runs = execution.actions.iter().rev().filter(|run| newest(run));
        runs.map(|run| detail(execution, run, region)).collect()
    };
    let (action_execution_details, next_token) = gather(wire, &asked, "actions", of)?;
    Ok(told::ListActionExecutions { action_execution_details, next_token })
}

fn detail(execution: &Execution, run: &ActionRun, region: &str) -> told::ActionDetail {
    // An approval's id is also what it is answered with.
    let external_execution_id = run.external_id.clone().or_else(|| run.action.is_approval().then(|| run.id.clone()));
    let result = told::ActionResult {
        external_execution_id,
        // The history has the words of a failure as its summary, the state as its message.
        external_execution_summary: run.summary.clone().or_else(|| run.error.as_ref().and_then(|e| e.message.clone())),
        external_execution_url: run.external_url.clone(),
        error_details: run.error.as_ref().map(|e| told::ErrorDetails { code: e.code.clone(), message: None }),
    };
    let nothing = result.external_execution_id.is_none() && result.external_execution_summary.is_none();
    let artifacts = |of: &[Artifact]| of.iter().map(Artifact::told).collect();
    let made = if run.status == ActionStatus::Succeeded { run.outputs.as_slice() } else { &[] };
    told::ActionDetail {
        pipeline_execution_id: execution.id.clone(),
        action_execution_id: run.id.clone(),
        pipeline_version: execution.version,
        stage_name: execution.stage(run.stage).name.clone(),
        action_name: run.action.name.clone(),
        start_time: run.started.into(),
        last_update_time: run.updated.into(),
        updated_by: run.updated_by.clone(),
        status: run.status.word(),
        input: told::ActionInput {
            action_type_id: run.action.action_type_id.clone(),
            configuration: run.action.configuration.clone(),
            resolved_configuration: run.resolved.clone(),
            role_arn: run.action.role_arn.clone(),
            region: run.action.region.clone().unwrap_or_else(|| region.to_owned()),
            input_artifacts: artifacts(&run.inputs),
            namespace: run.action.namespace.clone(),
        },
        output: told::ActionOutput {
            output_artifacts: artifacts(made),
            execution_result: Some(result).filter(|result| !nothing || result.error_details.is_some()),
            output_variables: run.variables.clone(),
        },
    }
}

/// The executions of rules.
pub(super) fn rules(wire: &Arc<Wire>, asked: ListActionExecutions) -> Result<told::ListRuleExecutions, AwsError> {
    let of = |execution: &Execution, _| {
        let mut details = vec![];
        for (stage, run) in execution.stages.iter().enumerate().rev() {
            for checked in [&run.on_success, &run.before_entry].into_iter().flatten() {
                details.extend(checked.rules.iter().map(|rule| rule_detail(execution, stage, checked, rule)));
            }
        }
        details
    };
    let (rule_execution_details, next_token) = gather(wire, &asked, "rules", of)?;
    Ok(told::ListRuleExecutions { rule_execution_details, next_token })
}

fn rule_detail(execution: &Execution, stage: usize, checked: &Checked, rule: &CheckedRule) -> told::RuleDetail {
    let summary = Some(rule.summary.clone());
    told::RuleDetail {
        pipeline_execution_id: execution.id.clone(),
        rule_execution_id: rule.id.clone(),
        pipeline_version: execution.version,
        stage_name: execution.stage(stage).name.clone(),
        rule_name: rule.rule.name.clone(),
        start_time: checked.at.into(),
        last_update_time: checked.at.into(),
        status: if rule.failed { "Failed" } else { "Succeeded" },
        input: told::RuleInput {
            rule_type_id: rule.rule.rule_type_id.clone(),
            configuration: rule.rule.configuration.clone(),
            resolved_configuration: rule.resolved.clone(),
        },
        output: told::RuleOutput {
            execution_result: told::RuleResult {
                external_execution_summary: summary,
                error_details: rule.error.clone(),
            },
        },
    }
}
