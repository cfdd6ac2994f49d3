//! The events of an execution, in the shapes that AWS has been seen to emit.

use serde_json::{Map, Value, json};

use super::{Effect, Turn};
use crate::wire::events::shape::{envelope, moment, number};
use crate::wire::pipeline::artifact::Artifact;
use crate::wire::pipeline::execution::{ActionRun, Execution};

fn detail(execution: &Execution) -> Map<String, Value> {
    Map::from_iter([
        ("pipeline".to_owned(), Value::from(execution.declaration.name.clone())),
        ("execution-id".to_owned(), Value::from(execution.id.clone())),
        ("version".to_owned(), number(execution.version)),
    ])
}

fn push(execution: &Execution, level: &str, detail: Map<String, Value>, turn: &mut Turn<'_>) {
    let event = envelope(turn.locality, &execution.declaration.name, level, turn.now, detail);
    turn.effects.push(Effect::Tell(event));
}

/// Something happened to the execution.
pub(super) fn pipeline(execution: &Execution, state: &str, turn: &mut Turn<'_>) {
    let mut detail = detail(execution);
    detail.insert("start-time".to_owned(), moment(execution.started));
    detail.insert("state".to_owned(), Value::from(state));
    detail.insert("pipeline-execution-attempt".to_owned(), number(execution.attempt));
    if state == "STARTED" {
        let trigger = json!({"trigger-type": execution.trigger.kind, "trigger-detail": execution.trigger.detail});
        detail.insert("execution-trigger".to_owned(), trigger);
    }
    if let Some(at) = execution.retried {
        detail.insert("last-retry-attempt-time".to_owned(), moment(at));
    }
    if let Some(reason) = execution.stop.as_ref().and_then(|stop| stop.reason.clone())
        && state.starts_with("STOP")
    {
        detail.insert("stop-execution-comments".to_owned(), Value::from(reason));
    }
    push(execution, "Pipeline", detail, turn);
}

/// Something happened to a stage.
pub(super) fn stage(execution: &Execution, stage: usize, state: &str, turn: &mut Turn<'_>) {
    let run = &execution.stages[stage];
    let mut detail = detail(execution);
    detail.insert("start-time".to_owned(), moment(run.started.unwrap_or(turn.now)));
    detail.insert("stage".to_owned(), Value::from(execution.stage(stage).name.clone()));
    detail.insert("state".to_owned(), Value::from(state));
    detail.insert("pipeline-execution-attempt".to_owned(), number(execution.stage_attempt()));
    if let Some(at) = run.retried {
        detail.insert("stage-last-retry-attempt-time".to_owned(), moment(at));
    }
    push(execution, "Stage", detail, turn);
}

/// Something happened to an action.
pub(super) fn action(execution: &Execution, run: &ActionRun, state: &str, turn: &mut Turn<'_>) {
    let mut detail = detail(execution);
    detail.insert("start-time".to_owned(), moment(run.started));
    detail.insert("stage".to_owned(), Value::from(execution.stage(run.stage).name.clone()));
    detail.insert("action-execution-id".to_owned(), Value::from(run.id.clone()));
    detail.insert("action".to_owned(), Value::from(run.action.name.clone()));
    detail.insert("state".to_owned(), Value::from(state));
    let region = run.action.region.as_ref().unwrap_or(&turn.locality.region);
    detail.insert("region".to_owned(), Value::from(region.clone()));
    detail.insert("type".to_owned(), json!(run.action.action_type_id));
    detail.insert("pipeline-execution-attempt".to_owned(), number(execution.attempt));
    if !run.inputs.is_empty() {
        detail.insert("input-artifacts".to_owned(), artifacts(&run.inputs));
    }
    if state != "STARTED" {
        let made: Vec<Artifact> = run.outputs.iter().filter(|artifact| artifact.zip.is_some()).cloned().collect();
        if !made.is_empty() {
            detail.insert("output-artifacts".to_owned(), artifacts(&made));
        }
        let result = result(run);
        if !result.is_empty() {
            detail.insert("execution-result".to_owned(), Value::from(result));
        }
    }
    push(execution, "Action", detail, turn);
}

fn artifacts(of: &[Artifact]) -> Value {
    let one = |artifact: &Artifact| json!({"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}});
    of.iter().map(one).collect()
}

fn result(run: &ActionRun) -> Map<String, Value> {
    // A rejected approval has no error details in the API, and an error code in its event.
    let rejected = run.action.is_approval() && run.status == crate::wire::pipeline::execution::ActionStatus::Failed;
    let code = run.error.as_ref().map(|error| error.code.clone()).or_else(|| rejected.then(|| "JobFailed".to_owned()));
    let summary = run.summary.clone().or_else(|| run.error.as_ref().and_then(|error| error.message.clone()));
    let id = run.external_id.clone().or_else(|| run.action.is_approval().then(|| run.id.clone()));
    let members = [
        ("external-execution-id", id),
        ("external-execution-url", run.external_url.clone()),
        ("external-execution-summary", summary),
        ("error-code", code),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))).collect()
}
