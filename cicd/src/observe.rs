//! Something happened to a run: its state moves, and what follows from that is written with it.

use std::sync::Arc;

use router::id::RunId;
use router::run::{Applied, Run, RunEvent};

use crate::app::App;
use crate::change;
use crate::notice;
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
        let mut change = Change { claims: wanted(&run, event), executions: called(&run, event), ..Change::default() };
        change::save(&mut change, run.clone());
        notice::gate(app, &mut change, &run, event);
        match app.store.commit(change).await? {
            Committed::Yes => {
                tracing::info!(run.id = %run.id, repo.name = %run.key.repository, state = run.state.as_str(), "{}", run.because);
                run.version += 1;
                stop_ended(app, &run);
                app.wake.for_moved_runs();
                return Ok(Observed::Moved(Box::new(run)));
            }
            Committed::Busy(holder) => match event {
                // It is there already, beside another run: that must not go on.
                RunEvent::GatePassed { environment, .. } => {
                    let why = format!("it was let into {environment} past Pointsman while run {holder} was there");
                    return Box::pin(observe(app, &run.id, &RunEvent::Failed { why })).await;
                }
                _ => return Ok(Observed::Busy(holder)),
            },
            Committed::Conflict => {}
        }
    }
}

/// An opened gate takes its environment in the same write.
fn wanted(run: &Run, event: &RunEvent) -> Vec<Claim> {
    match event {
        RunEvent::GateOpened { environment } | RunEvent::GatePassed { environment, .. } => {
            vec![change::claim(run, environment)]
        }
        _ => Vec::new(),
    }
}

/// What the engine calls it is found from the same write on.
fn called(run: &Run, event: &RunEvent) -> Vec<(String, RunId)> {
    match event {
        RunEvent::Executing { execution } => vec![(execution.clone(), run.id.clone())],
        _ => Vec::new(),
    }
}

/// Tells the engine to let go of a run that has ended. Beside the caller's work: an engine that ends processes may still be telling
/// what they did, and whoever listens must not wait for it.
pub(crate) fn stop_ended(app: &App, run: &Run) {
    if !run.state.is_terminal() {
        return;
    }
    let (engine, run) = (Arc::clone(&app.engine), run.clone());
    app.beside.spawn(async move {
        if let Err(trouble) = engine.stop(&run).await {
            tracing::warn!(run.id = %run.id, "the engine did not let go: {trouble}");
        }
    });
}
