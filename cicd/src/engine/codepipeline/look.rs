//! Reads where an execution stands.

use std::collections::BTreeMap;

use aws_sdk_codepipeline::types::{ActionExecutionFilter, PipelineExecution};
use router::run::{Run, RunEvent};

use super::Parts;
use super::build;
use super::ladder::Climbed;
use super::meaning::{news, of_execution};
use super::seen::{Action, ActionState, Execution, ExecutionState, Kind};
use super::trouble::{is, unavailable_or_refused};
use crate::engine::{EngineError, Look, Sight};

/// An execution that was just started may not be found yet.
const YOUNG_SECONDS: i64 = 60;

impl Parts {
    /// Reads an execution, its actions included; none when it, or its pipeline, is not there.
    pub(super) async fn read(&self, pipeline: &str, execution: &str) -> Result<Option<Execution>, EngineError> {
        let Some(told) = self.read_execution(pipeline, execution).await? else { return Ok(None) };
        let filter = ActionExecutionFilter::builder().pipeline_execution_id(execution).build();
        let mut pages =
            self.pipelines.list_action_executions().pipeline_name(pipeline).filter(filter).into_paginator().send();
        let mut actions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| unavailable_or_refused("CodePipeline does not tell an execution's actions", &error))?;
            actions.extend(page.action_execution_details.unwrap_or_default());
        }
        Ok(Some(told.with(&actions)))
    }

    /// Reads an execution without its actions.
    pub(super) async fn read_execution(
        &self,
        pipeline: &str,
        execution: &str,
    ) -> Result<Option<Execution>, EngineError> {
        let get = self.pipelines.get_pipeline_execution().pipeline_name(pipeline).pipeline_execution_id(execution);
        match get.send().await {
            Ok(told) => Ok(told.pipeline_execution.map(|told| Execution::of(&told))),
            Err(error)
                if is(&error, "PipelineNotFoundException") || is(&error, "PipelineExecutionNotFoundException") =>
            {
                Ok(None)
            }
            Err(error) => Err(unavailable_or_refused("CodePipeline does not tell of an execution", &error)),
        }
    }

    /// A look at a run's execution.
    pub(super) async fn look(&self, run: &Run, execution: &str) -> Result<Look, EngineError> {
        let Some(seen) = self.read(&self.pipeline_of(run), execution).await? else {
            return Ok(Look { sight: Sight::Idle, missed: self.gone(run)? });
        };
        let sight = sight(&seen);
        let missed = self.missed(run, execution, seen).await?;
        Ok(Look { sight, missed })
    }

    /// Carries on a run that has an execution: gates that are open here are opened there.
    pub(super) async fn carry_on(&self, run: &Run, execution: &str) -> Result<Vec<RunEvent>, EngineError> {
        let Some(seen) = self.read(&self.pipeline_of(run), execution).await? else { return self.gone(run) };
        self.open_gates(run, &seen).await?;
        self.missed(run, execution, seen).await
    }

    /// What of an execution the run does not know, its builds' own words included. One that is over still learns how its parts ended;
    /// nothing is tried again for it.
    pub(super) async fn missed(
        &self,
        run: &Run,
        execution: &str,
        mut seen: Execution,
    ) -> Result<Vec<RunEvent>, EngineError> {
        if run.state.is_terminal() && !run.lacks_verdicts() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        // Only the builds of what is new: the others were asked for before.
        let ids: Vec<String> = seen.actions.iter().filter(|it| is_new(run, it)).filter_map(build_of).collect();
        let builds: BTreeMap<_, _> = build::ask(&self.builds, &ids).await?.into_iter().collect();
        for action in &mut seen.actions {
            action.build = build_of(action).and_then(|id| builds.get(&id).cloned());
        }
        if !run.state.is_terminal()
            && let Climbed::Yes = self.climb(run, execution, &mut seen).await?
        {
            return Ok(Vec::new());
        }
        Ok(news(run, of_execution(run, &seen), now))
    }

    /// The execution is not there, or its pipeline was deleted.
    fn gone(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        let now = self.clock.now();
        if (now - run.created_at).get_seconds() < YOUNG_SECONDS && run.stages.iter().all(|it| !it.work.is_over()) {
            return Err(EngineError::Unavailable("CodePipeline does not know the execution yet".to_owned()));
        }
        let why = format!("its execution, or the pipeline {}, is not on AWS any more", self.pipeline_of(run));
        Ok(news(run, vec![RunEvent::Failed { why }], now))
    }
}

impl Execution {
    fn of(told: &PipelineExecution) -> Self {
        let pair =
            |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), value.unwrap_or_default().to_owned()));
        Self {
            state: told.status().map_or(ExecutionState::InProgress, ExecutionState::from),
            summary: told.status_summary().filter(|summary| !summary.is_empty()).map(str::to_owned),
            variables: told.variables().iter().filter_map(|it| pair(it.name(), it.resolved_value())).collect(),
            actions: Vec::new(),
            attempts: BTreeMap::new(),
        }
    }
}

/// The build behind an action that is over.
pub(super) fn build_of(action: &Action) -> Option<String> {
    let over = action.kind == Kind::CodeBuild && action.state != ActionState::InProgress;
    action.external.clone().filter(|_| over)
}

/// Whether the run has not heard of the end of an action.
fn is_new(run: &Run, action: &Action) -> bool {
    let stage = run.stages.iter().find(|stage| stage.name.as_str() == action.stage).map(|stage| &stage.work);
    let environment = super::names::environment_of(&action.stage);
    let place = run.environments.iter().find(|place| Some(&place.name) == environment.as_ref());
    stage.or(place.map(|place| &place.deploy)).is_some_and(|work| !work.has_verdict())
}

/// Between two actions it is at work too; before a gate it is not.
fn sight(seen: &Execution) -> Sight {
    let at_gate = {
        let mut under_way = seen.under_way().peekable();
        under_way.peek().is_some() && under_way.all(|action| action.kind == Kind::Approval)
    };
    if seen.state.is_final() || at_gate { Sight::Idle } else { Sight::AtWork }
}
