//! The services behind one door, put together.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::action::ActionFailure;
use super::acts::Acts;
use super::codebuild::{self, CodeBuild, CodeBuildConfig, Vaults};
use super::deploys::{DeployConfig, Deploys};
use super::door::Credentials;
use super::error::AwsError;
use super::events::outlet::Target;
use super::pipeline::source::{Fetched, Objects, S3Objects};
use super::pipeline::topic::{SnsTopics, Topics};
use super::runs::{Asker, Runs};
use super::template::Declared;
use super::{Locality, Wire, WireConfig, pipeline};
use crate::app::App;
use crate::clock::Clock;
use crate::logs::Masks;

/// How the wire is opened. What is none of AWS's here (S3, SNS) is reached through clients that know an endpoint.
pub struct FrontConfig {
    /// A folder of its own. What an earlier process left there of work and artifacts is removed.
    pub data: PathBuf,
    /// Where it says it is.
    pub locality: Locality,
    /// Who may ask.
    pub credentials: Credentials,
    /// Where this service is reached, without a slash at its end; links to logs lead there.
    pub base_url: Option<String>,
    /// How many builds are at work at the same time; the others are `QUEUED`.
    pub slots: usize,
    /// How long processes may take to end when they are asked to, before they are killed.
    pub kill_grace: Duration,
    /// How long a minute of a build's timeout lasts: a minute, or less in a test.
    pub minute: Duration,
    /// What must not stand in a log.
    pub masks: Masks,
    /// What every build finds in its environment besides: where the rest of AWS is.
    pub variables: BTreeMap<String, String>,
    /// Where sources and artifacts are.
    pub s3: Option<aws_sdk_s3::Client>,
    /// Where builds' parameters and secrets are.
    pub vaults: Vaults,
    /// Where approvals are announced.
    pub sns: Option<aws_sdk_sns::Client>,
    /// Where events go.
    pub targets: Vec<Arc<dyn Target>>,
    /// How deploy actions are done; none when they are all written down, in `deploys.jsonl` in the folder.
    pub deploys: Option<DeployConfig>,
}

impl FrontConfig {
    /// A wire that stands alone: without sources, topics and targets.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        let CodeBuildConfig { slots, kill_grace, minute, .. } = CodeBuildConfig::new("");
        Self {
            data: data.into(),
            locality: Locality { region: "us-east-1".to_owned(), account: "000000000000".to_owned() },
            credentials: Credentials::default(),
            base_url: None,
            slots,
            kill_grace,
            minute,
            masks: Masks::default(),
            variables: BTreeMap::new(),
            s3: None,
            vaults: Vaults::default(),
            sns: None,
            targets: Vec::new(),
            deploys: None,
        }
    }
}

/// What stands behind the door.
pub struct Front {
    /// `CodePipeline`.
    pub pipelines: Arc<Wire>,
    /// `CodeBuild`.
    pub codebuild: Arc<CodeBuild>,
    pub(super) credentials: Credentials,
    /// The rule file's runs, when they are shown here, too.
    runs: OnceLock<Runs>,
}

impl Front {
    /// Opens everything, within a tokio runtime.
    ///
    /// # Errors
    /// The folder cannot be made empty.
    pub fn open(config: FrontConfig, clock: Arc<dyn Clock>) -> io::Result<Arc<Self>> {
        let FrontConfig {
            data,
            locality,
            credentials,
            base_url,
            slots,
            kill_grace,
            minute,
            masks,
            variables,
            s3,
            vaults,
            sns,
            targets,
            deploys,
        } = config;
        let data = std::path::absolute(data)?;
        let builds = CodeBuildConfig {
            data: data.join("codebuild"),
            region: locality.region.clone(),
            account: locality.account.clone(),
            base_url,
            slots,
            kill_grace,
            minute,
            masks,
            variables,
            s3: s3.clone(),
            vaults,
        };
        let codebuild = CodeBuild::open(builds, Arc::clone(&clock));
        let deploys = deploys.unwrap_or_else(|| DeployConfig::recording(data.join("deploys.jsonl")));
        let act = Arc::new(Acts::new(&codebuild, Deploys::new(deploys, Arc::clone(&clock))));
        let objects: Arc<dyn Objects> = match s3 {
            Some(client) => Arc::new(S3Objects(client)),
            None => Arc::new(Nowhere),
        };
        let topics: Option<Arc<dyn Topics>> = sns.map(|client| Arc::new(SnsTopics(client)) as Arc<dyn Topics>);
        let home = data.join("codepipeline");
        let pipelines = Wire::open(WireConfig { home, locality, clock, act, objects, topics, targets })?;
        Ok(Arc::new(Self { pipelines, codebuild, credentials, runs: OnceLock::new() }))
    }

