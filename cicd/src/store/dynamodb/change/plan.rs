//! A change as the parts of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use jiff::Timestamp;
use router::id::RunId;
use router::run::Run;

use super::super::item::{Item, json, n, s, text};
use super::super::key::Key;
use super::super::parts::Parts;
use super::super::schema::EXPIRES;
use super::super::table::{Table, Write};
use super::super::update::Update;
use super::super::{Expiry, debts, deliveries, hits, notices, runs, tracks};
use super::pieces::about;
use crate::store::{Change, Claim, Commit, Decided, StoreError};

/// What it means when a part's condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// The run or the track is not of the version that the caller has read.
    Version,
    /// Somebody else holds the environment.
    Claim,
    /// Something is not as it was when the plan was made.
    AsRead,
}

/// A change, ready to be written.
#[derive(Default)]
pub(super) struct Plan {
    /// What must be there before: long texts. Nothing leads to them until the transaction holds.
    pub(super) before: Vec<Write>,
    /// The transaction.
    pub(super) parts: Vec<(Meaning, TransactWriteItem)>,
    /// What is of no use any more once it holds.
    pub(super) after: Vec<Write>,
}

/// What came of planning.
pub(super) enum Planned {
    Write(Plan),
    /// Two runs of the change claim the same environment; this one had it first.
    Held(RunId),
}

/// The times that a change is written with.
pub(in super::super) struct Times<'t> {
    pub(in super::super) now: Timestamp,
    pub(in super::super) expiry: Expiry,
    /// Gives each new run its place.
    pub(in super::super) stamp: &'t (dyn Fn() -> String + Sync),
}

impl Plan {
    /// Reads what the change depends on and makes the plan.
    pub(super) async fn of(table: &Table, change: &Change, times: &Times<'_>) -> Result<Planned, StoreError> {
        let read = table.get(depends_on(change)).await?;
        let mut plan = Self::default();
        for track in &change.tracks {
            plan.add(Meaning::Version, tracks::saved(track, times.expiry.link)?.part(&table.name));
        }
        plan.runs(table, change, &read, times)?;
        if let Some(holder) = plan.environments(table, change, &read) {
            return Ok(Planned::Held(holder));
        }
        for (execution, run) in &change.executions {
            let item = runs::called(execution, run, times.expiry.link);
            plan.add(Meaning::AsRead, put_over(&table.name, item));
        }
        let mut owed: Vec<&Commit> = Vec::new();
        for commit in &change.owed {
            if !owed.contains(&commit) {
                owed.push(commit);
                let update = debts::owe(commit, read.get(&Key::debt(commit)), times.now, times.expiry.link)?;
                plan.add(Meaning::AsRead, update.part(&table.name));
            }
        }
        for (place, notice) in change.notices.iter().enumerate() {
            // An item stands in a transaction only once.
            if !change.notices[..place].contains(notice) {
                plan.add(Meaning::AsRead, put_over(&table.name, notices::item(notice)));
            }
        }
        for decided in &change.decided {
            plan.decide(table, decided, &read, times)?;
        }
        let is_first = |decided: &&Decided| {
            let key = Key::delivery(&decided.delivered.id, &decided.forge);
            read.get(&key).is_some_and(|delivery| !delivery.contains_key("decision"))
        };
        for update in hits::counting(change.decided.iter().filter(is_first), times) {
            plan.add(Meaning::AsRead, update.part(&table.name));
        }
        Ok(Planned::Write(plan))
    }

    fn add(&mut self, meaning: Meaning, part: TransactWriteItem) {
        self.parts.push((meaning, part));
    }

    fn runs(
        &mut self,
        table: &Table,
        change: &Change,
        read: &HashMap<Key, Item>,
        times: &Times<'_>,
    ) -> Result<(), StoreError> {
        for (place, run) in change.runs.iter().enumerate() {
            if change.runs[..place].iter().any(|other| other.id == run.id) {
                return Err(StoreError::Corrupt(format!("run {} stands twice in one change", run.id)));
            }
            match (run.version, read.get(&Key::run(&run.id))) {
                (0, None) => {
                    for item in runs::created(run, &(times.stamp)(), times.expiry.run)? {
                        self.add(Meaning::AsRead, put(&table.name, item, "attribute_not_exists(pk)", []));
                    }
                }
                (0, Some(existing)) => {
                    if let Some(joined) = runs::joined(runs::read(existing)?, run) {
                        self.save(Meaning::AsRead, table, &joined, times)?;
                    }
                }
                _ => self.save(Meaning::Version, table, run, times)?,
            }
        }
        Ok(())
    }

    fn save(&mut self, meaning: Meaning, table: &Table, run: &Run, times: &Times<'_>) -> Result<(), StoreError> {
        self.add(meaning, runs::saved(run, times.expiry.run)?.part(&table.name));
        if run.state.is_terminal() {
            self.after.extend(runs::ended(run, times.expiry.run));
        }
        Ok(())
    }

