//! The pipeline model: source, stages, and for each environment a gate and a deploy.
//!
//! A [`Plan`] is frozen when the decision is made and travels with its run: a rule file edited later changes nothing
//! that has started.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

mod calendar;

pub use calendar::{Calendar, Closed, DAYS, Freeze, Window, weekday, zone};

use crate::id::{EnvironmentName, PipelineName, RouteName, StageName};

/// What one run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: PipelineName,
    /// The stages that run, in their order.
    pub stages: Vec<Stage>,
    /// How an environment is deployed to; none only when there are no environments.
    pub deploy: Option<Deploy>,
    /// The environments it may travel to, in their order.
    pub environments: Vec<Environment>,
    /// The repository's variables of the rule file.
    pub variables: BTreeMap<String, String>,
    /// Where the local engine fetches from, if not from the forge's own address.
    pub clone: Option<String>,
    /// What a newer push on the same ref does to this run.
    pub concurrency: Concurrency,
}

impl Plan {
    /// The step that is done at an environment, when a buildspec does it: its own cleanup, or else the pipeline's deploy.
    pub fn step_at(&self, name: &EnvironmentName) -> Option<&Step> {
        let place = self.environments.iter().find(|place| place.name == *name);
        let cleanup = place.and_then(|place| place.cleanup.as_ref());
        cleanup.or_else(|| self.deploy.as_ref().and_then(Deploy::step))
    }
}

/// How an environment is deployed to.
///
/// In the names of what is deployed to, [`Deploy::ENVIRONMENT`] stands for the environment's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deploy {
    /// A service of Amazon ECS takes the images that a file of the artifact names.
    Ecs(EcsDeploy),
    /// Stacks of CloudFormation, one after the other, each by a change set.
    Cloudformation(Vec<StackDeploy>),
    /// A deployment group of CodeDeploy takes the artifact.
    Codedeploy(CodedeployDeploy),
    /// A buildspec does it. Stored as the step alone.
    #[serde(untagged)]
    Buildspec(Step),
}

impl Deploy {
    /// What stands for the environment's name.
    pub const ENVIRONMENT: &str = "{environment}";

    /// The step, when a buildspec does it.
    pub fn step(&self) -> Option<&Step> {
        match self {
            Self::Buildspec(step) => Some(step),
            Self::Ecs(_) | Self::Cloudformation(_) | Self::Codedeploy(_) => None,
        }
    }

    /// Its key in the rule file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Buildspec(_) => "buildspec",
            Self::Ecs(_) => "ecs",
            Self::Cloudformation(_) => "cloudformation",
            Self::Codedeploy(_) => "codedeploy",
        }
    }
}

impl From<Step> for Deploy {
    fn from(step: Step) -> Self {
        Self::Buildspec(step)
    }
}

/// A service of Amazon ECS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsDeploy {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The file in the artifact that names each container's image.
    pub file: String,
}

/// A stack of CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackDeploy {
    /// The stack's name.
    pub stack: String,
    /// Its template in the artifact.
    pub template: String,
    /// It is deployed on the way to these environments; to every one when none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<EnvironmentName>,
}

impl StackDeploy {
    /// Whether it is deployed on the way to an environment.
    pub fn is_for(&self, environment: &EnvironmentName) -> bool {
        self.only.is_empty() || self.only.contains(environment)
    }
}

/// A deployment group of CodeDeploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodedeployDeploy {
    /// The application's name.
    pub application: String,
    /// The deployment group's name.
    pub group: String,
}

/// One run to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The route it comes from.
    pub route: RouteName,
    /// What it does.
    pub plan: Plan,
}

/// A named step of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// What it does.
    pub step: Step,
}

/// A buildspec and the machine it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub buildspec: Buildspec,
    /// The compute size it starts on, and the one it may step up to.
    pub compute: Compute,
    /// The image it wants; the local engine runs on this machine and says so.
    pub image: Option<String>,
    /// It wants to start containers.
    pub privileged: bool,
    /// After this many seconds it is ended.
    pub timeout_seconds: u64,
}

impl Step {
    /// CodeBuild's own default timeout, one hour.
    pub const TIMEOUT_SECONDS: u64 = 3600;
}

/// Where a buildspec comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buildspec {
    /// A path in the commit.
    Commit(String),
    /// A path beside the rule file.
    Central(String),
    /// The text itself.
    Inline(String),
}

impl fmt::Display for Buildspec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(path) => f.write_str(path),
            Self::Central(path) => write!(f, "central {path}"),
            Self::Inline(_) => f.write_str("inline"),
        }
    }
}

/// A compute size by CodeBuild's table (`small`, `arm-large`, `lambda-2gb`), and the largest it may step up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compute {
    /// The size a stage starts on.
    pub from: String,
    /// The size it may step up to; the same when it does not step.
    pub to: String,
}

impl Default for Compute {
    fn default() -> Self {
        Self { from: "small".to_owned(), to: "small".to_owned() }
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { f.write_str(&self.from) } else { write!(f, "{}..{}", self.from, self.to) }
    }
}

/// A place a commit can be promoted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Who must say yes; none when nobody need.
    pub approval: Option<Approval>,
    /// When it may be entered; none for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// It is no place to deploy to but the end of the way: this is done there in place of the pipeline's deploy. Somebody says yes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Step>,
}

impl Environment {
    /// Why it may not be entered at this moment, whoever said yes.
    pub fn closed(&self, now: jiff::Timestamp) -> Option<Closed> {
        self.calendar.as_ref()?.closed(now)
    }
}

/// Who must say yes before a commit may enter an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The groups or people, as the rule file names them.
    pub by: Vec<String>,
    /// Everyone those names stand for, as the rule file's `people` say: `user:dana`, `github:acme/release-managers`.
    pub people: Vec<String>,
    /// How many different people.
    pub min: u32,
    /// Whoever pushed the commit does not count.
    pub not_author: bool,
    /// After this many seconds of waiting the gate is closed for good.
    pub within_seconds: Option<u64>,
}

/// What a newer push on the same ref does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// It stops the older run, but never a deploy under way.
    #[default]
    Latest,
    /// It waits until the older run is over or waits at a gate.
    Queue,
    /// Both go on.
    All,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deploy_is_kept_as_its_step_or_under_its_service() {
        let step = json!({
            "buildspec": {"commit": "d.yml"}, "compute": {"from": "small", "to": "small"}, "image": null,
            "privileged": false, "timeout_seconds": 60
        });
        let ecs = json!({"ecs": {"cluster": "a", "service": "b", "file": "c.json"}});
        let stacks = json!({"cloudformation": [{"stack": "a", "template": "a.json"}]});
        for kept in [step, ecs, stacks] {
            let deploy: Deploy = serde_json::from_value(kept.clone()).unwrap();
            assert_eq!(deploy.step().is_some(), deploy.key() == "buildspec");
            assert_eq!(serde_json::to_value(&deploy).unwrap(), kept);
        }
    }
}
