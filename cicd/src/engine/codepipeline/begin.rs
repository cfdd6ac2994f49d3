//! Starts a run's execution.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_codepipeline::types::{PipelineVariable, SourceRevisionOverride, SourceRevisionType};
use router::run::{Run, RunEvent};

use super::jobs::{Job, Turn};
use super::source::Object;
use super::trouble::unavailable_or_refused;
use super::{Parts, names};
use crate::engine::{EngineError, EngineEvent};

/// A run that waits for AWS is tried again after at most so many times the first wait.
const WAIT_GROWS_TO: u32 = 16;

impl Parts {
    /// Starts a run that has no execution: beside the caller when there is somebody to tell, else at once.
    pub(super) async fn begin(parts: &Arc<Self>, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        let variables = names::variables(run).map_err(EngineError::Refused)?;
        let Some(job) = parts.jobs.take(&run.id) else { return Ok(Vec::new()) };
        let Some(events) = parts.events.clone() else {
            let object = parts.bring(run).await?;
            let execution = parts.start_execution(run, &object, &variables).await?;
            return Ok(vec![RunEvent::Executing { execution }]);
        };
        let (parts, run) = (Arc::clone(parts), run.clone());
        tokio::spawn(async move {
            let event = parts.start_beside(&job, &run, &variables).await;
            drop(job);
            if let Some(event) = event {
                let _nobody_is_left = events.send(EngineEvent { run: run.id, event }).await;
            }
        });
        Ok(Vec::new())
    }

    /// Tries until it is started, or never will be; none when it was stopped before. A try is never cut off: what it started would
    /// be lost.
    async fn start_beside(&self, job: &Job, run: &Run, variables: &[(String, String)]) -> Option<RunEvent> {
        let mut patience = Patience { job, run, first: self.config.start_again_after, wait: None };
        let object = loop {
            match self.bring(run).await {
                Ok(object) => break object,
                Err(EngineError::Refused(why)) => return Some(RunEvent::Failed { why }),
                Err(EngineError::Unavailable(why) | EngineError::NotYet(why)) => patience.wait(&why).await?,
            }
        };
        let turn = job.ready(run);
        loop {
            patience.turn(&turn).await?;
            match self.start_execution(run, &object, variables).await {
                Ok(execution) => return Some(RunEvent::Executing { execution }),
                Err(EngineError::Refused(why)) => return Some(RunEvent::Failed { why }),
                Err(EngineError::Unavailable(why) | EngineError::NotYet(why)) => patience.wait(&why).await?,
            }
        }
    }

    async fn bring(&self, run: &Run) -> Result<Object, EngineError> {
        let repository = &run.key.repository;
        let Some(forge) = self.forges.get(&repository.forge) else {
            return Err(EngineError::Refused(format!(
                "the forge {} has no token, and CodePipeline gets the commit's files through us; give it one",
                repository.forge
            )));
        };
        self.bucket.bring(run, forge.as_ref(), self.clock.now()).await
    }

    async fn start_execution(
        &self,
        run: &Run,
        object: &Object,
        variables: &[(String, String)],
    ) -> Result<String, EngineError> {
        let revision = |kind, value: &str| {
            let revision = SourceRevisionOverride::builder().action_name(names::SOURCE).revision_type(kind);
            revision.revision_value(value).build().expect("action, type and value are given")
        };
        let variable = |(name, value): &(String, String)| {
            let variable = PipelineVariable::builder().name(name).value(value).build();
            variable.expect("name and value are given")
        };
        let pipeline = self.pipeline_of(run);
        let started = self
            .pipelines
            .start_pipeline_execution()
            .name(&pipeline)
            .client_request_token(names::token(&run.id))
            .source_revisions(revision(SourceRevisionType::S3ObjectKey, &object.key))
            .source_revisions(revision(SourceRevisionType::S3ObjectVersionId, &object.version))
            .set_variables(Some(variables.iter().map(variable).collect()))
            .send()
            .await
            .map_err(|error| unavailable_or_refused(&format!("CodePipeline cannot start {pipeline}"), &error))?;
        started.pipeline_execution_id.ok_or_else(|| {
            EngineError::Unavailable("CodePipeline has started an execution and does not say which".to_owned())
        })
    }
}

/// Waits between the tries at a start, longer each time; none when the run is stopped meanwhile.
struct Patience<'p> {
    job: &'p Job,
    run: &'p Run,
    first: Duration,
    wait: Option<Duration>,
}

impl Patience<'_> {
    async fn wait(&mut self, why: &str) -> Option<()> {
        let wait = self.wait.map_or(self.first, |wait| (wait * 2).min(self.first * WAIT_GROWS_TO));
        self.wait = Some(wait);
        tracing::warn!(run.id = %self.run.id, "its start is tried again in {} s: {why}", wait.as_secs_f32());
        tokio::select! {
            () = self.job.stop.cancelled() => None,
            () = tokio::time::sleep(jittered(wait)) => Some(()),
        }
    }

    async fn turn(&self, turn: &Turn) -> Option<()> {
        tokio::select! {
            biased;
            () = self.job.stop.cancelled() => None,
            () = turn.comes() => Some(()),
        }
    }
}

/// Between half of it and all of it, so that many do not come back at the same time.
fn jittered(wait: Duration) -> Duration {
    let half = wait / 2;
    half + half.mul_f64(f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX))
}
