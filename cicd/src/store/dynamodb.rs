//! The store of a service on AWS: one DynamoDB table, shared by whoever serves.
//!
//! # The items
//! The keys are `pk` and `sk`, both text. `listed` and `place` are the keys of the one index, `lists`, which only some items
//! are in and which holds keys only. `key.rs` is the one place that spells keys.
//!
//! | pk | sk | what | in the index |
//! |---|---|---|---|
//! | `delivery#<id>` | `<forge>` | what is known of a delivery, its decision too | `deliveries`, by place |
//! | `parts#<id>#<forge>` | `<digest>#<n>` | its body, and what of it is long, in parts of 384 KiB | |
//! | `undecided` | `<place>` | leads to a delivery that nothing may be decided about | |
//! | `run#<id>` | `run` | a run, as JSON, and its version | `runs`, by place |
//! | `live` | `<digest of repository and ref>#<run>` | leads to a run that may not have reached its end | |
//! | `commit#<repository>#<commit>` | `run#<run>` | leads to a run of the commit | |
//! | | `decided#<digest of ref>#<place>` | leads to a delivery that was decided for it | |
//! | | `debt#<digest of ref>` | what is owed for it, and what the forge was told | `due`, by when, while it is owed |
//! | `execution#<execution>` | `run` | leads to the run that the engine calls so | |
//! | `track#<repository>` | `<digest of ref>` | where a ref has been, as JSON, and its version | |
//! | `claim#<repository>` | `<environment>` | the run that holds it | |
//! | `notices` | `<time>#<id>` | what subscribers are to be told | |
//! | `hits#<day>` | `<0 to 15>` | how often each route was hit, an attribute for each | |
//! | `heartbeat` | `heartbeat` | written when somebody asks whether it can be | |
//!
//! # Order
//! A place is a time in nanoseconds (when a delivery was received, when a run was made), who wrote it, and an id. One writer
//! never gives a place that is not later than its last, so what it wrote one after the other stands in that order whatever
//! its clock does. After a restart it is another writer.
//! Between several writers order is that of their clocks; on AWS those differ by less than a millisecond or so, and what
//! must not overtake (pushes of one ref) is handed to one writer at a time by its queue.
//!
//! # What may lag
//! Items are read strongly consistent, always, and so are the partitions that lead to them: an undecided delivery, a live
//! run, a commit's runs and decisions are found as soon as their write has been answered. What leads somewhere is only a
//! hint: it is followed, and what it led to says whether it holds. So leftovers of a crash do no harm, and whoever meets
//! them takes them away.
//!
//! Only the index lags, by milliseconds as a rule. It serves the pages that people read, and [`Store::owed`]: a debt that it
//! does not show yet is found at the next look, and one that it still shows is read itself before it is believed. A debt's
//! count and the runs it is about are never read from it.
//!
//! # What a call costs
//! In requests and in units: a write unit is 1 KB written, a read unit 4 KB read, each item rounded up, and a transaction
//! pays its writes twice. *B* is a body, *D* a delivery without it (1 to 2 KB), *R* a run (2 to 10 KB), *S* a debt with what
//! was told (1 to 4 KB), in KB. Nothing is ever scanned.
//!
//! | call | requests | units |
//! |---|---|---|
//! | `remember` | 2 (one more for each 9 MB of body) | write *B* + *D* + 2; seen before: 4, one *D* more |
//! | `commit`, a start | 3 | read 1 + *D*/4 + *S*/4, write 2 (*R* + *D* + *S* + 3) + 4 |
//! | `commit`, a step | 2, at the run's end 3 | read *S*/4, write 2 (*R* + *S* + its claims) + 2, at the end 4 |
//! | `commit`, decisions | 3 for each sixteen | for each read (*D* + *S*)/4, write 2 (*D* + *S* + 1) + 1 |
//! | `undecided` | 1, with something found 2 | read 1 + for each *D*/4 |
//! | `original` | 2 | read (*D* + *B*)/4 |
//! | `delivery`, `run` | 1 | read *D*/4 or *R*/4 |
//! | `decision_for` | 2 | read 1 + *D*/4 |
//! | `deliveries`, `runs` | 2, one more for each hundred and with `before` | read 1 + for each *D*/4 or *R*/4 |
//! | `owed` | 2, with something due 3 | read 2 + for each *S*/4 |
//! | `settle` | 2, nothing told 1 | write 2 *S* + 1 |
//! | `track` | 1 | read 1 |
//! | `tracks` | 1 | read 1/4 KB of all |
//! | `hits` | 31 | read 1 for each 4 KB of a day's counts, of which there are up to sixteen items |
//! | `notices` | 1 | read 1 + for each its size / 4 |
//! | `notice_told` | 1 | write 1; and `commit` writes 2 for each |
//! | `backlog` | 3, one more for each of three in which something waits | read 3 + for at most a hundred *D*/4 and *S*/4, for each live run *R*/4 |
//! | `ready` | 1 | write 1 |
//!
//! A transaction has at most a hundred parts: one for a run that moves and three for a new one, one for each track, claim, release,
//! execution, debt and notice, two for a decision and one for what all of them hit (one for each hundred names). So one push may end more than forty runs; a change with more parts is refused.
//!
//! The partitions `undecided` and `live` and the lists of the index take a thousand writes a second each: some hundreds of
//! pushes a second, for as long as one likes.
//!
//! # A change that is not one transaction
//! More than sixteen decisions that start nothing are written in several transactions, sixteen each, after the one with all
//! the rest of their change. Each of them takes the debts along that its decisions make, and whatever one of them lacks is
//! found before the first is written. Such decisions know nothing of each other, so what a crash leaves between two of them
//! is as if the dispatcher had asked for less: the rest still waits, and is decided and owed again.
//! Runs, environments, decisions that start a run, and what is owed for them always hold together or not at all; only they
//! can meet a conflict or a holder, and they come first, so then nothing has been written.
//!
//! # What goes away
//! `expires` is the table's time to live: deliveries and decisions, and runs once they are over, go after [`RETENTION`] or what
//! [`DynamoStore::keeping`] says; debts, tracks and the names of executions, once nothing moves them, never before [`RETENTION`],
//! for a run that waits long needs them. Live runs, and who holds what, stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use jiff::{SignedDuration, Timestamp};
use router::id::{DeliveryId, GitRef, Repository, RunId};
use router::run::Run;
use router::status::Status;
use router::track::Track;

