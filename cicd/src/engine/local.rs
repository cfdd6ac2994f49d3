//! Runs pipelines on the machine it stands on, with this machine's own tools.
//!
//! * What a stage's buildspec means here is what it means in CodeBuild: the order of phases, what a failure does, the
//!   variables, the artifacts, the words of the log. What cannot be had here is said at the top of the log.
//! * Each step works in a folder of its own, in a process group of its own; neither outlives the step, and the processes
//!   do not outlive this process either.
//! * Nothing outlives the process but artifacts and logs: a run is carried on from where it stands. While the process lives, what was
//!   done and not heard yet is not done again.
//!
//! There is no wall between builds and this machine: a build may do what the user of this process may do.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use router::id::{Repository, RunId};
use router::run::{Applied, Run, RunEvent};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineError, EngineEvent, Events, Look, Sight};
use crate::clock::Clock;
use crate::forge::CloneFrom;
use crate::git::{FETCH_TIMEOUT, Mirrors};
use crate::logs::{Logs, Masks};

pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod environment;
pub(crate) mod folder;
pub(crate) mod group;
pub(crate) mod job;
pub(crate) mod phases;
pub(crate) mod select;
mod shell;
pub(crate) mod source;
mod step;
mod store_room;
mod travel;

use store_room::StoreRoom;
use travel::Journey;

/// How the local engine works.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Where mirrors, work folders and artifacts are.
    pub data: PathBuf,
    /// The rule file's folder: central buildspecs stand there.
    pub rules_folder: PathBuf,
    /// How many steps are at work at the same time.
    pub slots: usize,
    /// How long processes may take to end when they are asked to, before they are killed.
    pub kill_grace: Duration,
    /// How long one fetch may take.
    pub fetch_timeout: Duration,
    /// A repository that does not answer is asked again after each of these.
    pub fetch_again_after: Vec<Duration>,
    /// What must not stand in a log.
    pub masks: Masks,
}

impl LocalConfig {
    /// The usual settings, two steps at a time.
    pub fn new(data: impl Into<PathBuf>, rules_folder: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            rules_folder: rules_folder.into(),
            slots: 2,
            kill_grace: Duration::from_secs(5),
            fetch_timeout: FETCH_TIMEOUT,
            fetch_again_after: vec![Duration::from_secs(2), Duration::from_secs(10)],
            masks: Masks::default(),
        }
    }
}

/// Where a repository is fetched from when the rule file does not say.
pub type CloneAddress = Arc<dyn Fn(&Repository) -> Option<CloneFrom> + Send + Sync>;

/// The embedded engine.
pub struct LocalEngine {
    workshop: Arc<Workshop>,
    at_work: Arc<AtWork>,
}

/// What every step needs.
struct Workshop {
    config: LocalConfig,
    clone: CloneAddress,
    clock: Arc<dyn Clock>,
    logs: Logs,
    events: Events,
    mirrors: Mirrors,
    store_room: Arc<StoreRoom>,
    slots: Arc<Semaphore>,
}

/// The runs that it is at work on, or was and may not have been heard yet.
#[derive(Default)]
struct AtWork(Mutex<HashMap<RunId, Hold>>);

/// How a run at work is stopped, how one knows that nothing of it is left, and what happened.
#[derive(Clone, Default)]
struct Hold {
    stop: CancellationToken,
    over: CancellationToken,
    told: Told,
}

/// What was told of one journey, in its order. It may still wait to be heard: to whoever knows less, the journey is not over, and is not
/// made again.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<RunEvent>>>);

impl Told {
    fn events(&self) -> MutexGuard<'_, Vec<RunEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: &RunEvent) {
        self.events().push(event.clone());
    }

    /// What a run does not know of it.
    fn missed_by(&self, run: &Run) -> Vec<RunEvent> {
        let mut known = run.clone();
        let is_news = |event: &&RunEvent| known.apply(event, run.created_at) == Applied::Moved;
        self.events().iter().filter(is_news).cloned().collect()
    }
}

impl Hold {
    fn look(&self, run: &Run) -> Look {
        if !self.over.is_cancelled() {
            return Look::only(Sight::AtWork);
        }
        let missed = self.told.missed_by(run);
        Look { sight: if missed.is_empty() { Sight::Idle } else { Sight::AtWork }, missed }
    }
}

