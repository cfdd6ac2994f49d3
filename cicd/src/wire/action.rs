//! One action to be done for an execution, and who does it.
//!
//! The executor itself does S3 sources and manual approvals; every other action type goes through [`Act`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// What kind of action it is, as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionTypeId {
    /// `Source`, `Build`, `Deploy`, `Test`, `Invoke`, `Approval` or `Compute`.
    pub category: String,
    /// `AWS`, `ThirdParty` or `Custom`.
    pub owner: String,
    /// `S3`, `CodeBuild`, `Manual`, `ECS`, ...
    pub provider: String,
    /// `1`.
    pub version: String,
}

/// An artifact that an action takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactIn {
    /// Its name in the pipeline.
    pub name: String,
    /// Where its zip lies on this machine; not to be changed.
    pub zip: PathBuf,
    /// The artifact store's bucket, as the API names it.
    pub bucket: String,
    /// Its key there, as the API names it.
    pub key: String,
    /// The revision of the source it was made of: the object's version, not the artifact's.
    pub revision: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct ActionWork {
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline execution's id.
    pub execution: String,
    /// The stage's name.
    pub stage: String,
    /// The action's name.
    pub action: String,
    /// The action execution's id, new with every attempt.
    pub action_execution: String,
    /// Its type.
    pub kind: ActionTypeId,
    /// Its configuration, with every variable put in.
    pub configuration: BTreeMap<String, String>,
    /// The namespace its variables will be known by.
    pub namespace: Option<String>,
    /// The role it was declared with.
    pub role: Option<String>,
    /// What it takes, in the declared order: the first is the primary one where the configuration names none.
    pub inputs: Vec<ArtifactIn>,
    /// The names of what it must leave.
    pub outputs: Vec<String>,
    /// A folder of its own, there and empty. It goes, with what is in it, once the end has been taken.
    pub folder: PathBuf,
    /// Cancelled when the wire closes, never by `StopPipelineExecution`: an abandoned action's provider goes on with what it does.
    pub stop: CancellationToken,
}

/// Why an action failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionFailure {
    /// `JobFailed`, `ConfigurationError`, `PermissionError`, ...
    pub code: String,
    /// For people, at most 5000 characters are kept.
    pub message: String,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionEnd {
    /// Well or not.
    pub result: Result<(), ActionFailure>,
    /// The provider's id of the work: for CodeBuild the build's id.
    pub external_id: Option<String>,
    /// Where the provider shows the work.
    pub external_url: Option<String>,
    /// The provider's own word on how it went.
    pub summary: Option<String>,
    /// What it left: the artifact's name, and a zip in [`ActionWork::folder`] that is moved away from there.
    pub outputs: Vec<(String, PathBuf)>,
    /// What it tells later actions, under its namespace.
    pub variables: BTreeMap<String, String>,
}

impl ActionEnd {
    /// An end that left nothing.
    pub fn done() -> Self {
        Self {
            result: Ok(()),
            external_id: None,
            external_url: None,
            summary: None,
            outputs: vec![],
            variables: BTreeMap::new(),
        }
    }

    /// A failure that left nothing.
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        let failure = ActionFailure { code: code.to_owned(), message: message.into() };
        Self { result: Err(failure), ..Self::done() }
    }
}

/// What an action's provider said when it took the work, while the work goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionTaken {
    /// The provider's id of the work.
    pub external_id: String,
    /// Where the provider shows it.
    pub external_url: Option<String>,
}

/// Hears that a provider has taken the work, so that `GetPipelineState` and `ListActionExecutions` can say so early.
pub type Taken = Box<dyn FnOnce(ActionTaken) + Send>;

/// Does actions.
#[async_trait]
pub trait Act: Send + Sync + 'static {
    /// Does one, and returns when it is over. What is configured wrongly is a failure (`ConfigurationError`), never a panic.
    async fn act(&self, work: ActionWork, taken: Taken) -> ActionEnd;
}
