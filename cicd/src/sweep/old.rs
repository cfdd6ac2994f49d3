//! What is old is forgotten, a batch at a time: deliveries and runs in the store, logs and artifacts on disk.

use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use router::id::RunId;
use router::run::Run;

use crate::app::App;
use crate::points;
use crate::store::{Before, Pruned, StoreError};

/// Rows of each kind in one write: it takes the store a few milliseconds.
const TOGETHER: usize = 200;

/// Batches in one go: what forgets them all is not kept from its other work for longer than seconds, and thousands of deliveries a
/// second are forgotten as fast as they come.
const BATCHES: usize = 500;

/// How long things are kept.
#[derive(Debug, Clone)]
pub struct Keep {
    /// Deliveries and their receipts.
    pub deliveries: SignedDuration,
    /// Runs after their end, and what was told about them.
    pub runs: SignedDuration,
    /// Logs and artifacts of runs after their end, and git mirrors after their last use.
    pub files: SignedDuration,
    /// The folders that have one folder for each run.
    pub folders: Vec<PathBuf>,
}

impl Default for Keep {
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self { deliveries: days(90), runs: days(90), files: days(30), folders: Vec::new() }
    }
}

/// Forgets what is old, some batches of it at most. False when there may be more.
pub(super) async fn forget(app: &App) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let ago = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
    let keep = &app.keep;
    let before = Before { deliveries: ago(keep.deliveries), runs: ago(keep.runs) };
    let (mut all, mut done) = (Pruned::default(), false);
    for _ in 0..BATCHES {
        let pruned = app.store.prune(&before, TOGETHER).await?;
        all.deliveries += pruned.deliveries;
        all.runs += pruned.runs;
        all.refs += pruned.refs;
        // Some of a batch may have to stay, so one that is not full says nothing of what is behind it.
        done = pruned == Pruned::default();
        if done {
            break;
        }
        points::pass("pruned");
    }
    let Pruned { deliveries, runs, refs } = all;
    if all != Pruned::default() {
        tracing::info!("forgotten for their age: {deliveries} deliveries, {runs} runs, {refs} refs");
    }
    for folder in &keep.folders {
        for run in list(folder).await {
            let known = match app.store.run(&run).await {
                // Somebody may want to look at what cannot be read.
                Err(StoreError::Corrupt(_)) => continue,
                known => known?,
            };
            if is_old(known.as_ref(), ago(keep.files)) {
                remove(folder.join(run.as_str())).await;
            }
        }
    }
    app.engine.forget(ago(keep.files)).await;
    Ok(done)
}

/// A run that nobody knows was forgotten: its folders are made after it was written.
fn is_old(run: Option<&Run>, before: Timestamp) -> bool {
    run.is_none_or(|run| run.ended_at.is_some_and(|ended| ended < before))
}

/// The runs that have a folder here.
async fn list(folder: &Path) -> Vec<RunId> {
    let folder = folder.to_owned();
    let list = move || -> io::Result<Vec<RunId>> {
        let names = std::fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| RunId::new(name).ok()).collect())
    };
    // A folder that is not there yet holds nothing.
    tokio::task::spawn_blocking(list).await.ok().and_then(Result::ok).unwrap_or_default()
}

async fn remove(folder: PathBuf) {
    let shown = folder.display().to_string();
    match tokio::fs::remove_dir_all(folder).await {
        Ok(()) => tracing::debug!("{shown} is old and was removed"),
        Err(why) => tracing::warn!("{shown} is old and cannot be removed: {why}"),
    }
}
