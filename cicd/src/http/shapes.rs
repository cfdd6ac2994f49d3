//! The shapes that programs build on. A field here is a promise.

use jiff::Timestamp;
use router::id::{CommitId, DeliveryId, EnvironmentName, GitRef, PipelineName, RouteName, RunId, StageName};
use router::run::{EnvironmentRun, GateState, Person, Run, RunState, StageRun, Vote, WorkState};
use router::status::Status;
use serde::Serialize;

/// A run.
#[derive(Serialize)]
pub(super) struct RunShape<'a> {
    id: &'a RunId,
    repository: String,
    #[serde(rename = "ref")]
    git_ref: &'a GitRef,
    commit: &'a CommitId,
    route: &'a RouteName,
    pipeline: &'a PipelineName,
    attempt: u32,
    state: RunState,
    stages: Vec<StageShape<'a>>,
    environments: Vec<EnvironmentShape<'a>>,
    deliveries: &'a [DeliveryId],
    because: &'a str,
    url: String,
    /// What its commit should show at the forge; only where one run is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<&'a [Status]>,
}

/// A stage of a run.
#[derive(Serialize)]
struct StageShape<'a> {
    name: &'a StageName,
    state: WorkState,
    compute: String,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    detail: &'a str,
}

/// An environment of a run.
#[derive(Serialize)]
struct EnvironmentShape<'a> {
    name: &'a EnvironmentName,
    gate: GateShape<'a>,
    deploy: DeployShape<'a>,
}

/// A gate: where it stands, who may open it, who has said yes.
#[derive(Serialize)]
struct GateShape<'a> {
    state: GateState,
    by: &'a [String],
    approvals: Vec<VoteShape<'a>>,
    expires_at: Option<Timestamp>,
}

/// One person's yes.
#[derive(Serialize)]
struct VoteShape<'a> {
    by: &'a Person,
    at: Timestamp,
    comment: &'a str,
    entry: Option<&'a str>,
}

/// A deploy.
#[derive(Serialize)]
struct DeployShape<'a> {
    state: WorkState,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    detail: &'a str,
}

impl<'a> RunShape<'a> {
    /// A run as programs read it.
    pub(super) fn of(run: &'a Run, base_url: &str) -> Self {
        Self {
            id: &run.id,
            repository: run.key.repository.path.to_string(),
            git_ref: &run.key.git_ref,
            commit: &run.key.commit,
            route: &run.key.route,
            pipeline: &run.plan.pipeline,
            attempt: run.key.attempt,
            state: run.state,
            stages: run.stages.iter().map(|stage| StageShape::of(run, stage)).collect(),
            environments: run.environments.iter().map(|place| EnvironmentShape::of(run, place)).collect(),
            deliveries: &run.deliveries,
            because: &run.because,
            url: format!("{base_url}/runs/{}", run.id),
            statuses: None,
        }
    }
}

impl<'a> RunShape<'a> {
    /// The same with what its commit should show.
    pub(super) fn with(self, statuses: &'a [Status]) -> Self {
        Self { statuses: Some(statuses), ..self }
    }
}

impl<'a> StageShape<'a> {
    fn of(run: &'a Run, stage: &'a StageRun) -> Self {
        let planned = run.plan.stages.iter().find(|planned| planned.name == stage.name);
        Self {
            name: &stage.name,
            state: stage.work.state,
            compute: planned.map(|planned| planned.step.compute.to_string()).unwrap_or_default(),
            started_at: stage.work.started_at,
            ended_at: stage.work.ended_at,
            detail: &stage.work.detail,
        }
    }
}

impl<'a> EnvironmentShape<'a> {
    fn of(run: &'a Run, place: &'a EnvironmentRun) -> Self {
        let planned = run.plan.environments.iter().find(|planned| planned.name == place.name);
        let vote = |vote: &'a Vote| VoteShape {
            by: &vote.by,
            at: vote.at,
            comment: &vote.comment,
            entry: vote.entry.as_deref(),
        };
        Self {
            name: &place.name,
            gate: GateShape {
                state: place.gate.state,
                by: planned.and_then(|planned| planned.approval.as_ref()).map_or(&[], |approval| &approval.by),
                approvals: place.gate.approvals.iter().map(vote).collect(),
                expires_at: place.gate.expires_at,
            },
            deploy: DeployShape {
                state: place.deploy.state,
                started_at: place.deploy.started_at,
                ended_at: place.deploy.ended_at,
                detail: &place.deploy.detail,
            },
        }
    }
}
