//! What is owed to forges, and what they were told.

use jiff::Timestamp;
use router::status::Status;
use rusqlite::{Connection, params};

use super::columns::{CommitKey, nanoseconds};
use super::deliveries::limit;
use super::runs::count;
use crate::store::{Commit, Owed, PUT_OFF_MAX, Settled, StoreError, unreadable};

/// One more debt for a commit, due now; a forge that asked to be left alone still is.
pub(super) fn owe(connection: &Connection, commit: &Commit, now: Timestamp) -> Result<(), StoreError> {
    let key = CommitKey::from(commit);
    connection
        .prepare_cached(
            "INSERT INTO owed (commit_id, git_ref, repository, version, due_at, since) VALUES (?1, ?2, ?3, 1, ?4, ?4) \
             ON CONFLICT DO UPDATE SET version = version + 1, \
             since = CASE WHEN due_at IS NULL THEN ?4 ELSE coalesce(since, due_at) END, \
             due_at = CASE WHEN failures > 0 THEN max(coalesce(due_at, ?4), ?4) ELSE ?4 END",
        )?
        .execute(params![key.commit_id, key.git_ref, key.repository, nanoseconds(now)])?;
    Ok(())
}

/// Debts that are due, longest due first, and after them those that claim to be due much later.
pub(super) fn due(connection: &Connection, now: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
    let beyond = now.checked_add(PUT_OFF_MAX).unwrap_or(now);
    let mut found = read(connection, "due_at <= ?", now, most)?;
    let rest = most.saturating_sub(found.len());
    if rest > 0 {
        found.extend(read(connection, "due_at > ?", beyond, rest)?);
    }
    Ok(found)
}

fn read(connection: &Connection, which: &str, at: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT commit_id, git_ref, repository, version, failures FROM owed WHERE {which} ORDER BY due_at LIMIT ?"
    ))?;
    let mut rows = statement.query([nanoseconds(at), limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = CommitKey { commit_id: row.get(0)?, git_ref: row.get(1)?, repository: row.get(2)? };
        let (version, failures) = (row.get::<_, i64>(3)?.unsigned_abs(), row.get(4)?);
        match key.read() {
            Ok(commit) => found.push(Owed { commit, version, failures, posted: told(connection, &key)? }),
            Err(why) => unreadable("debt", &key.commit_id, &why),
        }
    }
    Ok(found)
}

/// What cannot be read was not told: then it is told again.
fn told(connection: &Connection, key: &CommitKey) -> Result<Vec<Status>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT status FROM statuses WHERE commit_id = ? AND git_ref = ? AND repository = ? ORDER BY context",
    )?;
    let mut rows = statement.query([&key.commit_id, &key.git_ref, &key.repository])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match serde_json::from_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
            Ok(status) => found.push(status),
            Err(why) => unreadable("status", &key.commit_id, &why.into()),
        }
    }
    Ok(found)
}

/// Keeps what the forge was told and how the debt stands.
pub(super) fn settle(
    connection: &Connection,
    owed: &Owed,
    told: &[Status],
    settled: &Settled,
) -> Result<(), StoreError> {
    let key = CommitKey::from(&owed.commit);
    let mut tell = connection.prepare_cached(
        "INSERT OR REPLACE INTO statuses (commit_id, git_ref, repository, context, status) VALUES (?, ?, ?, ?, ?)",
    )?;
    for status in told {
        let json = serde_json::to_string(status)?;
        tell.execute(params![key.commit_id, key.git_ref, key.repository, status.context, json])?;
    }
    match settled {
        Settled::Paid => connection
            .prepare_cached(
                "UPDATE owed SET failures = 0, reason = '', due_at = CASE WHEN version = ?4 THEN NULL ELSE due_at END \
                 WHERE commit_id = ?1 AND git_ref = ?2 AND repository = ?3",
            )?
            .execute(params![key.commit_id, key.git_ref, key.repository, count(owed.version)?])?,
        Settled::Later(at, reason) => connection
            .prepare_cached(
                "UPDATE owed SET failures = failures + 1, reason = ?4, due_at = ?5 \
                 WHERE commit_id = ?1 AND git_ref = ?2 AND repository = ?3 AND due_at IS NOT NULL",
            )?
            .execute(params![key.commit_id, key.git_ref, key.repository, reason, nanoseconds(*at)])?,
    };
    Ok(())
}
