//! The runs that the rule file starts here, as `CodePipeline` would show them: its pipelines by their names, each run an execution.
//!
//! * They are read, answered at their gates and stopped; whatever else is asked of such a pipeline is refused, for pushes start its
//!   runs and the rule file changes it.
//! * A run's execution has the run's id: sixteen digits behind as many zeros, in the form of a UUID.
//! * Who asks is known as everywhere in this service: by a token, which stands for the access key id; where there are no tokens, as
//!   the user who runs it. Whoever could not read a page reads nothing here.

use std::sync::Arc;

use router::rules::Rules;
use router::run::{Person, Run};
use serde::Serialize;
use serde_json::Value;

use super::error::AwsError;
use super::pipeline::api::page::Page;

use super::shape::asked::{self, read};
use super::shape::check::{Check, anything};
use super::shape::told::{self, say};
use super::{Locality, Wire, pipeline};
use crate::app::App;
use crate::control::{self, Answer, Refusal};
use crate::store::{RunFilter, StoreError};

mod shown;

use shown::{Shown, execution_id, run_of};

/// So many of the newest runs are looked through for those of a pipeline.
const RUNS_MOST: usize = 2000;

/// The rule file's runs.
pub struct Runs {
    app: Arc<App>,
    locality: Locality,
}

/// Who asks for something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// The person; none when nobody is known, and the service wants to know.
    person: Option<Person>,
    /// Whether a token has proved it.
    pub(super) is_proved: bool,
}

impl Runs {
    /// The runs of a service.
    pub fn new(app: Arc<App>, locality: Locality) -> Self {
        Self { app, locality }
    }

    /// Who asks with this access key id.
    pub fn asker(&self, access_key: Option<&str>) -> Asker {
        let access = &self.app.access;
        if !access.needs_proof() {
            return Asker { person: Some(access.host_user().clone()), is_proved: false };
        }
        let person = access_key.and_then(|key| access.by_token(key));
        Asker { is_proved: person.is_some(), person }
    }

    /// Answers what is about a pipeline of the rule file, or about all pipelines; none when it is the wire's own affair.
    pub(super) async fn answer(
        &self,
        wire: &Arc<Wire>,
        asker: &Asker,
        operation: &str,
        input: &Value,
    ) -> Option<Result<Value, AwsError>> {
        let rules = self.app.rules.current();
        if operation == "ListPipelines" {
            asker.person.as_ref()?;
            return Some(self.list_pipelines(wire, &rules, input));
        }
        let name = ["name", "pipelineName"].iter().find_map(|key| input[key].as_str())?;
        let own = rules.pipelines().iter().find(|it| it.name.as_str() == name)?;
        if wire.has(name) || operation == "CreatePipeline" {
            return None;
        }
        let Some(person) = &asker.person else {
            let words = "the rule file's runs are for people who are known here; give your token as the access key id";
            return Some(Err(AwsError::refused("AccessDeniedException", words)));
        };
        let shown = Shown { app: &self.app, locality: &self.locality, rules: &rules, pipeline: own };
        Some(self.about(&shown, person, operation, input.clone()).await)
    }

    fn list_pipelines(&self, wire: &Arc<Wire>, rules: &Rules, input: &Value) -> Result<Value, AwsError> {
        let of = |pipeline| Shown { app: &self.app, locality: &self.locality, rules, pipeline }.summary();
        let own = rules.pipelines().iter().filter(|it| !wire.has(it.name.as_str())).map(of).collect();
        say(&pipeline::api::list_with(wire, read(input.clone())?, own)?)
    }

    async fn about(&self, shown: &Shown<'_>, by: &Person, operation: &str, input: Value) -> Result<Value, AwsError> {
        match operation {
            "GetPipeline" => said(shown.get(&read(input)?)),
            "GetPipelineState" => said(Ok(shown.state(&self.runs(shown).await?))),
            "GetPipelineExecution" => {
                let asked: asked::GetPipelineExecution = read(input)?;
                let run = self.run(shown, &asked.pipeline_execution_id).await?;
                said(Ok(shown.execution(&run)))
            }
            "ListPipelineExecutions" => {
                let asked: asked::ListPipelineExecutions = read(input)?;
                let page = Page::asked(&asked.pipeline_name, asked.max_results, 100, asked.next_token.as_deref())?;
                let filter = asked.filter.and_then(|it| it.succeeded_in_stage).and_then(|it| it.stage_name);
                let runs = self.runs(shown).await?;
                let wanted = |run: &&Run| filter.as_ref().is_none_or(|stage| shown.has_succeeded(run, stage));
                let (summaries, next_token) =
                    page.cut(runs.iter().filter(wanted).map(|run| shown.listed(run)).collect());
                said(Ok(told::ListPipelineExecutions { pipeline_execution_summaries: summaries, next_token }))
            }
            "ListActionExecutions" => said(self.actions(shown, read(input)?).await),
            "PutApprovalResult" => said(self.decide(shown, by, read(input)?).await),
            "StopPipelineExecution" => said(self.stop(shown, by, read(input)?).await),
            _ => Err(AwsError::invalid(format!(
                "{} is a pipeline of the rule file: pushes start its runs, and the rule file says what it does. Here it is \
                 read, its gates are answered, and its runs are stopped",
                shown.pipeline.name
            ))),
        }
    }

