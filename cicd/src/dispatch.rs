//! A durable delivery is decided, and what it starts is written with the decision, in one write.
//!
//! * Deliveries are decided in the order in which they came.
//! * The same push, however often it is delivered, is the same run: see [`router::run::RunKey::id`].
//! * Whatever the new run supersedes is stopped in the same write.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use router::event::{ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, ForgeName};
use router::pipeline::Planned;
use router::rules::{Decision, Verdict};
use router::run::{Applied, Run, RunEvent, Stop};

use crate::app::App;
use crate::change;
use crate::notice;
use crate::observe::stop_ended;
use crate::store::{Change, Commit, Committed, Decided, RunFilter, StoreError, Undecided};

/// How many deliveries are taken from the store at once.
const BATCH: usize = 256;
/// How many deliveries' changed files are asked for at the same time.
const ASKED_AT_ONCE: usize = 8;
/// How long deliveries gather before the next ones are decided. A sender waits for an answer and a decision does not, so
/// while many send, most of the processor's time is theirs.
const PAUSE: Duration = Duration::from_millis(25);

/// Decides everything that waits. Returns how many that were.
///
/// # Errors
/// [`StoreError`]: what is left waits for the next time.
pub async fn dispatch(app: &App) -> Result<usize, StoreError> {
    let mut decided = 0;
    loop {
        let waiting = app.store.undecided(BATCH).await?;
        if waiting.is_empty() {
            return Ok(decided);
        }
        decided += waiting.len();
        // Where nothing starts, the order is of no account: one write serves them all.
        let mut quiet = Change::default();
        // A forge may take its time to say what changed: several are asked at once, and taken in the order of their deliveries.
        let mut decisions = stream::iter(waiting)
            .map(async |Undecided { forge, mut delivered }| {
                let decision = decide(app, &mut delivered).await;
                (forge, delivered, decision)
            })
            .buffered(ASKED_AT_ONCE);
        while let Some((forge, delivered, decision)) = decisions.next().await {
            match starts(&decision) {
                Some(_) => begin(app, forge, delivered, decision).await?,
                None => settle_only(app, &mut quiet, forge, delivered, decision),
            }
        }
        app.store.commit(quiet).await?;
        app.wake.for_decisions();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Decides one delivery that a message led to, when nothing has been decided about it yet. One that nobody remembers is left alone.
///
/// # Errors
/// [`StoreError`]: it still waits.
pub async fn dispatch_one(app: &App, forge: &ForgeName, id: &DeliveryId) -> Result<(), StoreError> {
    let Some(record) = app.store.delivery(id).await? else {
        tracing::warn!(delivery.id = %id, "a message names a delivery that nobody remembers");
        return Ok(());
    };
    if record.forge != *forge {
        // Two forges used one id, and the store gives the newer: whoever waits is decided, this one with them.
        return dispatch(app).await.map(drop);
    }
    if record.decision.is_some() {
        return Ok(());
    }
    let mut delivered = record.delivered;
    let decision = decide(app, &mut delivered).await;
    if starts(&decision).is_some() {
        return begin(app, record.forge, delivered, decision).await;
    }
    let mut quiet = Change::default();
    settle_only(app, &mut quiet, record.forge, delivered, decision);
    app.store.commit(quiet).await?;
    app.wake.for_decisions();
    Ok(())
}

/// Starts the run that a receipt of a `start: manual` route offers.
///
/// # Errors
/// [`StoreError`].
pub async fn start_offered(
    app: &App,
    delivery: &DeliveryId,
    push: &Push,
    rules: &str,
    chain: &[Planned],
) -> Result<Option<Run>, StoreError> {
    let Some(run) = Run::new(push, delivery, rules, chain, app.clock.now()) else { return Ok(None) };
    write_start(app, push, run.clone(), Vec::new()).await?;
    app.store.run(&run.id).await
}

async fn decide(app: &App, delivered: &mut Delivered) -> Decision {
    let rules = app.rules.current();
    if let Some(changed) = look_up_files(app, &rules, &delivered.event).await {
        delivered.event.set_changed(changed);
    }
    let decision = rules.decide(&delivered.event);
    tracing::debug!(
        delivery.id = %delivered.id,
        repo.name = delivered.event.repository().map(ToString::to_string),
        verdict = decision.verdict.word(),
        because = decision.because.join(", "),
        "decided"
    );
    decision
}

/// Asks the forge for the changed files when the event could not say and a route wants to know. They may stay unknown.
async fn look_up_files(app: &App, rules: &router::rules::Rules, event: &Event) -> Option<ChangedFiles> {
    let push = event.as_push()?;
    if !matches!(push.changed, ChangedFiles::Unknown(_)) || !rules.needs_changed_files(&push) {
        return None;
    }
    let looked_up = app.forges.get(&push.repository.forge)?.changed_files(&push).await;
    looked_up
        .inspect_err(|trouble| {
            tracing::warn!(repo.name = %push.repository, "the changed files stay unknown: {trouble}");
        })
        .ok()
}

fn starts(decision: &Decision) -> Option<&[Planned]> {
    match &decision.verdict {
        Verdict::Start { chain, manual: false, .. } => Some(chain),
        Verdict::Start { manual: true, .. } | Verdict::Ignore { .. } | Verdict::Nothing { .. } | Verdict::Refused => {
            None
        }
    }
}

fn settle_only(app: &App, change: &mut Change, forge: ForgeName, delivered: Delivered, decision: Decision) {
    if let (Some(push), false) = (delivered.event.as_push(), matches!(decision.verdict, Verdict::Refused)) {
        let commit = commit_of(&push);
        if !change.owed.contains(&commit) {
            change.owed.push(commit);
        }
    }
    let decided = Decided { forge, delivered, decision, runs: Vec::new() };
    notice::decision(app, change, &decided);
    change.decided.push(decided);
}

async fn begin(app: &App, forge: ForgeName, delivered: Delivered, decision: Decision) -> Result<(), StoreError> {
    let (Some(push), Some(chain)) = (delivered.event.as_push(), starts(&decision)) else { return Ok(()) };
    let push = push.into_owned();
    let run = Run::new(&push, &delivered.id, &decision.rules, chain, app.clock.now());
    let Some(run) = run else { return Ok(()) };
    tracing::info!(run.id = %run.id, delivery.id = %delivered.id, repo.name = %push.repository, "a run starts");
    let runs = vec![run.id.clone()];
    write_start(app, &push, run, vec![Decided { forge, delivered, decision, runs }]).await
}

/// Writes a new run with all that its start means, again and again until nobody wrote in between.
async fn write_start(app: &App, push: &Push, run: Run, decided: Vec<Decided>) -> Result<(), StoreError> {
    loop {
        let mut run = run.clone();
        let superseded = take_place(app, push, &mut run).await?;
        let mut change = Change { decided: decided.clone(), owed: vec![commit_of(push)], ..Change::default() };
        decided.iter().for_each(|decided| notice::decision(app, &mut change, decided));
        for old in &superseded {
            change::save(&mut change, old.clone());
        }
        change.runs.push(run);
        match app.store.commit(change).await? {
            Committed::Yes => {
                superseded.iter().for_each(|old| stop_ended(app, old));
                app.wake.for_moved_runs();
                return Ok(());
            }
            Committed::Conflict | Committed::Busy(_) => {}
        }
    }
}

/// Gives a new run its place on the ref: the older runs as they are once this push has taken theirs, or none when a newer push
/// was told of first.
async fn take_place(app: &App, push: &Push, run: &mut Run) -> Result<Vec<Run>, StoreError> {
    let is_latest = run.plan.concurrency == router::pipeline::Concurrency::Latest;
    if !is_latest || app.store.run(&run.id).await?.is_some() {
        return Ok(Vec::new());
    }
    let live = app.store.runs(RunFilter::LiveOnRef(push.repository.clone(), push.git_ref.clone())).await?;
    let now = app.clock.now();
    let stop = |commit: &CommitId| RunEvent::StopAsked { stop: Stop::SupersededBy(commit.clone()) };
    if let Some(newer) = live.iter().find(|other| overtook(other, push)) {
        run.apply(&stop(&newer.key.commit), now);
        return Ok(Vec::new());
    }
    let mut moved = Vec::new();
    for mut old in live {
        let same_push = old.key.commit == push.commit && old.key.before == push.before;
        if !same_push && old.apply(&stop(&push.commit), now) == Applied::Moved {
            moved.push(old);
        }
    }
    Ok(moved)
}

/// The run's push began where this push ended, and this one did not come back from there: forges do not keep the order, and
/// people send old deliveries again.
fn overtook(run: &Run, push: &Push) -> bool {
    run.key.before.as_ref() == Some(&push.commit) && push.before.as_ref() != Some(&run.key.commit) && !push.forced
}

/// The commit a push is about.
fn commit_of(push: &Push) -> Commit {
    Commit { repository: push.repository.clone(), git_ref: push.git_ref.clone(), commit: push.commit.clone() }
}
