//! The one writer of a run's state.
//!
//! Every event has its arm and every arm says when the event is stale. What is derived from the parts (is everything done, is
//! somebody waited for, can a postponed stop happen now) is derived in one place, [`Run::conclude`], after each event. What a run that
//! is over may still learn is said in `late`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Applied, Artifact, EnvironmentRun, GateState, Makers, Outcome, Person, Run, RunEvent, RunState};
use super::{Stop, Vote, Voter, Work, WorkState};
use crate::id::{EnvironmentName, StageName};
use crate::pipeline::Environment;

impl Run {
    /// Takes one event. The only place where a run's state changes.
    pub fn apply(&mut self, event: &RunEvent, at: Timestamp) -> Applied {
        if let RunEvent::Executing { execution } = event {
            return self.executing(execution);
        }
        if self.state.is_terminal() {
            return self.late(event, at);
        }
        let applied = match event {
            RunEvent::Executing { .. } | RunEvent::Started => self.started(),
            RunEvent::StageStarted { stage } => self.stage_started(stage, at),
            RunEvent::StageEnded { stage, outcome, artifact, exports } => {
                self.stage_ended(stage, outcome, artifact.as_ref(), exports, at)
            }
            RunEvent::GateReached { environment } => self.gate_reached(environment, at),
            RunEvent::Approved { environment, by: person, also, teams, comment } => {
                self.approved(environment, Voter { person, also, teams }, comment, at)
            }
            RunEvent::Rejected { environment, by, comment } => self.rejected(environment, by, comment, at),
            RunEvent::GateOpened { environment } => self.gate_opened(environment, at),
            RunEvent::GateHeld { environment } => self.gate_held(environment, at),
            RunEvent::GatePassed { environment, by } => self.gate_passed(environment, by, at),
            RunEvent::GateExpired { environment } => self.gate_expired(environment, at),
            RunEvent::DeployStarted { environment } => self.deploy_started(environment, at),
            RunEvent::DeployEnded { environment, outcome } => self.deploy_ended(environment, outcome, at),
            RunEvent::StageLog { stage, url } => self.stage_log(stage, url),
            RunEvent::DeployLog { environment, url } => self.deploy_log(environment, url),
            RunEvent::Failed { why } => self.end(RunState::Failed, why.clone(), at),
            RunEvent::StopAsked { stop } => self.stop_asked(stop, at),
        };
        if applied == Applied::Moved && !self.state.is_terminal() {
            self.conclude(at);
        }
        applied
    }

    /// A deploy may have begun: its gate is open and it is not over.
    pub fn deploy_under_way(&self) -> Option<&EnvironmentRun> {
        self.environments.iter().find(|place| place.holds_environment())
    }

    /// The environment at whose gate this run waits.
    pub fn waiting_at(&self) -> Option<(&EnvironmentRun, &Environment)> {
        let at = self.environments.iter().position(|place| place.gate.state == GateState::Waiting)?;
        Some((&self.environments[at], &self.plan.environments[at]))
    }

