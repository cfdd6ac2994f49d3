//! What waits, for whoever watches.

use jiff::Timestamp;
use router::run::RunState;

use super::item::{number, text};
use super::key::Key;
use super::table::{AFTER_ALL, Table};
use super::{debts, deliveries, runs};
use crate::store::{Backlog, RunFilter, StoreError, Waiting};

/// So many deliveries and debts are counted: what one request reads.
const COUNTED: usize = 100;

pub(super) async fn backlog(table: &Table, expires: i64) -> Result<Backlog, StoreError> {
    let undecided = deliveries::first_undecided(table, COUNTED).await?;
    let live = runs::several(table, &RunFilter::Live, expires).await?;
    let entries = table.take(table.listed_before(debts::LIST, AFTER_ALL), COUNTED).await?;
    let found = table.get(entries.iter().map(Key::of).collect::<Result<_, _>>()?).await?;
    // The index may lag: what was paid since then is not owed.
    let owed = found.values().filter(|debt| debt.contains_key("listed"));
    Ok(Backlog {
        decisions: waiting(undecided.iter().map(|item| number(item, "received_at").ok().and_then(time))),
        starts: waiting(live.iter().filter(|run| run.state == RunState::Queued).map(|run| Some(run.created_at))),
        // An older binary did not say since when: then when it is due must do.
        statuses: waiting(owed.map(|debt| {
            let due = || text(debt, "place").ok()?.parse().ok();
            number(debt, "since").ok().or_else(due).and_then(time)
        })),
    })
}

fn time(nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanoseconds.into()).ok()
}

fn waiting(since: impl Iterator<Item = Option<Timestamp>>) -> Waiting {
    let all: Vec<_> = since.collect();
    Waiting { count: u32::try_from(all.len()).unwrap_or(u32::MAX), since: all.into_iter().flatten().min() }
}
