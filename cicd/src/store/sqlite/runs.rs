//! Runs, each under the version that was read.

use router::id::RunId;
use router::run::Run;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, params};

use super::aside::Read;
use super::columns::repository;
use super::deliveries::limit;
use crate::store::{RunFilter, StoreError};

/// Writes a run, its version counted one up. False when somebody else wrote it in between.
pub(super) fn save(connection: &Connection, run: &Run) -> Result<bool, StoreError> {
    if run.version > 0 {
        return update(connection, run, run.version);
    }
    match one(connection, &run.id)? {
        None => insert(connection, run).map(|()| true),
        Some(existing) => add_deliveries(connection, existing, run),
    }
}

/// The same push came twice: the run that exists learns of the deliveries, under a new version, because whoever has read
/// the old one would write them away.
fn add_deliveries(connection: &Connection, mut existing: Run, new: &Run) -> Result<bool, StoreError> {
    if !existing.told_again(&new.deliveries) {
        return Ok(true);
    }
    let version = existing.version;
    update(connection, &existing, version)
}

fn insert(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let written = Run { version: 1, ..run.clone() };
    connection
        .prepare_cached(
            "INSERT INTO runs (id, repository, git_ref, commit_id, state, live, version, run) \
             VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
        )?
        .execute(params![
            run.id.as_str(),
            repository(&run.key.repository),
            run.key.git_ref.to_string(),
            run.key.commit.as_str(),
            run.state.as_str(),
            !run.state.is_terminal(),
            serde_json::to_string(&written)?,
        ])?;
    Ok(())
}

fn update(connection: &Connection, run: &Run, read: u64) -> Result<bool, StoreError> {
    let written = Run { version: read + 1, ..run.clone() };
    let changed = connection
        .prepare_cached("UPDATE runs SET state = ?, live = ?, version = ?, run = ? WHERE id = ? AND version = ?")?
        .execute(params![
            run.state.as_str(),
            !run.state.is_terminal(),
            count(read + 1)?,
            serde_json::to_string(&written)?,
            run.id.as_str(),
            count(read)?,
        ])?;
    Ok(changed == 1)
}

/// What the engine calls a run.
pub(super) fn called(connection: &Connection, execution: &str, run: &RunId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO executions (execution, run) VALUES (?, ?) ON CONFLICT DO UPDATE SET run = excluded.run",
        )?
        .execute([execution, run.as_str()])?;
    Ok(())
}

/// A count as SQLite keeps it.
pub(super) fn count(of: u64) -> Result<i64, StoreError> {
    i64::try_from(of).map_err(|_| StoreError::Corrupt(format!("nothing is counted to {of}")))
}

/// One run.
pub(super) fn one(connection: &Connection, id: &RunId) -> Result<Option<Run>, StoreError> {
    let json: Option<String> = connection
        .prepare_cached("SELECT run FROM runs WHERE id = ?")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    json.map(|json| Ok(serde_json::from_str(&json)?)).transpose()
}

/// Several runs, without those that were set aside.
pub(super) fn several(connection: &Connection, filter: &RunFilter) -> Result<Read<Run>, StoreError> {
    const NOT_ASIDE: &str = "NOT EXISTS (SELECT 1 FROM aside WHERE what = 'run' AND aside.seq = runs.seq)";
    let select = |which: &str, order: &str| {
        connection.prepare_cached(&format!("SELECT seq, run FROM runs {which} AND {NOT_ASIDE} ORDER BY seq {order}"))
    };
    match filter {
        RunFilter::Live => read(select("WHERE live = 1", "")?, []),
        RunFilter::LiveOnRef(of, git_ref) => read(
            // Left to choose, SQLite walks all live runs, because those stand in the order that is asked for.
            select("INDEXED BY runs_live_on_ref WHERE live = 1 AND repository = ? AND git_ref = ?", "")?,
            [repository(of), git_ref.to_string()],
        ),
        RunFilter::OfCommit(of, commit) => {
            read(select("WHERE commit_id = ? AND repository = ?", "")?, [commit.as_str(), &repository(of)])
        }
        RunFilter::OfExecution(execution) => {
            read(select("WHERE id = (SELECT run FROM executions WHERE execution = ?)", "")?, [execution])
        }
        RunFilter::Recent(most, None) => read(select("WHERE true", "DESC LIMIT ?")?, [limit(*most)]),
        RunFilter::Recent(most, Some(before)) => read(
            select("WHERE seq < (SELECT seq FROM runs WHERE id = ?)", "DESC LIMIT ?")?,
            params![before.as_str(), limit(*most)],
        ),
    }
}

fn read(mut statement: CachedStatement<'_>, of: impl Params) -> Result<Read<Run>, StoreError> {
    let mut rows = statement.query(of)?;
    let mut read = Read::default();
    while let Some(row) = rows.next()? {
        let json = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        read.take(row.get(0)?, serde_json::from_str(json).map_err(StoreError::from));
    }
    Ok(read)
}
