//! How often routes were hit, by the day.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::hits::{Hit, Hits};
use crate::store::StoreError;

/// Adds what decisions hit.
pub(super) fn count(connection: &Connection, day: i64, tally: &BTreeMap<(Hit, &str), i64>) -> Result<(), StoreError> {
    for ((hit, name), hits) in tally {
        connection
            .prepare_cached(
                "INSERT INTO hits (day, what, name, hits) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (day, what, name) DO UPDATE SET hits = hits + excluded.hits",
            )?
            .execute(params![day, hit.as_str(), name, hits])?;
    }
    Ok(())
}

pub(super) fn counted(connection: &Connection, first_day: i64, last_day: i64) -> Result<Hits, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT what, name, sum(hits) FROM hits WHERE day BETWEEN ? AND ? GROUP BY what, name")?;
    let mut rows = statement.query([first_day, last_day])?;
    let mut hits = Hits::default();
    while let Some(row) = rows.next()? {
        if let Some(hit) = Hit::read(&row.get::<_, String>(0)?) {
            hits.add(hit, &row.get::<_, String>(1)?, row.get::<_, i64>(2)?.unsigned_abs());
        }
    }
    Ok(hits)
}

/// Forgets the days before this one.
pub(super) fn forget(connection: &Connection, before_day: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM hits WHERE day < ?")?.execute([before_day])?;
    Ok(())
}
