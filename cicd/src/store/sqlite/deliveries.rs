//! What came, and what was decided about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use router::event::Delivered;
use router::id::{DeliveryId, ForgeName};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row, params};

use super::aside::Read;
use super::bodies::{Bodies, Body, Keeper};
use super::columns::{CommitKey, nanoseconds, time};
use super::{fresh, hits};
use crate::hits::{Hit, day};
use crate::store::{Commit, Decided, Delivery, DeliveryRecord, StoreError, Undecided, unreadable};

/// Undecided deliveries are listed up to so many bytes of what they say: a push may name a hundred thousand files.
const LISTED_BYTES: usize = 16 * 1024 * 1024;

/// A delivery made ready outside the writer, which has better things to do than to write JSON.
pub(super) struct NewDelivery {
    forge: ForgeName,
    id: DeliveryId,
    received_at: Timestamp,
    headers: String,
    delivered: String,
    body: Arc<Body>,
    /// Not made ready when another delivery seems to keep it.
    packed: Option<Vec<u8>>,
}

impl NewDelivery {
    pub(super) fn of(delivery: &Delivery, bodies: &Bodies) -> Result<Self, StoreError> {
        let body = bodies.of(&delivery.body);
        Ok(Self {
            forge: delivery.forge.clone(),
            id: delivery.delivered.id.clone(),
            received_at: delivery.received_at,
            headers: serde_json::to_string(&delivery.headers)?,
            delivered: serde_json::to_string(&delivery.delivered)?,
            packed: body.keeper().is_none().then(|| compress_prepend_size(body.bytes())),
            body,
        })
    }

    /// How long what it says is, unless it shares that with the one that keeps its body.
    pub(super) fn says_bytes(&self) -> usize {
        self.packed.as_ref().map_or(0, |_| self.delivered.len())
    }

    /// The row that it has now; none when it was seen before. Each statement stands alone: when one fails, nothing of this delivery is
    /// written.
    pub(super) fn remember(&self, connection: &Connection) -> Result<Option<i64>, StoreError> {
        if self.leans(connection)? || self.stands(connection)? {
            return Ok(Some(connection.last_insert_rowid()));
        }
        connection
            .prepare_cached("UPDATE deliveries SET times = times + 1 WHERE id = ? AND forge = ?")?
            .execute([self.id.as_str(), self.forge.as_str()])?;
        Ok(None)
    }

    /// Writes it beside the delivery that keeps its body. False when that one is not there, or this one is.
    fn leans(&self, connection: &Connection) -> Result<bool, StoreError> {
        let Some(keeper) = self.body.keeper() else { return Ok(false) };
        let (forge, id, at) = (self.forge.as_str(), self.id.as_str(), nanoseconds(self.received_at));
        let is_kept = connection
            .prepare_cached("SELECT 1 FROM deliveries WHERE seq = ? AND id = ? AND forge = ?")?
            .exists(params![keeper.seq, keeper.id.as_str(), forge])?;
        if !is_kept {
            return Ok(false);
        }
        let added = connection
            .prepare_cached(
                "INSERT INTO deliveries (forge, id, received_at, headers, delivered, body, same_as) \
                 VALUES (?, ?, ?, ?, ?, x'', ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![forge, id, at, self.headers, self.delivered, keeper.seq])?;
        Ok(added > 0)
    }

    /// Writes it with its body. False when it is there.
    fn stands(&self, connection: &Connection) -> Result<bool, StoreError> {
        let packed_late;
        let packed = match &self.packed {
            Some(packed) => packed,
            None => {
                packed_late = compress_prepend_size(self.body.bytes());
                &packed_late
            }
        };
        let (forge, id, at) = (self.forge.as_str(), self.id.as_str(), nanoseconds(self.received_at));
        let added = connection
            .prepare_cached(
                "INSERT INTO deliveries (forge, id, received_at, headers, delivered, body) VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![forge, id, at, self.headers, self.delivered, packed])?;
        if added > 0 {
            self.body.kept_by(Keeper { seq: connection.last_insert_rowid(), id: self.id.clone() });
        }
        Ok(added > 0)
    }
}

/// A decision made ready outside the writer, as deliveries are.
pub(super) struct NewDecision {
    forge: ForgeName,
    id: DeliveryId,
    row: Option<fresh::Row>,
    /// What was decided about, unless that is known to stand in its row.
    delivered: Option<String>,
    decision: String,
    runs: String,
    of: Option<CommitKey>,
    hits: Vec<(Hit, String)>,
}

impl NewDecision {
    pub(super) fn of(decided: &Decided, row: Option<fresh::Row>) -> Result<Self, StoreError> {
        let says_the_same = row.is_some_and(|row| row.says_the_same);
        Ok(Self {
            forge: decided.forge.clone(),
            id: decided.delivered.id.clone(),
            row,
            delivered: (!says_the_same).then(|| serde_json::to_string(&decided.delivered)).transpose()?,
            decision: serde_json::to_string(&decided.decision)?,
            runs: serde_json::to_string(&decided.runs)?,
            of: decided.delivered.event.as_push().map(|push| CommitKey::of_push(&push)),
            hits: Hit::of(&decided.decision).into_iter().map(|(hit, name)| (hit, name.to_owned())).collect(),
        })
    }

    /// Its row, and whether the row says the same.
    fn row(&self, connection: &Connection) -> Result<fresh::Row, StoreError> {
        if let Some(row) = self.row {
            return Ok(row);
        }
        let (id, forge) = (self.id.as_str(), self.forge.as_str());
        let found = connection
            .prepare_cached("SELECT seq, delivered = ? FROM deliveries WHERE id = ? AND forge = ?")?
            .query_row(params![self.delivered, id, forge], |row| {
                Ok(fresh::Row { seq: row.get(0)?, says_the_same: row.get(1)? })
            })
            .optional()?;
        let never = || StoreError::Corrupt(format!("delivery {id} of {forge} is decided and was never remembered"));
        found.ok_or_else(never)
    }

    /// Writes it. False when something was decided before, which stays.
    fn write(&self, connection: &Connection, row: fresh::Row) -> Result<bool, StoreError> {
        let written = connection
            .prepare_cached(
                "INSERT INTO decisions (seq, delivered, decision, runs, repository, git_ref, commit_id) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                row.seq,
                self.delivered.as_ref().filter(|_| !row.says_the_same),
                self.decision,
                self.runs,
                self.of.as_ref().map(|of| &of.repository),
                self.of.as_ref().map(|of| &of.git_ref),
                self.of.as_ref().map(|of| &of.commit_id),
            ])?;
        Ok(written > 0)
    }
}

/// Keeps what was decided, and says in which rows; deciding again replaces what stood there.
pub(super) fn decide(connection: &Connection, all: &[NewDecision], now: Timestamp) -> Result<Vec<i64>, StoreError> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let (mut tally, mut rows) = (BTreeMap::new(), Vec::with_capacity(all.len()));
    for decided in all {
        let row = decided.row(connection)?;
        if decided.write(connection, row)? {
            decided.hits.iter().for_each(|(hit, name)| *tally.entry((*hit, name.as_str())).or_default() += 1);
        } else {
            connection.prepare_cached("DELETE FROM decisions WHERE seq = ?")?.execute([row.seq])?;
            decided.write(connection, row)?;
        }
        rows.push(row.seq);
    }
    hits::count(connection, day(now), &tally)?;
    connection
        .prepare_cached(
            "UPDATE progress SET decided_up_to = coalesce( \
               (SELECT seq - 1 FROM deliveries LEFT JOIN decisions USING (seq) \
                WHERE seq > decided_up_to AND decision IS NULL ORDER BY seq LIMIT 1), \
               (SELECT max(seq) FROM deliveries))",
        )?
        .execute([])?;
    Ok(rows)
}