    /// Who made its commit.
    pub fn makers(&self) -> Makers<'_> {
        Makers { repository: &self.key.repository, actor: &self.actor, author: &self.author }
    }

    /// How many more people must say yes at an environment; none where nobody need.
    pub fn missing_at(&self, name: &EnvironmentName) -> usize {
        let Some(at) = self.environments.iter().position(|place| place.name == *name) else { return 0 };
        self.environments[at].gate.missing(self.plan.environments[at].approval.as_ref(), &self.makers())
    }

    /// The first of the stages and deploys before an environment that has not succeeded, as far as is known.
    fn untold_before(&self, name: &EnvironmentName) -> Option<String> {
        let has_not = |work: &Work| work.state != WorkState::Succeeded;
        let stage = self.stages.iter().find(|stage| has_not(&stage.work)).map(|stage| stage.name.to_string());
        let before = self.environments.iter().take_while(|place| place.name != *name);
        let deploy = || before.into_iter().find(|place| has_not(&place.deploy));
        stage.or_else(|| deploy().map(|place| format!("the deploy to {}", place.name)))
    }

    fn stages_are_done(&self) -> bool {
        self.stages.iter().all(|stage| stage.work.state == WorkState::Succeeded)
    }

    fn started(&mut self) -> Applied {
        if self.state != RunState::Queued {
            return Applied::Stale("it has started");
        }
        self.state = RunState::Running;
        Applied::Moved
    }

    /// A run that is over learns its engine's name for it too, and nothing else: only so can it be ended there.
    fn executing(&mut self, execution: &str) -> Applied {
        if self.execution.is_some() {
            return Applied::Stale("the engine has told its name for it before");
        }
        self.execution = Some(execution.to_owned());
        if self.state == RunState::Queued {
            self.state = RunState::Running;
            self.because = "running".to_owned();
        }
        Applied::Moved
    }

    fn stage_started(&mut self, name: &StageName, at: Timestamp) -> Applied {
        let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == *name) else {
            return Applied::Stale("the plan has no such stage");
        };
        if stage.work.state != WorkState::Pending {
            return Applied::Stale("the stage has started");
        }
        stage.work.begin(at);
        Applied::Moved
    }

    fn stage_ended(
        &mut self,
        name: &StageName,
        outcome: &Outcome,
        artifact: Option<&Artifact>,
        exports: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Applied {
        let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == *name) else {
            return Applied::Stale("the plan has no such stage");
        };
        if stage.work.is_over() {
            return Applied::Stale("the stage is over");
        }
        stage.work.finish(outcome, at);
        let detail = stage.work.detail.clone();
        match outcome {
            Outcome::Succeeded => {
                self.take_in(artifact, exports);
                Applied::Moved
            }
            Outcome::Failed(_) | Outcome::TimedOut(_) => {
                self.end(RunState::Failed, format!("{name} failed: {detail}"), at)
            }
            Outcome::Stopped => self.end(RunState::Stopped, format!("{name} was stopped in the engine"), at),
        }
    }

    /// What a stage left. Told late, it does not take the place of what a later stage left.
    pub(super) fn take_in(&mut self, artifact: Option<&Artifact>, exports: &BTreeMap<String, String>) {
        let at = |of: &Artifact| self.stages.iter().position(|stage| stage.name == of.stage);
        if let Some(artifact) = artifact.filter(|new| self.artifact.as_ref().is_none_or(|old| at(old) <= at(new))) {
            self.artifact = Some(artifact.clone());
        }
        self.exports.extend(exports.iter().map(|(key, value)| (key.clone(), value.clone())));
    }

    pub(super) fn stage_log(&mut self, name: &StageName, url: &str) -> Applied {
        let stage = self.stages.iter_mut().find(|stage| stage.name == *name);
        logged(stage.map(|stage| &mut stage.work), url)
    }

    pub(super) fn deploy_log(&mut self, name: &EnvironmentName, url: &str) -> Applied {
        let place = self.environments.iter_mut().find(|place| place.name == *name);
        logged(place.map(|place| &mut place.deploy), url)
    }

    fn gate_reached(&mut self, name: &EnvironmentName, at: Timestamp) -> Applied {
        let Some(index) = self.environments.iter().position(|place| place.name == *name) else {
            return Applied::Stale("the plan has no such environment");
        };
        let gate = &mut self.environments[index].gate;
        if gate.state != GateState::Pending {
            return Applied::Stale("the gate was reached before");
        }
        let within = self.plan.environments[index].approval.as_ref().and_then(|approval| approval.within_seconds);
        gate.state = GateState::Waiting;
        gate.since = Some(at);
        gate.expires_at = within
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| at.checked_add(SignedDuration::from_secs(seconds)).ok());
        Applied::Moved
    }

    /// A yes is to one commit and what its stages made of it, so it counts when they are over and not before.
    fn approved(&mut self, name: &EnvironmentName, voter: Voter<'_>, comment: &str, at: Timestamp) -> Applied {
        let by = voter.person;
        let is_done = self.stages_are_done();
        let (repository, actor, author) = (self.key.repository.clone(), self.actor.clone(), self.author.clone());
        let Some((place, planned)) = self.gate_waiting(name) else {
            return Applied::Stale("no gate waits there");
        };
        if !is_done {
            return Applied::Stale("its stages are not over yet; try again in a moment");
        }
        let makers = Makers { repository: &repository, actor: &actor, author: &author };
        if place.gate.is_late(at) {
            return Applied::Stale("the gate's time is over");
        }
        if place.gate.approvals.iter().any(|vote| vote.by == *by) {
            return Applied::Stale("they said so before");
        }
        let Some(Ok(entry)) = planned.approval.as_ref().map(|approval| approval.allows(voter, &makers)) else {
            return Applied::Stale("they may not decide here");
        };
        let (by, comment, entry) = (by.clone(), comment.to_owned(), Some(entry.to_owned()));
        place.gate.approvals.push(Vote { by, at, comment, entry });
        Applied::Moved
    }

    fn rejected(&mut self, name: &EnvironmentName, by: &Person, comment: &str, at: Timestamp) -> Applied {
        let Some((place, _)) = self.gate_waiting(name) else {
            return Applied::Stale("no gate waits there");
        };
        place.gate.state = GateState::Rejected;
        let said = if comment.is_empty() { String::new() } else { format!(": {comment}") };
        self.end(RunState::Rejected, format!("{by} said no at {name}{said}"), at)
    }

    /// Moves nothing but the words: people see what a gate waits for.
    fn gate_held(&mut self, name: &EnvironmentName, at: Timestamp) -> Applied {
        let missing = self.missing_at(name);
        let Some((_, planned)) = self.gate_waiting(name) else {
            return Applied::Stale("no gate waits there");
        };
        if missing > 0 || planned.closed(at).is_none() {
            return Applied::Stale("the calendar does not hold it");
        }
        if self.standing(at).1 == self.because {
            return Applied::Stale("it says so already");
        }
        Applied::Moved
    }

    /// Opens a gate when everything before it is over.
    ///
    /// An engine may tell that it stands at a gate before it tells how the stage before it ended: on AWS their events overtake each
    /// other. That it stands there is believed, so the gate waits and its time runs. But nothing enters an environment of which the
    /// record does not say what it is: every stage has succeeded, so its artifact is known, and so has every deploy before this one, so
    /// that no run holds two environments. What is still under way is told in a moment, or found by the sweep, and whoever opens gates
    /// tries again at every such event. Somebody who lets the run pass in the engine is not asked, see [`Run::gate_passed`].
    fn gate_opened(&mut self, name: &EnvironmentName, at: Timestamp) -> Applied {
        let missing = self.missing_at(name);
        let untold = self.untold_before(name).is_some();
        let Some((place, planned)) = self.gate_waiting(name) else {
            return Applied::Stale("no gate waits there");
        };
        if untold {
            return Applied::Stale("what is before it is not over yet");
        }
        if missing > 0 {
            return Applied::Stale("people are still needed");
        }
        if planned.closed(at).is_some() {
            return Applied::Stale("the environment takes nothing at this hour");
        }
        place.gate.state = GateState::Open;
        Applied::Moved
    }

    /// The engine goes on behind the gate already, so nothing is asked of whoever let it.
    fn gate_passed(&mut self, name: &EnvironmentName, by: &Person, at: Timestamp) -> Applied {
        let Some(place) = self.environments.iter_mut().find(|place| place.name == *name) else {
            return Applied::Stale("the plan has no such environment");
        };
        if !matches!(place.gate.state, GateState::Pending | GateState::Waiting) {
            return Applied::Stale("the gate does not wait any more");
        }
        place.gate.state = GateState::Open;
        place.gate.approvals.push(Vote { by: by.clone(), at, comment: "past Pointsman".to_owned(), entry: None });
        Applied::Moved
    }

    fn gate_expired(&mut self, name: &EnvironmentName, at: Timestamp) -> Applied {
        let Some((place, _)) = self.gate_waiting(name) else {
            return Applied::Stale("no gate waits there");
        };
        if !place.gate.is_late(at) {
            return Applied::Stale("the gate still has time");
        }
        self.end(RunState::Expired, format!("nobody said yes at {name} in time"), at)
    }

    fn deploy_started(&mut self, name: &EnvironmentName, at: Timestamp) -> Applied {
        let Some(place) = self.environments.iter_mut().find(|place| place.name == *name) else {
            return Applied::Stale("the plan has no such environment");
        };
        if place.gate.state != GateState::Open || place.deploy.state != WorkState::Pending {
            return Applied::Stale("no deploy is due there");
        }
        place.deploy.begin(at);
        Applied::Moved
    }

    fn deploy_ended(&mut self, name: &EnvironmentName, outcome: &Outcome, at: Timestamp) -> Applied {
        let Some(place) = self.environments.iter_mut().find(|place| place.name == *name) else {
            return Applied::Stale("the plan has no such environment");
        };
        if !place.holds_environment() {
            return Applied::Stale("no deploy is under way there");
        }
        place.deploy.finish(outcome, at);
        let detail = place.deploy.detail.clone();
        match outcome {
            Outcome::Succeeded => Applied::Moved,
            Outcome::Failed(_) | Outcome::TimedOut(_) => {
                self.end(RunState::Failed, format!("deploy to {name} failed: {detail}"), at)
            }
            Outcome::Stopped => {
                self.end(RunState::Stopped, format!("the deploy to {name} was stopped in the engine"), at)
            }
        }
    }

    /// A newer push waits for a deploy under way; a person does not.
    fn stop_asked(&mut self, stop: &Stop, at: Timestamp) -> Applied {
        match stop {
            Stop::By(_) => self.end_stopped(&stop.clone(), at),
            Stop::SupersededBy(_) if self.deploy_under_way().is_none() => self.end_stopped(&stop.clone(), at),
            Stop::SupersededBy(_) if self.stopping.is_some() => Applied::Stale("a stop waits for the deploy already"),
            Stop::SupersededBy(_) => {
                self.stopping = Some(stop.clone());
                Applied::Moved
            }
        }
    }

    fn end_stopped(&mut self, stop: &Stop, at: Timestamp) -> Applied {
        match stop {
            Stop::By(person) => self.end(RunState::Stopped, format!("stopped by {person}"), at),
            Stop::SupersededBy(commit) => {
                self.end(RunState::Superseded, format!("superseded by {}", commit.short()), at)
            }
        }
    }

    /// The end: what was at work is stopped with it, a gate that waited is closed.
    fn end(&mut self, state: RunState, because: String, at: Timestamp) -> Applied {
        self.state = state;
        self.because = because;
        self.ended_at = Some(at);
        self.stopping = None;
        for stage in &mut self.stages {
            stage.work.cut_off(at);
        }
        for place in &mut self.environments {
            place.deploy.cut_off(at);
            if place.gate.state == GateState::Waiting {
                place.gate.state = GateState::Closed;
            }
        }
        Applied::Moved
    }

    /// What follows from the parts of a live run.
    fn conclude(&mut self, at: Timestamp) {
        let stages_done = self.stages_are_done();
        let all_done = stages_done && self.environments.iter().all(|place| place.deploy.state == WorkState::Succeeded);
        // What was to follow belongs to the newer push too, so a chain that is cut off has not succeeded.
        if all_done && (self.stopping.is_none() || self.then.is_empty()) {
            let because = match self.environments.last() {
                Some(last) => format!("deployed to {}", last.name),
                None => "all stages succeeded".to_owned(),
            };
            self.end(RunState::Succeeded, because, at);
            return;
        }
        if let (Some(stop), None) = (self.stopping.clone(), self.deploy_under_way()) {
            self.end_stopped(&stop, at);
            return;
        }
        let (state, because) = self.standing(at);
        self.state = state;
        self.because = because;
    }

    /// Where a live run stands, in a word and a sentence.
    fn standing(&self, at: Timestamp) -> (RunState, String) {
        if let Some((place, planned)) = self.waiting_at() {
            let missing = self.missing_at(&place.name);
            let because = match &planned.approval {
                Some(approval) if missing > 0 => {
                    let more = approval.wanted(&self.makers()) > approval.min as usize;
                    let why = if more { "; one more, for nobody knows who made the commit" } else { "" };
                    format!("waits at {} for {} of {}{why}", place.name, missing, approval.by.join(", "))
                }
                _ => match (self.untold_before(&place.name), planned.closed(at)) {
                    (Some(untold), _) => format!("waits at {}: how {untold} ended is not known yet", place.name),
                    (None, Some(closed)) => format!("{} waits {closed}", place.name),
                    (None, None) => format!("waits until {} is free", place.name),
                },
            };
            return (RunState::Waiting, because);
        }
        if let Some(stage) = self.stages.iter().find(|stage| stage.work.state == WorkState::Running) {
            return (RunState::Running, format!("running {}", stage.name));
        }
        match self.deploy_under_way() {
            Some(place) => (RunState::Running, format!("deploying to {}", place.name)),
            None if self.state == RunState::Queued && self.stages.iter().all(|stage| !stage.work.is_over()) => {
                (RunState::Queued, "queued".to_owned())
            }
            None => (RunState::Running, "running".to_owned()),
        }
    }

    fn gate_waiting(&mut self, name: &EnvironmentName) -> Option<(&mut EnvironmentRun, &Environment)> {
        let waits = |place: &EnvironmentRun| place.name == *name && place.gate.state == GateState::Waiting;
        let at = self.environments.iter().position(waits)?;
        Some((&mut self.environments[at], &self.plan.environments[at]))
    }
}

