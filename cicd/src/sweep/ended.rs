//! Runs that ended before all was told of them: the failure that ends a run may overtake the success of a stage before it, and that
//! event may get lost.
//!
//! An engine that is not at work on a run any more knows all of it, so it is asked once.

use std::collections::HashSet;

use jiff::SignedDuration;
use router::id::RunId;
use router::run::Run;

use super::seen;
use crate::app::App;
use crate::engine::{Look, Sight};
use crate::measures;
use crate::store::{RunFilter, StoreError};

/// So long after the end its events may be on their way.
const GRACE: SignedDuration = SignedDuration::from_mins(1);
/// A run that ended longer ago is not looked at any more.
const LATELY: SignedDuration = SignedDuration::from_hours(1);
/// So many runs are looked through.
const RECENT: usize = 200;

/// The runs of which all is known that will ever be.
#[derive(Debug, Default)]
pub(super) struct Ended(HashSet<RunId>);

impl Ended {
    /// Looks at the runs that ended lately and lack how a part of them ended.
    pub(super) async fn look(&mut self, app: &App) -> Result<(), StoreError> {
        let now = app.clock.now();
        let is_due = |run: &Run| {
            let since = run.ended_at.map(|at| now.duration_since(at));
            run.lacks_verdicts() && since.is_some_and(|since| (GRACE..LATELY).contains(&since))
        };
        let mut runs = app.store.runs(RunFilter::Recent(RECENT, None)).await?;
        runs.retain(is_due);
        self.0.retain(|id| runs.iter().any(|run| run.id == *id));
        for run in runs {
            if self.0.contains(&run.id) {
                continue;
            }
            let Some(Look { sight, missed }) = seen(app, &run).await? else { continue };
            if !missed.is_empty() {
                tracing::info!(run.id = %run.id, "it ended before all was told of it");
                measures::repaired("verdict");
            }
            if sight == Sight::Idle {
                self.0.insert(run.id);
            }
        }
        Ok(())
    }
}