/// Oldest first, without those that were set aside.
pub(super) fn undecided(connection: &Connection, most: usize) -> Result<Read<Undecided>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, forge, deliveries.delivered FROM deliveries LEFT JOIN decisions USING (seq) \
         WHERE seq > (SELECT decided_up_to FROM progress) AND decision IS NULL \
         AND NOT EXISTS (SELECT 1 FROM aside WHERE what = 'delivery' AND aside.seq = deliveries.seq) \
         ORDER BY seq LIMIT ?",
    )?;
    let mut rows = statement.query([limit(most)])?;
    let (mut read, mut bytes) = (Read::default(), 0);
    while bytes < LISTED_BYTES
        && let Some(row) = rows.next()?
    {
        bytes += text(row, 2).map_or(0, str::len);
        let undecided = || {
            let forge = ForgeName::new(text(row, 1)?)?;
            Ok(Undecided { forge, delivered: serde_json::from_str(text(row, 2)?)? })
        };
        read.take(row.get(0)?, undecided());
    }
    Ok(read)
}

/// As it came; of two forges that use the same id, the newer delivery.
pub(super) fn original(connection: &Connection, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT forge, received_at, headers, delivered, \
           coalesce((SELECT body FROM deliveries AS keeper WHERE keeper.seq = deliveries.same_as), body) \
         FROM deliveries WHERE id = ? ORDER BY seq DESC LIMIT 1",
    )?;
    let mut rows = statement.query([id.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Delivery {
        forge: ForgeName::new(text(row, 0)?)?,
        received_at: time(row.get(1)?),
        headers: serde_json::from_str(text(row, 2)?)?,
        delivered: serde_json::from_str(text(row, 3)?)?,
        body: unpacked(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)?.into(),
    }))
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, StoreError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, StoreError> {
    decompress_size_prepended(body).map_err(|error| StoreError::Corrupt(format!("a body cannot be unpacked: {error}")))
}

/// By its id; of two forges that use the same one, the newer delivery.
pub(super) fn one(connection: &Connection, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    let statement = select(connection, "WHERE id = ? ORDER BY seq DESC LIMIT 1")?;
    records(statement, [id.as_str()])?.pop().transpose()
}

/// Newest first.
pub(super) fn page(
    connection: &Connection,
    most: usize,
    before: Option<&DeliveryId>,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let Some(before) = before else {
        return Ok(readable(records(select(connection, "ORDER BY seq DESC LIMIT ?")?, [limit(most)])?));
    };
    let statement =
        select(connection, "WHERE seq < (SELECT max(seq) FROM deliveries WHERE id = ?) ORDER BY seq DESC LIMIT ?")?;
    Ok(readable(records(statement, params![before.as_str(), limit(most)])?))
}

/// The newest of those decided for the commit.
pub(super) fn of_commit(connection: &Connection, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError> {
    let key = CommitKey::from(commit);
    let statement = select(
        connection,
        "WHERE commit_id = ? AND git_ref = ? AND repository = ? ORDER BY decisions.seq DESC LIMIT 1",
    )?;
    records(statement, [key.commit_id, key.git_ref, key.repository])?.pop().transpose()
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

fn records(
    mut statement: CachedStatement<'_>,
    of: impl Params,
) -> Result<Vec<Result<DeliveryRecord, StoreError>>, StoreError> {
    let mut rows = statement.query(of)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row));
    }
    Ok(found)
}

/// Those that can be read; the others are told.
fn readable(found: Vec<Result<DeliveryRecord, StoreError>>) -> Vec<DeliveryRecord> {
    let told = |found: Result<_, _>| found.inspect_err(|why| unreadable("delivery", "one of a list", why)).ok();
    found.into_iter().filter_map(told).collect()
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
