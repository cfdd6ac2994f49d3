//! How the DynamoDB store is set up, and what only it must do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use cicd::clock::FakeClock;
use cicd::store::dynamodb::{DynamoStore, create_table};
use cicd::store::{Change, Committed, Decided, Remembered, RunFilter, Settled, Store, StoreError};
use jiff::SignedDuration;
use router::event::{ChangedFiles, Event};
use router::run::RunState;
use tokio::sync::{Barrier, OnceCell};

use self::between::{Between, Trouble};
use super::super::samples;
use crate::world::aws;

mod between;
mod costs;

type Item = HashMap<String, AttributeValue>;

/// A table of its own for a test.
pub(super) struct Table {
    name: String,
    made: OnceCell<()>,
    clock: FakeClock,
}

impl super::Shelf for Table {
    fn new(clock: FakeClock) -> Self {
        static TABLES: AtomicU32 = AtomicU32::new(0);
        let name = format!("pointsman-{}", TABLES.fetch_add(1, Ordering::Relaxed));
        Self { name, made: OnceCell::new(), clock }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.store(&aws::endpoint()).await)
    }
}

impl Table {
    fn fresh() -> Self {
        super::Shelf::new(FakeClock::at(samples::noon()))
    }

    /// A client each time: connections belong to the runtime of the test that made them.
    async fn store(&self, endpoint: &str) -> DynamoStore {
        let direct = aws::dynamodb(&aws::endpoint());
        self.made.get_or_init(async || create_table(&direct, &self.name).await.unwrap()).await;
        DynamoStore::open(aws::dynamodb(endpoint), &self.name, Arc::new(self.clock.clone())).await.unwrap()
    }

    /// A store that meets trouble.
    async fn troubled(&self) -> (DynamoStore, Between) {
        let between = Between::default();
        let store = self.store(&between.listen().await).await;
        between.asked();
        (store, between)
    }

    /// How many items a partition has, and how many of them expire, past every leniency of the store.
    async fn items(&self, partition: &str) -> (usize, usize) {
        let items = self.query(partition).await;
        (items.len(), items.iter().filter(|item| item.contains_key("expires")).count())
    }

    /// In how many seconds the items of a partition expire, those that do.
    async fn expire_in(&self, partition: &str) -> Vec<i64> {
        let at = |item: &Item| item.get("expires")?.as_n().ok()?.parse::<i64>().ok();
        self.query(partition).await.iter().filter_map(at).map(|at| at - samples::noon().as_second()).collect()
    }

    async fn query(&self, partition: &str) -> Vec<Item> {
        let found = aws::dynamodb(&aws::endpoint())
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
            .send()
            .await
            .unwrap();
        found.items.unwrap()
    }
}

async fn started(store: &DynamoStore, n: u32) {
    store.remember(&samples::delivery(n)).await.unwrap();
    assert_eq!(store.commit(samples::start(n)).await.unwrap(), Committed::Yes);
}

async fn end(store: &DynamoStore, n: u32) {
    let mut run = store.run(&samples::run(n).id).await.unwrap().unwrap();
    run.state = RunState::Succeeded;
    assert_eq!(store.commit(Change { runs: vec![run], ..Change::default() }).await.unwrap(), Committed::Yes);
}

