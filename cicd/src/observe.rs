//! Something happened to a run: its state moves, and what follows from that is written with it.

use std::sync::Arc;

use router::id::RunId;
use router::pipeline::Concurrency;
use router::run::{Applied, Run, RunEvent};

use crate::app::App;
use crate::change;
use crate::engine::{EngineError, Look};
use crate::measures;
use crate::notice;
use crate::order;
use crate::store::{Change, Claim, Committed, RunFilter, StoreError};

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

/// Looks at what the engine has of a run, and takes in what was missed of it. Inside, why the engine was not seen.
///
/// # Errors
/// [`StoreError`]: what was not taken in is seen again the next time.
pub(crate) async fn catch_up(app: &App, run: &Run) -> Result<Result<Look, EngineError>, StoreError> {
    let look = match app.engine.look(run).await {
        Ok(look) => look,
        Err(trouble) => return Ok(Err(trouble)),
    };
    for event in &look.missed {
        observe(app, &run.id, event).await?;
    }
    Ok(Ok(look))
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
        let was_over = run.state.is_terminal();
        if let Applied::Stale(why) = run.apply(event, app.clock.now()) {
            tracing::debug!(run.id = %run.id, ?event, "stale: {why}");
            // An engine that tells of a run that is over got it when it had just ended, and nobody has stopped it there yet.
            stop_ended(app, &run);
            return Ok(Observed::Stale(why));
        }
        let mut change = Change { claims: wanted(&run, event), executions: called(&run, event), ..Change::default() };
        let overtaken = overtake(app, &mut run, event).await?;
        overtaken.iter().for_each(|old| change::save(&mut change, old.clone()));
        change::save(&mut change, run.clone());
        notice::gate(app, &mut change, &run, event);
        match app.store.commit(change).await? {
            Committed::Yes => {
                tracing::info!(run.id = %run.id, repo.name = %run.key.repository, state = run.state.as_str(), "{}", run.because);
                run.version += 1;
                measures::moved(&run, event, was_over);
                stop_ended(app, &run);
                for old in &overtaken {
                    measures::ended(old);
                    stop_ended(app, old);
                }
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

/// A run that comes to a gate takes the place of older runs of its ref that wait there: what they would bring is in it. Told late, it may
/// find that a newer one stands there, and has taken its own. With `all` each run is for itself.
async fn overtake(app: &App, run: &mut Run, event: &RunEvent) -> Result<Vec<Run>, StoreError> {
    let RunEvent::GateReached { environment } = event else { return Ok(Vec::new()) };
    if run.plan.concurrency == Concurrency::All || run.state.is_terminal() {
        return Ok(Vec::new());
    }
    let of_ref = RunFilter::LiveOnRef(run.key.repository.clone(), run.key.git_ref.clone());
    let mut there = app.store.runs(of_ref).await?;
    there.retain(|other| {
        let waits = other.waiting_at().is_some_and(|(place, _)| place.name == *environment);
        other.id != run.id && waits && other.plan.concurrency != Concurrency::All
    });
    if there.is_empty() {
        return Ok(there);
    }
    let track = app.store.track(&run.key.repository, &run.key.git_ref).await?;
    let push = |run: &Run| track.find(&run.key.commit, run.key.visit);
    let Some(at) = push(run) else { return Ok(Vec::new()) };
    let newer = there.iter().filter(|other| push(other) > Some(at)).max_by_key(|other| push(other));
    if let Some(newer) = newer {
        run.apply(&order::superseded_by(&newer.key.commit), app.clock.now());
    }
    Ok(order::superseded(&track, at, &run.key.commit, there, app.clock.now()))
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
