//! How often each route was taken of late, and what another rule file is tried on.
//!
//! Stores count hits by the day, in the write that makes a decision: what thirty days come to is read in a moment, however many
//! deliveries that were.

use std::collections::BTreeMap;

use jiff::Timestamp;
use router::event::Delivered;
use router::id::DeliveryId;
use router::rules::{Decision, Verdict};

use crate::store::{Store, StoreError};

/// How many days are counted together, today's apart.
const DAYS: i64 = 30;
const SECONDS_OF_A_DAY: i64 = 86_400;
/// The most deliveries that another file is tried on.
const READ_MAX: usize = 5_000;
/// How many are read at a time.
const PAGE: usize = 500;

/// How often each was hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// By a route's name: how many pushes it owned.
    pub routes: BTreeMap<String, u64>,
    /// By a shadow route's name: how many it would have owned.
    pub shadows: BTreeMap<String, u64>,
    /// By an `ignore` entry's name.
    pub ignored: BTreeMap<String, u64>,
}

/// What can be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hit {
    /// A route that owned the push.
    Route,
    /// A shadow route that would have.
    Shadow,
    /// An `ignore` entry.
    Ignored,
}

impl Hit {
    const ALL: [Self; 3] = [Self::Route, Self::Shadow, Self::Ignored];

    /// As stores write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Shadow => "shadow",
            Self::Ignored => "ignored",
        }
    }

    /// As a store has written it.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hit| hit.as_str() == word)
    }

    /// What a decision hits.
    pub fn of(decision: &Decision) -> Vec<(Self, &str)> {
        let owner = match &decision.verdict {
            Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => {
                Some((Self::Route, route.as_str()))
            }
            Verdict::Ignore { rule } => Some((Self::Ignored, rule.as_str())),
            Verdict::Nothing { route: None } | Verdict::Refused => None,
        };
        owner.into_iter().chain(decision.shadows.iter().map(|shadow| (Self::Shadow, shadow.route.as_str()))).collect()
    }
}

impl Hits {
    /// Counts so many hits.
    pub fn add(&mut self, hit: Hit, name: &str, times: u64) {
        let counts = match hit {
            Hit::Route => &mut self.routes,
            Hit::Shadow => &mut self.shadows,
            Hit::Ignored => &mut self.ignored,
        };
        *counts.entry(name.to_owned()).or_default() += times;
    }
}

/// The day, counted from 1970 in UTC, under which a hit is counted.
pub fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_OF_A_DAY)
}

/// The hits of today and the thirty days before, and since when that is.
///
/// # Errors
/// [`StoreError`].
pub async fn count(store: &dyn Store, now: Timestamp) -> Result<(Timestamp, Hits), StoreError> {
    let first = day(now) - DAYS;
    let since = Timestamp::from_second(first * SECONDS_OF_A_DAY).unwrap_or(Timestamp::MIN);
    Ok((since, store.hits(first, day(now)).await?))
}

/// The newest deliveries, newest first: what another rule file is tried on.
///
/// # Errors
/// [`StoreError`].
pub async fn history(store: &dyn Store) -> Result<Vec<Delivered>, StoreError> {
    let mut all = Vec::new();
    let mut before: Option<DeliveryId> = None;
    while all.len() < READ_MAX {
        let page = store.deliveries(PAGE, before.as_ref()).await?;
        before = page.last().filter(|_| page.len() == PAGE).map(|last| last.delivered.id.clone());
        all.extend(page.into_iter().map(|record| record.delivered));
        if before.is_none() {
            break;
        }
    }
    Ok(all)
}