#[tokio::test]
async fn a_table_that_is_not_as_it_must_be_is_refused() {
    let client = aws::dynamodb(&aws::endpoint());
    let open = async |name: &str| {
        let clock = Arc::new(FakeClock::at(samples::noon()));
        match DynamoStore::open(client.clone(), name, clock).await {
            Err(StoreError::Unavailable(why)) => why,
            Err(StoreError::Corrupt(why)) => panic!("corrupt: {why}"),
            Ok(_) => panic!("it opened"),
        }
    };
    assert!(open("no-such-table").await.contains("does not exist"));
    create_table(&client, "changed").await.unwrap();
    assert!(create_table(&client, "changed").await.is_err(), "what is there is not made again");
    let delete =
        aws_sdk_dynamodb::types::DeleteGlobalSecondaryIndexAction::builder().index_name("lists").build().unwrap();
    let without = aws_sdk_dynamodb::types::GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    client.update_table().table_name("changed").global_secondary_index_updates(without).send().await.unwrap();
    assert!(open("changed").await.contains("no index lists"));
    create_table(&client, "eternal").await.unwrap();
    let off = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder().attribute_name("expires").enabled(false);
    let off = off.build().unwrap();
    client.update_time_to_live().table_name("eternal").time_to_live_specification(off).send().await.unwrap();
    assert!(open("eternal").await.contains("time to live"));
}

#[tokio::test]
async fn what_is_too_large_for_an_item_comes_back_whole() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    let mut large = samples::delivery(1);
    // More than one item, and more than one batch of items.
    large.body = (0..11_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut push = samples::push(1);
    push.changed = ChangedFiles::known((0..20_000).map(|n| format!("src/some/folder/file-number-{n}.rs")));
    large.delivered.event = Event::Push(push).into();
    store.remember(&large).await.unwrap();
    assert!(store.undecided(1).await.unwrap() == [samples::undecided(large.clone())]);
    assert!(store.original(&samples::delivery_id(1)).await.unwrap().as_ref() == Some(&large));
    let mut change = samples::start(1);
    change.decided[0].delivered = large.delivered.clone();
    assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    let decided = store.decision_for(&samples::commit(1)).await.unwrap().unwrap();
    assert!(decided.delivered == large.delivered);
}

#[tokio::test]
async fn a_delivery_that_was_half_written_never_came() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    between.trouble("PutItem", [Trouble::Refused("AccessDeniedException")]);
    let refused = store.remember(&samples::delivery(1)).await.unwrap_err();
    assert!(refused.to_string().contains("AccessDeniedException: so it is"), "{refused}");
    assert!(store.undecided(9).await.unwrap().is_empty());
    assert_eq!(store.delivery(&samples::delivery_id(1)).await.unwrap(), None);
    assert_eq!(store.remember(&samples::delivery(1)).await.unwrap(), Remembered::New);
    assert_eq!(store.undecided(9).await.unwrap(), [samples::undecided(samples::delivery(1))]);
    assert_eq!(store.commit(samples::start(1)).await.unwrap(), Committed::Yes);
    assert!(store.undecided(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_delivery_whose_answer_was_lost_is_still_new() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    between.trouble("PutItem", [Trouble::AnswerLost]);
    assert_eq!(store.remember(&samples::delivery(1)).await.unwrap(), Remembered::New);
    assert_eq!(between.asked(), ["BatchWriteItem", "PutItem", "PutItem"]);
    assert_eq!(store.undecided(9).await.unwrap(), [samples::undecided(samples::delivery(1))]);
    assert_eq!(store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap().times, 1);
}

#[tokio::test]
async fn another_transaction_in_the_way_is_waited_for_and_not_for_ever() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    store.remember(&samples::delivery(1)).await.unwrap();
    between.trouble("TransactWriteItems", ["TransactionConflict", "ThrottlingError"].map(Trouble::Cancelled));
    assert_eq!(store.commit(samples::start(1)).await.unwrap(), Committed::Yes);
    between.trouble("UpdateItem", [Trouble::Refused("TransactionConflictException")]);
    assert_eq!(store.remember(&samples::delivery(1)).await.unwrap(), Remembered::Seen);
    assert_eq!(store.delivery(&samples::delivery_id(1)).await.unwrap().unwrap().times, 2);
    between.trouble("TransactWriteItems", vec![Trouble::Cancelled("TransactionConflict"); 7]);
    let given_up = store.commit(Change { owed: vec![samples::commit(1)], ..Change::default() }).await;
    assert!(matches!(given_up, Err(StoreError::Unavailable(_))), "{given_up:?}");
}

