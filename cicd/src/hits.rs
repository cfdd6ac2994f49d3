//! How often each route was taken of late.
//!
//! The newest deliveries are read, a page of them at a time, back to thirty days or to a number that is read in a moment; where
//! that number ends it, the count says since when it counts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use router::event::Delivered;
use router::id::DeliveryId;
use router::rules::Verdict;

use crate::store::{DeliveryRecord, Store, StoreError};

/// How far back is counted.
const DAYS: i64 = 30;
/// The most deliveries that are read for it.
const READ_MAX: usize = 5_000;
/// How many are read at a time.
const PAGE: usize = 500;

/// How often each was hit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hits {
    /// Since when is counted.
    pub since: Timestamp,
    /// How many deliveries that were.
    pub deliveries: usize,
    /// By a route's name: how many pushes it owned.
    pub routes: BTreeMap<String, usize>,
    /// By a shadow route's name: how many it would have owned.
    pub shadows: BTreeMap<String, usize>,
    /// By an `ignore` entry's name.
    pub ignored: BTreeMap<String, usize>,
}

/// Counts the hits of the last thirty days.
///
/// # Errors
/// [`StoreError`].
pub async fn count(store: &dyn Store, now: Timestamp) -> Result<Hits, StoreError> {
    let month_ago = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MIN);
    let mut hits = Hits { since: month_ago, ..Hits::default() };
    walk(store, month_ago, |record| hits.add(record)).await.map(|cut| {
        hits.since = cut.unwrap_or(month_ago);
        hits
    })
}

/// The newest deliveries, newest first: what another rule file is tried on.
///
/// # Errors
/// [`StoreError`].
pub async fn history(store: &dyn Store) -> Result<Vec<Delivered>, StoreError> {
    let mut all = Vec::new();
    walk(store, Timestamp::MIN, |record| all.push(record.delivered.clone())).await?;
    Ok(all)
}

/// Hands over the newest deliveries; when there are more than are read, the time of the last.
async fn walk(
    store: &dyn Store,
    since: Timestamp,
    mut each: impl FnMut(&DeliveryRecord),
) -> Result<Option<Timestamp>, StoreError> {
    let mut before: Option<DeliveryId> = None;
    let mut read = 0;
    loop {
        let page = store.deliveries(PAGE, before.as_ref()).await?;
        for record in &page {
            if record.received_at < since {
                return Ok(None);
            }
            each(record);
        }
        read += page.len();
        let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(None) };
        if read >= READ_MAX {
            return Ok(Some(last.received_at));
        }
        before = Some(last.delivered.id.clone());
    }
}

impl Hits {
    fn add(&mut self, record: &DeliveryRecord) {
        self.deliveries += 1;
        let Some(decision) = &record.decision else { return };
        match &decision.verdict {
            Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => {
                *self.routes.entry(route.to_string()).or_default() += 1;
            }
            Verdict::Ignore { rule } => *self.ignored.entry(rule.clone()).or_default() += 1,
            Verdict::Nothing { route: None } | Verdict::Refused => {}
        }
        for shadow in &decision.shadows {
            *self.shadows.entry(shadow.route.to_string()).or_default() += 1;
        }
    }
}
