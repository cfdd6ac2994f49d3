//! Rows that could not be read are set aside, so that no worker meets them again and again.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::columns::nanoseconds;
use crate::store::{StoreError, unreadable};

/// What a list found, and the rows that could not be read.
pub(super) struct Read<T> {
    pub(super) found: Vec<T>,
    pub(super) unreadable: Vec<(i64, StoreError)>,
}

impl<T> Default for Read<T> {
    fn default() -> Self {
        Self { found: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T> Read<T> {
    /// Takes a row in, whether it could be read or not.
    pub(super) fn take(&mut self, seq: i64, row: Result<T, StoreError>) {
        match row {
            Ok(row) => self.found.push(row),
            Err(why) => self.unreadable.push((seq, why)),
        }
    }

    /// What was found; the rest is told.
    pub(super) fn readable(self, what: &'static str) -> Vec<T> {
        self.unreadable.iter().for_each(|(seq, why)| unreadable(what, &format!("row {seq}"), why));
        self.found
    }
}

/// Sets rows aside.
pub(super) fn put(
    connection: &Connection,
    what: &'static str,
    rows: &[(i64, StoreError)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut put = connection.prepare_cached("INSERT OR IGNORE INTO aside (what, seq, why, at) VALUES (?, ?, ?, ?)")?;
    for (seq, why) in rows {
        put.execute(params![what, seq, why.to_string(), nanoseconds(now)])?;
    }
    Ok(())
}

/// Another binary may be able to read what was set aside.
pub(super) fn give_back(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM aside", [])?;
    Ok(())
}