#[tokio::test]
async fn a_wish_to_be_left_alone_that_comes_between_reading_and_writing_is_kept() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    let owe = Change { owed: vec![samples::commit(1)], ..Change::default() };
    assert_eq!(store.commit(owe.clone()).await.unwrap(), Committed::Yes);
    let debt = store.owed(samples::noon(), 9).await.unwrap().remove(0);
    let barrier = Arc::new(Barrier::new(2));
    between.trouble("TransactWriteItems", [Trouble::Held(Arc::clone(&barrier))]);
    let meanwhile = async {
        barrier.wait().await;
        let later = samples::noon() + jiff::SignedDuration::from_secs(60);
        store.settle(&debt, &[], Settled::Later(later, "rate limited".to_owned())).await.unwrap();
        barrier.wait().await;
    };
    let (committed, ()) = tokio::join!(store.commit(owe), meanwhile);
    assert_eq!(committed.unwrap(), Committed::Yes);
    assert!(store.owed(samples::noon(), 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_batch_put_off_is_asked_for_again_and_not_for_ever() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    between.trouble("BatchWriteItem", vec![Trouble::PutOff; 2]);
    store.remember(&samples::delivery(1)).await.unwrap();
    between.trouble("BatchGetItem", vec![Trouble::PutOff; 2]);
    assert_eq!(store.undecided(9).await.unwrap(), [samples::undecided(samples::delivery(1))]);
    between.trouble("BatchGetItem", vec![Trouble::PutOff; 7]);
    let given_up = store.undecided(9).await;
    assert!(matches!(given_up, Err(StoreError::Unavailable(_))), "{given_up:?}");
}

#[tokio::test]
async fn whoever_meets_the_leftovers_of_a_crash_takes_them_away() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    store.remember(&samples::delivery(1)).await.unwrap();
    between.trouble("BatchWriteItem", [Trouble::Refused("AccessDeniedException")]);
    assert_eq!(store.commit(samples::start(1)).await.unwrap(), Committed::Yes, "the change holds all the same");
    between.trouble("BatchWriteItem", [Trouble::Refused("AccessDeniedException")]);
    end(&store, 1).await;
    assert_eq!((table.items("undecided").await.0, table.items("live").await.0), (1, 1));
    assert!(store.undecided(9).await.unwrap().is_empty());
    assert!(store.runs(RunFilter::Live).await.unwrap().is_empty());
    assert_eq!((table.items("undecided").await.0, table.items("live").await.0), (0, 0));
}

#[tokio::test]
async fn what_is_over_expires_and_what_is_live_does_not() {
    let table = Table::fresh();
    let store = table.store(&aws::endpoint()).await;
    started(&store, 1).await;
    let delivery = format!("delivery#{}", samples::delivery_id(1));
    let parts = format!("parts#{}#github", samples::delivery_id(1));
    let run = format!("run#{}", samples::run(1).id);
    let commit = format!("commit#github:github:acme/shop#{}", samples::commit_id(1));
    assert_eq!((table.items(&delivery).await, table.items(&parts).await), ((1, 1), (1, 1)));
    assert_eq!((table.items(&run).await, table.items("live").await), ((1, 0), (1, 0)));
    assert_eq!(table.items(&commit).await, (3, 2), "the decision and the debt, not what leads to the run");
    end(&store, 1).await;
    assert_eq!((table.items(&run).await, table.items("live").await), ((1, 1), (0, 0)));
    assert_eq!(table.items(&commit).await, (3, 3));
}

