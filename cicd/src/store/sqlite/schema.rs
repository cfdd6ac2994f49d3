//! The tables, brought to this binary's version one numbered file at a time.

use rusqlite::Connection;

use crate::store::StoreError;

/// Every version's step. A released file never changes; a new version is a new file at the end.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// Brings the tables to this binary's version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_with(connection, MIGRATIONS)
}

/// All steps or none: a step that fails leaves the version that was there.
fn migrate_with(connection: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
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
    use super::*;

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
    fn a_newer_database_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        let refused = migrate(&mut connection).unwrap_err().to_string();
        assert!(refused.contains("newer pointsman"), "{refused}");
    }
}
