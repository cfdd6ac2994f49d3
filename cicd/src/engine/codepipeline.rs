//! Runs pipelines on AWS `CodePipeline` and `CodeBuild`.
//!
//! * A run is one execution of its pipeline, started with the run's variables and the commit's files. The execution's id is saved
//!   with the run before anything that it tells counts; the token that starts it is made of the run, so that a start whose
//!   answer was lost starts nothing twice.
//! * What happens is heard as EventBridge events and, for those that got lost, read at a look. Both have one meaning, see
//!   `meaning`, and [`Run::apply`] is the judge of what is late, twice or out of order.
//! * A gate is an approval in the pipeline, answered by us when ours opens or closes. Answered by somebody else, it is what it
//!   is: a yes opens our gate in their name, a no rejects the run. A run that ended here is ended there, also when somebody
//!   tries a stage of it again.
//! * Nothing is remembered but what is being started: everything else is asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::SignedDuration;
use router::id::RunId;
use router::run::{Run, RunEvent};

use super::{Engine, EngineError, EngineEvent, Events, Look, Sight};
use crate::clock::Clock;
use crate::forge::Forges;
use crate::store::Store;

mod begin;
mod build;
mod gates;
mod hear;
mod heard;
mod jobs;
mod ladder;
mod look;
mod meaning;
pub mod names;
#[cfg(test)]
mod sample;
mod seen;
mod source;
mod stop;
mod trouble;

use jobs::Jobs;
use source::Bucket;

/// How the engine works.
#[derive(Debug, Clone)]
pub struct CodePipelineConfig {
    /// What the names of our pipelines and projects begin with.
    pub prefix: String,
    /// The bucket that the commits' files are put into.
    pub bucket: String,
    /// A forge that does not know the commit of a run is believed when the run is so old: right after a push it may not know it yet.
    pub gone_after: SignedDuration,
    /// An archive that is not whole is given up when the run is so old.
    pub broken_after: SignedDuration,
    /// A start that AWS or the forge does not allow now is tried again after this, then after twice as long, up to sixteen times as long.
    pub start_again_after: Duration,
    /// How long builds may take to end when a run is stopped.
    pub stop_within: Duration,
    /// A run is not looked at on AWS more often than this: what happens is heard, a look is for what was missed.
    pub look_every: Duration,
}

impl CodePipelineConfig {
    /// The usual settings.
    pub fn new(prefix: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            bucket: bucket.into(),
            gone_after: SignedDuration::from_mins(5),
            broken_after: SignedDuration::from_hours(1),
            start_again_after: Duration::from_secs(2),
            stop_within: Duration::from_secs(30),
            look_every: Duration::from_secs(30),
        }
    }
}

/// The services of AWS that it uses.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Runs pipelines.
    pub codepipeline: aws_sdk_codepipeline::Client,
    /// Runs their stages.
    pub codebuild: aws_sdk_codebuild::Client,
    /// Keeps the commits' files.
    pub s3: aws_sdk_s3::Client,
}

impl Clients {
    /// Clients with the SDK's settings.
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self {
            codepipeline: aws_sdk_codepipeline::Client::new(config),
            codebuild: aws_sdk_codebuild::Client::new(config),
            s3: aws_sdk_s3::Client::new(config),
        }
    }
}

/// The engine on AWS.
pub struct CodePipelineEngine(Arc<Parts>);

struct Parts {
    config: CodePipelineConfig,
    pipelines: aws_sdk_codepipeline::Client,
    builds: aws_sdk_codebuild::Client,
    bucket: Bucket,
    forges: Forges,
    runs: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Where what happens after a start has returned is told; without it a start returns when everything is done.
    events: Option<Events>,
    jobs: Jobs,
    /// The last looks.
    looks: Mutex<HashMap<RunId, (Instant, Sight)>>,
    /// The last executions that were heard of and are not ours.
    strangers: Mutex<BTreeMap<String, ()>>,
}

impl CodePipelineEngine {
    /// An engine that starts runs beside whoever asks for it, and tells `events` what came of it; or, without, one that has
    /// started them when it returns, for a process that does not live on between requests.
    pub fn new(
        config: CodePipelineConfig,
        clients: Clients,
        forges: Forges,
        runs: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        events: Option<Events>,
    ) -> Arc<Self> {
        let Clients { codepipeline, codebuild, s3 } = clients;
        let CodePipelineConfig { gone_after, broken_after, .. } = config;
        let bucket = Bucket { s3, name: config.bucket.clone(), gone_after, broken_after };
        Arc::new(Self(Arc::new(Parts {
            config,
            pipelines: codepipeline,
            builds: codebuild,
            bucket,
            forges,
            runs,
            clock,
            events,
            jobs: Jobs::default(),
            looks: Mutex::default(),
            strangers: Mutex::default(),
        })))
    }
}

impl Parts {
    fn pipeline_of(&self, run: &Run) -> String {
        names::pipeline(&self.config.prefix, &run.plan.pipeline)
    }

    fn last_look(&self, run: &RunId) -> Option<Sight> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(run).filter(|(at, _)| at.elapsed() < self.config.look_every).map(|(_, sight)| *sight)
    }

    fn looked(&self, run: &RunId, sight: Sight) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let every = self.config.look_every;
        looks.retain(|_, (at, _)| at.elapsed() < every);
        looks.insert(run.clone(), (Instant::now(), sight));
    }
}

#[async_trait]
impl Engine for CodePipelineEngine {
    fn name(&self) -> &'static str {
        "codepipeline"
    }

    async fn start(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        match &run.execution {
            _ if run.state.is_terminal() => Ok(Vec::new()),
            Some(execution) => self.0.carry_on(run, execution).await,
            None => Parts::begin(&self.0, run).await,
        }
    }

    async fn stop(&self, run: &Run) -> Result<(), EngineError> {
        self.0.jobs.end(&run.id).await;
        match &run.execution {
            Some(execution) => self.0.stop(run, execution).await,
            // Should it have been started after all, its first event brings its name, and it is stopped then.
            None => Ok(()),
        }
    }

    async fn leave(&self) {
        self.0.jobs.end_all().await;
    }

    async fn look(&self, run: &Run) -> Result<Look, EngineError> {
        let Some(execution) = &run.execution else {
            return Ok(Look::only(if self.0.jobs.has(&run.id) { Sight::AtWork } else { Sight::Idle }));
        };
        if let Some(sight) = self.0.last_look(&run.id) {
            return Ok(Look::only(sight));
        }
        let look = self.0.look(run, execution).await?;
        self.0.looked(&run.id, look.sight);
        Ok(look)
    }

    async fn hear(&self, message: &str) -> Result<Vec<EngineEvent>, EngineError> {
        self.0.hear(message).await
    }
}

#[cfg(test)]
mod tests;
