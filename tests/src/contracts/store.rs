//! What every [`Store`] must do.
//!
//! An implementation says how it is set up ([`Shelf`]) and adds one `contract!` line at the end of this file.

use std::sync::Arc;

use cicd::clock::FakeClock;
use cicd::store::{Change, Committed, Owed, Remembered, RunFilter, Settled, Store, StoreError};
use router::id::{ForgeKind, RunId};
use router::run::RunState;
use router::status::StatusState;

use self::hits::*;
use self::lasting::*;
use self::notices::*;
use self::waiting::*;
use super::samples;

mod dynamodb;
mod hits;
mod lasting;
mod notices;
mod sqlite;
mod waiting;

/// Where a store keeps what it holds. Opening it again, after the first one was dropped, is what a restart does.
trait Shelf {
    fn new(clock: FakeClock) -> Self;
    async fn open(&self) -> Arc<dyn Store>;
}

/// A store to test, where it stands, and the time that it sees.
struct Bench<S> {
    shelf: S,
    clock: FakeClock,
    store: Arc<dyn Store>,
}

impl<S: Shelf> Bench<S> {
    async fn new() -> Self {
        let clock = FakeClock::at(samples::noon());
        let shelf = S::new(clock.clone());
        let store = shelf.open().await;
        Self { shelf, clock, store }
    }

    async fn reopen(self) -> Self {
        drop(self.store);
        let store = self.shelf.open().await;
        Self { store, ..self }
    }

    fn now(&self) -> jiff::Timestamp {
        cicd::clock::Clock::now(&self.clock)
    }

    async fn holds(&self, change: Change) {
        assert_eq!(self.store.commit(change).await.unwrap(), Committed::Yes);
    }

    /// Delivery `n` has come and is decided.
    async fn started(&self, n: u32) {
        self.store.remember(&samples::delivery(n)).await.unwrap();
        self.holds(samples::start(n)).await;
    }

    async fn run(&self, n: u32) -> router::run::Run {
        self.store.run(&samples::run(n).id).await.unwrap().unwrap()
    }

    async fn ids(&self, filter: RunFilter) -> Vec<RunId> {
        self.store.runs(filter).await.unwrap().into_iter().map(|run| run.id).collect()
    }

    async fn due(&self) -> Vec<Owed> {
        self.store.owed(self.now(), 100).await.unwrap()
    }
}

fn run_ids(of: impl IntoIterator<Item = u32>) -> Vec<RunId> {
    of.into_iter().map(|n| samples::run(n).id).collect()
}

async fn a_delivery_is_new_once_and_then_only_counted<S: Shelf>(bench: Bench<S>) {
    let first = samples::delivery(1);
    assert_eq!(bench.store.remember(&first).await.unwrap(), Remembered::New);
    let mut again = first.clone();
    again.body = bytes::Bytes::from_static(b"another body");
    assert_eq!(bench.store.remember(&again).await.unwrap(), Remembered::Seen);
    assert_eq!(bench.store.undecided(10).await.unwrap(), [samples::undecided(first.clone())]);
    assert_eq!(bench.store.original(&samples::delivery_id(1)).await.unwrap(), Some(first));
    assert_eq!(bench.store.original(&samples::delivery_id(2)).await.unwrap(), None);
    assert_eq!(bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap().times, 2);
}

async fn two_forges_may_use_the_same_id<S: Shelf>(bench: Bench<S>) {
    let mut other = samples::delivery(1);
    other.forge = ForgeKind::Gitlab.default_name();
    assert_eq!(bench.store.remember(&samples::delivery(1)).await.unwrap(), Remembered::New);
    assert_eq!(bench.store.remember(&other).await.unwrap(), Remembered::New);
    let found = bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap();
    assert_eq!(found.forge, other.forge);
    bench.holds(Change { decided: vec![samples::decided(1)], ..Change::default() }).await;
    assert_eq!(bench.store.undecided(10).await.unwrap(), [samples::undecided(other)]);
}

