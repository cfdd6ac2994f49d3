//! Carries one run on from where it stands: its stages, then each environment whose gate is open.

use std::sync::Arc;

use router::pipeline::Step;
use router::run::{Artifact, GateState, Outcome, Run, RunEvent, WorkState};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::job::{Ended, Job};
use super::{Told, Workshop};
use crate::engine::EngineEvent;
use crate::points;

/// Where a journey ends, and what is told last. It is told after the engine has let go of the run, because whoever hears
/// of a gate may open it at once and start the run again; until then nobody does.
pub(super) type Last = Option<RunEvent>;

/// Nobody is listening for now: the run is being stopped, or this process is going away. With what was not told.
struct Silence(Last);

pub(super) struct Journey {
    pub(super) workshop: Arc<Workshop>,
    pub(super) run: Run,
    pub(super) stop: CancellationToken,
    pub(super) told: Told,
}

impl Journey {
    /// Goes as far as there is a way.
    pub(super) async fn travel(mut self) -> Last {
        if self.run.state.is_terminal() {
            return None;
        }
        self.walk().await.unwrap_or_else(|Silence(untold)| untold)
    }

    async fn walk(&mut self) -> Result<Last, Silence> {
        self.tell(RunEvent::Started).await?;
        for at in 0..self.run.plan.stages.len() {
            match self.run.stages.get(at).map(|stage| stage.work.state) {
                Some(WorkState::Succeeded) => {}
                Some(WorkState::Failed | WorkState::Stopped) => return Ok(None),
                Some(WorkState::Pending | WorkState::Running) | None => {
                    if let Some(last) = self.stage(at).await? {
                        return Ok(Some(last));
                    }
                }
            }
        }
        for at in 0..self.run.environments.len() {
            let place = &self.run.environments[at];
            match (place.deploy.state, place.gate.state) {
                (WorkState::Succeeded, _) => {}
                (WorkState::Failed | WorkState::Stopped, _) => return Ok(None),
                (WorkState::Pending | WorkState::Running, GateState::Open) => {
                    if let Some(last) = self.deploy(at).await? {
                        return Ok(Some(last));
                    }
                }
                (WorkState::Pending | WorkState::Running, _) => {
                    return Ok(Some(RunEvent::GateReached { environment: place.name.clone() }));
                }
            }
        }
        Ok(None)
    }

    /// Does one stage. What it returns is the last that is to be told of this run.
    async fn stage(&mut self, at: usize) -> Result<Last, Silence> {
        let stage = self.run.plan.stages[at].clone();
        let Some(_slot) = self.slot().await else { return Err(Silence(None)) };
        self.tell(RunEvent::StageStarted { stage: stage.name.clone() }).await?;
        let ended = match self.work(&stage.step, stage.name.to_string(), at, None).await {
            Ok(ended) => ended,
            Err(why) => return Ok(Some(RunEvent::Failed { why })),
        };
        points::pass("stage-ended");
        let Ended { outcome, artifact, exports } = ended;
        let artifact = artifact.map(|it| Artifact { stage: stage.name.clone(), sha256: it.sha256, bytes: it.bytes });
        let well = outcome == Outcome::Succeeded;
        if well {
            self.run.exports.extend(exports.clone());
            self.run.artifact = artifact.clone().or(self.run.artifact.take());
        }
        let event = RunEvent::StageEnded { stage: stage.name, outcome, artifact, exports };
        if !well {
            return Ok(Some(event));
        }
        self.tell(event).await?;
        Ok(None)
    }

    /// Deploys to one environment.
    async fn deploy(&mut self, at: usize) -> Result<Last, Silence> {
        let environment = self.run.environments[at].name.clone();
        let step = match (self.run.plan.step_at(&environment), &self.run.plan.deploy) {
            (Some(step), _) => step.clone(),
            (None, Some(service)) => {
                let why = format!(
                    "the pipeline deploys by `{}`, which AWS does and this engine cannot; use the engine codepipeline, or \
                     give the pipeline a `deploy` with a buildspec",
                    service.key()
                );
                return Ok(Some(RunEvent::Failed { why }));
            }
            (None, None) => {
                let why = format!("the pipeline says not how to deploy to {environment}; give it a `deploy`");
                return Ok(Some(RunEvent::Failed { why }));
            }
        };
        let Some(_slot) = self.slot().await else { return Err(Silence(None)) };
        self.tell(RunEvent::DeployStarted { environment: environment.clone() }).await?;
        let all = self.run.plan.stages.len();
        let name = format!("deploy-{environment}");
        let outcome = match self.work(&step, name, all, Some(at)).await {
            Ok(ended) => ended.outcome,
            Err(why) => return Ok(Some(RunEvent::Failed { why })),
        };
        points::pass("deploy-ended");
        let well = outcome == Outcome::Succeeded;
        let event = RunEvent::DeployEnded { environment, outcome };
        if !well {
            return Ok(Some(event));
        }
        self.tell(event).await?;
        Ok(None)
    }

    async fn work(&self, step: &Step, name: String, before: usize, place: Option<usize>) -> Result<Ended, String> {
        let job = Job {
            run: &self.run,
            step,
            name,
            environment: place.map(|at| &self.run.environments[at].name),
            exports: &self.run.exports,
            before: self.run.plan.stages[..before].iter().map(|stage| stage.name.as_str()).collect(),
            artifact: self.run.artifact.as_ref(),
        };
        self.workshop.work(&job, &self.stop).await
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            slot = Arc::clone(&self.workshop.slots).acquire_owned() => slot.ok(),
        }
    }

    /// Tells an event while somebody listens. Whoever stops a run may be the one who should: then the journey ends here
    /// and the event is told after it.
    async fn tell(&self, event: RunEvent) -> Result<(), Silence> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Silence(Some(event))),
            room = self.workshop.events.reserve() => match room {
                Ok(room) => {
                    self.told.add(&event);
                    room.send(EngineEvent { run: self.run.id.clone(), event });
                    Ok(())
                }
                Err(_nobody_is_left) => Err(Silence(None)),
            },
        }
    }
}
