//! What is kept, in which order, and for how long.

use cicd::store::{Before, Change, Committed, RunFilter, Settled};
use jiff::SignedDuration;
use router::id::GitRef;
use router::status::StatusState;
use router::track::{Arrival, Place, Track};

use super::{Bench, Shelf, run_ids, samples};

pub(super) async fn everything_is_found_again_after_a_restart<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    bench.store.remember(&samples::ping(2)).await.unwrap();
    bench.holds(Change { claims: vec![samples::prod(&samples::run(1))], ..Change::default() }).await;
    let debt = bench.due().await.remove(0);
    let told = [samples::status("pointsman", StatusState::Pending)];
    bench.store.settle(&debt, &told, Settled::Later(bench.now(), "no answer".to_owned())).await.unwrap();

    let bench = bench.reopen().await;
    assert_eq!(bench.store.undecided(10).await.unwrap(), [samples::undecided(samples::ping(2))]);
    let record = bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap();
    assert_eq!(record.received_at, samples::noon());
    assert_eq!(record.delivered, samples::decided(1).delivered);
    assert_eq!(record.decision, Some(samples::decision()));
    assert_eq!(record.runs, run_ids([1]));
    assert_eq!(bench.run(1).await, router::run::Run { version: 1, ..samples::run(1) });
    let busy = Change { claims: vec![samples::prod(&samples::run(2))], ..Change::default() };
    assert_eq!(bench.store.commit(busy).await.unwrap(), Committed::Busy(samples::run(1).id));
    let debt = bench.due().await.remove(0);
    assert_eq!((debt.failures, debt.posted), (1, told.to_vec()));
}

pub(super) async fn where_a_ref_has_been_is_saved_under_the_version_that_was_read<S: Shelf>(bench: Bench<S>) {
    let main = samples::commit(1).git_ref;
    let mut track = bench.store.track(&samples::shop(), &main).await.unwrap();
    assert_eq!(track, Track::new(samples::shop(), main.clone()));
    track.enter(Arrival::of(&samples::push(1)), Place::New(0));
    let write = |track: &Track| Change { tracks: vec![track.clone()], ..Change::default() };
    bench.holds(Change { owed: vec![samples::commit(1)], ..write(&track) }).await;
    assert_eq!(bench.store.commit(write(&track)).await.unwrap(), Committed::Conflict, "it is not unknown any more");
    let read = bench.store.track(&samples::shop(), &main).await.unwrap();
    assert_eq!(read, Track { version: 1, ..track });
    bench.holds(write(&read)).await;
    let stale = Change { runs: vec![samples::run(9)], ..write(&read) };
    assert_eq!(bench.store.commit(stale).await.unwrap(), Committed::Conflict);
    assert_eq!(bench.store.run(&samples::run(9).id).await.unwrap(), None, "a conflict writes nothing");
    let tag = GitRef::Tag("main".to_owned());
    bench.holds(write(&Track::new(samples::shop(), tag.clone()))).await;
    let mut refs: Vec<_> = bench.store.tracks(&samples::shop()).await.unwrap().into_iter().map(|t| t.git_ref).collect();
    refs.sort();
    assert_eq!(refs, [main, tag]);
}

pub(super) async fn what_is_live_or_young_or_undecided_is_never_forgotten<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    bench.store.remember(&samples::delivery(2)).await.unwrap();
    bench.started(3).await;
    let mut over = bench.run(3).await;
    over.state = router::run::RunState::Failed;
    over.ended_at = Some(bench.now());
    bench.holds(Change { runs: vec![over], ..Change::default() }).await;

    let earlier = bench.now() - SignedDuration::from_secs(1);
    let young = Before { deliveries: earlier, runs: earlier };
    bench.store.prune(&young, 100).await.unwrap();
    assert!(bench.store.delivery(&samples::delivery_id(1)).await.unwrap().is_some());
    assert_eq!(bench.run(3).await.version, 2);
    let later = bench.now() + SignedDuration::from_hours(1);
    bench.store.prune(&Before { deliveries: later, runs: later }, 100).await.unwrap();
    assert_eq!(bench.store.undecided(9).await.unwrap(), [samples::undecided(samples::delivery(2))]);
    assert_eq!(bench.ids(RunFilter::Live).await, run_ids([1]));
    assert!(bench.due().await.iter().any(|owed| owed.commit == samples::commit(1)), "its status is still owed");
}

pub(super) async fn a_debt_that_claims_to_be_due_much_later_is_due<S: Shelf>(bench: Bench<S>) {
    for n in [1, 2] {
        bench.holds(Change { owed: vec![samples::commit(n)], ..Change::default() }).await;
    }
    let put_off = async |debt: usize, hours: i64| {
        let debt = bench.due().await.remove(debt);
        let at = bench.now() + SignedDuration::from_hours(hours);
        bench.store.settle(&debt, &[], Settled::Later(at, "the clock was wrong".to_owned())).await.unwrap();
        debt.commit
    };
    put_off(0, 1).await;
    let wrong = put_off(0, 24).await;
    let due: Vec<_> = bench.due().await.into_iter().map(|owed| owed.commit).collect();
    assert_eq!(due, [wrong], "and the other one waits as it was told");
}

pub(super) async fn a_debt_that_failed_waits_as_long_as_told<S: Shelf>(bench: Bench<S>) {
    let owe = || Change { owed: vec![samples::commit(1)], ..Change::default() };
    bench.holds(owe()).await;
    let debt = bench.due().await.remove(0);
    let later = bench.now() + SignedDuration::from_secs(60);
    bench.store.settle(&debt, &[], Settled::Later(later, "rate limited".to_owned())).await.unwrap();
    bench.holds(owe()).await;
    assert!(bench.due().await.is_empty(), "a new debt does not end the forge's wish to be left alone");
    bench.clock.advance_seconds(60);
    let debt = bench.due().await.remove(0);
    assert_eq!(debt.failures, 1);
    bench.store.settle(&debt, &[], Settled::Later(bench.now(), "again".to_owned())).await.unwrap();
    let debt = bench.due().await.remove(0);
    assert_eq!(debt.failures, 2);
    bench.store.settle(&debt, &[], Settled::Paid).await.unwrap();
    bench.holds(owe()).await;
    assert_eq!(bench.due().await.remove(0).failures, 0);
}
