//! One atomic write.

use jiff::Timestamp;
use router::id::RunId;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::repository;
use super::{debts, notices, runs, tracks};
use crate::store::{Change, Claim, Committed, StoreError};

/// Writes a change but for its decisions. The caller takes it all back when the answer is not [`Committed::Yes`].
pub(super) fn commit(connection: &Connection, change: &Change, now: Timestamp) -> Result<Committed, StoreError> {
    for track in &change.tracks {
        if !tracks::save(connection, track, now)? {
            return Ok(Committed::Conflict);
        }
    }
    for run in &change.runs {
        if !runs::save(connection, run)? {
            return Ok(Committed::Conflict);
        }
    }
    for release in &change.releases {
        give_back(connection, release)?;
    }
    for claim in &change.claims {
        if let Some(holder) = take(connection, claim)? {
            return Ok(Committed::Busy(holder));
        }
    }
    for (execution, run) in &change.executions {
        runs::called(connection, execution, run)?;
    }
    for commit in &change.owed {
        debts::owe(connection, commit, now)?;
    }
    for notice in &change.notices {
        notices::keep(connection, notice)?;
    }
    Ok(Committed::Yes)
}

/// Takes an environment, or tells who holds it.
fn take(connection: &Connection, claim: &Claim) -> Result<Option<RunId>, StoreError> {
    let (of, environment, run) = (repository(&claim.repository), claim.environment.as_str(), claim.run.as_str());
    let taken = connection
        .prepare_cached("INSERT INTO claims (repository, environment, run) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")?
        .execute(params![of, environment, run])?;
    if taken > 0 {
        return Ok(None);
    }
    let holder: Option<String> = connection
        .prepare_cached("SELECT run FROM claims WHERE repository = ? AND environment = ? AND run <> ?")?
        .query_row(params![of, environment, run], |row| row.get(0))
        .optional()?;
    holder.map(|run| Ok(RunId::new(run)?)).transpose()
}

fn give_back(connection: &Connection, claim: &Claim) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM claims WHERE repository = ? AND environment = ? AND run = ?")?
        .execute(params![repository(&claim.repository), claim.environment.as_str(), claim.run.as_str()])?;
    Ok(())
}
