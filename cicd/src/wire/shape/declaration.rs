//! A pipeline's declaration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::action::ActionTypeId;

/// `PipelineDeclaration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineDeclaration {
    /// Its name.
    pub name: String,
    /// The service role.
    pub role_arn: String,
    /// Where artifacts lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_store: Option<ArtifactStore>,
    /// The same by region, for actions in several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_stores: Option<BTreeMap<String, ArtifactStore>>,
    /// In their order.
    pub stages: Vec<StageDeclaration>,
    /// Counts the changes, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How executions stand to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_mode: Option<ExecutionMode>,
    /// `V1` or `V2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_type: Option<PipelineType>,
    /// What a start may set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Vec<VariableDeclaration>>,
    /// Kept and told again; nothing is triggered by them here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Value>,
}

/// `ArtifactStore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactStore {
    /// `S3`.
    pub r#type: String,
    /// The bucket.
    pub location: String,
    /// The key it is encrypted with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<EncryptionKey>,
}

/// `EncryptionKey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionKey {
    /// Its id or ARN.
    pub id: String,
    /// `KMS`.
    pub r#type: String,
}

/// `ExecutionMode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionMode {
    /// A newer execution takes the place of one that waits.
    #[default]
    Superseded,
    /// One after the other, stage by stage.
    Queued,
    /// Each for itself.
    Parallel,
}

/// `PipelineType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PipelineType {
    /// Without variables, modes and conditions.
    V1,
    /// With everything.
    V2,
}

/// `PipelineVariableDeclaration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableDeclaration {
    /// Its name.
    pub name: String,
    /// Without one a start must set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `StageDeclaration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageDeclaration {
    /// Its name.
    pub name: String,
    /// Reserved by the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blockers: Option<Value>,
    /// What it does.
    pub actions: Vec<ActionDeclaration>,
    /// What happens when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<FailureConditions>,
    /// What is looked at when it has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Conditions>,
    /// What is looked at before it is entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_entry: Option<Conditions>,
}

/// `ActionDeclaration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionDeclaration {
    /// Its name, once in its stage.
    pub name: String,
    /// What it is.
    pub action_type_id: ActionTypeId,
    /// Actions of the same order run at once.
    #[serde(default = "one")]
    pub run_order: u32,
    /// May hold variables.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// For the Commands action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// What it leaves.
    #[serde(default)]
    pub output_artifacts: Vec<OutputArtifact>,
    /// What it takes.
    #[serde(default)]
    pub input_artifacts: Vec<InputArtifact>,
    /// For the Commands action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_variables: Option<Vec<String>>,
    /// The role it assumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// By which later actions know its variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only for manual approvals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<u32>,
    /// For the Commands action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_variables: Option<Value>,
}

fn one() -> u32 {
    1
}

impl ActionDeclaration {
    /// Whether it is a source.
    pub fn is_source(&self) -> bool {
        self.action_type_id.category == "Source"
    }

    /// Whether people decide it.
    pub fn is_approval(&self) -> bool {
        self.action_type_id.category == "Approval"
    }
}

/// `OutputArtifact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputArtifact {
    /// Its name.
    pub name: String,
    /// For the Commands action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
}

/// `InputArtifact`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputArtifact {
    /// Its name.
    pub name: String,
}

/// What a condition, or a failed stage, leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConditionResult {
    /// The stage goes back to what was there before.
    Rollback,
    /// The stage fails.
    Fail,
    /// The stage is tried once more.
    Retry,
    /// The stage is left out.
    Skip,
}

/// `BeforeEntryConditions` and `SuccessConditions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// One.
    pub conditions: Vec<Condition>,
}

/// `Condition`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What happens when it is not met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ConditionResult>,
    /// All must hold.
    #[serde(default)]
    pub rules: Vec<RuleDeclaration>,
}

/// `RuleDeclaration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleDeclaration {
    /// Its name.
    pub name: String,
    /// What it is.
    pub rule_type_id: RuleTypeId,
    /// May hold variables.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// The role it assumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_minutes: Option<u32>,
}

/// `RuleTypeId`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTypeId {
    /// `Rule`.
    pub category: String,
    /// `AWS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// `VariableCheck`, ...
    pub provider: String,
    /// `1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// `FailureConditions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureConditions {
    /// What happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ConditionResult>,
    /// How it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_configuration: Option<RetryConfiguration>,
    /// Under which conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

/// `RetryConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryConfiguration {
    /// Which actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_mode: Option<RetryMode>,
}

/// `StageRetryMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RetryMode {
    /// Those that failed.
    FailedActions,
    /// The whole stage.
    AllActions,
}
