//! The embedded engine in the words of AWS: the CodePipeline and CodeBuild JSON protocol in front of it.
//!
//! | module | what it does |
//! |---|---|
//! | [`action`], [`acts`] | one action to be done, and who does it |
//! | [`codebuild`] | CodeBuild: projects and builds |
//! | [`deploys`] | deploy actions, done elsewhere or written down |
//! | [`door`] | the protocol: requests, callers, refusals |
//! | [`error`] | a refusal as the protocol says it |
//! | [`events`] | state changes as CodePipeline tells them, and where they go |
//! | [`front`] | all of it, put together behind the door |
//! | [`pipeline`] | CodePipeline: pipelines, executions, and how these go on |
//! | [`runs`] | the runs that the rule file starts, as executions |
//! | [`shape`] | the shapes of the CodePipeline API |
//! | [`template`] | pipelines and projects out of CloudFormation templates |
//!
//! Everything lives in memory and ends with the process; `pipeline/limits.rs` says how much is remembered. Ended
//! executions beyond 500 per pipeline are forgotten, and the artifacts of ended ones beyond 20.
//!
//! # CodePipeline operations
//!
//! | offered | |
//! |---|---|
//! | pipelines | `CreatePipeline`, `GetPipeline`, `UpdatePipeline`, `DeletePipeline`, `ListPipelines` |
//! | executions | `StartPipelineExecution`, `GetPipelineExecution`, `ListPipelineExecutions`, `StopPipelineExecution`, `GetPipelineState` |
//! | history | `ListActionExecutions`, `ListRuleExecutions` |
//! | stages | `RetryStageExecution`, `RollbackStage`, `OverrideStageCondition`, `EnableStageTransition`, `DisableStageTransition` |
//! | approvals | `PutApprovalResult` |
//! | tags | `TagResource`, `UntagResource`, `ListTagsForResource` |
//!
//! | not offered | why |
//! |---|---|
//! | `PollForJobs`, `AcknowledgeJob`, `GetJobDetails`, `PutJobSuccessResult`, `PutJobFailureResult` and their `ThirdParty` forms | no job workers |
//! | `CreateCustomActionType`, `DeleteCustomActionType`, `GetActionType`, `ListActionTypes`, `UpdateActionType`, `ListRuleTypes` | no catalogue of types |
//! | `PutWebhook`, `ListWebhooks`, `DeleteWebhook`, `RegisterWebhookWithThirdParty`, `DeregisterWebhookWithThirdParty` | runs are started by the router |
//! | `PutActionRevision` | no custom sources |
//! | `ListDeployActionExecutionTargets` | no EC2 deploys |
//!
//! Where it differs from AWS: sources are never polled and triggers never fire; of the rules only `VariableCheck` is
//! looked at; an answered approval goes on at once, not half a minute later; roles and KMS keys are kept and not used;
//! artifacts lie on this machine's disk under the names they would have in the bucket; an execution that an update
//! cancels ends at once, with its events, as the user guide says.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

pub mod action;
pub mod acts;
pub mod codebuild;
pub mod deploys;
pub mod door;
pub mod error;
pub mod events;
pub mod front;
mod ids;
pub mod pipeline;
pub mod runs;
pub mod shape;
pub mod template;

pub use door::router;

/// Where the wire says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locality {
    /// `eu-central-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Locality {
    /// A pipeline's ARN.
    pub fn pipeline_arn(&self, name: &str) -> String {
        format!("arn:aws:codepipeline:{}:{}:{name}", self.region, self.account)
    }

    /// Who is said to have asked: the wire takes every signature and tells nobody apart.
    pub fn caller(&self) -> String {
        format!("arn:aws:iam::{}:user/wire", self.account)
    }
}

/// What a wire is made of.
pub struct WireConfig {
    /// A folder of its own for artifacts and actions. What an earlier process left there is removed.
    pub home: PathBuf,
    /// Where it says it is.
    pub locality: Locality,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Does the actions that are neither an S3 source nor an approval.
    pub act: Arc<dyn action::Act>,
    /// Where S3 sources come from.
    pub objects: Arc<dyn pipeline::source::Objects>,
    /// Where approvals are announced. Without it an approval that names a topic fails.
    pub topics: Option<Arc<dyn pipeline::topic::Topics>>,
    /// Where events go.
    pub targets: Vec<Arc<dyn events::outlet::Target>>,
}

/// An engine that speaks AWS.
pub struct Wire {
    pub(in crate::wire) locality: Locality,
    pub(in crate::wire) clock: Arc<dyn Clock>,
    pub(in crate::wire) pipelines: pipeline::shell::Pipelines,
    /// What is told to the world.
    pub events: events::outlet::Outlet,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Wire {
    /// Opens it, within a tokio runtime. Dropping it ends what it does.
    ///
    /// # Errors
    /// The folder cannot be made empty.
    pub fn open(config: WireConfig) -> io::Result<Arc<Self>> {
        let stop = CancellationToken::new();
        let pipelines = pipeline::shell::Pipelines::open(&config)?;
        let events = events::outlet::Outlet::open(config.targets, &stop);
        let (locality, clock, tasks) = (config.locality, config.clock, TaskTracker::new());
        let wire = Arc::new(Self { locality, clock, pipelines, events, tasks, stop });
        pipeline::shell::watch_the_clock(&wire);
        Ok(wire)
    }

    /// Ends what it does and waits for it. Nothing more is told of the executions.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
