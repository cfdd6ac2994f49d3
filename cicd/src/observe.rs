//! Something happened to a run: its state moves, and what follows from that is written with it.

use std::sync::Arc;

use router::id::RunId;
use router::run::{Applied, Run, RunEvent};

use crate::app::App;
use crate::change;
use crate::store::{Change, Claim, Committed, StoreError};

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// The run moved and is now this.
    Moved(Box<Run>),
    /// It came late, twice, or for a run nobody knows; why, for the log or the person.
    Stale(&'static str),
    /// The environment that it wanted is held by another run.
    Busy(RunId),
}

/// Applies an event to a run, durably.
///
/// # Errors
/// [`StoreError`]: nothing has changed.
pub async fn observe(app: &App, run: &RunId, event: &RunEvent) -> Result<Observed, StoreError> {
    loop {
        let Some(mut run) = app.store.run(run).await? else {
            return Ok(Observed::Stale("nobody knows this run"));
        };
        if let Applied::Stale(why) = run.apply(event, app.clock.now()) {
            tracing::debug!(run.id = %run.id, ?event, "stale: {why}");
            // An engine that tells of a run that is over got it when it had just ended, and nobody has stopped it there yet.
            stop_ended(app, &run);
            return Ok(Observed::Stale(why));
        }
        let mut change = Change { claims: wanted(&run, event), ..Change::default() };
        change::save(&mut change, run.clone());
        match app.store.commit(change).await? {
            Committed::Yes => {
                tracing::info!(run.id = %run.id, repo.name = %run.key.repository, state = run.state.as_str(), "{}", run.because);
                run.version += 1;
                stop_ended(app, &run);
                app.wake.for_moved_runs();
                return Ok(Observed::Moved(Box::new(run)));
            }
            Committed::Busy(holder) => return Ok(Observed::Busy(holder)),
            Committed::Conflict => {}
        }
    }
}

/// An opened gate takes its environment in the same write.
fn wanted(run: &Run, event: &RunEvent) -> Vec<Claim> {
    match event {
        RunEvent::GateOpened { environment } => vec![change::claim(run, environment)],
        _ => Vec::new(),
    }
}

/// Tells the engine to let go of a run that has ended. Beside the caller's work: an engine that ends processes may still be telling
/// what they did, and whoever listens must not wait for it.
pub(crate) fn stop_ended(app: &App, run: &Run) {
    if !run.state.is_terminal() {
        return;
    }
    let (engine, id) = (Arc::clone(&app.engine), run.id.clone());
    tokio::spawn(async move {
        if let Err(trouble) = engine.stop(&id).await {
            tracing::warn!(run.id = %id, "the engine did not let go: {trouble}");
        }
    });
}
