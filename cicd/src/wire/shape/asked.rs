//! What the operations take.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::declaration::{PipelineDeclaration, RetryMode};
use crate::wire::error::AwsError;

/// Reads an operation's input. Unknown members are passed over, as the service does.
///
/// # Errors
/// `ValidationException` when something is missing, `SerializationException` when something is of the wrong type.
pub fn read<T: DeserializeOwned>(input: Value) -> Result<T, AwsError> {
    serde_json::from_value(input).map_err(|error| {
        let said = error.to_string();
        match said.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
            Some((field, _)) => AwsError::invalid(format!(
                "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must not be null"
            )),
            None => AwsError::refused("SerializationException", said),
        }
    })
}

macro_rules! asked {
    ($($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the service model names and describes the members")]
        pub struct $name { $($(#[$meta])* pub $field: $type),* })*
    };
}

asked! {
    /// `Tag`.
    Tag { key: String, #[serde(default)] value: String }
    /// `CreatePipelineInput`.
    CreatePipeline { pipeline: PipelineDeclaration, #[serde(default)] tags: Vec<Tag> }
    /// `UpdatePipelineInput`.
    UpdatePipeline { pipeline: PipelineDeclaration }
    /// `GetPipelineInput`.
    GetPipeline { name: String, version: Option<u32> }
    /// `DeletePipelineInput`, `GetPipelineStateInput`.
    OfPipeline { name: String }
    /// `ListPipelinesInput`.
    ListPipelines { next_token: Option<String>, max_results: Option<i64> }
    /// `StartPipelineExecutionInput`.
    StartPipelineExecution {
        name: String,
        #[serde(default)] variables: Vec<Variable>,
        client_request_token: Option<String>,
        #[serde(default)] source_revisions: Vec<SourceRevisionOverride>,
    }
    /// `PipelineVariable`.
    Variable { name: String, value: String }
    /// `SourceRevisionOverride`.
    SourceRevisionOverride { action_name: String, revision_type: String, revision_value: String }
    /// `GetPipelineExecutionInput`.
    GetPipelineExecution { pipeline_name: String, pipeline_execution_id: String }
    /// `ListPipelineExecutionsInput`.
    ListPipelineExecutions {
        pipeline_name: String,
        max_results: Option<i64>,
        filter: Option<PipelineExecutionFilter>,
        next_token: Option<String>,
    }
    /// `PipelineExecutionFilter`.
    PipelineExecutionFilter { succeeded_in_stage: Option<SucceededInStage> }
    /// `SucceededInStageFilter`.
    SucceededInStage { stage_name: Option<String> }
    /// `ListActionExecutionsInput` and `ListRuleExecutionsInput`.
    ListActionExecutions {
        pipeline_name: String,
        filter: Option<ActionExecutionFilter>,
        max_results: Option<i64>,
        next_token: Option<String>,
    }
    /// `ActionExecutionFilter`.
    ActionExecutionFilter {
        pipeline_execution_id: Option<String>,
        latest_in_pipeline_execution: Option<LatestInPipelineExecution>,
    }
    /// `LatestInPipelineExecutionFilter`.
    LatestInPipelineExecution { pipeline_execution_id: String, start_time_range: String }
    /// `PutApprovalResultInput`.
    PutApprovalResult {
        pipeline_name: String,
        stage_name: String,
        action_name: String,
        result: ApprovalResult,
        token: String,
    }
    /// `ApprovalResult`.
    ApprovalResult { summary: String, status: String }
    /// `StopPipelineExecutionInput`.
    StopPipelineExecution {
        pipeline_name: String,
        pipeline_execution_id: String,
        #[serde(default)] abandon: bool,
        reason: Option<String>,
    }
    /// `RetryStageExecutionInput`.
    RetryStageExecution {
        pipeline_name: String,
        stage_name: String,
        pipeline_execution_id: String,
        retry_mode: RetryMode,
    }
    /// `RollbackStageInput`.
    RollbackStage { pipeline_name: String, stage_name: String, target_pipeline_execution_id: String }
    /// `EnableStageTransitionInput` and `DisableStageTransitionInput`.
    StageTransition { pipeline_name: String, stage_name: String, transition_type: String, reason: Option<String> }
    /// `OverrideStageConditionInput`.
    OverrideStageCondition {
        pipeline_name: String,
        stage_name: String,
        pipeline_execution_id: String,
        condition_type: String,
    }
    /// `TagResourceInput`.
    TagResource { resource_arn: String, tags: Vec<Tag> }
    /// `UntagResourceInput`.
    UntagResource { resource_arn: String, tag_keys: Vec<String> }
    /// `ListTagsForResourceInput`.
    ListTagsForResource { resource_arn: String, next_token: Option<String>, max_results: Option<i64> }
}
