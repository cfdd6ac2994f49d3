//! The forge hears, from the outbox only.
//!
//! A debt names a commit, not a status: what the commit should show is computed when it is paid, compared with what the forge was
//! told last, and only the difference is told. So a status that nobody could tell for an hour is told once, as it is then.

use std::collections::HashMap;

use futures::stream::{self, StreamExt};
use jiff::SignedDuration;
use router::rules::Decision;
use router::status::{self, Known, Status};

use crate::app::App;
use crate::forge::{Forge, Told, TryLater};
use crate::points;
use crate::store::{Commit, Owed, PUT_OFF_MAX, RunFilter, Settled, StoreError};

/// Commits told at the same time.
const AT_ONCE: usize = 8;
/// The longest wait between two tries.
const WAIT_MAX_SECONDS: i64 = 3600;

/// Pays every debt that is due.
///
/// # Errors
/// [`StoreError`]: what is left waits for the next time.
pub async fn report(app: &App) -> Result<(), StoreError> {
    loop {
        let due = app.store.owed(app.clock.now(), 64).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut commits: HashMap<_, Vec<Owed>> = HashMap::new();
        for owed in due {
            commits.entry((owed.commit.repository.clone(), owed.commit.commit.clone())).or_default().push(owed);
        }
        let paid = stream::iter(commits.into_values()).map(|of_one| pay_all(app, of_one)).buffer_unordered(AT_ONCE);
        for result in paid.collect::<Vec<_>>().await {
            result?;
        }
    }
}

/// Pays what is owed for one commit, one ref after the other: they share the verdict, and told at the same time the older one
/// could come last.
async fn pay_all(app: &App, of_one: Vec<Owed>) -> Result<(), StoreError> {
    for owed in of_one {
        match pay(app, &owed).await {
            // It stays owed, and stops nobody.
            Err(StoreError::Corrupt(why)) => {
                tracing::error!(commit = %owed.commit.commit, "what it should show cannot be read: {why}");
                let at = app.clock.now().checked_add(PUT_OFF_MAX).unwrap_or(jiff::Timestamp::MAX);
                app.store.settle(&owed, &[], Settled::Later(at, why)).await?;
            }
            paid => paid?,
        }
    }
    Ok(())
}

/// What a commit should show now.
///
/// # Errors
/// [`StoreError`].
pub async fn desired(app: &App, commit: &Commit) -> Result<Vec<Status>, StoreError> {
    let all_runs = app.store.runs(RunFilter::OfCommit(commit.repository.clone(), commit.commit.clone())).await?;
    let shares = |run: &router::run::Run| status::shares_verdict(&run.key.git_ref, &commit.git_ref);
    let all_runs: Vec<_> = all_runs.into_iter().filter(shares).collect();
    let runs: Vec<_> = all_runs.iter().filter(|run| run.key.git_ref == commit.git_ref).cloned().collect();
    let record = app.store.decision_for(commit).await?;
    let decision: Option<(_, &Decision)> =
        record.as_ref().and_then(|record| Some((&record.delivered.id, record.decision.as_ref()?)));
    Ok(status::desired(&Known {
        git_ref: &commit.git_ref,
        runs: &runs,
        all_runs: &all_runs,
        decision,
        base_url: &app.base_url,
    }))
}

async fn pay(app: &App, owed: &Owed) -> Result<(), StoreError> {
    let Some(forge) = app.forges.get(&owed.commit.repository.forge) else {
        return app.store.settle(owed, &[], Settled::Paid).await;
    };
    let wanted = desired(app, &owed.commit).await?;
    let news: Vec<&Status> = wanted.iter().filter(|status| !owed.posted.contains(status)).collect();
    let (told, settled) = tell(app, forge.as_ref(), owed, &news).await;
    if !told.is_empty() {
        points::pass("told");
    }
    app.store.settle(owed, &told, settled).await
}

/// Tells what is new, one after the other; stops at the first that must wait.
async fn tell(app: &App, forge: &dyn Forge, owed: &Owed, news: &[&Status]) -> (Vec<Status>, Settled) {
    let mut told = Vec::new();
    for status in news {
        match forge.set_status(&owed.commit, status).await {
            Ok(Told::Shown) => {}
            Ok(Told::Never(why)) => {
                tracing::warn!(commit = %owed.commit.commit, context = status.context, "never shown: {why}");
            }
            Err(later) if later.gives_up_after.is_some_and(|most| owed.failures >= most) => {
                tracing::warn!(commit = %owed.commit.commit, context = status.context, "given up: {later}");
            }
            Err(later) => {
                tracing::warn!(commit = %owed.commit.commit, context = status.context, "told later: {later}");
                return (told, Settled::Later(next_try(app, owed, &later), later.why));
            }
        }
        told.push((*status).clone());
    }
    (told, Settled::Paid)
}

/// As long as the forge asked for, else 5 s, 10 s, 20 s and so on up to an hour.
fn next_try(app: &App, owed: &Owed, later: &TryLater) -> jiff::Timestamp {
    let asked = later.wait.and_then(|wait| i64::try_from(wait.as_secs()).ok());
    let seconds = asked.unwrap_or_else(|| (5i64 << owed.failures.min(10)).min(WAIT_MAX_SECONDS));
    let seconds = seconds.clamp(1, PUT_OFF_MAX.as_secs());
    let now = app.clock.now();
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}