#[tokio::test]
async fn what_is_over_expires_when_the_settings_say_and_what_a_run_needs_does_not() {
    const DAY: i64 = 24 * 60 * 60;
    let days = |days: i64| SignedDuration::from_secs(days * DAY);
    let table = Table::fresh();
    let store = table.store(&aws::endpoint()).await.keeping(days(2), days(3));
    started(&store, 1).await;
    end(&store, 1).await;
    assert_eq!(table.expire_in(&format!("delivery#{}", samples::delivery_id(1))).await, [2 * DAY]);
    assert_eq!(table.expire_in(&format!("run#{}", samples::run(1).id)).await, [3 * DAY]);
    let commit = format!("commit#github:github:acme/shop#{}", samples::commit_id(1));
    let mut of_commit = table.expire_in(&commit).await;
    of_commit.sort_unstable();
    assert_eq!(of_commit, [2 * DAY, 3 * DAY, 90 * DAY], "the decision, what leads to the run, and the debt");
}

#[tokio::test]
async fn several_writers_share_a_table() {
    let table = Table::fresh();
    let (one, two) = (table.store(&aws::endpoint()).await, table.store(&aws::endpoint()).await);
    started(&one, 1).await;
    assert_eq!(two.remember(&samples::delivery(1)).await.unwrap(), Remembered::Seen);
    let read = two.run(&samples::run(1).id).await.unwrap().unwrap();
    let take = |n| Change { claims: vec![samples::prod(&samples::run(n))], ..Change::default() };
    assert_eq!(one.commit(Change { runs: vec![read.clone()], ..take(1) }).await.unwrap(), Committed::Yes);
    assert_eq!(two.commit(Change { runs: vec![read], ..take(1) }).await.unwrap(), Committed::Conflict);
    assert_eq!(two.commit(take(2)).await.unwrap(), Committed::Busy(samples::run(1).id));
    let debt = two.owed(samples::noon(), 9).await.unwrap().remove(0);
    assert_eq!(
        one.commit(Change { owed: vec![samples::commit(1)], ..Change::default() }).await.unwrap(),
        Committed::Yes
    );
    two.settle(&debt, &[], Settled::Paid).await.unwrap();
    assert_eq!(one.owed(samples::noon(), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_push_may_end_forty_runs_and_what_is_too_much_is_told() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    for some in [0..20, 20..40] {
        let change = Change { runs: some.map(samples::run).collect(), ..Change::default() };
        assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    }
    let mut old = store.runs(RunFilter::Live).await.unwrap();
    for run in &mut old {
        run.state = RunState::Superseded;
    }
    store.remember(&samples::delivery(40)).await.unwrap();
    let mut change = samples::start(40);
    change.owed.extend((0..40).map(samples::commit));
    change.runs.extend(old);
    assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    let live = store.runs(RunFilter::Live).await.unwrap();
    assert_eq!(live.into_iter().map(|run| run.id).collect::<Vec<_>>(), [samples::run(40).id]);
    let too_much = Change { owed: (0..101).map(samples::commit).collect(), ..Change::default() };
    let refused = store.commit(too_much).await.unwrap_err();
    assert!(refused.to_string().contains("101 parts"), "{refused}");
}

/// A decision that starts nothing, and the debt that comes with it, for each of these.
fn quiet(some: std::ops::Range<u32>) -> Change {
    let decided = some.clone().map(|n| Decided { runs: Vec::new(), ..samples::decided(n) }).collect();
    Change { decided, owed: some.map(samples::commit).collect(), ..Change::default() }
}

#[tokio::test]
async fn a_backlog_of_decisions_that_start_nothing_is_one_change() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    for n in 0..60 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    // 180 parts, and one delivery is decided twice.
    let mut change = quiet(0..60);
    change.decided.insert(0, samples::decided(59));
    change.decided[0].decision.because = vec!["an older decision".to_owned()];
    assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    assert!(store.undecided(99).await.unwrap().is_empty());
    assert_eq!(store.owed(samples::noon(), 99).await.unwrap().len(), 60);
    let last = store.delivery(&samples::delivery_id(59)).await.unwrap().unwrap();
    assert_eq!((last.decision, last.runs), (Some(samples::decided(59).decision), vec![]));
}

#[tokio::test]
async fn what_starts_a_run_is_written_with_it_before_what_starts_nothing() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    for n in 0..21 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    let mut change = quiet(0..20);
    change.decided.push(samples::decided(20));
    change.runs.push(samples::run(20));
    change.owed = (0..101).map(samples::commit).collect();
    let refused = store.commit(change.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("parts"), "what is owed along with a run is one write: {refused}");
    assert_eq!(store.undecided(99).await.unwrap().len(), 21);
    change.owed = vec![samples::commit(20)];
    between.trouble("TransactWriteItems", [Trouble::Nothing, Trouble::Refused("AccessDeniedException")]);
    assert!(store.commit(change).await.is_err());
    assert_eq!(store.undecided(99).await.unwrap().len(), 20);
    assert!(store.run(&samples::run(20).id).await.unwrap().is_some());
    let owed: Vec<_> = store.owed(samples::noon(), 99).await.unwrap().into_iter().map(|debt| debt.commit).collect();
    assert_eq!(owed, [samples::commit(20)]);
}