async fn of_a_hundred_at_once_exactly_one_is_new<S: Shelf>(bench: Bench<S>) {
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&bench.store);
            tokio::spawn(async move { store.remember(&samples::delivery(1)).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for answer in asked {
        new += usize::from(answer.await.unwrap() == Remembered::New);
    }
    assert_eq!(new, 1);
    assert_eq!(bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap().times, 100);
}

async fn undecided_deliveries_come_oldest_first<S: Shelf>(bench: Bench<S>) {
    for n in [5, 3, 4, 1, 2] {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
    }
    bench.holds(Change { decided: vec![samples::decided(4)], ..Change::default() }).await;
    let found = |most| {
        let store = Arc::clone(&bench.store);
        async move { store.undecided(most).await.unwrap().into_iter().map(|d| d.delivered.id).collect::<Vec<_>>() }
    };
    assert_eq!(found(10).await, [5, 3, 1, 2].map(samples::delivery_id));
    assert_eq!(found(2).await, [5, 3].map(samples::delivery_id));
    let several = vec![samples::decided(5), samples::decided(1)];
    bench.holds(Change { decided: several, ..Change::default() }).await;
    assert_eq!(found(10).await, [3, 2].map(samples::delivery_id));
    bench.holds(Change { decided: vec![samples::decided(3)], ..Change::default() }).await;
    assert_eq!(found(10).await, [samples::delivery_id(2)]);
}

async fn a_ping_is_decided_too<S: Shelf>(bench: Bench<S>) {
    bench.store.remember(&samples::ping(1)).await.unwrap();
    let decided = cicd::store::Decided { delivered: samples::ping(1).delivered, runs: vec![], ..samples::decided(1) };
    bench.holds(Change { decided: vec![decided], ..Change::default() }).await;
    assert!(bench.store.undecided(10).await.unwrap().is_empty());
    let record = bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap();
    assert_eq!((record.delivered, record.runs), (samples::ping(1).delivered, vec![]));
}

async fn a_newer_decision_replaces_the_older<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    let mut again = samples::decided(1);
    again.decision.because = vec!["the rules have changed".to_owned()];
    again.runs = run_ids([1, 2]);
    bench.holds(Change { decided: vec![again.clone()], ..Change::default() }).await;
    let record = bench.store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap();
    assert_eq!((record.decision, record.runs), (Some(again.decision), again.runs));
}

async fn what_never_came_cannot_be_decided<S: Shelf>(bench: Bench<S>) {
    let refused = bench.store.commit(samples::start(1)).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(bench.store.run(&samples::run(1).id).await.unwrap(), None, "nothing of the change may hold");
    assert!(bench.due().await.is_empty());
    bench.store.remember(&samples::delivery(2)).await.unwrap();
    let half = Change { decided: vec![samples::decided(2), samples::decided(1)], ..Change::default() };
    assert!(bench.store.commit(half).await.is_err());
    assert_eq!(
        bench.store.undecided(10).await.unwrap().len(),
        1,
        "one that cannot be decided leaves the others waiting"
    );
}

async fn deliveries_are_paged_newest_first<S: Shelf>(bench: Bench<S>) {
    for n in 0..5 {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
    }
    let page = |before: Option<u32>| {
        let store = Arc::clone(&bench.store);
        async move {
            let before = before.map(samples::delivery_id);
            let found = store.deliveries(2, before.as_ref()).await.unwrap();
            found.into_iter().map(|d| d.delivered.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None).await, [4, 3].map(samples::delivery_id));
    assert_eq!(page(Some(3)).await, [2, 1].map(samples::delivery_id));
    assert_eq!(page(Some(1)).await, [samples::delivery_id(0)]);
    assert!(page(Some(0)).await.is_empty());
    assert!(page(Some(77)).await.is_empty(), "nothing is older than what does not exist");
}

async fn the_decision_for_a_commit_is_the_newest<S: Shelf>(bench: Bench<S>) {
    assert_eq!(bench.store.decision_for(&samples::commit(1)).await.unwrap(), None);
    bench.started(1).await;
    let mut again = samples::delivery(1);
    again.delivered.id = samples::delivery_id(99);
    bench.store.remember(&again).await.unwrap();
    let newest = |commit| {
        let store = Arc::clone(&bench.store);
        async move { store.decision_for(&commit).await.unwrap().map(|record| record.delivered.id) }
    };
    assert_eq!(newest(samples::commit(1)).await, Some(samples::delivery_id(1)), "the newer is not decided yet");
    let mut decided = samples::decided(1);
    decided.delivered.id = samples::delivery_id(99);
    bench.holds(Change { decided: vec![decided], ..Change::default() }).await;
    assert_eq!(newest(samples::commit(1)).await, Some(samples::delivery_id(99)));
    let tag = router::id::GitRef::Tag("main".to_owned());
    assert_eq!(newest(cicd::store::Commit { git_ref: tag, ..samples::commit(1) }).await, None);
}

async fn a_run_is_saved_under_the_version_that_was_read<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    let mut read = bench.run(1).await;
    assert_eq!(read.version, 1);
    read.because = "moved".to_owned();
    bench.holds(Change { runs: vec![read.clone()], ..Change::default() }).await;
    assert_eq!(bench.run(1).await, router::run::Run { version: 2, ..read.clone() });
    let stale = Change {
        runs: vec![samples::run(2), read],
        claims: vec![samples::prod(&samples::run(1))],
        owed: vec![samples::commit(2)],
        ..Change::default()
    };
    assert_eq!(bench.store.commit(stale).await.unwrap(), Committed::Conflict);
    assert_eq!(bench.store.run(&samples::run(2).id).await.unwrap(), None, "a conflict writes nothing");
    assert_eq!(bench.due().await.len(), 1);
    bench.holds(Change { claims: vec![samples::prod(&samples::run(3))], ..Change::default() }).await;
}

