//! What a run that is over still learns of its parts.
//!
//! An engine's events overtake each other: the failure that ends a run may be heard before the success of a stage before it. The end
//! stays as it was told. But each stage and each deploy gets the verdict that is its own, whenever it is told, so the commit shows the
//! same in whatever order events come.

use jiff::Timestamp;

use super::{Applied, GateState, Outcome, Run, RunEvent, Work, WorkState};

impl Run {
    /// Its parts: the work of each stage, then that of each deploy.
    pub fn parts(&self) -> impl Iterator<Item = &Work> {
        let deploys = self.environments.iter().map(|place| &place.deploy);
        self.stages.iter().map(|stage| &stage.work).chain(deploys)
    }

    /// Whether an engine may know how a part of it ended, and the run does not.
    pub fn lacks_verdicts(&self) -> bool {
        self.parts().any(|work| !work.has_verdict())
    }

    /// Takes an event of a run that is over: its parts end right, and nothing else moves.
    pub(super) fn late(&mut self, event: &RunEvent, at: Timestamp) -> Applied {
        let end = self.ended_at.unwrap_or(at).min(at);
        match event {
            RunEvent::StageStarted { stage: name } => {
                let stage = self.stages.iter_mut().find(|stage| stage.name == *name);
                began(stage.map(|stage| &mut stage.work), end)
            }
            RunEvent::StageEnded { stage: name, outcome, artifact, exports } => {
                let stage = self.stages.iter_mut().find(|stage| stage.name == *name);
                let applied = ended(stage.map(|stage| &mut stage.work), outcome, end);
                if applied == Applied::Moved && *outcome == Outcome::Succeeded {
                    self.take_in(artifact.as_ref(), exports);
                }
                applied
            }
            RunEvent::DeployStarted { environment } => began(self.deploy_let_in(environment), end),
            RunEvent::DeployEnded { environment, outcome } => ended(self.deploy_let_in(environment), outcome, end),
            RunEvent::StageLog { stage, url } => self.stage_log(stage, url),
            RunEvent::DeployLog { environment, url } => self.deploy_log(environment, url),
            RunEvent::Started
            | RunEvent::Executing { .. }
            | RunEvent::GateReached { .. }
            | RunEvent::Approved { .. }
            | RunEvent::Rejected { .. }
            | RunEvent::GateOpened { .. }
            | RunEvent::GatePassed { .. }
            | RunEvent::GateHeld { .. }
            | RunEvent::GateExpired { .. }
            | RunEvent::Failed { .. }
            | RunEvent::StopAsked { .. } => Applied::Stale("the run is over"),
        }
    }

    /// Behind a gate that never opened there is no deploy.
    fn deploy_let_in(&mut self, name: &crate::id::EnvironmentName) -> Option<&mut Work> {
        let place = self.environments.iter_mut().find(|place| place.name == *name)?;
        (place.gate.state == GateState::Open).then_some(&mut place.deploy)
    }
}

/// It was at work when the run ended; when it began is not known.
fn began(work: Option<&mut Work>, end: Timestamp) -> Applied {
    match work {
        Some(work) if work.state == WorkState::Pending => {
            work.finish(&Outcome::Stopped, end);
            Applied::Moved
        }
        Some(_) => Applied::Stale("it has started"),
        None => Applied::Stale("the run is over, and had no such step"),
    }
}

/// What was cut off when the run ended, or never heard of, may have ended by itself. It had by then: what came after it ended the run.
fn ended(work: Option<&mut Work>, outcome: &Outcome, end: Timestamp) -> Applied {
    let Some(work) = work else { return Applied::Stale("the run is over, and had no such step") };
    if work.has_verdict() {
        return Applied::Stale("it is over");
    }
    let mut told = work.clone();
    told.finish(outcome, work.ended_at.unwrap_or(end));
    if told == *work {
        return Applied::Stale("it was stopped with the run");
    }
    *work = told;
    Applied::Moved
}

impl Work {
    /// It ended by itself, well or not; what was stopped or not begun has no verdict.
    pub fn has_verdict(&self) -> bool {
        match self.state {
            WorkState::Pending | WorkState::Running | WorkState::Stopped => false,
            WorkState::Succeeded | WorkState::Failed => true,
        }
    }
}

#[cfg(test)]
mod tests;
