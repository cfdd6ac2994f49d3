//! The tables, brought to this binary's version one numbered file at a time.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

/// Every version's step. A released file never changes; a new version is a new file at the end.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_executions.sql"),
    include_str!("migrations/0003_notices.sql"),
    include_str!("migrations/0004_tracks.sql"),
    include_str!("migrations/0005_same_bodies.sql"),
    include_str!("migrations/0006_since.sql"),
    include_str!("migrations/0007_hits.sql"),
];

/// Brings the tables to this binary's version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_with(connection, MIGRATIONS)
}

/// All steps or none: a step that fails leaves the version that was there.
fn migrate_with(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    // Begun as a writer: one that has read first would not wait for whoever writes now.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = steps.get(version as usize..) else {
        return Err(StoreError::Unavailable(format!(
            "the database is of version {version}, and this pointsman knows versions up to {}; serve it with the newer \
             pointsman that wrote it",
            steps.len()
        )));
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {}", steps.len()))?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use router::run::RunState;

    use super::super::{debts, deliveries, hits, runs};
    use super::*;
    use crate::store::{Commit, RunFilter};

    #[test]
    fn a_database_is_brought_forward_once_and_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1);";
        migrate_with(&mut connection, &[first]).unwrap();
        let second = "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7;";
        for _ in 0..2 {
            migrate_with(&mut connection, &[first, second]).unwrap();
            let row: (i64, i64) =
                connection.query_row("SELECT a, b FROM t", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
            assert_eq!(row, (1, 7));
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_that_was_there() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE t (a INTEGER) STRICT;", "CREATE TABLE u (a INTEGER) STRICT; NONSENSE;"];
        migrate_with(&mut connection, &steps[..1]).unwrap();
        assert!(migrate_with(&mut connection, &steps).is_err());
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 1);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn what_the_first_version_wrote_is_read() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &MIGRATIONS[..1]).unwrap();
        connection.execute_batch(include_str!("migrations/0001_sample.sql")).unwrap();
        migrate(&mut connection).unwrap();

        let waiting = deliveries::undecided(&connection, 9).unwrap().found;
        assert_eq!((waiting.len(), waiting[0].delivered.id.as_str()), (1, "d-2"));
        let original = deliveries::original(&connection, &waiting[0].delivered.id).unwrap().unwrap();
        assert_eq!((original.headers.len(), &original.body[..]), (1, &b"{}"[..]));
        let run = runs::several(&connection, &RunFilter::Live).unwrap().found.remove(0);
        assert_eq!((run.state, run.version, run.environments[0].gate.approvals.len()), (RunState::Waiting, 4, 1));
        let commit = Commit { repository: run.key.repository, git_ref: run.key.git_ref, commit: run.key.commit };
        let decided = deliveries::of_commit(&connection, &commit).unwrap().unwrap();
        assert_eq!((decided.times, decided.runs, decided.decision.is_some()), (2, vec![run.id], true));
        let hits = hits::counted(&connection, 0, i64::MAX).unwrap();
        assert_eq!((hits.routes["main"], hits.routes.len(), hits.shadows.len(), hits.ignored.len()), (1, 1, 0, 0));
        let owed = debts::due(&connection, "2026-11-20T12:00:00Z".parse().unwrap(), 9).unwrap();
        assert_eq!((owed.len(), &owed[0].commit, owed[0].version, owed[0].posted.len()), (1, &commit, 3, 1));
    }

    #[test]
    fn what_comes_after_everything_was_deleted_is_decided() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &MIGRATIONS[..1]).unwrap();
        let sample = include_str!("migrations/0001_sample.sql");
        connection.execute_batch(sample).unwrap();
        connection.execute_batch("UPDATE progress SET decided_up_to = 2; DELETE FROM deliveries").unwrap();
        connection.execute_batch(sample.lines().find(|line| line.contains("'d-2'")).unwrap()).unwrap();
        migrate(&mut connection).unwrap();
        connection.execute_batch("UPDATE deliveries SET seq = 1").unwrap();
        assert_eq!(deliveries::undecided(&connection, 9).unwrap().found.len(), 1);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        let refused = migrate(&mut connection).unwrap_err().to_string();
        assert!(refused.contains("newer pointsman"), "{refused}");
    }
}
