//! Hears events of `CodePipeline`.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use aws_sdk_codepipeline::types::ApprovalStatus;
use router::id::RunId;
use router::run::{Run, RunEvent};

use super::gates::Answered;
use super::heard::{self, Heard, What};
use super::look::build_of;
use super::meaning::{news, of_action};
use super::seen::{Action, ActionState, ExecutionState, Kind};
use super::{Parts, build, gates, ladder, names};
use crate::engine::{EngineError, EngineEvent};
use crate::store::RunFilter;

/// So many executions that are not ours are remembered.
const STRANGERS_MAX: usize = 1000;

/// A run that was heard of, and whether its execution is news.
struct Known {
    run: Run,
    is_new: bool,
}

impl Parts {
    pub(super) async fn hear(&self, message: &str) -> Result<Vec<EngineEvent>, EngineError> {
        let Some(heard) = heard::read(message).map_err(EngineError::Refused)? else { return Ok(Vec::new()) };
        let Some(Known { run, is_new }) = self.whose(&heard).await? else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        let mut known = run.clone();
        if is_new {
            let executing = RunEvent::Executing { execution: heard.execution.clone() };
            known.apply(&executing, self.clock.now());
            events.push(executing);
        }
        if !known.state.is_terminal() {
            events.extend(self.means(&known, &heard).await?);
        } else if is_activity(&heard.what) {
            // It ended here. Whoever saves its execution stops it; nobody else would, when it is known.
            if !is_new {
                self.stop(&known, &heard.execution).await?;
            }
        } else if known.lacks_verdicts() {
            events.extend(self.late(&known, &heard).await?);
        }
        Ok(events.into_iter().map(|event| EngineEvent { run: run.id.clone(), event }).collect())
    }

    /// The run of an execution, when it is one of ours.
    async fn whose(&self, heard: &Heard) -> Result<Option<Known>, EngineError> {
        let unavailable = |error: crate::store::StoreError| EngineError::Unavailable(error.to_string());
        if !heard.pipeline.starts_with(&format!("{}-", self.config.prefix)) || self.is_stranger(&heard.execution) {
            return Ok(None);
        }
        let found = self.runs.runs(RunFilter::OfExecution(heard.execution.clone())).await.map_err(unavailable)?;
        let ours =
            |run: &Run| run.execution.as_deref() == Some(&heard.execution) && self.pipeline_of(run) == heard.pipeline;
        if let Some(run) = found.into_iter().find(ours) {
            return Ok(Some(Known { run, is_new: false }));
        }
        // Its start may not have been saved yet, or never will be: the execution says itself whose it is.
        let Some(seen) = self.read_execution(&heard.pipeline, &heard.execution).await? else { return Ok(None) };
        let named = seen.variables.get(names::RUN).and_then(|id| RunId::new(id.as_str()).ok());
        let run = match named {
            Some(id) => self.runs.run(&id).await.map_err(unavailable)?,
            None => None,
        };
        let run = run.filter(|run| self.is_started_for(run, &heard.pipeline, &seen.variables));
        if run.is_none() {
            tracing::info!(execution = heard.execution, pipeline = heard.pipeline, "an execution that is not ours");
            self.remember_stranger(&heard.execution);
        }
        Ok(run.map(|run| Known { is_new: run.execution.is_none(), run }))
    }

    /// Whoever may start pipelines may write any run into a variable. One that has an execution has no other.
    fn is_started_for(&self, run: &Run, pipeline: &str, variables: &BTreeMap<String, String>) -> bool {
        run.execution.is_none()
            && self.pipeline_of(run) == pipeline
            && variables.get("COMMIT").map(String::as_str) == Some(run.key.commit.as_str())
            && variables.get("REF").map(String::as_str) == Some(run.key.git_ref.to_string().as_str())
    }

