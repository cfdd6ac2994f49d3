//! The operations of the API, each from its input to its answer.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::shape::asked::{self, read};
use crate::wire::shape::told::{self, say};

mod approvals;
mod executions;
mod history;
pub(in crate::wire) mod page;
mod pipelines;
mod stages;
mod start;
mod state;
mod tags;

/// Answers an operation by its name, `StartPipelineExecution`.
///
/// # Errors
/// The service's exceptions, by name.
pub fn answer(wire: &Arc<Wire>, operation: &str, input: Value) -> Result<Value, AwsError> {
    match operation {
        "CreatePipeline" => told(pipelines::create(wire, read(input)?)),
        "GetPipeline" => told(pipelines::get(wire, read(input)?)),
        "UpdatePipeline" => told(pipelines::update(wire, read(input)?)),
        "DeletePipeline" => nothing(pipelines::delete(wire, read(input)?)),
        "ListPipelines" => told(pipelines::list(wire, read(input)?, Vec::new())),
        "StartPipelineExecution" => told(start::start(wire, read(input)?)),
        "GetPipelineExecution" => told(executions::get(wire, read(input)?)),
        "ListPipelineExecutions" => told(executions::list(wire, read(input)?)),
        "StopPipelineExecution" => told(executions::stop(wire, read(input)?)),
        "GetPipelineState" => told(state::get(wire, read(input)?)),
        "ListActionExecutions" => told(history::actions(wire, read(input)?)),
        "ListRuleExecutions" => told(history::rules(wire, read(input)?)),
        "PutApprovalResult" => told(approvals::put(wire, read(input)?)),
        "RetryStageExecution" => told(stages::retry(wire, read(input)?)),
        "RollbackStage" => told(stages::rollback(wire, read(input)?)),
        "OverrideStageCondition" => nothing(stages::override_condition(wire, read(input)?)),
        "EnableStageTransition" => nothing(stages::transition(wire, true, read(input)?)),
        "DisableStageTransition" => nothing(stages::transition(wire, false, read(input)?)),
        "TagResource" => empty(tags::tag(wire, read(input)?)),
        "UntagResource" => empty(tags::untag(wire, read(input)?)),
        "ListTagsForResource" => told(tags::list(wire, read(input)?)),
        unknown => Err(AwsError::unknown_operation(unknown)),
    }
}

/// Answers `ListPipelines` with these among the wire's own.
///
/// # Errors
/// As `ListPipelines` is refused.
pub(in crate::wire) fn list_with(
    wire: &Arc<Wire>,
    asked: asked::ListPipelines,
    more: Vec<told::PipelineSummary>,
) -> Result<told::ListPipelines, AwsError> {
    pipelines::list(wire, asked, more)
}

fn told(answer: Result<impl Serialize, AwsError>) -> Result<Value, AwsError> {
    say(&answer?)
}

/// Operations without an output answer an empty body; `null` stands for it.
fn nothing(answer: Result<(), AwsError>) -> Result<Value, AwsError> {
    answer.map(|()| Value::Null)
}

/// Operations with an output that has no members answer `{}`.
fn empty(answer: Result<(), AwsError>) -> Result<Value, AwsError> {
    answer.map(|()| Value::Object(serde_json::Map::new()))
}
