//! Ends an execution.

use std::time::Duration;

use aws_sdk_codepipeline::types::ApprovalStatus;
use router::run::{Run, RunState};

use super::Parts;
use super::gates::Answered;
use super::seen::{Execution, ExecutionState, Kind};
use super::trouble::{is, unavailable_or_refused};
use crate::engine::EngineError;

/// The longest reason, in characters: the API model.
const REASON_MAX: usize = 200;
/// An AWS that does not take it now is asked again after each of these.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(15)];
/// How often builds are asked whether they have ended.
const ASK_EVERY: Duration = Duration::from_millis(500);

impl Parts {
    /// Ends an execution and its builds. A deploy that is not a build cannot be ended: the execution then ends behind it.
    pub(super) async fn stop(&self, run: &Run, execution: &str) -> Result<(), EngineError> {
        let mut waits = AGAIN_AFTER.iter();
        loop {
            match (self.try_stop(run, execution).await, waits.next()) {
                (Err(EngineError::Unavailable(_)), Some(wait)) => tokio::time::sleep(*wait).await,
                (stopped, _) => return stopped,
            }
        }
    }

    async fn try_stop(&self, run: &Run, execution: &str) -> Result<(), EngineError> {
        let pipeline = self.pipeline_of(run);
        let Some(seen) = self.read(&pipeline, execution).await? else { return Ok(()) };
        if seen.state.is_final() {
            return Ok(());
        }
        if matches!(run.state, RunState::Rejected | RunState::Expired) && self.refuse(run, &seen).await? {
            return Ok(());
        }
        if seen.state != ExecutionState::Stopping {
            self.stop_execution(run, &pipeline, execution, &seen).await?;
        }
        let builds: Vec<_> = seen.under_way().filter(|it| it.kind == Kind::CodeBuild).collect();
        for build in builds.iter().filter_map(|action| action.external.as_deref()) {
            self.stop_build(build).await?;
        }
        let ids = builds.iter().filter_map(|action| action.external.clone()).collect();
        self.builds_end(ids).await
    }

    /// Says no where the execution waits at a gate; false when it does not wait there any more.
    async fn refuse(&self, run: &Run, seen: &Execution) -> Result<bool, EngineError> {
        let Some(gate) = seen.under_way().find(|action| action.kind == Kind::Approval) else { return Ok(false) };
        Ok(self.answer(run, gate, ApprovalStatus::Rejected).await? == Answered::Given)
    }

    async fn stop_execution(
        &self,
        run: &Run,
        pipeline: &str,
        execution: &str,
        seen: &Execution,
    ) -> Result<(), EngineError> {
        // Builds are ended by us and approvals end by themselves. Abandoned, anything else would go on with nobody watching.
        let abandon = seen.under_way().all(|action| action.kind != Kind::Other);
        let reason: String = format!("Pointsman: {}", run.because).chars().take(REASON_MAX).collect();
        let stop = self.pipelines.stop_pipeline_execution().pipeline_name(pipeline);
        let stop = stop.pipeline_execution_id(execution).abandon(abandon).reason(reason);
        match stop.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if is(&error, "DuplicatedStopRequestException")
                    || is(&error, "PipelineExecutionNotStoppableException") =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable_or_refused("CodePipeline does not stop the execution", &error)),
        }
    }

    async fn stop_build(&self, id: &str) -> Result<(), EngineError> {
        match self.builds.stop_build().id(id).send().await {
            Ok(_) => Ok(()),
            // It has ended by itself, or was never there.
            Err(error) if is(&error, "ResourceNotFoundException") || is(&error, "InvalidInputException") => Ok(()),
            Err(error) => Err(unavailable_or_refused("CodeBuild does not stop the build", &error)),
        }
    }

    async fn builds_end(&self, ids: Vec<String>) -> Result<(), EngineError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ended = async {
            loop {
                let told = self.builds.batch_get_builds().set_ids(Some(ids.clone())).send().await;
                let told = told.map_err(|error| unavailable_or_refused("CodeBuild's BatchGetBuilds", &error))?;
                if told.builds().iter().all(|build| build.build_complete()) {
                    return Ok(());
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        match tokio::time::timeout(self.config.stop_within, ended).await {
            Ok(ended) => ended,
            Err(_elapsed) => {
                tracing::warn!(?ids, "builds that were stopped have not ended yet");
                Ok(())
            }
        }
    }
}
