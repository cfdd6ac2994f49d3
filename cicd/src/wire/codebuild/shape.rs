//! What a project is made of, as the API writes it.
//!
//! What we use has a field; what we only hand back (`vpcConfig`, `logsConfig`, `cache`, ...) stays as it came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a build's files come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    /// `CODEPIPELINE`, `NO_SOURCE`, `S3`, ...
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Where they are: `bucket/key` of an S3 source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// A buildspec inline, or its path in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buildspec: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Where a build's artifacts go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Artifacts {
    /// `CODEPIPELINE`, `NO_ARTIFACTS` or `S3`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// What a build runs in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Environment {
    /// `LINUX_CONTAINER`, `ARM_CONTAINER`, ...
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The image's name.
    pub(crate) image: String,
    /// `BUILD_GENERAL1_SMALL`, ...
    pub(crate) compute_type: String,
    #[serde(default)]
    pub(crate) environment_variables: Vec<Variable>,
    #[serde(default)]
    pub(crate) privileged_mode: bool,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A variable that a build is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    /// `PLAINTEXT`, `PARAMETER_STORE` or `SECRETS_MANAGER`.
    #[serde(rename = "type", default = "plaintext")]
    pub(crate) kind: String,
}

fn plaintext() -> String {
    "PLAINTEXT".to_owned()
}

/// What `CreateProject` takes and `UpdateProject` changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) artifacts: Artifacts,
    pub(crate) environment: Environment,
    pub(crate) service_role: String,
    /// Minutes that a build may take.
    #[serde(default = "sixty")]
    pub(crate) timeout_in_minutes: u64,
    /// Minutes that a build may wait.
    #[serde(default = "eight_hours")]
    pub(crate) queued_timeout_in_minutes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encryption_key: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// CodeBuild's own defaults, in minutes.
fn sixty() -> u64 {
    60
}

fn eight_hours() -> u64 {
    480
}

/// Puts variables over variables: the later ones win, by name.
pub(crate) fn overlaid(below: &[Variable], above: Vec<Variable>) -> Vec<Variable> {
    let names: BTreeMap<&str, ()> = above.iter().map(|variable| (variable.name.as_str(), ())).collect();
    let kept: Vec<Variable> = below.iter().filter(|it| !names.contains_key(it.name.as_str())).cloned().collect();
    kept.into_iter().chain(above).collect()
}