    fn is_stranger(&self, execution: &str) -> bool {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).contains_key(execution)
    }

    fn remember_stranger(&self, execution: &str) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= STRANGERS_MAX {
            strangers.clear();
        }
        strangers.insert(execution.to_owned(), ());
    }

    /// What an event means for a live run.
    async fn means(&self, run: &Run, heard: &Heard) -> Result<Vec<RunEvent>, EngineError> {
        match &heard.what {
            What::Stage { .. } => Ok(Vec::new()),
            What::Execution(state) => match state {
                ExecutionState::InProgress | ExecutionState::Stopping => Ok(Vec::new()),
                // Its actions' events may be late or lost, and it may have been tried again since: the truth says it all.
                ExecutionState::Stopped
                | ExecutionState::Succeeded
                | ExecutionState::Failed
                | ExecutionState::Superseded
                | ExecutionState::Cancelled => self.truth(run, heard).await,
            },
            What::Action(action) => self.action(run, heard, action).await,
        }
    }

    /// What an event means for a run that is over: how its parts ended, should the end have overtaken that.
    async fn late(&self, run: &Run, heard: &Heard) -> Result<Vec<RunEvent>, EngineError> {
        match &heard.what {
            What::Stage { .. } => Ok(Vec::new()),
            What::Execution(state) if !state.is_final() => Ok(Vec::new()),
            What::Execution(_) => self.truth(run, heard).await,
            What::Action(action) => {
                let action = self.with_build(action).await?;
                Ok(news(run, of_action(run, &action), self.clock.now()))
            }
        }
    }

    /// An approval that took no answer: it has one already, or is not ready for one.
    async fn answered_by_others(&self, run: &Run, heard: &Heard, gate: &Action) -> Result<Vec<RunEvent>, EngineError> {
        let Some(seen) = self.read(&heard.pipeline, &heard.execution).await? else { return Ok(Vec::new()) };
        if seen.under_way().any(|action| action.kind == Kind::Approval && action.stage == gate.stage) {
            return Err(EngineError::Unavailable("CodePipeline takes no answer at its gate yet".to_owned()));
        }
        self.missed(run, &heard.execution, seen).await
    }

    async fn truth(&self, run: &Run, heard: &Heard) -> Result<Vec<RunEvent>, EngineError> {
        match self.read(&heard.pipeline, &heard.execution).await? {
            Some(seen) => self.missed(run, &heard.execution, seen).await,
            None => Ok(self.look(run, &heard.execution).await?.missed),
        }
    }

    async fn action(&self, run: &Run, heard: &Heard, action: &Action) -> Result<Vec<RunEvent>, EngineError> {
        if gates::is_open(run, action) {
            // Our gate was open before the execution came to it, or our answer was lost.
            return match self.answer(run, action, ApprovalStatus::Approved).await? {
                Answered::Given => Ok(Vec::new()),
                Answered::TooLate => self.answered_by_others(run, heard, action).await,
            };
        }
        let environment = names::environment_of(&action.stage);
        let shut = environment.is_some_and(|environment| gates::is_shut(run, &environment));
        if shut && (action.kind != Kind::Approval || action.state != ActionState::InProgress) {
            // Somebody answered there, or events overtake each other: an event does not say who.
            return self.truth(run, heard).await;
        }
        let action = self.with_build(action).await?;
        if action.state == ActionState::Failed && ladder::next_size(run, &action).is_some() {
            // It steps up when the execution has failed too: that event comes.
            return Ok(Vec::new());
        }
        Ok(news(run, of_action(run, &action), self.clock.now()))
    }

    /// An action with the build behind it, when that is over.
    async fn with_build(&self, action: &Action) -> Result<Action, EngineError> {
        let build = match build_of(action) {
            Some(id) => build::ask(&self.builds, &[id]).await?.pop().map(|(_, build)| build),
            None => None,
        };
        Ok(Action { build, ..action.clone() })
    }
}

/// Something is being done.
fn is_activity(what: &What) -> bool {
    match what {
        What::Execution(state) => *state == ExecutionState::InProgress,
        What::Stage { is_at_work } => *is_at_work,
        What::Action(action) => action.state == ActionState::InProgress,
    }
}
