//! A pipeline of the rule file and its runs in the shapes of the API.

use std::collections::BTreeMap;

use jiff::Timestamp;
use router::id::{EnvironmentName, RunId, StageName};
use router::rules::{Pipeline, Rules};
use router::run::{EnvironmentRun, Gate, GateState, Run, RunState, StageRun, Work, WorkState};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::engine::codepipeline::names;
use crate::wire::Locality;
use crate::wire::action::ActionTypeId;
use crate::wire::error::AwsError;
use crate::wire::shape::asked;
use crate::wire::shape::declaration::{
    ActionDeclaration, ExecutionMode, PipelineDeclaration, PipelineType, StageDeclaration,
};
use crate::wire::shape::told;

/// The rule file has no versions that could be asked for.
const VERSION: u32 = 1;
/// The most of a summary.
const SUMMARY_MAX: usize = 500;

/// What something is shown of.
pub(super) struct Shown<'s> {
    pub(super) app: &'s App,
    pub(super) locality: &'s Locality,
    pub(super) rules: &'s Rules,
    pub(super) pipeline: &'s Pipeline,
}

/// What a run's execution is called: its id behind zeros.
pub(super) fn execution_id(run: &RunId) -> String {
    uuid("0000000000000000", run)
}

/// What an action of a run is called, and a gate answered with: the run's id behind digits that are made of it and the action.
pub(super) fn action_id(run: &Run, stage: &str, action: &str) -> String {
    let digest = Sha256::digest(format!("{} {stage} {action}", run.id));
    uuid(&hex::encode(&digest[..8]), &run.id)
}

fn uuid(front: &str, run: &RunId) -> String {
    let run = run.as_str();
    [&front[..8], &front[8..12], &front[12..], &run[..4], &run[4..]].join("-")
}

/// The run whose id stands in an execution's, or an action's.
pub(super) fn run_of(id: &str) -> Option<RunId> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    RunId::new(digits.get(16..)?).ok()
}

/// Whether a gate takes an answer.
///
/// # Errors
/// As the service says it.
pub(super) fn is_open(gate: &Gate) -> Result<(), AwsError> {
    match gate.state {
        GateState::Waiting => Ok(()),
        GateState::Pending => Err(AwsError::refused("InvalidApprovalTokenException", "Invalid approval token")),
        GateState::Open | GateState::Rejected | GateState::Closed => {
            let message = "The approval request that you responded to is already complete or has expired. Review the \
                           latest revisions in the pipeline, and then try again.";
            Err(AwsError::refused("ApprovalAlreadyCompletedException", message))
        }
    }
}

/// One action of a run that has begun.
struct Seen {
    stage: String,
    action: &'static str,
    status: &'static str,
    from: Timestamp,
    to: Timestamp,
    words: String,
    by: Option<String>,
}

