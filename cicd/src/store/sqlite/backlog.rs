//! What waits, for whoever watches.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::time;
use crate::store::{Backlog, StoreError, Waiting};

/// So many of each are counted: a reader takes a few milliseconds for them.
const COUNTED: u32 = 10_000;

/// Each is found by an index of its own.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, StoreError> {
    let count = |of: &str, since: &dyn Fn(&Row<'_>) -> rusqlite::Result<Option<Timestamp>>| {
        let mut statement = connection.prepare_cached(of)?;
        statement.query_row([COUNTED], |row| Ok(Waiting { count: row.get(0)?, since: since(row)? }))
    };
    let nanoseconds = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(1)?.map(time));
    let text = |row: &Row<'_>| Ok(row.get::<_, Option<String>>(1)?.and_then(|text| text.parse().ok()));
    Ok(Backlog {
        decisions: count(
            "SELECT count(*), min(received_at) FROM ( \
               SELECT received_at FROM deliveries LEFT JOIN decisions USING (seq) \
               WHERE seq > (SELECT decided_up_to FROM progress) AND decision IS NULL \
               AND NOT EXISTS (SELECT 1 FROM aside WHERE what = 'delivery' AND aside.seq = deliveries.seq) \
               ORDER BY seq LIMIT ?)",
            &nanoseconds,
        )?,
        starts: count(
            "SELECT count(*), min(json_extract(run, '$.created_at')) FROM ( \
               SELECT run FROM runs WHERE live = 1 AND state = 'queued' AND json_valid(run) ORDER BY seq LIMIT ?)",
            &text,
        )?,
        statuses: count(
            "SELECT count(*), min(coalesce(since, due_at)) FROM ( \
               SELECT since, due_at FROM owed WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ?)",
            &nanoseconds,
        )?,
    })
}
