//! An engine that does the next thing when it is told to, and remembers what really happened.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cicd::engine::{Engine, EngineError, EngineEvent, Look, Sight};
use router::id::{EnvironmentName, RunId};
use router::pipeline::Concurrency;
use router::run::{Applied, Artifact, GateState, Outcome, Run, RunEvent, WorkState};

/// Where an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Stage { index: usize, begun: bool },
    Gate(usize),
    Deploy { index: usize, begun: bool },
    Over,
}

/// What it does for a run.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) run: Run,
    pub(crate) at: At,
    /// What happened, in order.
    history: Vec<RunEvent>,
}

#[derive(Default)]
pub(crate) struct Works {
    pub(crate) executions: Vec<Execution>,
    /// Told and not heard.
    pub(crate) told: Vec<EngineEvent>,
    /// Runs in the order in which they were begun, each once.
    pub(crate) begun: Vec<RunId>,
    /// What should never have happened.
    pub(crate) wrong: Vec<String>,
    artifacts: u64,
}

/// The engine; it outlives the service, as its state may.
#[derive(Clone)]
pub(crate) struct Puppet {
    pub(crate) works: Arc<Mutex<Works>>,
    embedded: bool,
}

impl Puppet {
    pub(crate) fn new(embedded: bool) -> Self {
        Self { works: Arc::default(), embedded }
    }

    pub(crate) fn works(&self) -> std::sync::MutexGuard<'_, Works> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It lives in the process, which hears all of it.
    pub(crate) fn lives_here(&self) -> bool {
        self.embedded
    }

    /// The process dies, while these runs wait as far as anybody has heard. What an engine in the process had begun of them nobody can
    /// know any more: it does not count as begun.
    pub(crate) fn die(&self, waiting: &[RunId]) {
        if self.embedded {
            let mut works = self.works();
            works.executions.clear();
            works.told.clear();
            works.begun.retain(|run| !waiting.contains(run));
        }
    }

    /// Does the next thing of an execution.
    pub(crate) fn work(&self, nth: usize, well: bool) {
        let mut works = self.works();
        let works = &mut *works;
        works.artifacts += 1;
        let (artifact, execution) = (works.artifacts, &mut works.executions[nth]);
        let told = execution.work(well, artifact);
        let id = execution.run.id.clone();
        works.told.extend(told.into_iter().map(|event| EngineEvent { run: id.clone(), event }));
    }
}

impl Execution {
    fn work(&mut self, well: bool, artifact: u64) -> Vec<RunEvent> {
        let outcome = if well { Outcome::Succeeded } else { Outcome::Failed("no".to_owned()) };
        let mut told = Vec::new();
        match self.at {
            At::Stage { index, begun: false } => {
                self.at = At::Stage { index, begun: true };
                told.push(RunEvent::StageStarted { stage: self.run.stages[index].name.clone() });
            }
            At::Stage { index, begun: true } => {
                let stage = self.run.stages[index].name.clone();
                let made = Artifact { stage: stage.clone(), sha256: format!("{artifact:064x}"), bytes: 1 };
                let artifact = well.then_some(made);
                told.push(RunEvent::StageEnded { stage, outcome, artifact, exports: BTreeMap::new() });
                self.at = if well { self.after_stage(index, &mut told) } else { At::Over };
            }
            At::Deploy { index, begun: false } => {
                self.at = At::Deploy { index, begun: true };
                told.push(RunEvent::DeployStarted { environment: self.environment(index) });
            }
            At::Deploy { index, begun: true } => {
                told.push(RunEvent::DeployEnded { environment: self.environment(index), outcome });
                self.at = if well { self.gate(index + 1, &mut told) } else { At::Over };
            }
            At::Gate(_) | At::Over => {}
        }
        self.history.extend(told.clone());
        told
    }

    fn after_stage(&self, index: usize, told: &mut Vec<RunEvent>) -> At {
        if index + 1 < self.run.stages.len() {
            return At::Stage { index: index + 1, begun: false };
        }
        self.gate(0, told)
    }

    fn gate(&self, index: usize, told: &mut Vec<RunEvent>) -> At {
        if index == self.run.environments.len() {
            return At::Over;
        }
        told.push(RunEvent::GateReached { environment: self.environment(index) });
        At::Gate(index)
    }

    /// What a run does not know of it.
    fn missed_by(&self, run: &Run) -> Vec<RunEvent> {
        let mut known = run.clone();
        let is_news = |event: &&RunEvent| known.apply(event, run.created_at) == Applied::Moved;
        self.history.iter().filter(is_news).cloned().collect()
    }

    /// One that lives in the process has let go of a run when that was heard.
    fn has_let_go_of(&self, run: &Run) -> bool {
        matches!(self.at, At::Gate(_) | At::Over) && self.missed_by(run).is_empty()
    }