async fn a_run_that_vanished_is_a_conflict<S: Shelf>(bench: Bench<S>) {
    let run = router::run::Run { version: 3, ..samples::run(1) };
    let change = Change { runs: vec![run], ..Change::default() };
    assert_eq!(bench.store.commit(change).await.unwrap(), Committed::Conflict);
}

async fn of_many_who_read_the_same_version_one_writes<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    let read = bench.run(1).await;
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (store, run) = (Arc::clone(&bench.store), read.clone());
            let change = Change { runs: vec![run], ..Change::default() };
            tokio::spawn(async move { store.commit(change).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for answer in asked {
        won += usize::from(answer.await.unwrap() == Committed::Yes);
    }
    assert_eq!(won, 1);
    assert_eq!(bench.run(1).await.version, 2);
}

async fn the_same_push_through_another_hook_joins_its_run<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    let read = bench.run(1).await;
    let mut again = samples::delivery(1);
    again.delivered.id = samples::delivery_id(99);
    bench.store.remember(&again).await.unwrap();
    let mut change = samples::start(1);
    change.decided[0].delivered.id = samples::delivery_id(99);
    change.runs[0].deliveries = vec![samples::delivery_id(99)];
    change.runs[0].state = RunState::Failed;
    bench.holds(change.clone()).await;
    assert!(bench.store.undecided(10).await.unwrap().is_empty(), "the delivery is decided all the same");
    let joined = bench.run(1).await;
    assert_eq!(joined.deliveries, [1, 99].map(samples::delivery_id));
    assert_eq!((joined.state, joined.version), (RunState::Queued, 2));
    bench.holds(change).await;
    assert_eq!(bench.run(1).await, joined, "what it knows already changes nothing");
    let stale = Change { runs: vec![read], ..Change::default() };
    assert_eq!(bench.store.commit(stale).await.unwrap(), Committed::Conflict, "it would forget the delivery");
}

async fn the_same_push_through_five_hooks_at_once_is_one_run<S: Shelf>(bench: Bench<S>) {
    let asked: Vec<_> = (10..15)
        .map(|n| {
            let store = Arc::clone(&bench.store);
            let mut delivery = samples::delivery(1);
            delivery.delivered.id = samples::delivery_id(n);
            let mut change = samples::start(1);
            change.decided[0].delivered.id = samples::delivery_id(n);
            change.runs[0].deliveries = vec![samples::delivery_id(n)];
            tokio::spawn(async move {
                store.remember(&delivery).await.unwrap();
                store.commit(change).await.unwrap()
            })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Committed::Yes);
    }
    let mut run = bench.run(1).await;
    run.deliveries.sort();
    assert_eq!((run.version, run.deliveries), (5, (10..15).map(samples::delivery_id).collect::<Vec<_>>()));
    assert_eq!(bench.ids(RunFilter::Live).await, run_ids([1]));
}