use self::change::Times;
use self::item::{n, nanoseconds, sortable};
use self::key::Key;
use self::table::Table;
use self::update::Update;
use super::{
    Backlog, Before, Change, Commit, Committed, Delivery, DeliveryRecord, Notice, Owed, Pruned, Remembered, RunFilter,
    Settled, Store, StoreError, Undecided,
};
use crate::clock::Clock;
use crate::hits::Hits;

mod backlog;
mod change;
mod debts;
mod deliveries;
mod error;
mod hits;
mod item;
mod key;
mod notices;
mod parts;
mod patience;
mod runs;
mod schema;
mod table;
mod tracks;
mod update;

pub use self::schema::create_table;

/// How long what is over is kept, unless it is said otherwise.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The memory of a service on AWS, in one table.
pub struct DynamoStore {
    table: Table,
    clock: Arc<dyn Clock>,
    kept: Kept,
    /// Stands in every place that this one gives: two writers never give the same.
    writer: u32,
    /// The last time that stands in a place, in nanoseconds.
    last: AtomicI64,
}

/// How long what is over is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    deliveries: SignedDuration,
    runs: SignedDuration,
}

/// When what is written now may be taken away once it is over, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Expiry {
    delivery: i64,
    run: i64,
    /// What a run needs for as long as it lives.
    link: i64,
}

impl DynamoStore {
    /// Uses a table, after a look at whether it is as it must be. The client's settings say how long a request may take
    /// and how often the SDK repeats one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no such table, or its keys, its index or its expiry are others.
    pub async fn open(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let table = table.into();
        schema::check(&client, &table).await?;
        Self::trusting(client, table, clock)
    }

