//! What is to be seen of an execution, in our own words: the API's answers and EventBridge's events both become this.

use std::collections::BTreeMap;

use aws_sdk_codepipeline::types::{ActionExecutionDetail, ActionExecutionStatus, PipelineExecutionStatus};

use super::build::Build;

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExecutionState {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Superseded,
    Cancelled,
}

impl ExecutionState {
    /// Reads the API's word or an event's; none for a word that was not known when this was written.
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "INPROGRESS" | "STARTED" | "RESUMED" => Self::InProgress,
            "STOPPING" => Self::Stopping,
            "STOPPED" => Self::Stopped,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "SUPERSEDED" => Self::Superseded,
            "CANCELLED" | "CANCELED" => Self::Cancelled,
            _ => return None,
        })
    }

    /// It moves no more, unless somebody tries a stage again.
    pub(super) fn is_final(self) -> bool {
        match self {
            Self::InProgress | Self::Stopping => false,
            Self::Stopped | Self::Succeeded | Self::Failed | Self::Superseded | Self::Cancelled => true,
        }
    }
}

impl From<&PipelineExecutionStatus> for ExecutionState {
    /// A word that is not known is not final: it is looked at again.
    fn from(status: &PipelineExecutionStatus) -> Self {
        Self::read(status.as_str()).unwrap_or_else(|| {
            tracing::warn!("CodePipeline says {:?} of an execution, which this version does not know", status.as_str());
            Self::InProgress
        })
    }
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionState {
    InProgress,
    Succeeded,
    Failed,
    Abandoned,
    Cancelled,
}

impl ActionState {
    /// Reads the API's word or an event's; none for a word that was not known when this was written.
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "INPROGRESS" | "STARTED" => Self::InProgress,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "ABANDONED" => Self::Abandoned,
            "CANCELLED" | "CANCELED" => Self::Cancelled,
            _ => return None,
        })
    }
}

impl From<&ActionExecutionStatus> for ActionState {
    fn from(status: &ActionExecutionStatus) -> Self {
        Self::read(status.as_str()).unwrap_or_else(|| {
            tracing::warn!("CodePipeline says {:?} of an action, which this version does not know", status.as_str());
            Self::InProgress
        })
    }
}

/// What does an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person.
    Approval,
    /// A build, which can be asked about, and ended.
    CodeBuild,
    /// Anything else: a source, a deploy.
    Other,
}

impl Kind {
    /// By the words of the action's type.
    pub(super) fn of(category: &str, provider: &str) -> Self {
        match (category, provider) {
            ("Approval", _) => Self::Approval,
            (_, "CodeBuild") => Self::CodeBuild,
            _ => Self::Other,
        }
    }
}

/// One action, its last attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    pub(super) stage: String,
    pub(super) name: String,
    /// The action execution's id; an approval's token.
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) state: ActionState,
    /// Who moved it last, an ARN; only the API tells.
    pub(super) by: Option<String>,
    /// What it is called where it is done: a build's id.
    pub(super) external: Option<String>,
    /// Where people see it.
    pub(super) url: Option<String>,
    /// Why it failed, or what a person said.
    pub(super) words: Option<String>,
    /// The build behind it, when it was asked for.
    pub(super) build: Option<Build>,
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Execution {
    pub(super) state: ExecutionState,
    pub(super) summary: Option<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// In the order in which they began.
    pub(super) actions: Vec<Action>,
    /// How often each action was tried, by stage and name.
    pub(super) attempts: BTreeMap<(String, String), usize>,
}

impl Execution {
    /// Takes what `ListActionExecutions` says, the newest first.
    pub(super) fn with(mut self, details: &[ActionExecutionDetail]) -> Self {
        for detail in details {
            let action = Action::of(detail);
            let tried = self.attempts.entry((action.stage.clone(), action.name.clone())).or_default();
            *tried += 1;
            if *tried == 1 {
                self.actions.insert(0, action);
            }
        }
        self
    }

    /// What is being done.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.state == ActionState::InProgress)
    }
}

impl Action {
    fn of(detail: &ActionExecutionDetail) -> Self {
        let result = detail.output().and_then(|output| output.execution_result());
        let kind = detail.input().and_then(|input| input.action_type_id());
        let error = result.and_then(|result| result.error_details());
        let words = error.and_then(|error| error.message()).or(result.and_then(|it| it.external_execution_summary()));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            stage: text(detail.stage_name()),
            name: text(detail.action_name()),
            id: text(detail.action_execution_id()),
            kind: kind.map_or(Kind::Other, |kind| Kind::of(kind.category().as_str(), kind.provider())),
            state: detail.status().map_or(ActionState::InProgress, ActionState::from),
            by: detail.updated_by().map(str::to_owned),
            external: result.and_then(|result| result.external_execution_id()).map(str::to_owned),
            url: result.and_then(|result| result.external_execution_url()).map(str::to_owned),
            words: words.filter(|words| !words.is_empty()).map(str::to_owned),
            build: None,
        }
    }
}