fn logged(work: Option<&mut Work>, url: &str) -> Applied {
    match work {
        None => Applied::Stale("the plan has no such step"),
        Some(work) if work.log.as_deref() == Some(url) => Applied::Stale("its log was there before"),
        Some(work) => {
            work.log = Some(url.to_owned());
            Applied::Moved
        }
    }
}

impl EnvironmentRun {
    /// The environment is this run's own: the gate is open and the deploy is not over.
    pub fn holds_environment(&self) -> bool {
        self.gate.state == GateState::Open && !self.deploy.is_over()
    }
}

impl Work {
    /// It is over, well or not.
    pub fn is_over(&self) -> bool {
        match self.state {
            WorkState::Pending | WorkState::Running => false,
            WorkState::Succeeded | WorkState::Failed | WorkState::Stopped => true,
        }
    }

    fn begin(&mut self, at: Timestamp) {
        self.state = WorkState::Running;
        self.started_at = Some(at);
    }

    pub(super) fn finish(&mut self, outcome: &Outcome, at: Timestamp) {
        self.ended_at = Some(at);
        (self.state, self.detail) = match outcome {
            Outcome::Succeeded => (WorkState::Succeeded, String::new()),
            Outcome::Failed(why) => (WorkState::Failed, why.clone()),
            Outcome::TimedOut(seconds) => (WorkState::Failed, format!("ended after its timeout of {seconds} s")),
            Outcome::Stopped => (WorkState::Stopped, "stopped".to_owned()),
        };
    }

    fn cut_off(&mut self, at: Timestamp) {
        if self.state == WorkState::Running {
            self.finish(&Outcome::Stopped, at);
        }
    }
}

#[cfg(test)]
mod tests;
