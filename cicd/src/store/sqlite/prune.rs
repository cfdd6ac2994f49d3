//! Forgets what is old. The pages that become free are used again by what comes next, so the file stays as large as it was
//! when most was kept.

use std::collections::HashSet;

use router::run::Run;
use rusqlite::{Connection, params};

use super::columns::{CommitKey, nanoseconds};
use super::deliveries::limit;
use super::hits;
use crate::store::{Before, Pruned, StoreError};

/// Forgets at most so many of each kind.
pub(super) fn prune(connection: &Connection, before: &Before, most: usize) -> Result<Pruned, StoreError> {
    let mut commits = HashSet::new();
    let deliveries = deliveries(connection, before, most, &mut commits)?;
    let runs = runs(connection, before, most, &mut commits)?;
    for commit in &commits {
        leave_nothing(connection, commit)?;
    }
    let refs = connection
        .prepare_cached(
            "DELETE FROM tracks WHERE (repository, git_ref) IN \
             (SELECT repository, git_ref FROM tracks WHERE touched_at < ? ORDER BY touched_at LIMIT ?)",
        )?
        .execute(params![nanoseconds(before.deliveries), limit(most)])?;
    hits::forget(connection, crate::hits::day(before.deliveries))?;
    Ok(Pruned { deliveries, runs, refs })
}

/// Only the oldest are looked at: rows stand in the order in which they came. One that keeps the body of others goes after them.
fn deliveries(
    connection: &Connection,
    before: &Before,
    most: usize,
    commits: &mut HashSet<CommitKey>,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, commit_id, git_ref, repository \
         FROM (SELECT seq, received_at FROM deliveries ORDER BY seq LIMIT ?) AS oldest JOIN decisions USING (seq) \
         WHERE received_at < ? AND NOT EXISTS (SELECT 1 FROM deliveries WHERE same_as = oldest.seq)",
    )?;
    let mut rows = statement.query(params![limit(most), nanoseconds(before.deliveries)])?;
    let mut old: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        old.push(row.get(0)?);
        if let (Some(commit_id), Some(git_ref), Some(repository)) = (row.get(1)?, row.get(2)?, row.get(3)?) {
            commits.insert(CommitKey { commit_id, git_ref, repository });
        }
    }
    let mut forget = connection.prepare_cached("DELETE FROM deliveries WHERE seq = ?")?;
    for seq in &old {
        forget.execute([seq])?;
    }
    Ok(old.len())
}

fn runs(
    connection: &Connection,
    before: &Before,
    most: usize,
    commits: &mut HashSet<CommitKey>,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, commit_id, git_ref, repository, run FROM runs WHERE live = 0 ORDER BY seq LIMIT ?",
    )?;
    let mut rows = statement.query([limit(most)])?;
    let mut old: Vec<(i64, String, Option<String>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let run = row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?;
        // What cannot be read is not forgotten either: somebody may want to look at it.
        let Ok(run) = serde_json::from_str::<Run>(run) else { continue };
        if run.ended_at.is_some_and(|ended| ended < before.runs) {
            old.push((row.get(0)?, run.id.to_string(), run.execution));
            commits.insert(CommitKey { commit_id: row.get(1)?, git_ref: row.get(2)?, repository: row.get(3)? });
        }
    }
    let mut forget = connection.prepare_cached("DELETE FROM runs WHERE seq = ?")?;
    let mut release = connection.prepare_cached("DELETE FROM claims WHERE run = ?")?;
    let mut unname = connection.prepare_cached("DELETE FROM executions WHERE execution = ?")?;
    for (seq, id, execution) in &old {
        forget.execute([seq])?;
        release.execute([id])?;
        if let Some(execution) = execution {
            unname.execute([execution])?;
        }
    }
    Ok(old.len())
}

/// What was owed and told for a commit goes with the last that is known of it.
fn leave_nothing(connection: &Connection, of: &CommitKey) -> Result<(), StoreError> {
    let key = || [&of.commit_id, &of.git_ref, &of.repository];
    for table in ["runs", "decisions"] {
        let which = format!("SELECT 1 FROM {table} WHERE commit_id = ? AND git_ref = ? AND repository = ?");
        if connection.prepare_cached(&which)?.exists(key())? {
            return Ok(());
        }
    }
    for table in ["statuses", "owed"] {
        let which = format!("DELETE FROM {table} WHERE commit_id = ? AND git_ref = ? AND repository = ?");
        connection.prepare_cached(&which)?.execute(key())?;
    }
    Ok(())
}
