//! Compares what we believe with what is.

use std::collections::HashMap;

use router::id::RunId;
use router::run::RunState;

use crate::advance::start;
use crate::app::App;
use crate::engine::Sight;
use crate::store::{RunFilter, StoreError};

/// Remembers the last look, because one look is not enough: an engine that has just ended a run may not have been heard yet.
#[derive(Debug, Default)]
pub struct Sweeper {
    idle: HashMap<RunId, u64>,
}

impl Sweeper {
    /// Finds runs that should be at work and that the engine does not know, twice in a row and without having moved in between, and
    /// hands them to the engine again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&mut self, app: &App) -> Result<(), StoreError> {
        let mut idle = HashMap::new();
        for run in app.store.runs(RunFilter::Live).await? {
            if run.state != RunState::Running
                || app.engine.look(&run.id).await.is_ok_and(|sight| sight == Sight::AtWork)
            {
                continue;
            }
            if self.idle.get(&run.id) == Some(&run.version) {
                tracing::warn!(run.id = %run.id, "the engine had forgotten it; handed over again");
                start(app, &run).await?;
            } else {
                idle.insert(run.id.clone(), run.version);
            }
        }
        self.idle = idle;
        Ok(())
    }
}