impl Shown<'_> {
    pub(super) fn summary(&self) -> told::PipelineSummary {
        told::PipelineSummary {
            name: self.pipeline.name.to_string(),
            version: VERSION,
            pipeline_type: PipelineType::V2,
            execution_mode: ExecutionMode::Parallel,
            created: Timestamp::UNIX_EPOCH.into(),
            updated: Timestamp::UNIX_EPOCH.into(),
        }
    }

    pub(super) fn get(&self, asked: &asked::GetPipeline) -> Result<told::GetPipeline, AwsError> {
        if let Some(version) = asked.version.filter(|version| *version != VERSION) {
            let message = format!("Pipeline '{}' does not have a version {version}", asked.name);
            return Err(AwsError::refused("PipelineVersionNotFoundException", message));
        }
        let source = stage(names::SOURCE, vec![action(names::SOURCE, "Source", "Custom", "Pointsman", 1)]);
        let stages = self.pipeline.stages.iter().map(|it| it.name.as_str());
        let stages = stages.map(|name| stage(name, vec![action(name, "Build", "Custom", "Pointsman", 1)]));
        let places = self.environments().map(|name| {
            let gate = action(names::GATE, "Approval", "AWS", "Manual", 1);
            let deploy = action(names::DEPLOY, "Deploy", "Custom", "Pointsman", 2);
            stage(&names::environment_stage(name), vec![gate, deploy])
        });
        let declaration = PipelineDeclaration {
            name: self.pipeline.name.to_string(),
            role_arn: format!("arn:aws:iam::{}:role/pointsman", self.locality.account),
            artifact_store: None,
            artifact_stores: None,
            stages: [source].into_iter().chain(stages).chain(places).collect(),
            version: Some(VERSION),
            execution_mode: Some(ExecutionMode::Parallel),
            pipeline_type: Some(PipelineType::V2),
            variables: None,
            triggers: None,
        };
        let metadata = told::Metadata {
            pipeline_arn: self.locality.pipeline_arn(self.pipeline.name.as_str()),
            created: Timestamp::UNIX_EPOCH.into(),
            updated: Timestamp::UNIX_EPOCH.into(),
        };
        Ok(told::GetPipeline { pipeline: declaration, metadata })
    }

    /// The environments that some route takes the pipeline to, in their order.
    fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        let reached = |name: &EnvironmentName| {
            let mut journeys = self.rules.journeys().filter(|journey| journey.pipeline.name == self.pipeline.name);
            journeys.any(|journey| journey.environments.iter().any(|it| it.name == *name))
        };
        self.rules.environments().iter().map(|it| &it.name).filter(move |name| reached(name))
    }

    /// The environment whose gate this is.
    pub(super) fn gate_at(&self, stage: &str, action: &str) -> Result<EnvironmentName, AwsError> {
        let own = |name: &StageName| name.as_str() == stage;
        let environment = names::environment_of(stage).filter(|name| self.environments().any(|it| it == name));
        let is_stage = stage == names::SOURCE || self.pipeline.stages.iter().any(|it| own(&it.name));
        match environment {
            Some(environment) if action == names::GATE => Ok(environment),
            None if !is_stage => {
                let message = format!("Pipeline '{}' does not have a stage '{stage}'", self.pipeline.name);
                Err(AwsError::refused("StageNotFoundException", message))
            }
            Some(_) | None => {
                let message = format!("Stage '{stage}' does not have an approval '{action}'");
                Err(AwsError::refused("ActionNotFoundException", message))
            }
        }
    }

    pub(super) fn execution(&self, run: &Run) -> told::GetPipelineExecution {
        let variables = names::variables(run).unwrap_or_default().into_iter();
        let variables: Vec<_> =
            variables.map(|(name, value)| told::ResolvedVariable { name, resolved_value: value }).collect();
        let revision = told::ArtifactRevision {
            name: names::SOURCE.to_owned(),
            revision_id: run.key.commit.to_string(),
            revision_summary: Some(cut(&run.title)),
        };
        let pipeline_execution = told::PipelineExecution {
            pipeline_name: self.pipeline.name.to_string(),
            pipeline_version: VERSION,
            pipeline_execution_id: execution_id(&run.id),
            status: status(run),
            status_summary: Some(cut(&run.because)),
            artifact_revisions: vec![revision],
            variables: Some(variables).filter(|variables| !variables.is_empty()),
            trigger: trigger(run),
            execution_mode: ExecutionMode::Parallel,
            execution_type: None,
            rollback_metadata: None,
        };
        told::GetPipelineExecution { pipeline_execution }
    }

    pub(super) fn listed(&self, run: &Run) -> told::ExecutionSummary {
        let stopped = matches!(run.state, RunState::Stopped | RunState::Superseded) || run.stopping.is_some();
        told::ExecutionSummary {
            pipeline_execution_id: execution_id(&run.id),
            status: status(run),
            status_summary: Some(cut(&run.because)),
            start_time: run.created_at.into(),
            last_update_time: self.moved(run).into(),
            source_revisions: vec![told::SourceRevision {
                action_name: names::SOURCE.to_owned(),
                revision_id: Some(run.key.commit.to_string()),
                revision_summary: Some(cut(&run.title)),
            }],
            trigger: trigger(run),
            stop_trigger: stopped.then(|| told::StopTrigger { reason: Some(cut(&run.because)) }),
            execution_mode: ExecutionMode::Parallel,
            execution_type: None,
            rollback_metadata: None,
        }
    }

    /// When a run moved last.
    fn moved(&self, run: &Run) -> Timestamp {
        run.ended_at.or_else(|| self.seen(run).iter().map(|it| it.to).max()).unwrap_or(run.created_at)
    }

    /// Whether a run has succeeded in a stage.
    pub(super) fn has_succeeded(&self, run: &Run, stage: &str) -> bool {
        let last = self.seen(run).into_iter().rfind(|it| it.stage == stage);
        last.is_some_and(|it| it.status == "Succeeded" && it.action != names::GATE)
    }

    /// What every stage of the pipeline did last, in whichever of these runs, the newest of which come first.
    pub(super) fn state(&self, runs: &[Run]) -> told::PipelineState {
        let seen: Vec<_> = runs.iter().map(|run| (run, self.seen(run))).collect();
        let own = self.pipeline.stages.iter().map(|it| (it.name.to_string(), vec![STAGE]));
        let places = self.environments().map(|name| (names::environment_stage(name), vec![names::GATE, names::DEPLOY]));
        let all = [(names::SOURCE.to_owned(), vec![STAGE])].into_iter().chain(own).chain(places);
        let stage_states = all.map(|(name, actions)| {
            let here = seen.iter().find(|(_, seen)| seen.iter().any(|it| it.stage == name));
            let find = |action: &str| {
                let (run, seen) = here?;
                Some((*run, seen.iter().find(|it| it.stage == name && it.action == action)?))
            };
            let action_states = actions.iter().map(|action| told::ActionState {
                action_name: called(&name, action).to_owned(),
                current_revision: None,
                latest_execution: find(action).map(|(run, seen)| self.action_execution(run, seen)),
                entity_url: None,
            });
            let latest = here.and_then(|(run, seen)| Some((*run, seen.iter().rfind(|it| it.stage == name)?)));
            told::StageState {
                stage_name: name.clone(),
                inbound_execution: None,
                inbound_executions: Vec::new(),
                inbound_transition_state: told::TransitionState {
                    enabled: true,
                    last_changed_by: None,
                    last_changed_at: None,
                    disabled_reason: None,
                },
                action_states: action_states.collect(),
                latest_execution: latest.map(|(run, seen)| told::StageExecution {
                    pipeline_execution_id: execution_id(&run.id),
                    status: of_stage(seen),
                    r#type: None,
                }),
                before_entry_condition_state: None,
                on_success_condition_state: None,
                retry_stage_metadata: None,
            }
        });
        told::PipelineState {
            pipeline_name: self.pipeline.name.to_string(),
            pipeline_version: VERSION,
            stage_states: stage_states.collect(),
            created: Timestamp::UNIX_EPOCH.into(),
            updated: Timestamp::UNIX_EPOCH.into(),
        }
    }

    fn action_execution(&self, run: &Run, seen: &Seen) -> told::ActionExecution {
        // As the service, which tells no token for PARALLEL executions: ListActionExecutions has it.
        told::ActionExecution {
            action_execution_id: seen.id(run),
            status: seen.status,
            summary: seen.summary(),
            last_status_change: seen.to.into(),
            token: None,
            last_updated_by: seen.by.clone(),
            external_execution_id: None,
            external_execution_url: Some(self.page(run)),
            error_details: seen.error(true),
        }
    }

    /// What a run's actions did, the newest first.
    pub(super) fn actions(&self, run: &Run) -> Vec<told::ActionDetail> {
        self.seen(run).iter().rev().map(|seen| self.detail(run, seen)).collect()
    }

    fn detail(&self, run: &Run, seen: &Seen) -> told::ActionDetail {
        let id = seen.id(run);
        let result = told::ActionResult {
            // An approval's id is also what it is answered with.
            external_execution_id: (seen.action == names::GATE).then(|| id.clone()),
            external_execution_summary: seen.summary(),
            external_execution_url: Some(self.page(run)),
            error_details: seen.error(false),
        };
        let name = called(&seen.stage, seen.action);
        told::ActionDetail {
            pipeline_execution_id: execution_id(&run.id),
            action_execution_id: id,
            pipeline_version: VERSION,
            stage_name: seen.stage.clone(),
            action_name: name.to_owned(),
            start_time: seen.from.into(),
            last_update_time: seen.to.into(),
            updated_by: seen.by.clone(),
            status: seen.status,
            input: told::ActionInput {
                action_type_id: kind(seen),
                configuration: BTreeMap::new(),
                resolved_configuration: BTreeMap::new(),
                role_arn: None,
                region: self.locality.region.clone(),
                input_artifacts: Vec::new(),
                namespace: None,
            },
            output: told::ActionOutput {
                output_artifacts: Vec::new(),
                execution_result: Some(result),
                output_variables: BTreeMap::new(),
            },
        }
    }

    /// Where people see the run.
    fn page(&self, run: &Run) -> String {
        format!("{}/runs/{}", self.app.base_url, run.id)
    }

    /// The actions of a run that have begun, in their order.
    fn seen(&self, run: &Run) -> Vec<Seen> {
        let now = self.app.clock.now();
        let begun = run.state != RunState::Queued && run.stages.iter().any(|it| it.work.started_at.is_some());
        let source = begun.then(|| Seen {
            stage: names::SOURCE.to_owned(),
            action: STAGE,
            status: "Succeeded",
            from: run.created_at,
            to: run.created_at,
            words: format!("commit {}", run.key.commit),
            by: None,
        });
        let stages = run.stages.iter().filter_map(|StageRun { name, work }| of_work(name.as_str(), STAGE, work, now));
        let places = run.environments.iter().flat_map(|place| {
            let stage = names::environment_stage(&place.name);
            let deploy = of_work(&stage, names::DEPLOY, &place.deploy, now);
            [self.of_gate(run, place, stage, now), deploy]
        });
        source.into_iter().chain(stages).chain(places.flatten()).collect()
    }

    fn of_gate(&self, run: &Run, place: &EnvironmentRun, stage: String, now: Timestamp) -> Option<Seen> {
        let status = match place.gate.state {
            GateState::Pending => return None,
            GateState::Waiting => "InProgress",
            GateState::Open => "Succeeded",
            GateState::Rejected => "Failed",
            GateState::Closed if matches!(run.state, RunState::Stopped | RunState::Superseded) => "Abandoned",
            GateState::Closed => "Failed",
        };
        let last = place.gate.approvals.last();
        let ended = place.deploy.started_at.or(run.ended_at);
        let from = place.gate.since.unwrap_or(run.created_at);
        let arn = |name: &str| format!("arn:aws:iam::{}:user/{name}", self.locality.account);
        Some(Seen {
            stage,
            action: names::GATE,
            status,
            from,
            to: if status == "InProgress" { from } else { ended.unwrap_or(now) },
            words: if status == "Succeeded" {
                last.map(|it| it.comment.clone()).unwrap_or_default()
            } else {
                run.because.clone()
            },
            by: last.map(|vote| arn(vote.by.as_str())),
        })
    }
}