    /// Answers one operation of a service, named as in `X-Amz-Target`.
    ///
    /// # Errors
    /// As the service refuses it.
    pub async fn answer(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        match service {
            "CodePipeline_20150709" => pipeline::api::answer(&self.pipelines, operation, input),
            "CodeBuild_20161006" => codebuild::api::answer(&self.codebuild, operation, input),
            _ => Err(AwsError::unknown_operation(&format!("{service}.{operation}"))),
        }
    }

    /// Shows the runs of a service, too: as executions of the rule file's pipelines.
    pub fn show(&self, app: Arc<App>) {
        // A service is opened once, and a second one would show the same.
        let _shown_before = self.runs.set(Runs::new(app, self.locality().clone()));
    }

    /// Who asks with this access key id, as the service knows people.
    pub fn asker(&self, access_key: Option<&str>) -> Asker {
        self.runs.get().map(|runs| runs.asker(access_key)).unwrap_or_default()
    }

    /// Answers somebody, who may see the rule file's runs.
    ///
    /// # Errors
    /// As the service refuses it.
    pub async fn answer_to(
        &self,
        asker: &Asker,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        if service == "CodePipeline_20150709"
            && let Some(runs) = self.runs.get()
            && let Some(told) = runs.answer(&self.pipelines, asker, operation, &input).await
        {
            return told;
        }
        self.answer(service, operation, input).await
    }

    /// Makes what templates declare; what is there already is changed.
    ///
    /// # Errors
    /// What is refused, with the name of what is refused.
    pub fn load(&self, declared: &Declared) -> Result<(), AwsError> {
        let named = |name: &Value, error: AwsError| AwsError { message: format!("{name}: {}", error.message), ..error };
        for project in &declared.projects {
            let made = match codebuild::api::answer(&self.codebuild, "CreateProject", project.clone()) {
                Err(error) if error.code == "ResourceAlreadyExistsException" => {
                    codebuild::api::answer(&self.codebuild, "UpdateProject", project.clone())
                }
                made => made,
            };
            made.map_err(|error| named(&project["name"], error))?;
        }
        for pipeline in &declared.pipelines {
            let made = match pipeline::api::answer(&self.pipelines, "CreatePipeline", pipeline.clone()) {
                Err(error) if error.code == "PipelineNameInUseException" => {
                    pipeline::api::answer(&self.pipelines, "UpdatePipeline", pipeline.clone())
                }
                made => made,
            };
            made.map_err(|error| named(&pipeline["pipeline"]["name"], error))?;
        }
        for transition in &declared.disabled {
            pipeline::api::answer(&self.pipelines, "DisableStageTransition", transition.clone())
                .map_err(|error| named(&transition["pipelineName"], error))?;
        }
        Ok(())
    }

    /// Where it says it is.
    pub fn locality(&self) -> &Locality {
        &self.pipelines.locality
    }

    /// Ends what it runs, and returns when nothing of it is left.
    pub async fn close(&self) {
        tokio::join!(self.pipelines.close(), self.codebuild.close());
    }
}

/// No S3 at all.
struct Nowhere;

#[async_trait]
impl Objects for Nowhere {
    async fn fetch(&self, bucket: &str, key: &str, _: Option<&str>, _: &Path) -> Result<Fetched, ActionFailure> {
        let message = format!("the wire has no S3 to fetch {bucket}/{key} from; set AWS_ENDPOINT_URL_S3");
        Err(ActionFailure { code: "ConfigurationError".to_owned(), message })
    }
}
