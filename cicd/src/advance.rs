//! Brings every live run as far as it can go now.
//!
//! Level-triggered: it looks at where the runs stand, not at what happened, so it can be called at any time and any number of
//! times; a lost event or wake only delays. It opens gates and closes those whose time is over.

use std::collections::BTreeSet;

use router::id::{EnvironmentName, PipelineName, RunId};
use router::pipeline::Concurrency;
use router::run::{Run, RunEvent, RunState};

use crate::app::App;
use crate::change;
use crate::engine::{EngineError, Sight};
use crate::observe::{Observed, observe};
use crate::store::{Change, RunFilter, StoreError};

/// Looks at every live run, oldest first.
///
/// # Errors
/// [`StoreError`]: what is left waits for the next time.
pub async fn advance(app: &App) -> Result<(), StoreError> {
    let live = app.store.runs(RunFilter::Live).await?;
    // The engine takes no more of these now; a newer run must not be there first when it does again.
    let mut full: BTreeSet<&PipelineName> = BTreeSet::new();
    for run in &live {
        let gone_on = match run.state {
            RunState::Queued if lane_is_free(run, &live) && !full.contains(&run.plan.pipeline) => {
                let taken = start(app, run).await;
                full.extend(matches!(taken, Ok(Taken::NotNow)).then_some(&run.plan.pipeline));
                taken.map(drop)
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

/// With `queue`, an older run of the ref that is neither over nor at a gate holds the lane.
fn lane_is_free(run: &Run, live: &[Run]) -> bool {
    run.plan.concurrency != Concurrency::Queue
        || !live.iter().take_while(|other| other.id != run.id).any(|other| {
            other.key.repository == run.key.repository
                && other.key.git_ref == run.key.git_ref
                && other.state != RunState::Waiting
        })
}

/// Whether the engine took a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It did, or never will and the run is over.
    Yes,
    /// It cannot now.
    NotNow,
}

/// Hands a run to the engine, and takes in what it knows of it.
pub(crate) async fn start(app: &App, run: &Run) -> Result<Taken, StoreError> {
    match app.engine.start(run).await {
        Ok(events) => {
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
    }
}

async fn at_gate(app: &App, run: &Run) -> Result<(), StoreError> {
    let Some((place, planned)) = run.waiting_at() else { return Ok(()) };
    let environment = place.name.clone();
    if place.gate.is_late(app.clock.now()) {
        observe(app, &run.id, &RunEvent::GateExpired { environment }).await?;
        return Ok(());
    }
    if place.gate.missing(planned.approval.as_ref()) > 0 {
        return Ok(());
    }
    if planned.closed(app.clock.now()).is_some() {
        observe(app, &run.id, &RunEvent::GateHeld { environment }).await?;
        return Ok(());
    }
    match observe(app, &run.id, &RunEvent::GateOpened { environment }).await? {
        Observed::Moved(run) => start(app, &run).await.map(drop),
        Observed::Busy(holder) => give_back(app, &holder, &place.name).await,
        Observed::Stale(_) => Ok(()),
    }
}

/// A run that was ended in the middle of a deploy holds the environment until the engine has let go of it; then it is free for
/// the next look.
async fn give_back(app: &App, holder: &RunId, environment: &EnvironmentName) -> Result<(), StoreError> {
    let Some(run) = app.store.run(holder).await? else { return Ok(()) };
    if run.state.is_terminal() && app.engine.look(&run).await.is_ok_and(|look| look.sight == Sight::Idle) {
        let releases = vec![change::claim(&run, environment)];
        app.store.commit(Change { releases, ..Change::default() }).await?;
        app.wake.advance.notify_one();
    }
    Ok(())
}
