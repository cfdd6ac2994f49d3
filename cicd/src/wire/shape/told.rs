//! What the operations answer.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::declaration::{ExecutionMode, PipelineDeclaration, PipelineType};
use super::moment::Moment;
use crate::wire::action::ActionTypeId;
use crate::wire::error::AwsError;

/// Writes an answer. What is not there is left out, as the service does.
///
/// # Errors
/// [`AwsError`] when it cannot be written, which a shape here never is.
pub fn say(answer: &impl Serialize) -> Result<Value, AwsError> {
    let mut value = serde_json::to_value(answer).map_err(|error| AwsError::internal(error.to_string()))?;
    without_nulls(&mut value);
    Ok(value)
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(members) => members.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

macro_rules! told {
    ($($(#[$doc:meta])* $name:ident { $($(#[$meta:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[expect(missing_docs, reason = "the service model names and describes the members")]
        pub struct $name { $($(#[$meta])* pub $field: $type),* })*
    };
}

told! {
    /// `Tag`.
    Tag { key: String, value: String }
    /// `CreatePipelineOutput`, `UpdatePipelineOutput`.
    Written { pipeline: PipelineDeclaration, tags: Option<Vec<Tag>> }
    /// `GetPipelineOutput`.
    GetPipeline { pipeline: PipelineDeclaration, metadata: Metadata }
    /// `PipelineMetadata`.
    Metadata { pipeline_arn: String, created: Moment, updated: Moment }
    /// `ListPipelinesOutput`.
    ListPipelines { pipelines: Vec<PipelineSummary>, next_token: Option<String> }
    /// `PipelineSummary`.
    PipelineSummary {
        name: String,
        version: u32,
        pipeline_type: PipelineType,
        execution_mode: ExecutionMode,
        created: Moment,
        updated: Moment,
    }
    /// `StartPipelineExecutionOutput`, `StopPipelineExecutionOutput`, `RetryStageExecutionOutput`, `RollbackStageOutput`.
    ExecutionId { pipeline_execution_id: String }
    /// `PutApprovalResultOutput`.
    ApprovedAt { approved_at: Moment }
    /// `GetPipelineExecutionOutput`.
    GetPipelineExecution { pipeline_execution: PipelineExecution }
    /// `PipelineExecution`.
    PipelineExecution {
        pipeline_name: String,
        pipeline_version: u32,
        pipeline_execution_id: String,
        status: &'static str,
        status_summary: Option<String>,
        artifact_revisions: Vec<ArtifactRevision>,
        variables: Option<Vec<ResolvedVariable>>,
        trigger: Trigger,
        execution_mode: ExecutionMode,
        execution_type: Option<&'static str>,
        rollback_metadata: Option<RollbackMetadata>,
    }
    /// `ArtifactRevision`.
    ArtifactRevision { name: String, revision_id: String, revision_summary: Option<String> }
    /// `ResolvedPipelineVariable`.
    ResolvedVariable { name: String, resolved_value: String }
    /// `ExecutionTrigger`.
    Trigger { trigger_type: &'static str, trigger_detail: String }
    /// `PipelineRollbackMetadata`.
    RollbackMetadata { rollback_target_pipeline_execution_id: String }
    /// `ListPipelineExecutionsOutput`.
    ListPipelineExecutions { pipeline_execution_summaries: Vec<ExecutionSummary>, next_token: Option<String> }
    /// `PipelineExecutionSummary`.
    ExecutionSummary {
        pipeline_execution_id: String,
        status: &'static str,
        status_summary: Option<String>,
        start_time: Moment,
        last_update_time: Moment,
        source_revisions: Vec<SourceRevision>,
        trigger: Trigger,
        stop_trigger: Option<StopTrigger>,
        execution_mode: ExecutionMode,
        execution_type: Option<&'static str>,
        rollback_metadata: Option<RollbackMetadata>,
    }
    /// `SourceRevision`.
    SourceRevision { action_name: String, revision_id: Option<String>, revision_summary: Option<String> }
    /// `StopExecutionTrigger`.
    StopTrigger { reason: Option<String> }
    /// `GetPipelineStateOutput`.
    PipelineState {
        pipeline_name: String,
        pipeline_version: u32,
        stage_states: Vec<StageState>,
        created: Moment,
        updated: Moment,
    }
    /// `StageState`.
    StageState {
        stage_name: String,
        inbound_execution: Option<StageExecution>,
        inbound_executions: Vec<StageExecution>,
        inbound_transition_state: TransitionState,
        action_states: Vec<ActionState>,
        latest_execution: Option<StageExecution>,
        before_entry_condition_state: Option<ConditionsState>,
        on_success_condition_state: Option<ConditionsState>,
        retry_stage_metadata: Option<RetryMetadata>,
    }
    /// `StageExecution`.
    StageExecution { pipeline_execution_id: String, status: &'static str, r#type: Option<&'static str> }
    /// `TransitionState`.
    TransitionState {
        enabled: bool,
        last_changed_by: Option<String>,
        last_changed_at: Option<Moment>,
        disabled_reason: Option<String>,
    }
    /// `ActionState`.
    ActionState {
        action_name: String,
        current_revision: Option<CurrentRevision>,
        latest_execution: Option<ActionExecution>,
        entity_url: Option<String>,
    }
    /// `ActionRevision`.
    CurrentRevision { revision_id: String, revision_change_id: String, created: Moment }
    /// `ActionExecution`.
    ActionExecution {
        action_execution_id: String,
        status: &'static str,
        summary: Option<String>,
        last_status_change: Moment,
        token: Option<String>,
        last_updated_by: Option<String>,
        external_execution_id: Option<String>,
        external_execution_url: Option<String>,
        error_details: Option<ErrorDetails>,
    }
    /// `ErrorDetails`.
    ErrorDetails { code: String, message: Option<String> }
    /// `StageConditionState`.
    ConditionsState { latest_execution: Option<ConditionExecution>, condition_states: Vec<ConditionState> }
    /// `ConditionState`.
    ConditionState { latest_execution: Option<ConditionExecution>, rule_states: Vec<RuleState> }
    /// `ConditionExecution`, `StageConditionsExecution`.
    ConditionExecution { status: &'static str, summary: Option<String>, last_status_change: Option<Moment> }
    /// `RuleState`.
    RuleState { rule_name: String, latest_execution: Option<RuleExecution> }
    /// `RuleExecution`.
    RuleExecution {
        rule_execution_id: String,
        status: &'static str,
        summary: Option<String>,
        last_status_change: Moment,
        error_details: Option<ErrorDetails>,
    }
    /// `RetryStageMetadata`.
    RetryMetadata {
        auto_stage_retry_attempt: Option<u32>,
        manual_stage_retry_attempt: Option<u32>,
        latest_retry_trigger: &'static str,
    }
    /// `ListActionExecutionsOutput`.
    ListActionExecutions { action_execution_details: Vec<ActionDetail>, next_token: Option<String> }
    /// `ActionExecutionDetail`.
    ActionDetail {
        pipeline_execution_id: String,
        action_execution_id: String,
        pipeline_version: u32,
        stage_name: String,
        action_name: String,
        start_time: Moment,
        last_update_time: Moment,
        updated_by: Option<String>,
        status: &'static str,
        input: ActionInput,
        output: ActionOutput,
    }
    /// `ActionExecutionInput`.
    ActionInput {
        action_type_id: ActionTypeId,
        configuration: BTreeMap<String, String>,
        resolved_configuration: BTreeMap<String, String>,
        role_arn: Option<String>,
        region: String,
        input_artifacts: Vec<ArtifactDetail>,
        namespace: Option<String>,
    }
    /// `ActionExecutionOutput`.
    ActionOutput {
        output_artifacts: Vec<ArtifactDetail>,
        execution_result: Option<ActionResult>,
        output_variables: BTreeMap<String, String>,
    }
    /// `ActionExecutionResult`.
    ActionResult {
        external_execution_id: Option<String>,
        external_execution_summary: Option<String>,
        external_execution_url: Option<String>,
        error_details: Option<ErrorDetails>,
    }
    /// `ArtifactDetail`.
    ArtifactDetail { name: String, s3location: S3Location }
    /// `S3Location`.
    S3Location { bucket: String, key: String }
    /// `ListRuleExecutionsOutput`.
    ListRuleExecutions { rule_execution_details: Vec<RuleDetail>, next_token: Option<String> }
    /// `RuleExecutionDetail`.
    RuleDetail {
        pipeline_execution_id: String,
        rule_execution_id: String,
        pipeline_version: u32,
        stage_name: String,
        rule_name: String,
        start_time: Moment,
        last_update_time: Moment,
        status: &'static str,
        input: RuleInput,
        output: RuleOutput,
    }
    /// `RuleExecutionInput`.
    RuleInput {
        rule_type_id: super::declaration::RuleTypeId,
        configuration: BTreeMap<String, String>,
        resolved_configuration: BTreeMap<String, String>,
    }
    /// `RuleExecutionOutput`.
    RuleOutput { execution_result: RuleResult }
    /// `RuleExecutionResult`.
    RuleResult { external_execution_summary: Option<String>, error_details: Option<ErrorDetails> }
    /// `ListTagsForResourceOutput`.
    ListTags { tags: Vec<Tag>, next_token: Option<String> }
}
