//! Compares what we believe with what is.

use std::collections::HashMap;

use router::id::RunId;
use router::run::RunState;

use crate::advance::start;
use crate::app::App;
use crate::engine::{Look, Sight};
use crate::observe::observe;
use crate::store::{RunFilter, StoreError};

/// Remembers the last look, because one look is not enough: an engine that has just ended a run may not have been heard yet.
#[derive(Debug, Default)]
pub struct Sweeper {
    idle: HashMap<RunId, u64>,
}

impl Sweeper {
    /// Takes in what the engine knows of the runs that it has or that wait at a gate, and we have missed. Those that should be at
    /// work and that it does not know, twice in a row and without having moved in between, are handed to it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&mut self, app: &App) -> Result<(), StoreError> {
        let mut idle = HashMap::new();
        for run in app.store.runs(RunFilter::Live).await? {
            if run.state == RunState::Queued {
                continue;
            }
            let Look { sight, missed } = match app.engine.look(&run).await {
                Ok(look) => look,
                Err(trouble) => {
                    tracing::warn!(run.id = %run.id, "the engine was not seen: {trouble}");
                    continue;
                }
            };
            for event in &missed {
                observe(app, &run.id, event).await?;
            }
            if run.state != RunState::Running || sight == Sight::AtWork || !missed.is_empty() {
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
