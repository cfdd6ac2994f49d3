//! Brings every live run as far as it can go now.
//!
//! Level-triggered: it looks at where the runs stand, not at what happened, so it can be called at any time and any number of
//! times; a lost event or wake only delays. It opens gates and closes those whose time is over.

use std::collections::BTreeSet;

use router::id::{EnvironmentName, GitRef, PipelineName, Repository, RunId};
use router::run::{Run, RunEvent, RunState};

use crate::app::App;
use crate::change;
use crate::engine::{EngineError, Sight};
use crate::lane;
use crate::observe::{Observed, catch_up, observe};
use crate::points;
use crate::store::{Change, RunFilter, StoreError};

/// Looks at every live run, oldest first.
///
/// # Errors
/// [`StoreError`]: what is left waits for the next time.
pub async fn advance(app: &App) -> Result<(), StoreError> {
    let live = app.store.runs(RunFilter::Live).await?;
    let mut held = Held::default();
    for run in &live {
        let gone_on = match run.state {
            RunState::Queued if !held.holds(run) && lane::is_free(app, run, &live).await? => {
                start(app, run).await.map(|taken| held.add(run, taken))
            }
            RunState::Waiting => at_gate(app, run).await,
            _ => Ok(()),
        };
        match gone_on {
            Err(StoreError::Corrupt(why)) => tracing::error!(run.id = %run.id, "it cannot go on: {why}"),
            other => other?,
        }
    }
    Ok(())
}

/// Carries on what the last process left: called once before anything else runs.
///
/// # Errors
/// [`StoreError`].
pub async fn resume(app: &App) -> Result<(), StoreError> {
    for run in app.store.runs(RunFilter::Live).await? {
        if run.state == RunState::Running {
            tracing::info!(run.id = %run.id, "going on: {}", run.because);
            start(app, &run).await?;
        }
    }
    Ok(())
}

/// What waits behind a run that could not be started: a newer one must not be there first when it can.
#[derive(Default)]
struct Held<'r> {
    pipelines: BTreeSet<&'r PipelineName>,
    refs: BTreeSet<(&'r Repository, &'r GitRef)>,
}

impl<'r> Held<'r> {
    fn holds(&self, run: &'r Run) -> bool {
        self.pipelines.contains(&run.plan.pipeline) || self.refs.contains(&(&run.key.repository, &run.key.git_ref))
    }

    fn add(&mut self, run: &'r Run, taken: Taken) {
        match taken {
            Taken::Yes => {}
            Taken::NotNow => drop(self.pipelines.insert(&run.plan.pipeline)),
            Taken::NotYet => drop(self.refs.insert((&run.key.repository, &run.key.git_ref))),
        }
    }
}

/// Whether the engine took a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It did, or never will and the run is over.
    Yes,
    /// It cannot now.
    NotNow,
    /// It could, and what the run needs is not there.
    NotYet,
}

/// Hands a run to the engine, and takes in what it knows of it.
pub(crate) async fn start(app: &App, run: &Run) -> Result<Taken, StoreError> {
    match app.engine.start(run).await {
        Ok(events) => {
            points::pass("handed-over");
            for event in events {
                observe(app, &run.id, &event).await?;
            }
            Ok(Taken::Yes)
        }
        Err(EngineError::Refused(why)) => {
            observe(app, &run.id, &RunEvent::Failed { why }).await?;
            Ok(Taken::Yes)
        }
        Err(EngineError::Unavailable(why)) => {
            tracing::warn!(run.id = %run.id, "the engine does not take it now: {why}");
            Ok(Taken::NotNow)
        }
        Err(EngineError::NotYet(why)) => {
            tracing::warn!(run.id = %run.id, "it is tried again later: {why}");
            Ok(Taken::NotYet)
        }
    }
}

async fn at_gate(app: &App, run: &Run) -> Result<(), StoreError> {
    let Some((place, planned)) = run.waiting_at() else { return Ok(()) };
    let environment = place.name.clone();
    if place.gate.is_late(app.clock.now()) {
        observe(app, &run.id, &RunEvent::GateExpired { environment }).await?;
        return Ok(());
    }
    if run.missing_at(&place.name) > 0 {
        return Ok(());
    }
    if planned.closed(app.clock.now()).is_some() {
        observe(app, &run.id, &RunEvent::GateHeld { environment }).await?;
        return Ok(());
    }
    match observe(app, &run.id, &RunEvent::GateOpened { environment }).await? {
        Observed::Moved(run) => {
            points::pass("gate-opened");
            start(app, &run).await.map(drop)
        }
        Observed::Busy(holder) => give_back(app, &holder, &place.name).await,
        Observed::Stale(_) => Ok(()),
    }
}

/// A run that was ended in the middle of a deploy holds the environment until the engine has let go of it; then it is free for
/// the next look. How the deploy ended is told by the engine, or by that look.
async fn give_back(app: &App, holder: &RunId, environment: &EnvironmentName) -> Result<(), StoreError> {
    let Some(run) = app.store.run(holder).await? else { return Ok(()) };
    if !run.state.is_terminal() {
        return Ok(());
    }
    let Ok(look) = catch_up(app, &run).await? else { return Ok(()) };
    if look.sight == Sight::Idle {
        let releases = vec![change::claim(&run, environment)];
        app.store.commit(Change { releases, ..Change::default() }).await?;
        app.wake.advance.notify_one();
    }
    Ok(())
}