    /// Releases and claims. An item stands in a transaction only once, so an environment that changes hands is put over.
    fn environments(&mut self, table: &Table, change: &Change, read: &HashMap<Key, Item>) -> Option<RunId> {
        let mut claims: Vec<&Claim> = Vec::new();
        for claim in &change.claims {
            match claims.iter().find(|other| Key::claim(other) == Key::claim(claim)) {
                Some(other) if other.run != claim.run => return Some(other.run.clone()),
                Some(_) => {}
                None => claims.push(claim),
            }
        }
        let mut given_back = Vec::new();
        for release in &change.releases {
            let key = Key::claim(release);
            let holds = read.get(&key).is_some_and(|held| held.get("run") == Some(&s(release.run.as_str())));
            if holds && !given_back.contains(&key) {
                if !claims.iter().any(|claim| Key::claim(claim) == key) {
                    self.add(Meaning::AsRead, delete(&table.name, &key, release.run.as_str()));
                }
                given_back.push(key);
            }
        }
        for claim in claims {
            let key = Key::claim(claim);
            // Held by whoever gives it back in this very change is as good as free.
            let before = read.get(&key).filter(|_| given_back.contains(&key)).and_then(|held| text(held, "run").ok());
            let item = key.with([("run", s(claim.run.as_str()))]);
            let values = [(":run", claim.run.as_str()), (":before", before.unwrap_or(claim.run.as_str()))];
            let condition = "attribute_not_exists(pk) OR run = :run OR run = :before";
            self.add(Meaning::Claim, put(&table.name, item, condition, values));
        }
        None
    }

    fn decide(
        &mut self,
        table: &Table,
        decided: &Decided,
        read: &HashMap<Key, Item>,
        times: &Times<'_>,
    ) -> Result<(), StoreError> {
        let (id, forge) = (&decided.delivered.id, &decided.forge);
        let key = Key::delivery(id, forge);
        let Some(delivery) = read.get(&key) else {
            return Err(StoreError::Corrupt(format!("delivery {id} of {forge} is decided and was never remembered")));
        };
        let place = text(delivery, "place")?;
        let parts = Parts { id, forge, expires: times.expiry.delivery };
        let delivered = parts.text(serde_json::to_string(&decided.delivered)?, &mut self.before);
        let decision = parts.text(serde_json::to_string(&decided.decision)?, &mut self.before);
        let update = Update::of(key)
            .set("delivered", delivered)
            .set("decision", decision)
            .set("runs", json(&decided.runs)?)
            .set(EXPIRES, n(times.expiry.delivery))
            // A hit is counted once, so a first decision is the first one still.
            .only_if(match delivery.contains_key("decision") {
                true => "place = :place",
                false => "place = :place AND attribute_not_exists(decision)",
            })
            .with(":place", s(place));
        self.add(Meaning::AsRead, update.part(&table.name));
        if let Some(commit) = about(decided) {
            let pointer = deliveries::pointer(&Key::decided(&commit, place), id, forge, times.expiry.delivery);
            self.add(Meaning::AsRead, put_over(&table.name, pointer));
        }
        self.after.push(Write::Delete(Key::undecided(place)));
        Ok(())
    }
}

/// The keys of what must be known before a change can be planned.
fn depends_on(change: &Change) -> Vec<Key> {
    let new_runs = change.runs.iter().filter(|run| run.version == 0).map(|run| Key::run(&run.id));
    let releases = change.releases.iter().map(Key::claim);
    let owed = change.owed.iter().map(Key::debt);
    let decided = change.decided.iter().map(|decided| Key::delivery(&decided.delivered.id, &decided.forge));
    new_runs.chain(releases).chain(owed).chain(decided).collect()
}

fn put<'v>(
    table: &str,
    item: Item,
    condition: &str,
    values: impl IntoIterator<Item = (&'v str, &'v str)>,
) -> TransactWriteItem {
    let values: Item = values.into_iter().map(|(name, value)| (name.to_owned(), s(value))).collect();
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(condition)
        .set_expression_attribute_values((!values.is_empty()).then_some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    TransactWriteItem::builder().put(put.expect("table and item are given")).build()
}

fn put_over(table: &str, item: Item) -> TransactWriteItem {
    let put = Put::builder().table_name(table).set_item(Some(item)).build();
    TransactWriteItem::builder().put(put.expect("table and item are given")).build()
}

fn delete(table: &str, key: &Key, held_by: &str) -> TransactWriteItem {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key.item()))
        .condition_expression("run = :run")
        .expression_attribute_values(":run", s(held_by))
        .build();
    TransactWriteItem::builder().delete(delete.expect("table and key are given")).build()
}
