//! The lane of a ref whose pushes queue: one at work at a time, in the order in which they were pushed.
//!
//! * A run holds the lane from its decision until it is over or stands at a gate.
//! * A push that is told late has its turn before newer ones that have not begun. Once a newer one has begun it comes too late, and is
//!   superseded: what it brings is in the newer one, and deployed after it, it would take an environment back.
//! * A person who asks for a start or a retry knows what was pushed since; that is not too late.

use router::id::CommitId;
use router::pipeline::Concurrency;
use router::run::{Run, RunState};
use router::track::Track;

use crate::app::App;
use crate::engine::Sight;
use crate::store::{RunFilter, StoreError};

/// Whether a queued run may begin, among all live ones, oldest first.
pub(crate) async fn is_free(app: &App, run: &Run, live: &[Run]) -> Result<bool, StoreError> {
    let is_other = |other: &Run| {
        let one_ref = other.key.repository == run.key.repository && other.key.git_ref == run.key.git_ref;
        one_ref && other.id != run.id && other.state != RunState::Waiting
    };
    if run.plan.concurrency != Concurrency::Queue || !live.iter().any(is_other) {
        return Ok(true);
    }
    let track = app.store.track(&run.key.repository, &run.key.git_ref).await?;
    // A push that is not known any more came long before.
    let push = |run: &Run| track.find(&run.key.commit, run.key.visit);
    let mut before = true;
    for other in live {
        before &= other.id != run.id;
        let has_its_turn = push(other) < push(run) || (push(other) == push(run) && before);
        if is_other(other) && (has_its_turn || has_begun(app, other).await) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The engine may have it, and nobody has heard so yet.
async fn has_begun(app: &App, run: &Run) -> bool {
    run.state != RunState::Queued || app.engine.look(run).await.is_ok_and(|look| look.sight == Sight::AtWork)
}

/// For a push that queues and is told after newer ones of its ref: the newest of those that have begun, when one has, and the runs of the
/// others. Those are written with the run, unchanged, so that it does not hold when one of them has begun in between.
pub(crate) async fn had_their_turn(
    app: &App,
    track: &Track,
    at: usize,
    run: &Run,
) -> Result<(Option<CommitId>, Vec<Run>), StoreError> {
    let (mut begun, mut behind) = (None, Vec::new());
    if run.plan.concurrency != Concurrency::Queue {
        return Ok((begun, behind));
    }
    for arrival in track.arrivals.iter().skip(at + 1) {
        let Some(commit) = &arrival.commit else { continue };
        for newer in app.store.runs(RunFilter::OfCommit(track.repository.clone(), commit.clone())).await? {
            let counts = newer.plan.concurrency != Concurrency::All;
            if !counts || newer.key.git_ref != track.git_ref || newer.key.visit != arrival.visit {
                continue;
            }
            if has_begun(app, &newer).await {
                begun = Some(commit.clone());
            } else {
                behind.push(newer);
            }
        }
    }
    Ok((begun, behind))
}