async fn runs_are_listed_as_asked<S: Shelf>(bench: Bench<S>) {
    for n in 0..5 {
        bench.started(n).await;
    }
    let mut over = bench.run(1).await;
    over.state = RunState::Failed;
    let mut elsewhere = samples::run(7);
    elsewhere.key.git_ref = router::id::GitRef::Branch("release/1".to_owned());
    bench.holds(Change { runs: vec![over, elsewhere], ..Change::default() }).await;
    let main = samples::commit(0).git_ref;
    assert_eq!(bench.ids(RunFilter::Live).await, run_ids([0, 2, 3, 4, 7]));
    assert_eq!(bench.ids(RunFilter::LiveOnRef(samples::shop(), main)).await, run_ids([0, 2, 3, 4]));
    assert_eq!(
        bench.ids(RunFilter::OfCommit(samples::commit(1).repository, samples::commit(1).commit)).await,
        run_ids([1])
    );
    assert_eq!(bench.ids(RunFilter::Recent(2, None)).await, run_ids([7, 4]));
    assert_eq!(bench.ids(RunFilter::Recent(2, Some(samples::run(4).id))).await, run_ids([3, 2]));
    assert_eq!(bench.ids(RunFilter::Recent(9, Some(samples::run(0).id))).await, []);
    assert_eq!(bench.ids(RunFilter::Recent(9, Some(samples::run(99).id))).await, []);
}

async fn a_run_is_found_by_what_the_engine_calls_it<S: Shelf>(bench: Bench<S>) {
    bench.started(1).await;
    bench.started(2).await;
    let called = |name: &str| RunFilter::OfExecution(name.to_owned());
    assert_eq!(bench.ids(called("e-1")).await, []);
    let mut run = bench.run(1).await;
    run.execution = Some("e-1".to_owned());
    let told = Change { executions: vec![("e-1".to_owned(), run.id.clone())], runs: vec![run], ..Change::default() };
    bench.holds(told.clone()).await;
    assert_eq!(bench.ids(called("e-1")).await, run_ids([1]));
    assert_eq!(bench.run(1).await.execution.as_deref(), Some("e-1"));

    let mut late = told;
    late.executions[0] = ("e-2".to_owned(), samples::run(1).id);
    assert_eq!(bench.store.commit(late).await.unwrap(), Committed::Conflict);
    assert_eq!(bench.ids(called("e-2")).await, [], "nothing of a change that met a conflict holds");
    let bench = bench.reopen().await;
    assert_eq!(bench.ids(called("e-1")).await, run_ids([1]));
}

async fn an_environment_has_one_holder<S: Shelf>(bench: Bench<S>) {
    let (one, two) = (samples::run(1), samples::run(2));
    let take = |run: &router::run::Run| Change { claims: vec![samples::prod(run)], ..Change::default() };
    bench.holds(take(&one)).await;
    bench.holds(take(&one)).await;
    bench.started(2).await;
    let mut moved = bench.run(2).await;
    moved.because = "deploying".to_owned();
    let busy = Change { runs: vec![moved, samples::run(3)], owed: vec![samples::commit(3)], ..take(&two) };
    assert_eq!(bench.store.commit(busy).await.unwrap(), Committed::Busy(one.id.clone()));
    assert_eq!(bench.run(2).await.version, 1, "busy writes nothing");
    assert_eq!(bench.store.run(&samples::run(3).id).await.unwrap(), None);
    assert_eq!(bench.due().await.len(), 1);
    bench.holds(Change { releases: vec![samples::prod(&two)], ..Change::default() }).await;
    assert_eq!(bench.store.commit(take(&two)).await.unwrap(), Committed::Busy(one.id.clone()), "two gave nothing back");
    bench.holds(Change { releases: vec![samples::prod(&one)], ..take(&two) }).await;
    assert_eq!(bench.store.commit(take(&one)).await.unwrap(), Committed::Busy(two.id));
}

