//! What waits to be told to subscribers.

use rusqlite::{Connection, params};

use super::columns::{nanoseconds, time};
use super::deliveries::limit;
use crate::store::{Notice, StoreError};

pub(super) fn keep(connection: &Connection, notice: &Notice) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO notices (id, at, subject, message) VALUES (?, ?, ?, ?)")?
        .execute(params![notice.id, nanoseconds(notice.at), notice.subject, notice.message])?;
    Ok(())
}

pub(super) fn waiting(connection: &Connection, most: usize) -> Result<Vec<Notice>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id, at, subject, message FROM notices ORDER BY at, id LIMIT ?")?;
    let rows = statement.query_map([limit(most)], |row| {
        Ok(Notice { id: row.get(0)?, at: time(row.get(1)?), subject: row.get(2)?, message: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn told(connection: &Connection, notice: &Notice) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM notices WHERE id = ?")?.execute([&notice.id])?;
    Ok(())
}