/// The one action of a stage has its name.
const STAGE: &str = "";

fn called<'n>(stage: &'n str, action: &'n str) -> &'n str {
    if action == STAGE { stage } else { action }
}

impl Seen {
    fn id(&self, run: &Run) -> String {
        action_id(run, &self.stage, called(&self.stage, self.action))
    }

    fn summary(&self) -> Option<String> {
        Some(cut(&self.words)).filter(|words| !words.is_empty())
    }

    /// The history has the words of a failure as its summary, the state as its message.
    fn error(&self, with_words: bool) -> Option<told::ErrorDetails> {
        let message = self.summary().filter(|_| with_words);
        (self.status == "Failed").then(|| told::ErrorDetails { code: "JobFailed".to_owned(), message })
    }
}

fn of_work(stage: &str, action: &'static str, work: &Work, now: Timestamp) -> Option<Seen> {
    let status = match work.state {
        WorkState::Pending => return None,
        WorkState::Running => "InProgress",
        WorkState::Succeeded => "Succeeded",
        WorkState::Failed => "Failed",
        WorkState::Stopped => "Abandoned",
    };
    let from = work.started_at.or(work.ended_at)?;
    let to = work.ended_at.unwrap_or(if status == "InProgress" { from } else { now });
    Some(Seen { stage: stage.to_owned(), action, status, from, to, words: work.detail.clone(), by: None })
}

