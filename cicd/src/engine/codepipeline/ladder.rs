//! Steps a stage up to a larger machine when its build ran out of memory.
//!
//! The project is the memory: it has the size that the next build gets, this run's and every other's, until it is deployed again.
//! Two runs that step up at once want the same size, because it follows from the machine that their builds ran on.

use aws_sdk_codebuild::types::ComputeType;
use aws_sdk_codepipeline::types::StageRetryMode;
use router::pipeline::Compute;
use router::run::Run;

use super::Parts;
use super::seen::{Action, ActionState, Execution, ExecutionState};
use super::trouble::{is, unavailable_or_refused};
use crate::engine::EngineError;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Climbed {
    /// The stage is tried again.
    Yes,
    /// There was nothing to climb, or no way.
    No,
}

/// The next size for a stage whose build ran out of memory: its word, and `CodeBuild`'s.
pub(super) fn next_size(run: &Run, action: &Action) -> Option<(&'static str, String)> {
    let build = action.build.as_ref().filter(|build| build.out_of_memory)?;
    let step = &run.plan.stages.iter().find(|stage| stage.name.as_str() == action.stage)?.step;
    let on = step.compute.ladder().iter().find(|size| compute_type(size) == build.compute)?;
    let next = step.compute.above(on)?;
    Some((next, compute_type(next)))
}

impl Parts {
    /// Tries the failed stage of an execution again on a larger machine, when that may help. What stands in the way is added to
    /// the action's words.
    pub(super) async fn climb(&self, run: &Run, execution: &str, seen: &mut Execution) -> Result<Climbed, EngineError> {
        if seen.state != ExecutionState::Failed {
            // An action fails before its execution does; what it means is clear when both have.
            seen.actions.retain(|it| it.state != ActionState::Failed || next_size(run, it).is_none());
            return Ok(Climbed::No);
        }
        let failed = |it: &Action| it.state == ActionState::Failed && next_size(run, it).is_some();
        let Some(at) = seen.actions.iter().position(failed) else { return Ok(Climbed::No) };
        let Some((size, compute)) = next_size(run, &seen.actions[at]) else { return Ok(Climbed::No) };
        let action = &seen.actions[at];
        let tried = seen.attempts.get(&(action.stage.clone(), action.name.clone())).copied().unwrap_or(1);
        let rungs =
            run.plan.stages.iter().find(|it| it.name.as_str() == action.stage).map(|it| it.step.compute.ladder());
        if tried >= rungs.map_or(1, <[_]>::len) {
            return Ok(Climbed::No);
        }
        let project = action.build.as_ref().map(|build| build.project.clone()).unwrap_or_default();
        match self.try_larger(run, execution, &action.stage.clone(), &project, &compute).await {
            Ok(()) => {
                tracing::info!(run.id = %run.id, stage = action.stage, size, "out of memory; tried again on a larger machine");
                Ok(Climbed::Yes)
            }
            Err(later @ (EngineError::Unavailable(_) | EngineError::NotYet(_))) => Err(later),
            Err(EngineError::Refused(why)) => {
                if let Some(build) = &mut seen.actions[at].build {
                    build.detail = format!("{}; it could not step up to {size}: {why}", build.detail);
                }
                Ok(Climbed::No)
            }
        }
    }

    async fn try_larger(
        &self,
        run: &Run,
        execution: &str,
        stage: &str,
        project: &str,
        compute: &str,
    ) -> Result<(), EngineError> {
        self.enlarge(project, compute, run).await?;
        let pipeline = self.pipeline_of(run);
        let retry = self.pipelines.retry_stage_execution().pipeline_name(&pipeline).stage_name(stage);
        let retry = retry.pipeline_execution_id(execution).retry_mode(StageRetryMode::FailedActions);
        let error = match retry.send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        // Somebody else may have heard of it too, and been faster.
        if is(&error, "StageNotRetryableException")
            && self.read_execution(&pipeline, execution).await?.is_some_and(|seen| !seen.state.is_final())
        {
            return Ok(());
        }
        Err(unavailable_or_refused("CodePipeline does not try the stage again", &error))
    }

    /// Gives a project a larger machine, unless it has one already.
    async fn enlarge(&self, project: &str, compute: &str, run: &Run) -> Result<(), EngineError> {
        let got = self.builds.batch_get_projects().names(project).send().await;
        let got = got.map_err(|error| unavailable_or_refused("CodeBuild's BatchGetProjects", &error))?;
        let Some(mut environment) = got.projects().first().and_then(|project| project.environment().cloned()) else {
            return Err(EngineError::Refused(format!("there is no project {project}")));
        };
        if is_at_least(
            &run.plan.stages.iter().map(|it| &it.step.compute).collect::<Vec<_>>(),
            &environment.compute_type,
            compute,
        ) {
            return Ok(());
        }
        environment.compute_type = ComputeType::from(compute);
        let update = self.builds.update_project().name(project).environment(environment).send().await;
        update.map(drop).map_err(|error| unavailable_or_refused("CodeBuild's UpdateProject", &error))
    }
}

/// Whether a project's machine is as large as wanted, by any ladder that knows both.
fn is_at_least(ladders: &[&Compute], has: &ComputeType, wanted: &str) -> bool {
    ladders.iter().any(|compute| {
        let at = |of: &str| compute.ladder().iter().position(|size| compute_type(size) == of);
        matches!((at(has.as_str()), at(wanted)), (Some(has), Some(wanted)) if has >= wanted)
    })
}

/// A size of the rule file as `CodeBuild` calls it. Within a family the environment's type stays what it is.
fn compute_type(size: &str) -> String {
    match size.strip_prefix("lambda-") {
        Some(memory) => format!("BUILD_LAMBDA_{}", memory.to_ascii_uppercase()),
        None => {
            let (_, size) = size.split_once('-').unwrap_or(("", size));
            format!("BUILD_GENERAL1_{}", size.to_ascii_uppercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_called_as_codebuild_calls_them() {
        for (size, called) in [
            ("small", "BUILD_GENERAL1_SMALL"),
            ("arm-2xlarge", "BUILD_GENERAL1_2XLARGE"),
            ("gpu-large", "BUILD_GENERAL1_LARGE"),
            ("lambda-2gb", "BUILD_LAMBDA_2GB"),
        ] {
            assert_eq!(compute_type(size), called);
            assert!(ComputeType::try_parse(called).is_ok(), "{called}");
        }
    }
}
