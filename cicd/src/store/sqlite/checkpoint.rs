//! Moves what the log holds into the database.
//!
//! * Done by the writer, as SQLite would, it would stall every caller for as long as it takes: that is what makes the
//!   slowest answers slow. So a thread beside it moves the bulk, and only the rest, which came meanwhile, is moved by the
//!   writer between two batches.
//! * After that the log starts again in the same file. Writing over what is there is flushed several times faster than
//!   making a file longer, so the file is never cut.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::store::StoreError;

/// A log of this many pages is moved.
const STEP_PAGES: i64 = 2 * 1024;
/// A log that readers kept from starting again until it was this long makes them wait.
const LOG_MAX_PAGES: i64 = 64 * 1024;

/// The log's length is looked at after so many batches.
const LOOK_EACH: u32 = 16;

/// What the writer knows of the log. Dropped, it waits for the thread: whoever has let go of the folder has closed the database.
pub(super) struct Checkpoints {
    ask: Option<SyncSender<()>>,
    bulk_moved: Receiver<()>,
    asked: bool,
    batches: u32,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn spawn(connection: Connection) -> Result<Self, StoreError> {
        let (ask, asked) = sync_channel::<()>(1);
        let (moved, bulk_moved) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    checkpoint(&connection, "PASSIVE");
                    if moved.send(()).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| StoreError::Unavailable(format!("cannot start the checkpoints: {error}")))?;
        Ok(Self { ask: Some(ask), bulk_moved, asked: false, batches: 0, thread: Some(thread) })
    }

    /// Asking how long the log is costs as much as writing a delivery.
    fn is_time_to_look(&mut self) -> bool {
        self.batches = (self.batches + 1) % LOOK_EACH;
        self.batches == 0
    }

    /// Looks after the log between two batches of the writer, whose connection this is.
    pub(super) fn tend(&mut self, writer: &Connection) {
        if self.asked {
            match self.bulk_moved.try_recv() {
                Ok(()) | Err(TryRecvError::Disconnected) => self.asked = false,
                Err(TryRecvError::Empty) => return,
            }
            let how = if pages(writer) < LOG_MAX_PAGES { "PASSIVE" } else { "RESTART" };
            checkpoint(writer, how);
        } else if self.is_time_to_look() && pages(writer) >= STEP_PAGES {
            self.asked = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        }
    }
}

/// How many pages of the log are in use.
fn pages(connection: &Connection) -> i64 {
    let asked = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)");
    asked.and_then(|mut asked| asked.query_row([], |row| row.get(1))).unwrap_or(0)
}

fn checkpoint(connection: &Connection, how: &str) {
    let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, bool>(0));
    if let Err(error) = moved {
        tracing::warn!(%error, "the database's log could not be moved; it grows until it can");
    }
}
