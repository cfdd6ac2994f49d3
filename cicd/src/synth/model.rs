//! What `pointsman synth --format json` prints.

use router::id::{EnvironmentName, PipelineName, StageName};
use serde::Serialize;

use crate::engine::codepipeline::names;

/// Every pipeline of a rule file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// The version of this shape.
    pub version: u32,
    /// The rule file's hash: `sha256:<64 hex>`.
    pub rules: String,
    /// What goes before names.
    pub prefix: String,
    /// The pipelines, in the order of the rule file.
    pub pipelines: Vec<PipelineModel>,
    /// What should be known and is no mistake, a sentence each.
    pub notes: Vec<String>,
}

impl Model {
    /// The version of this shape.
    pub const VERSION: u32 = 1;
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineModel {
    /// Its name in the rule file.
    pub name: PipelineName,
    /// Its name on AWS.
    pub pipeline: String,
    /// The variables that it declares.
    pub variables: Vec<Variable>,
    /// Its stages, in their order.
    pub stages: Vec<Stage>,
    /// What deploys, when a buildspec does.
    pub deploy_project: Option<Project>,
    /// The environments, in their order; none when nothing deploys.
    pub environments: Vec<EnvironmentStage>,
}

/// A variable that a pipeline declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its default; without one an execution must be given a value.
    pub default: Option<String>,
}

/// When a stage is entered; otherwise it is skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The variable, as a reference: `#{variables.STAGES}`.
    pub variable: String,
    /// What it must contain: `,lint,`.
    pub contains: String,
}

impl Condition {
    pub(super) fn contains(variable: &str, name: &str) -> Self {
        Self { variable: format!("#{{variables.{variable}}}"), contains: names::listed(name) }
    }
}

/// A stage of the rule file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// Its name, on AWS too, and its action's.
    pub name: StageName,
    /// When it runs.
    pub condition: Condition,
    /// What builds it.
    pub project: Project,
    /// Its action.
    pub build: Build,
}

/// A project of `CodeBuild`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its buildspec.
    pub buildspec: BuildspecSource,
    /// The machine and its image.
    pub machine: Machine,
    /// Builds may start containers.
    pub privileged: bool,
    /// After so many minutes a build is ended.
    pub timeout_minutes: u64,
}

/// Where a project's buildspec comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildspecSource {
    /// A path in the commit.
    Path(String),
    /// The text itself: changing it is changing the project.
    Text(String),
}

/// What a build runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// `CodeBuild`'s environment type: `LINUX_CONTAINER`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `CodeBuild`'s compute type: `BUILD_GENERAL1_SMALL`.
    pub compute: String,
    /// The largest that a stage may step up to; the same when it does not step.
    pub largest: String,
    /// The image.
    pub image: String,
    /// Who pulls the image: `CODEBUILD` its own ones, `SERVICE_ROLE` all others.
    pub image_pull: String,
}

/// A `CodeBuild` action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The artifacts it is given; the first is the source and the one that it works in.
    pub inputs: Vec<String>,
    /// The artifact that it leaves.
    pub output: Option<String>,
    /// Where its exported variables are found, when it has any.
    pub namespace: Option<String>,
    /// The action's `EnvironmentVariables`, JSON in a text as the action takes it.
    pub environment_variables: String,
}

/// An environment's stage: its gate, then its deploy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvironmentStage {
    /// The environment's name.
    pub name: EnvironmentName,
    /// The stage's name.
    pub stage: String,
    /// When it runs.
    pub condition: Condition,
    /// The approval.
    pub gate: Gate,
    /// What deploys.
    pub deploy: ServiceDeploy,
    /// What its own cleanup is done by; none where the pipeline's deploy is done.
    pub project: Option<Project>,
}

/// An approval action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Its name.
    pub action: String,
    /// What it shows to people.
    pub says: String,
    /// After so many minutes `CodePipeline` closes it. Pointsman closes it before, when the rule file says so.
    pub timeout_minutes: u64,
}

/// What deploys to an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceDeploy {
    /// The pipeline's deploy project.
    Build(Build),
    /// A service of Amazon ECS.
    Ecs {
        /// The artifact with the file.
        input: String,
        /// The cluster.
        cluster: String,
        /// The service.
        service: String,
        /// The file that names the images.
        file: String,
    },
    /// Stacks, one after the other.
    Cloudformation {
        /// The artifact with the templates.
        input: String,
        /// The stacks, in their order.
        stacks: Vec<Stack>,
    },
    /// A deployment group of `CodeDeploy`.
    Codedeploy {
        /// The artifact.
        input: String,
        /// The application.
        application: String,
        /// The deployment group.
        group: String,
    },
}

/// A stack and its two actions: the last stack's second one is called `deploy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stack {
    /// The stack's name.
    pub stack: String,
    /// Its template: `artifact::file`.
    pub template: String,
    /// The action that makes the change set.
    pub prepare: String,
    /// The action that executes it.
    pub execute: String,
}
