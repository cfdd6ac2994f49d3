//! An action ends.

use std::sync::Arc;

use super::{Turn, settle, tell};
use crate::wire::action::{ActionEnd, ActionTaken};
use crate::wire::pipeline::artifact::Zip;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::{ActionStatus, Execution, Revision};
use crate::wire::pipeline::limits;
use crate::wire::shape::told::{ArtifactRevision, ErrorDetails};

/// How an action ended, with its zips in the artifact room.
#[derive(Debug)]
pub(in crate::wire::pipeline) struct End {
    pub(in crate::wire::pipeline) end: ActionEnd,
    pub(in crate::wire::pipeline) zips: Vec<(String, Arc<Zip>)>,
    /// A source's revision: its id and its summary.
    pub(in crate::wire::pipeline) revision: Option<(String, String)>,
}

impl From<ActionEnd> for End {
    fn from(end: ActionEnd) -> Self {
        Self { end, zips: vec![], revision: None }
    }
}

/// An action has ended: its execution goes on. What is no longer waited for is passed over.
pub(in crate::wire::pipeline) fn heard(
    pipeline: &mut Pipeline,
    execution: &str,
    run: &str,
    end: End,
    turn: &mut Turn<'_>,
) {
    if let Some(execution) = pipeline.executions.iter_mut().find(|known| known.id == execution) {
        ended(execution, run, end, turn);
        settle(pipeline, turn);
    }
}

/// The provider has taken an action's work.
pub(in crate::wire::pipeline) fn taken(pipeline: &mut Pipeline, execution: &str, run: &str, taken: ActionTaken) {
    let execution = pipeline.executions.iter_mut().find(|known| known.id == execution);
    let run = execution.and_then(|execution| execution.actions.iter_mut().find(|known| known.id == run));
    if let Some(run) = run.filter(|run| run.status == ActionStatus::InProgress) {
        (run.external_id, run.external_url) = (Some(taken.external_id), taken.external_url);
    }
}

/// Approvals that nobody has answered in time fail, and actions that take too long.
pub(in crate::wire::pipeline) fn expire(pipeline: &mut Pipeline, turn: &mut Turn<'_>) {
    let mut expired = vec![];
    for execution in pipeline.executions.iter().filter(|execution| execution.status.is_live()) {
        let late = execution.actions.iter().filter(|run| {
            run.status == ActionStatus::InProgress && run.expires.is_some_and(|expires| expires <= turn.now)
        });
        expired.extend(late.map(|run| (execution.id.clone(), run.id.clone(), run.action.is_approval())));
    }
    for (execution, run, approval) in expired {
        let why = match approval {
            true => "The approval was not answered before it expired",
            false => "The action did not complete within its timeout",
        };
        let end = ActionEnd::failed("JobFailed", why);
        heard(pipeline, &execution, &run, end.into(), turn);
    }
}

/// Notes an action's end.
pub(super) fn ended(execution: &mut Execution, run: &str, end: End, turn: &mut Turn<'_>) {
    let Some(at) = execution.actions.iter().position(|known| known.id == run) else { return };
    if execution.actions[at].status != ActionStatus::InProgress {
        return;
    }
    let End { end, zips, revision } = end;
    let run = &mut execution.actions[at];
    run.updated = turn.now;
    run.external_id = end.external_id.or_else(|| run.external_id.take());
    run.external_url = end.external_url.or_else(|| run.external_url.take());
    let rejected = run.action.is_approval() && end.summary.is_some();
    // The model has no empty summary.
    run.summary = end.summary.filter(|summary| !summary.is_empty()).map(|s| s.chars().take(2048).collect());
    let size: usize = end.variables.iter().map(|(key, value)| key.len() + value.len()).sum();
    run.variables = end.variables;
    for output in &mut run.outputs {
        output.zip = zips.iter().find(|(name, _)| *name == output.name).map(|(_, zip)| Arc::clone(zip));
        let taken = run.inputs.first().and_then(|input| input.revision.clone());
        output.revision = revision.as_ref().map(|(id, _)| id.clone()).or(taken);
    }
    run.outputs.retain(|output| output.zip.is_some());
    let result = end.result.map_err(|failure| (failure.code, failure.message)).and_then(|()| match size {
        too_many if too_many > limits::OUTPUT_VARIABLES => Err((
            "ConfigurationError".to_owned(),
            format!("The action's output variables have {size} bytes, more than 122880"),
        )),
        _ => Ok(()),
    });
    let stage = run.stage;
    let state = match result {
        Ok(()) => {
            run.status = ActionStatus::Succeeded;
            succeeded(execution, at, revision);
            "SUCCEEDED"
        }
        Err((code, message)) => {
            run.status = ActionStatus::Failed;
            let message = message.chars().take(5000).collect();
            // Somebody's no is no error.
            run.error = (!rejected).then_some(ErrorDetails { code, message: Some(message) });
            execution.stages[stage].failed = true;
            "FAILED"
        }
    };
    execution.updated = turn.now;
    let run = execution.actions[at].clone();
    tell::action(execution, &run, state, turn);
}

fn succeeded(execution: &mut Execution, at: usize, revision: Option<(String, String)>) {
    let run = execution.actions[at].clone();
    for output in run.outputs.iter().filter(|output| output.zip.is_some()) {
        execution.artifacts.insert(output.name.clone(), output.clone());
    }
    if let Some(namespace) = run.action.namespace.clone() {
        execution.outputs.insert(namespace, run.variables.clone());
    }
    execution.stages[run.stage].settled.insert(run.action.name.clone());
    if let (Some((id, summary)), Some(output)) = (revision, run.outputs.first()) {
        let told = ArtifactRevision { name: output.name.clone(), revision_id: id, revision_summary: Some(summary) };
        execution.revisions.retain(|known| known.action != run.action.name);
        execution.revisions.push(Revision { action: run.action.name, told });
    }
}