impl AtWork {
    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, Hold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalEngine {
    /// An engine that tells `events`. Call [`Self::sweep_leftovers`] before the first start.
    pub fn new(
        config: LocalConfig,
        clone: CloneAddress,
        clock: Arc<dyn Clock>,
        logs: Logs,
        events: Events,
    ) -> Arc<Self> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let config = LocalConfig {
            data: absolute(config.data),
            rules_folder: absolute(config.rules_folder),
            slots: config.slots.max(1),
            ..config
        };
        let workshop = Workshop {
            mirrors: Mirrors::new(config.data.join("mirrors"), config.fetch_timeout).by(Arc::clone(&clock)),
            store_room: Arc::new(StoreRoom(config.data.join("artifacts"))),
            slots: Arc::new(Semaphore::new(config.slots)),
            config,
            clone,
            clock,
            logs,
            events,
        };
        Arc::new(Self { workshop: Arc::new(workshop), at_work: Arc::default() })
    }

    /// Removes what a process that died has left: work folders of runs that this engine is not at work on, and what git
    /// remembers of them.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the disk or git will not.
    pub async fn sweep_leftovers(&self) -> Result<(), EngineError> {
        let unavailable = |error: &dyn std::fmt::Display| EngineError::Unavailable(error.to_string());
        let work = self.workshop.config.data.join("work");
        let is_at_work = |run: &RunId| self.at_work.runs().get(run).is_some_and(|hold| !hold.over.is_cancelled());
        for entry in std::fs::read_dir(work).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_str().is_some_and(|name| RunId::new(name).is_ok_and(|run| is_at_work(&run))) {
                folder::remove(&entry.path()).await.map_err(|e| unavailable(&e))?;
            }
        }
        self.workshop.mirrors.sweep().await.map_err(|e| unavailable(&e))
    }
}

#[async_trait]
impl Engine for LocalEngine {
    fn name(&self) -> &'static str {
        "local"
    }

    async fn start(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        let hold = Hold::default();
        {
            let mut runs = self.at_work.runs();
            let known = runs.get(&run.id).map(|known| known.look(run));
            if let Some(known) = known.filter(|known| known.sight == Sight::AtWork) {
                return Ok(known.missed);
            }
            runs.insert(run.id.clone(), hold.clone());
        }
        let Hold { stop, over, told } = hold;
        let journey = Journey { workshop: Arc::clone(&self.workshop), run: run.clone(), stop, told: told.clone() };
        let events = self.workshop.events.clone();
        let (run, let_go) = (run.id.clone(), over.drop_guard());
        tokio::spawn(async move {
            let last = journey.travel().await;
            last.iter().for_each(|event| told.add(event));
            // So it is when the journey panics.
            drop(let_go);
            if let Some(event) = last {
                let _nobody_is_left = events.send(EngineEvent { run, event }).await;
            }
        });
        Ok(Vec::new())
    }

    async fn stop(&self, run: &Run) -> Result<(), EngineError> {
        let hold = self.at_work.runs().get(&run.id).cloned();
        if let Some(Hold { stop, over, told }) = hold {
            stop.cancel();
            over.cancelled().await;
            let mut runs = self.at_work.runs();
            if runs.get(&run.id).is_some_and(|hold| Arc::ptr_eq(&hold.told.0, &told.0)) {
                runs.remove(&run.id);
            }
        }
        Ok(())
    }

    async fn leave(&self) {
        let holds: Vec<Hold> = self.at_work.runs().values().cloned().collect();
        holds.iter().for_each(|hold| hold.stop.cancel());
        for hold in holds {
            hold.over.cancelled().await;
        }
    }

    async fn look(&self, run: &Run) -> Result<Look, EngineError> {
        let hold = self.at_work.runs().get(&run.id).cloned();
        Ok(hold.map_or_else(|| Look::only(Sight::Idle), |hold| hold.look(run)))
    }

    async fn forget(&self, unused_since: Timestamp) {
        self.workshop.mirrors.forget(unused_since).await;
    }

    /// It tells everything itself.
    async fn hear(&self, _message: &str) -> Result<Vec<EngineEvent>, EngineError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