    /// Uses a table that was looked at when it was made: a function that begins often does not look each time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the operating system gives no random numbers.
    pub fn trusting(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let table = Table { client, name: table.into() };
        let no_luck = |error| StoreError::Unavailable(format!("the operating system gives no random numbers: {error}"));
        let writer = getrandom::u32().map_err(no_luck)?;
        Ok(Self {
            table,
            clock,
            kept: Kept { deliveries: RETENTION, runs: RETENTION },
            writer,
            last: AtomicI64::new(0),
        })
    }

    /// Keeps deliveries for so long, and runs for so long after their end.
    #[must_use]
    pub fn keeping(self, deliveries: SignedDuration, runs: SignedDuration) -> Self {
        Self { kept: Kept { deliveries, runs }, ..self }
    }

    /// What a place begins with: the given time, or the next after the last that was given out, and who gave it.
    fn stamp(&self, at: Timestamp) -> String {
        let at = nanoseconds(at);
        let next = |last: i64| at.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        format!("{}#{:08x}", sortable(last.map_or(at, next)), self.writer)
    }

    fn expiry(&self) -> Expiry {
        let now = self.clock.now().as_second();
        let after = |kept: SignedDuration| now.saturating_add(kept.as_secs());
        let Kept { deliveries, runs } = self.kept;
        Expiry { delivery: after(deliveries), run: after(runs), link: after(runs.max(RETENTION)) }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn remember(&self, delivery: &Delivery) -> Result<Remembered, StoreError> {
        let stamp = self.stamp(delivery.received_at);
        deliveries::remember(&self.table, delivery, &stamp, self.expiry().delivery).await
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let now = self.clock.now();
        let times = Times { now, expiry: self.expiry(), stamp: &|| self.stamp(now) };
        change::commit(&self.table, change, &times).await
    }

    async fn undecided(&self, most: usize) -> Result<Vec<Undecided>, StoreError> {
        deliveries::undecided(&self.table, most).await
    }

    async fn original(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        deliveries::original(&self.table, id).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        deliveries::one(&self.table, id).await
    }

    async fn deliveries(&self, most: usize, before: Option<&DeliveryId>) -> Result<Vec<DeliveryRecord>, StoreError> {
        deliveries::page(&self.table, most, before).await
    }

    async fn decision_for(&self, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError> {
        deliveries::newest_of_commit(&self.table, commit).await
    }

    async fn track(&self, repository: &Repository, git_ref: &GitRef) -> Result<Track, StoreError> {
        tracks::one(&self.table, repository, git_ref).await
    }

    async fn tracks(&self, repository: &Repository) -> Result<Vec<Track>, StoreError> {
        tracks::of_repository(&self.table, repository).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        runs::one(&self.table, id).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<Run>, StoreError> {
        runs::several(&self.table, &filter, self.expiry().run).await
    }

    async fn owed(&self, now: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
        debts::due(&self.table, now, most).await
    }

    async fn settle(&self, owed: &Owed, told: &[Status], settled: Settled) -> Result<(), StoreError> {
        debts::settle(&self.table, owed, told, &settled, self.expiry().link).await
    }

    async fn notices(&self, most: usize) -> Result<Vec<Notice>, StoreError> {
        notices::waiting(&self.table, most).await
    }

    async fn notice_told(&self, notice: &Notice) -> Result<(), StoreError> {
        notices::told(&self.table, notice).await
    }

    async fn hits(&self, first_day: i64, last_day: i64) -> Result<Hits, StoreError> {
        hits::counted(&self.table, first_day, last_day).await
    }

    /// The table's time to live does it.
    async fn prune(&self, _before: &Before, _most: usize) -> Result<Pruned, StoreError> {
        Ok(Pruned::default())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        backlog::backlog(&self.table, self.expiry().run).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let beat = Update::of(Key::heartbeat()).set("written_at", n(nanoseconds(self.clock.now())));
        self.table.update(beat).await.map(drop)
    }
}
