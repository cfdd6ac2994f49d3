//! Statuses that a forge does not show: somebody overwrote them, or they went astray.
//!
//! Only of commits whose runs are live or ended lately. What the forge shows instead is written down as told, so the outbox
//! sees the difference and tells it again.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use router::run::Run;
use router::status::Status;

use crate::app::App;
use crate::change;
use crate::measures;
use crate::report::desired;
use crate::store::{Change, Commit, Owed, RunFilter, Settled, StoreError};

/// A run that ended longer ago is not looked at any more.
const LATELY: SignedDuration = SignedDuration::from_hours(24);
/// So many runs are looked through.
const RECENT: usize = 200;
/// So many commits are asked about in one look.
const COMMITS: usize = 50;

/// Looks at what the forges show.
pub(super) async fn mend(app: &App) -> Result<(), StoreError> {
    for commit in commits(app).await? {
        let Some(forge) = app.forges.get(&commit.repository.forge) else { continue };
        let wanted = match desired(app, &commit).await {
            Err(StoreError::Corrupt(_)) => continue,
            wanted => wanted?,
        };
        match forge.missing(&commit, &wanted).await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => owe_again(app, commit, missing).await?,
            Err(why) => tracing::debug!(commit = %commit.commit, "what the forge shows cannot be looked at: {why}"),
        }
    }
    Ok(())
}

/// The commits of live runs, and of those that ended lately, each once.
async fn commits(app: &App) -> Result<Vec<Commit>, StoreError> {
    let now = app.clock.now();
    let ended_lately = |run: &Run| run.ended_at.is_some_and(|at| now.duration_since(at) < LATELY);
    let recent = app.store.runs(RunFilter::Recent(RECENT, None)).await?.into_iter().filter(ended_lately);
    let live = app.store.runs(RunFilter::Live).await?;
    let mut once = BTreeMap::new();
    for run in live.into_iter().chain(recent) {
        let commit = change::commit(&run);
        let key = (commit.repository.clone(), commit.git_ref.clone(), commit.commit.clone());
        once.entry(key).or_insert(commit);
        if once.len() >= COMMITS {
            break;
        }
    }
    Ok(once.into_values().collect())
}

async fn owe_again(app: &App, commit: Commit, missing: Vec<Status>) -> Result<(), StoreError> {
    let contexts: Vec<_> = missing.iter().map(|status| status.context.as_str()).collect();
    tracing::warn!(commit = %commit.commit, "the forge does not show {}; told again", contexts.join(", "));
    // No status says nothing, so each of these differs from what is wanted.
    let told: Vec<_> = missing.into_iter().map(|status| Status { description: String::new(), ..status }).collect();
    let owed = Owed { commit: commit.clone(), version: 0, failures: 0, posted: Vec::new() };
    app.store.settle(&owed, &told, Settled::Paid).await?;
    app.store.commit(Change { owed: vec![commit], ..Change::default() }).await?;
    measures::repaired("status");
    app.wake.report.notify_one();
    Ok(())
}
