//! Compares what we believe with what is, so that whatever got lost on the way is found again.
//!
//! * Runs that should be at work and are not: here. Runs that ended before all was told of them: `ended`.
//! * Pushes that nobody told of: `untold`. Statuses that somebody overwrote: `shown`. What is old: `old`.
//! * What waits in the store (deliveries that nothing is decided about, debts, gates whose time is over) needs no search:
//!   [`mod@crate::dispatch`], [`mod@crate::report`] and [`mod@crate::advance`] look for it by themselves.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use router::id::RunId;
use router::run::{Run, RunState};

use crate::advance::{advance, start};
use crate::app::App;
use crate::dispatch::dispatch;
use crate::engine::{Look, Sight};
use crate::measures;
use crate::observe::catch_up;
use crate::report::report;
use crate::store::{RunFilter, StoreError};

mod ended;
mod old;
mod shown;
mod untold;

pub use old::Keep;

/// How often forges are asked where their branches are.
const UNTOLD_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How often runs that ended lately are looked at.
const ENDED_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How often forges are asked what they show.
const SHOWN_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How often what is old is looked for; a full batch is followed by the next at once.
const OLD_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// What needs no look each time.
#[derive(Debug, Default)]
struct Last {
    ended: Option<Timestamp>,
    untold: Option<Timestamp>,
    shown: Option<Timestamp>,
    old: Option<Timestamp>,
}

/// Whether it is time again. A clock that was set back makes it time too.
fn is_due(last: &mut Option<Timestamp>, every: SignedDuration, now: Timestamp) -> bool {
    let due = last.is_none_or(|last| now < last || now.duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

/// Remembers the last look, because one look is not enough: an engine that has just ended a run may not have been heard yet.
#[derive(Debug, Default)]
pub struct Sweeper {
    idle: HashMap<RunId, u64>,
    ended: ended::Ended,
    last: Last,
}

impl Sweeper {
    /// Looks at everything whose time has come.
    ///
    /// # Errors
    /// [`StoreError`]: the rest is looked at the next time.
    pub async fn sweep(&mut self, app: &App) -> Result<(), StoreError> {
        self.at_work(app).await?;
        let now = app.clock.now();
        if is_due(&mut self.last.ended, ENDED_EVERY, now) {
            self.ended.look(app).await?;
        }
        if is_due(&mut self.last.untold, UNTOLD_EVERY, now) {
            untold::find(app).await?;
        }
        if is_due(&mut self.last.shown, SHOWN_EVERY, now) {
            shown::mend(app).await?;
        }
        if is_due(&mut self.last.old, OLD_EVERY, now) && !old::forget(app).await? {
            self.last.old = None;
        }
        Ok(())
    }

    /// Takes in what the engine knows of the runs that it has or that wait at a gate, and we have missed. Those that should be at
    /// work and that it does not know, twice in a row and without having moved in between, are handed to it again.
    async fn at_work(&mut self, app: &App) -> Result<(), StoreError> {
        let mut idle = HashMap::new();
        for run in app.store.runs(RunFilter::Live).await? {
            if run.state == RunState::Queued {
                continue;
            }
            let Some(Look { sight, missed }) = seen(app, &run).await? else { continue };
            if run.state != RunState::Running || sight == Sight::AtWork || !missed.is_empty() {
                continue;
            }
            if self.idle.get(&run.id) == Some(&run.version) {
                tracing::warn!(run.id = %run.id, "the engine had forgotten it; handed over again");
                measures::repaired("run");
                start(app, &run).await?;
            } else {
                idle.insert(run.id.clone(), run.version);
            }
        }
        self.idle = idle;
        Ok(())
    }
}

/// What the engine says of a run, taken in; none when it says nothing.
async fn seen(app: &App, run: &Run) -> Result<Option<Look>, StoreError> {
    let look = catch_up(app, run).await?;
    Ok(look.inspect_err(|trouble| tracing::warn!(run.id = %run.id, "the engine was not seen: {trouble}")).ok())
}

/// Everything that is done without being told: what workers do that look by themselves, and the sweep. Called again and
/// again, it brings everything to the truth alone.
///
/// # Errors
/// [`StoreError`].
pub async fn alone(app: &App, sweeper: &mut Sweeper) -> Result<(), StoreError> {
    sweeper.sweep(app).await?;
    dispatch(app).await?;
    advance(app).await?;
    report(app).await
}
