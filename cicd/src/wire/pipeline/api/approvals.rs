//! Approvals are answered.

use std::sync::Arc;

use crate::wire::Wire;
use crate::wire::action::ActionEnd;
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::ActionStatus;
use crate::wire::pipeline::machine::end;
use crate::wire::shape::asked::PutApprovalResult;
use crate::wire::shape::check::{Check, anything};
use crate::wire::shape::told;

/// Somebody says yes or no. The token is the action execution's id.
pub(super) fn put(wire: &Arc<Wire>, asked: PutApprovalResult) -> Result<told::ApprovedAt, AwsError> {
    Check::new()
        .name("pipelineName", &asked.pipeline_name)
        .name("stageName", &asked.stage_name)
        .name("actionName", &asked.action_name)
        .text("result.summary", &asked.result.summary, 0, 512, (anything, ".*"))
        .word("result.status", &asked.result.status, &["Approved", "Rejected"])
        .uuid("token", &asked.token)
        .done()?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.pipeline_name)?;
        let execution = open(pipeline, &asked)?;
        let mut end = match asked.result.status.as_str() {
            "Approved" => ActionEnd::done(),
            _ => ActionEnd::failed("JobFailed", "The approval was rejected"),
        };
        end.summary = Some(asked.result.summary);
        let caller = turn.locality.caller();
        let runs = pipeline.executions.iter_mut().flat_map(|execution| &mut execution.actions);
        runs.filter(|run| run.id == asked.token).for_each(|run| run.updated_by = Some(caller.clone()));
        end::heard(pipeline, &execution, &asked.token, end.into(), turn);
        Ok(told::ApprovedAt { approved_at: turn.now.into() })
    })
}

/// The execution whose approval this is, when it is still open.
fn open(pipeline: &Pipeline, asked: &PutApprovalResult) -> Result<String, AwsError> {
    let runs =
        || pipeline.executions.iter().flat_map(|execution| execution.actions.iter().map(move |run| (execution, run)));
    let here = |(execution, run): &(&crate::wire::pipeline::execution::Execution, &_)| {
        let run: &crate::wire::pipeline::execution::ActionRun = run;
        execution.stage(run.stage).name == asked.stage_name && run.action.name == asked.action_name
    };
    // A PARALLEL execution may run with an earlier structure than the pipeline has now.
    if !runs().any(|run| here(&run)) {
        let stage = pipeline.stage_named(&asked.stage_name)?;
        let actions = &pipeline.declaration.stages[stage].actions;
        if !actions.iter().any(|action| action.name == asked.action_name) {
            let message = format!("Stage '{}' does not have an action '{}'", asked.stage_name, asked.action_name);
            return Err(AwsError::refused("ActionNotFoundException", message));
        }
    }
    let invalid = || AwsError::refused("InvalidApprovalTokenException", "Invalid approval token");
    let found = runs().find(|run| here(run) && run.1.id == asked.token);
    let (execution, run) = found.filter(|(_, run)| run.action.is_approval()).ok_or_else(invalid)?;
    match run.status {
        ActionStatus::InProgress => Ok(execution.id.clone()),
        ActionStatus::Abandoned => Err(invalid()),
        ActionStatus::Succeeded | ActionStatus::Failed => {
            let message = "The approval request that you responded to is already complete or has expired. Review the \
                           latest revisions in the pipeline, and then try again.";
            Err(AwsError::refused("ApprovalAlreadyCompletedException", message))
        }
    }
}
