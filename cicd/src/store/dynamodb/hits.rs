//! How often routes were hit, by the day.
//!
//! A day's counts stand in several items, each with an attribute for every name: a write takes one of them by what it decides, so that
//! writers rarely meet in one, and counts all its hits in one part of its transaction.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use router::rules::Decision;

use super::change::Times;
use super::item::{Item, n, number};
use super::key::{Key, hits_of};
use super::schema::EXPIRES;
use super::table::Table;
use super::update::Update;
use crate::hits::{Hit, Hits, day};
use crate::store::{Decided, StoreError};

/// How many items a day has; a write counts in each of them once at most.
const SHARDS: usize = 16;
/// How many counts one part of a transaction adds: its words may have 4 KB. One write so counts sixteen hundred names, and a hundred
/// shadows of each of its sixteen decisions; what is beyond is not counted, rather than that nothing could be decided.
const TOGETHER: usize = 100;
/// How long a day's counts are needed at least, in seconds: longer than is ever asked for.
const NEEDED: i64 = 40 * 86_400;

/// Counts what these decisions hit.
pub(super) fn counting<'d>(decided: impl Iterator<Item = &'d Decided>, times: &Times<'_>) -> Vec<Update> {
    let (mut counts, mut shard): (BTreeMap<String, u64>, usize) = (BTreeMap::new(), 0);
    for Decided { delivered, decision, .. } in decided {
        shard = delivered.id.as_str().bytes().fold(shard, |sum, byte| sum.wrapping_add(usize::from(byte)));
        names(decision).for_each(|name| *counts.entry(name).or_default() += 1);
    }
    let counts: Vec<(String, u64)> = counts.into_iter().collect();
    let expires = times.expiry.delivery.max(times.now.as_second().saturating_add(NEEDED));
    let update = |(part, some): (usize, &[(String, u64)])| {
        // An item stands in a transaction only once.
        let item = Update::of(Key::hits(day(times.now), (shard + part) % SHARDS)).set(EXPIRES, n(expires));
        some.iter().fold(item, |item, (name, hits)| item.add(name, *hits))
    };
    counts.chunks(TOGETHER).take(SHARDS).enumerate().map(update).collect()
}

/// `route:main`
fn names(decision: &Decision) -> impl Iterator<Item = String> {
    Hit::of(decision).into_iter().map(|(hit, name)| format!("{}:{name}", hit.as_str()))
}

pub(super) async fn counted(table: &Table, first_day: i64, last_day: i64) -> Result<Hits, StoreError> {
    let of_day = |day: i64| async move {
        let partition = hits_of(day);
        table.take(table.partition(&partition).consistent_read(true), SHARDS).await
    };
    let mut hits = Hits::default();
    for item in try_join_all((first_day..=last_day).map(of_day)).await?.into_iter().flatten() {
        add(&mut hits, &item)?;
    }
    Ok(hits)
}

fn add(hits: &mut Hits, item: &Item) -> Result<(), StoreError> {
    for attribute in item.keys() {
        if let Some((word, name)) = attribute.split_once(':')
            && let Some(hit) = Hit::read(word)
        {
            hits.add(hit, name, number(item, attribute)?);
        }
    }
    Ok(())
}