async fn of_many_claimers_one_wins<S: Shelf>(bench: Bench<S>) {
    let asked: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&bench.store);
            let run = samples::run(n);
            let change = Change { claims: vec![samples::prod(&run)], ..Change::default() };
            tokio::spawn(async move { (run.id, store.commit(change).await.unwrap()) })
        })
        .collect();
    let mut won = Vec::new();
    let mut told = Vec::new();
    for answer in asked {
        match answer.await.unwrap() {
            (run, Committed::Yes) => won.push(run),
            (_, Committed::Busy(holder)) => told.push(holder),
            (_, Committed::Conflict) => panic!("a claim reads no run"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(told, vec![won[0].clone(); 19]);
}

async fn debts_are_due_longest_first<S: Shelf>(bench: Bench<S>) {
    for n in [3, 1, 2] {
        bench.holds(Change { owed: vec![samples::commit(n)], ..Change::default() }).await;
        bench.clock.advance_seconds(1);
    }
    let early: Vec<_> = bench.store.owed(samples::noon(), 9).await.unwrap().into_iter().map(|o| o.commit).collect();
    assert_eq!(early, [samples::commit(3)], "the others are not due then");
    let all: Vec<_> = bench.due().await.into_iter().map(|owed| owed.commit).collect();
    assert_eq!(all, [3, 1, 2].map(samples::commit));
    assert_eq!(bench.store.owed(bench.now(), 2).await.unwrap().len(), 2);
}

async fn a_paid_debt_is_gone_and_what_was_told_stays<S: Shelf>(bench: Bench<S>) {
    let owe = || Change { owed: vec![samples::commit(1)], ..Change::default() };
    bench.holds(owe()).await;
    let debt = bench.due().await.remove(0);
    assert!(debt.posted.is_empty());
    let (verdict, stage) =
        (samples::status("pointsman", StatusState::Pending), samples::status("pointsman/a/b", StatusState::Success));
    bench.store.settle(&debt, &[stage.clone(), verdict], Settled::Paid).await.unwrap();
    assert!(bench.due().await.is_empty());
    bench.holds(owe()).await;
    let verdict = samples::status("pointsman", StatusState::Failure);
    let debt = bench.due().await.remove(0);
    bench.store.settle(&debt, std::slice::from_ref(&verdict), Settled::Paid).await.unwrap();
    bench.holds(owe()).await;
    let mut posted = bench.due().await.remove(0).posted;
    posted.sort_by(|a, b| a.context.cmp(&b.context));
    assert_eq!(posted, [verdict, stage]);
}

async fn settling_an_older_count_leaves_the_newer_debt<S: Shelf>(bench: Bench<S>) {
    let owe = || Change { owed: vec![samples::commit(1)], ..Change::default() };
    bench.holds(owe()).await;
    let first = bench.due().await.remove(0);
    bench.holds(owe()).await;
    bench.store.settle(&first, &[], Settled::Paid).await.unwrap();
    let second = bench.due().await.remove(0);
    assert!(second.version > first.version);
    bench.store.settle(&second, &[], Settled::Paid).await.unwrap();
    bench.holds(owe()).await;
    bench.store.settle(&first, &[], Settled::Paid).await.unwrap();
    bench.store.settle(&second, &[], Settled::Paid).await.unwrap();
    assert_eq!(bench.due().await.len(), 1, "a count must not come twice");
}

async fn it_is_ready_when_it_can_be_written_to<S: Shelf>(bench: Bench<S>) {
    bench.store.ready().await.unwrap();
}

macro_rules! contract {
    ($name:ident, $shelf:ty, [$($behaviour:ident)*]) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    super::$behaviour(super::Bench::<$shelf>::new().await).await;
                }
            )*
        }
    };
    ($name:ident, $shelf:ty) => {
        contract!($name, $shelf, [
            a_delivery_is_new_once_and_then_only_counted
            two_forges_may_use_the_same_id
            of_a_hundred_at_once_exactly_one_is_new
            everything_is_found_again_after_a_restart
            undecided_deliveries_come_oldest_first
            a_ping_is_decided_too
            a_newer_decision_replaces_the_older
            what_never_came_cannot_be_decided
            deliveries_are_paged_newest_first
            the_decision_for_a_commit_is_the_newest
            a_run_is_saved_under_the_version_that_was_read
            a_run_that_vanished_is_a_conflict
            of_many_who_read_the_same_version_one_writes
            the_same_push_through_another_hook_joins_its_run
            the_same_push_through_five_hooks_at_once_is_one_run
            runs_are_listed_as_asked
            a_run_is_found_by_what_the_engine_calls_it
            an_environment_has_one_holder
            of_many_claimers_one_wins
            debts_are_due_longest_first
            a_paid_debt_is_gone_and_what_was_told_stays
            settling_an_older_count_leaves_the_newer_debt
            a_debt_that_failed_waits_as_long_as_told
            notices_wait_in_their_order_until_they_are_told
            notices_hold_with_their_change_or_not_at_all
            hits_are_counted_by_the_day_once_for_each_delivery
            many_shadows_are_all_counted
            where_a_ref_has_been_is_saved_under_the_version_that_was_read
            what_is_live_or_young_or_undecided_is_never_forgotten
            a_debt_that_claims_to_be_due_much_later_is_due
            what_waits_is_counted_with_its_age
            what_has_just_come_waits_like_what_stood_there
            it_is_ready_when_it_can_be_written_to
        ]);
    };
}

contract!(sqlite_store, super::sqlite::Folder);
contract!(dynamodb_store, super::dynamodb::Table);
