//! An EventBridge event of `CodePipeline`, read.
//!
//! Numbers come as floats, fields in any order, and more of them than are documented: what is not needed is not read. The user
//! guide's page `detect-state-changes-cloudwatch-events`, and recorded events.

use serde::Deserialize;

use super::seen::{Action, ActionState, ExecutionState, Kind};

/// A message longer than this is none of EventBridge: its limit is 256 KB.
const MESSAGE_MAX: usize = 1024 * 1024;
/// Ids of executions are UUIDs. What is longer is none, and no key that a table could be asked for.
const ID_MAX: usize = 64;

/// An event of an execution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) pipeline: String,
    pub(super) execution: String,
    pub(super) what: What,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Execution(ExecutionState),
    /// The actions of a stage say all that is needed. Whether something is being done there.
    Stage {
        is_at_work: bool,
    },
    Action(Box<Action>),
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    source: String,
    #[serde(default, rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    detail: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    pipeline: String,
    execution_id: String,
    state: String,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    action_execution_id: String,
    #[serde(default, rename = "type")]
    kind: Type,
    #[serde(default)]
    execution_result: ExecutionResult,
}

#[derive(Deserialize, Default)]
struct Type {
    #[serde(default)]
    provider: String,
    #[serde(default)]
    category: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct ExecutionResult {
    external_execution_id: Option<String>,
    external_execution_url: Option<String>,
    external_execution_summary: Option<String>,
    error_code: Option<String>,
}

/// Reads a message; none when it is about something else.
///
/// # Errors
/// Why it cannot be read, and never will be; nothing of the message but its place.
pub(super) fn read(message: &str) -> Result<Option<Heard>, String> {
    if message.len() > MESSAGE_MAX {
        return Err(format!("a message of {} bytes is no event of EventBridge", message.len()));
    }
    let envelope: Envelope =
        serde_json::from_str(message).map_err(|error| format!("a message that is no event of EventBridge: {error}"))?;
    if envelope.source != "aws.codepipeline" {
        return Ok(None);
    }
    let what: fn(&Detail) -> Option<What> = match envelope.detail_type.as_str() {
        "CodePipeline Pipeline Execution State Change" => execution,
        "CodePipeline Stage Execution State Change" => stage,
        "CodePipeline Action Execution State Change" => action,
        _ => return Ok(None),
    };
    let detail: Detail = serde_json::from_value(envelope.detail)
        .map_err(|error| format!("an event of CodePipeline that cannot be read: {error}"))?;
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if detail.execution_id.len() > ID_MAX || !detail.execution_id.chars().all(letters) {
        return Err("an event of CodePipeline with no execution's id where one should be".to_owned());
    }
    let Some(what) = what(&detail) else {
        let state: String = detail.state.chars().take(40).collect();
        return Err(format!("an event of CodePipeline in the state {state:?}, which this version does not know"));
    };
    Ok(Some(Heard { pipeline: detail.pipeline, execution: detail.execution_id, what }))
}

fn execution(detail: &Detail) -> Option<What> {
    ExecutionState::read(&detail.state).map(What::Execution)
}

fn stage(detail: &Detail) -> Option<What> {
    let state = ExecutionState::read(&detail.state)?;
    Some(What::Stage { is_at_work: state == ExecutionState::InProgress })
}

fn action(detail: &Detail) -> Option<What> {
    let result = &detail.execution_result;
    let words = result.external_execution_summary.clone().or_else(|| result.error_code.clone());
    Some(What::Action(Box::new(Action {
        stage: detail.stage.clone(),
        name: detail.action.clone(),
        id: detail.action_execution_id.clone(),
        kind: Kind::of(&detail.kind.category, &detail.kind.provider),
        state: ActionState::read(&detail.state)?,
        by: None,
        external: result.external_execution_id.clone(),
        url: result.external_execution_url.clone(),
        words: words.filter(|words| !words.is_empty()),
        build: None,
    })))
}

#[cfg(test)]
mod tests;
