//! What came, and what was decided about it.

use jiff::Timestamp;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use router::event::{Delivered, Event};
use router::id::{DeliveryId, ForgeName};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, params};

use super::columns::{CommitKey, nanoseconds, repository, time};
use crate::store::{Commit, Decided, Delivery, DeliveryRecord, Remembered, StoreError};

/// A delivery made ready outside the writer, which has better things to do than to write JSON.
pub(super) struct NewDelivery {
    forge: ForgeName,
    id: DeliveryId,
    received_at: Timestamp,
    headers: String,
    delivered: String,
    body: Vec<u8>,
}

impl NewDelivery {
    pub(super) fn of(delivery: &Delivery) -> Result<Self, StoreError> {
        Ok(Self {
            forge: delivery.forge.clone(),
            id: delivery.delivered.id.clone(),
            received_at: delivery.received_at,
            headers: serde_json::to_string(&delivery.headers)?,
            delivered: serde_json::to_string(&delivery.delivered)?,
            body: compress_prepend_size(&delivery.body),
        })
    }

    /// Either statement stands alone: when one fails, nothing of this delivery is written.
    pub(super) fn remember(&self, connection: &Connection) -> Result<Remembered, StoreError> {
        let (forge, id) = (self.forge.as_str(), self.id.as_str());
        let added = connection
            .prepare_cached(
                "INSERT INTO deliveries (forge, id, received_at, headers, delivered, body) VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![forge, id, nanoseconds(self.received_at), self.headers, self.delivered, self.body])?;
        if added > 0 {
            return Ok(Remembered::New);
        }
        connection
            .prepare_cached("UPDATE deliveries SET times = times + 1 WHERE id = ? AND forge = ?")?
            .execute([id, forge])?;
        Ok(Remembered::Seen)
    }
}

/// Marks a delivery decided; deciding it again replaces what stood there.
pub(super) fn decide(connection: &Connection, decided: &Decided) -> Result<(), StoreError> {
    let (id, forge) = (decided.delivered.id.as_str(), decided.forge.as_str());
    let seq: Option<i64> = connection
        .prepare_cached("UPDATE deliveries SET decided = 1 WHERE id = ? AND forge = ? RETURNING seq")?
        .query_row([id, forge], |row| row.get(0))
        .optional()?;
    let Some(seq) = seq else {
        return Err(StoreError::Corrupt(format!("delivery {id} of {forge} is decided and was never remembered")));
    };
    let commit = match &decided.delivered.event {
        Event::Push(push) => Some((&push.repository, push.git_ref.to_string(), push.commit.as_str())),
        _ => None,
    };
    let delivered = serde_json::to_string(&decided.delivered)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO decisions (seq, delivered, decision, runs, repository, git_ref, commit_id) \
             SELECT seq, nullif(?2, delivered), ?3, ?4, ?5, ?6, ?7 FROM deliveries WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            delivered,
            serde_json::to_string(&decided.decision)?,
            serde_json::to_string(&decided.runs)?,
            commit.as_ref().map(|(of, ..)| repository(of)),
            commit.as_ref().map(|(_, git_ref, _)| git_ref),
            commit.as_ref().map(|(.., commit)| commit),
        ])?;
    Ok(())
}

/// Oldest first.
pub(super) fn undecided(connection: &Connection, most: usize) -> Result<Vec<Delivery>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT forge, received_at, headers, delivered, body FROM deliveries WHERE decided = 0 ORDER BY seq LIMIT ?",
    )?;
    let mut rows = statement.query([limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Delivery {
            forge: ForgeName::new(row.get::<_, String>(0)?)?,
            received_at: time(row.get(1)?),
            headers: serde_json::from_str(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?,
            delivered: serde_json::from_str(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
            body: unpacked(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)?.into(),
        });
    }
    Ok(found)
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, StoreError> {
    decompress_size_prepended(body).map_err(|error| StoreError::Corrupt(format!("a body cannot be unpacked: {error}")))
}

/// By its id; of two forges that use the same one, the newer delivery.
pub(super) fn one(connection: &Connection, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    let statement = select(connection, "WHERE id = ? ORDER BY seq DESC LIMIT 1")?;
    Ok(records(statement, [id.as_str()])?.pop())
}

/// Newest first.
pub(super) fn page(
    connection: &Connection,
    most: usize,
    before: Option<&DeliveryId>,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let Some(before) = before else {
        return records(select(connection, "ORDER BY seq DESC LIMIT ?")?, [limit(most)]);
    };
    let statement =
        select(connection, "WHERE seq < (SELECT max(seq) FROM deliveries WHERE id = ?) ORDER BY seq DESC LIMIT ?")?;
    records(statement, params![before.as_str(), limit(most)])
}

/// The newest of those decided for the commit.
pub(super) fn of_commit(connection: &Connection, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError> {
    let key = CommitKey::from(commit);
    let statement = select(
        connection,
        "WHERE commit_id = ? AND git_ref = ? AND repository = ? ORDER BY decisions.seq DESC LIMIT 1",
    )?;
    Ok(records(statement, [key.commit_id, key.git_ref, key.repository])?.pop())
}

/// A page's size as SQLite counts.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn select<'c>(connection: &'c Connection, which: &str) -> Result<CachedStatement<'c>, StoreError> {
    let columns = "SELECT forge, received_at, times, coalesce(decisions.delivered, deliveries.delivered), decision, runs \
                   FROM deliveries LEFT JOIN decisions USING (seq)";
    Ok(connection.prepare_cached(&format!("{columns} {which}"))?)
}

fn records(mut statement: CachedStatement<'_>, of: impl Params) -> Result<Vec<DeliveryRecord>, StoreError> {
    let mut rows = statement.query(of)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> Result<DeliveryRecord, StoreError> {
    let delivered: Delivered = serde_json::from_str(&row.get::<_, String>(3)?)?;
    let decision: Option<String> = row.get(4)?;
    let runs: Option<String> = row.get(5)?;
    Ok(DeliveryRecord {
        forge: ForgeName::new(row.get::<_, String>(0)?)?,
        received_at: time(row.get(1)?),
        times: row.get(2)?,
        delivered,
        decision: decision.map(|json| serde_json::from_str(&json)).transpose()?,
        runs: runs.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default(),
    })
}
