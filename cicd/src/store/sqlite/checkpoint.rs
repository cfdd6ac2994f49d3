//! Moves what the log holds into the database, beside the writer.
//!
//! Done by the writer itself, as SQLite would, it would stall every caller for as long as it takes: that is what makes
//! the slowest answers slow.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rusqlite::Connection;

use crate::store::StoreError;

/// The log grows by this much between two checkpoints.
pub(super) const STEP_BYTES: i64 = 16 * 1024 * 1024;
/// A log that a lasting burst made this large is moved while writers wait.
const LOG_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Starts the thread; it ends when the writer does.
pub(super) fn spawn(connection: Connection, log: PathBuf) -> Result<SyncSender<()>, StoreError> {
    let (written, writes) = sync_channel(1);
    std::thread::Builder::new()
        .name("store-checkpoint".to_owned())
        .spawn(move || watch(&connection, &log, &writes))
        .map_err(|error| StoreError::Unavailable(format!("cannot start the checkpoints: {error}")))?;
    Ok(written)
}

fn watch(connection: &Connection, log: &Path, writes: &Receiver<()>) {
    let mut moved_at = 0;
    while writes.recv().is_ok() {
        let Ok(length) = std::fs::metadata(log).map(|file| file.len()) else { continue };
        if length < moved_at {
            moved_at = 0;
        }
        if length < moved_at + STEP_BYTES.unsigned_abs() {
            continue;
        }
        // PASSIVE lets writers go on; RESTART holds them back until the log can start again.
        let how = if length < LOG_MAX_BYTES { "PASSIVE" } else { "RESTART" };
        let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, bool>(0));
        if let Err(error) = moved {
            tracing::warn!(%error, "the database's log could not be moved; it grows until it can");
        }
        moved_at = length;
    }
}