    fn environment(&self, index: usize) -> EnvironmentName {
        self.run.environments[index].name.clone()
    }

    /// Where a run is to be carried on from, by what is known of it.
    fn carried_on(run: &Run, told: &mut Vec<RunEvent>) -> At {
        if let Some(index) = run.stages.iter().position(|stage| stage.work.state != WorkState::Succeeded) {
            return At::Stage { index, begun: false };
        }
        for (index, place) in run.environments.iter().enumerate() {
            if place.deploy.state == WorkState::Succeeded {
                continue;
            }
            if place.gate.state == GateState::Open {
                return At::Deploy { index, begun: false };
            }
            told.push(RunEvent::GateReached { environment: place.name.clone() });
            return At::Gate(index);
        }
        At::Over
    }
}

impl Works {
    /// Of a ref whose pushes queue, one that begins finds no other in its stages. Whoever has come to a gate has left the lane, and
    /// may deploy meanwhile.
    fn begins(&mut self, run: &Run) {
        let is_in_its_way =
            |other: &&Execution| other.run.key.git_ref == run.key.git_ref && matches!(other.at, At::Stage { .. });
        if run.plan.concurrency == Concurrency::Queue
            && let Some(other) = self.executions.iter().find(is_in_its_way)
        {
            self.wrong.push(format!("{} begins while {} of its queue is at work", run.id, other.run.id));
        }
    }

    /// Two deploys to one environment must never meet.
    fn enters(&mut self, run: &Run, at: At) {
        let At::Deploy { index, .. } = at else { return };
        let name = &run.environments[index].name;
        let inside: HashMap<&RunId, At> = self.executions.iter().map(|other| (&other.run.id, other.at)).collect();
        for other in &self.executions {
            let there = matches!(other.at, At::Deploy { index, .. } if other.run.environments[index].name == *name);
            if there && other.run.id != run.id {
                self.wrong.push(format!("{} enters {name} while {} is there: {inside:?}", run.id, other.run.id));
                return;
            }
        }
    }
}

#[async_trait]
impl Engine for Puppet {
    fn name(&self) -> &'static str {
        "puppet"
    }

    async fn start(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        let mut works = self.works();
        let works = &mut *works;
        if run.state.is_terminal() {
            works.wrong.push(format!("{} is over and was started: {}", run.id, run.because));
        }
        if !works.begun.contains(&run.id) {
            works.begins(run);
            works.begun.push(run.id.clone());
        }
        if self.embedded {
            works.executions.retain(|known| known.run.id != run.id || !known.has_let_go_of(run));
        }
        let mut told = Vec::new();
        match works.executions.iter().position(|known| known.run.id == run.id) {
            Some(_) if self.embedded => {}
            Some(known) => {
                if let At::Gate(index) = works.executions[known].at
                    && run.environments[index].gate.state == GateState::Open
                {
                    let at = At::Deploy { index, begun: false };
                    works.enters(run, at);
                    works.executions[known].at = at;
                }
            }
            None => {
                told.push(RunEvent::Started);
                let at = Execution::carried_on(run, &mut told);
                works.enters(run, at);
                works.executions.push(Execution { run: run.clone(), at, history: told.clone() });
            }
        }
        works.told.extend(told.into_iter().map(|event| EngineEvent { run: run.id.clone(), event }));
        // An engine elsewhere answers with its own name for the run.
        let named = RunEvent::Executing { execution: format!("e-{}", run.id) };
        Ok(if self.embedded { Vec::new() } else { vec![named] })
    }

    async fn stop(&self, run: &Run) -> Result<(), EngineError> {
        let mut works = self.works();
        if self.embedded {
            works.executions.retain(|execution| execution.run.id != run.id);
        }
        for execution in works.executions.iter_mut().filter(|execution| execution.run.id == run.id) {
            execution.at = At::Over;
        }
        Ok(())
    }

    async fn leave(&self) {}

    async fn look(&self, run: &Run) -> Result<Look, EngineError> {
        let works = self.works();
        let Some(execution) = works.executions.iter().find(|execution| execution.run.id == run.id) else {
            return Ok(Look::only(Sight::Idle));
        };
        let missed = execution.missed_by(run);
        let at_work = matches!(execution.at, At::Stage { .. } | At::Deploy { .. });
        Ok(match self.embedded {
            // What it is still telling is heard in its turn.
            true if at_work => Look::only(Sight::AtWork),
            true if missed.is_empty() => Look::only(Sight::Idle),
            true => Look { sight: Sight::AtWork, missed },
            false => Look { sight: if at_work { Sight::AtWork } else { Sight::Idle }, missed },
        })
    }

    async fn hear(&self, _: &str) -> Result<Vec<EngineEvent>, EngineError> {
        Ok(Vec::new())
    }
}
