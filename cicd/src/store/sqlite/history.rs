//! All that ever came, read beside the service that keeps it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::folder;
use crate::store::StoreError;

/// Hands over every delivery of a data folder, oldest first, as it was when it was decided: the JSON of a [`Delivered`]. Nothing is
/// written, and the service may be running. Blocks.
///
/// [`Delivered`]: router::event::Delivered
///
/// # Errors
/// [`StoreError`] when there is no database, or it cannot be read.
pub fn history(folder: &Path, mut each: impl FnMut(&str)) -> Result<(), StoreError> {
    let path = folder.join(folder::DATABASE);
    if !path.exists() {
        return Err(StoreError::Unavailable(format!("no service has written here: there is no {}", folder::DATABASE)));
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(super::BUSY)?;
    let mut statement = connection.prepare(
        "SELECT coalesce(decisions.delivered, deliveries.delivered) FROM deliveries LEFT JOIN decisions USING (seq) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
    }
    Ok(())
}