/// How a stage stands whose last action that began is this.
fn of_stage(last: &Seen) -> &'static str {
    match last.status {
        "Succeeded" if last.action == names::GATE => "InProgress",
        "Abandoned" => "Stopped",
        status => status,
    }
}

fn status(run: &Run) -> &'static str {
    match run.state {
        RunState::Queued | RunState::Running | RunState::Waiting if run.stopping.is_some() => "Stopping",
        RunState::Queued | RunState::Running | RunState::Waiting => "InProgress",
        RunState::Succeeded => "Succeeded",
        RunState::Stopped => "Stopped",
        RunState::Superseded => "Superseded",
        RunState::Failed | RunState::Rejected | RunState::Expired => "Failed",
    }
}

fn trigger(run: &Run) -> told::Trigger {
    told::Trigger { trigger_type: "Webhook", trigger_detail: cut(&format!("{} by {}", run.key.git_ref, run.actor)) }
}

fn kind(seen: &Seen) -> ActionTypeId {
    match seen.action {
        STAGE if seen.stage == names::SOURCE => type_id("Source", "Custom", "Pointsman"),
        STAGE => type_id("Build", "Custom", "Pointsman"),
        names::GATE => type_id("Approval", "AWS", "Manual"),
        _ => type_id("Deploy", "Custom", "Pointsman"),
    }
}

fn type_id(category: &str, owner: &str, provider: &str) -> ActionTypeId {
    let [category, owner, provider, version] = [category, owner, provider, "1"].map(str::to_owned);
    ActionTypeId { category, owner, provider, version }
}

fn stage(name: &str, actions: Vec<ActionDeclaration>) -> StageDeclaration {
    let name = name.to_owned();
    StageDeclaration { name, blockers: None, actions, on_failure: None, on_success: None, before_entry: None }
}

fn action(name: &str, category: &str, owner: &str, provider: &str, run_order: u32) -> ActionDeclaration {
    ActionDeclaration {
        name: name.to_owned(),
        action_type_id: type_id(category, owner, provider),
        run_order,
        configuration: BTreeMap::new(),
        commands: None,
        output_artifacts: Vec::new(),
        input_artifacts: Vec::new(),
        output_variables: None,
        role_arn: None,
        region: None,
        namespace: None,
        timeout_in_minutes: None,
        environment_variables: None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(SUMMARY_MAX).collect()
}