#[tokio::test]
async fn of_many_decisions_one_that_never_came_leaves_all_waiting() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    for n in 0..39 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    let refused = store.commit(quiet(0..40)).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(store.undecided(99).await.unwrap().len(), 39);
    assert!(store.owed(samples::noon(), 99).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_of_many_decisions_was_not_written_waits_and_is_owed_later() {
    let table = Table::fresh();
    let (store, between) = table.troubled().await;
    for n in 0..40 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    between.trouble("TransactWriteItems", [Trouble::Nothing, Trouble::Refused("AccessDeniedException")]);
    assert!(store.commit(quiet(0..40)).await.is_err());
    let waiting: Vec<_> = store.undecided(99).await.unwrap().into_iter().map(|it| it.delivered.id).collect();
    assert_eq!(waiting, (16..40).map(samples::delivery_id).collect::<Vec<_>>());
    let owed = async || {
        let owed = store.owed(samples::noon(), 99).await.unwrap();
        owed.into_iter().map(|debt| debt.commit).collect::<std::collections::HashSet<_>>()
    };
    assert_eq!(owed().await, (0..16).map(samples::commit).collect());
    assert_eq!(store.commit(quiet(16..40)).await.unwrap(), Committed::Yes);
    assert_eq!(owed().await, (0..40).map(samples::commit).collect());
}

#[tokio::test]
async fn every_piece_of_a_change_owes_for_its_decisions() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    let mut change = Change { owed: vec![samples::commit(1)], ..Change::default() };
    for n in 0..20 {
        let mut again = samples::delivery(1);
        again.delivered.id = samples::delivery_id(n);
        store.remember(&again).await.unwrap();
        change.decided.push(Decided { delivered: again.delivered, runs: Vec::new(), ..samples::decided(1) });
    }
    assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    assert!(store.undecided(99).await.unwrap().is_empty());
    assert_eq!(store.owed(samples::noon(), 99).await.unwrap().remove(0).version, 2);
}

#[tokio::test]
async fn a_conflict_or_a_holder_keeps_every_piece_from_being_written() {
    let table = Table::fresh();
    let (store, _between) = table.troubled().await;
    for n in 0..20 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    let vanished = router::run::Run { version: 3, ..samples::run(1) };
    let change = Change { runs: vec![vanished], ..quiet(0..20) };
    assert_eq!(store.commit(change).await.unwrap(), Committed::Conflict);
    let take = |n| vec![samples::prod(&samples::run(n))];
    assert_eq!(store.commit(Change { claims: take(1), ..Change::default() }).await.unwrap(), Committed::Yes);
    let busy = store.commit(Change { claims: take(2), ..quiet(0..20) }).await.unwrap();
    assert_eq!(busy, Committed::Busy(samples::run(1).id));
    assert_eq!(store.undecided(99).await.unwrap().len(), 20);
    assert!(store.owed(samples::noon(), 99).await.unwrap().is_empty());
}