    async fn actions(
        &self,
        shown: &Shown<'_>,
        asked: asked::ListActionExecutions,
    ) -> Result<told::ListActionExecutions, AwsError> {
        let filter = asked.filter.as_ref();
        let latest = filter.and_then(|it| it.latest_in_pipeline_execution.as_ref()).map(|it| &it.pipeline_execution_id);
        let of = filter.and_then(|it| it.pipeline_execution_id.as_ref()).or(latest);
        let list = format!("actions {} {of:?}", asked.pipeline_name);
        let page = Page::asked(&list, asked.max_results, 100, asked.next_token.as_deref())?;
        let runs = match of {
            Some(id) => vec![self.run(shown, id).await?],
            None => self.runs(shown).await?,
        };
        let (action_execution_details, next_token) = page.cut(runs.iter().flat_map(|run| shown.actions(run)).collect());
        Ok(told::ListActionExecutions { action_execution_details, next_token })
    }

    /// Somebody answers at a gate, under the same checks as everywhere.
    async fn decide(
        &self,
        shown: &Shown<'_>,
        by: &Person,
        asked: asked::PutApprovalResult,
    ) -> Result<told::ApprovedAt, AwsError> {
        Check::new()
            .text("result.summary", &asked.result.summary, 0, 512, (anything, ".*"))
            .word("result.status", &asked.result.status, &["Approved", "Rejected"])
            .uuid("token", &asked.token)
            .done()?;
        let environment = shown.gate_at(&asked.stage_name, &asked.action_name)?;
        let invalid = || AwsError::refused("InvalidApprovalTokenException", "Invalid approval token");
        let run = self.behind(shown, &asked.token).await?.ok_or_else(invalid)?;
        if shown::action_id(&run, &asked.stage_name, &asked.action_name) != asked.token {
            return Err(invalid());
        }
        let place = run.environments.iter().find(|place| place.name == environment).ok_or_else(invalid)?;
        shown::is_open(&place.gate)?;
        let answer = if asked.result.status == "Approved" { Answer::Approve } else { Answer::Reject };
        let decided = control::decide_gate(&self.app, &run.id, &environment, answer, by.clone(), &asked.result.summary);
        decided.await.map_err(|refusal| refused(refusal, "ValidationException"))?;
        Ok(told::ApprovedAt { approved_at: self.app.clock.now().into() })
    }

    /// A run is stopped, what is at work in it included.
    async fn stop(
        &self,
        shown: &Shown<'_>,
        by: &Person,
        asked: asked::StopPipelineExecution,
    ) -> Result<told::ExecutionId, AwsError> {
        let not_stoppable = "PipelineExecutionNotStoppableException";
        let run = self.run(shown, &asked.pipeline_execution_id).await;
        let run = run.map_err(|error| AwsError { code: not_stoppable, ..error })?;
        let stopped = control::cancel(&self.app, &run.id, by.clone()).await;
        stopped.map_err(|refusal| refused(refusal, not_stoppable))?;
        Ok(told::ExecutionId { pipeline_execution_id: asked.pipeline_execution_id })
    }

    /// The pipeline's newest runs, newest first.
    async fn runs(&self, shown: &Shown<'_>) -> Result<Vec<Run>, AwsError> {
        let runs =
            self.app.store.runs(RunFilter::Recent(RUNS_MOST, None)).await.map_err(|error| unavailable(&error))?;
        Ok(runs.into_iter().filter(|run| run.plan.pipeline == shown.pipeline.name).collect())
    }

    /// The run behind an execution, or behind an action of one.
    async fn behind(&self, shown: &Shown<'_>, id: &str) -> Result<Option<Run>, AwsError> {
        let Some(run) = run_of(id) else { return Ok(None) };
        let found = self.app.store.run(&run).await.map_err(|error| unavailable(&error))?;
        Ok(found.filter(|run| run.plan.pipeline == shown.pipeline.name))
    }

    /// The run of an execution.
    async fn run(&self, shown: &Shown<'_>, id: &str) -> Result<Run, AwsError> {
        Check::new().uuid("pipelineExecutionId", id).done()?;
        let found = self.behind(shown, id).await?;
        found.filter(|run| execution_id(&run.id) == id).ok_or_else(|| {
            let message = format!("Pipeline '{}' has no execution with id '{id}'", shown.pipeline.name);
            AwsError::refused("PipelineExecutionNotFoundException", message)
        })
    }
}

fn said(answer: Result<impl Serialize, AwsError>) -> Result<Value, AwsError> {
    say(&answer?)
}

fn refused(refusal: Refusal, not_now: &'static str) -> AwsError {
    match refusal {
        Refusal::NotFound(why) => AwsError::refused(not_now, why),
        Refusal::NotNow(why) => AwsError::refused(not_now, why),
        Refusal::NotAllowed(why) => AwsError::refused("AccessDeniedException", why),
        Refusal::Unanswered(why) => AwsError::internal(why),
        Refusal::Unavailable(error) => unavailable(&error),
    }
}

fn unavailable(error: &StoreError) -> AwsError {
    tracing::error!("the store does not answer: {error}");
    AwsError::internal("the store does not answer now; ask again")
}
