//! The store of an embedded service: one SQLite file.
//!
//! * Writes go through one thread that commits what waits together: see `writer`.
//! * Reads use connections of their own and never wait for a write.
//! * The file belongs to one process at a time: see `folder`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use router::id::{DeliveryId, GitRef, Repository, RunId};
use router::run::Run;
use router::status::Status;
use router::track::Track;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use self::bodies::Bodies;
use self::checkpoint::Checkpoints;
use self::deliveries::{NewDecision, NewDelivery};
use self::folder::Folder;
use self::fresh::Fresh;
use self::readers::Readers;
use self::writer::{Writer, whole};
use super::{
    Backlog, Before, Change, Commit, Committed, Delivery, DeliveryRecord, Notice, Owed, Pruned, Remembered, RunFilter,
    Settled, Store, StoreError, Undecided,
};
use crate::clock::Clock;
use crate::hits::Hits;

mod aside;
mod backlog;
mod bodies;
mod change;
mod checkpoint;
mod columns;
mod debts;
mod deliveries;
mod error;
mod folder;
mod fresh;
mod history;
mod hits;
mod notices;
mod prune;
mod readers;
mod runs;
mod schema;
mod tracks;
mod writer;

pub use history::history;

/// How long a connection waits for a lock that another program holds (a backup, a curious person).
const BUSY: Duration = Duration::from_secs(5);
/// What a connection that writes remembers of the file. Forges' ids are in no order, so new ones go all over their index.
const CACHE_KIBIBYTES: i64 = 16 * 1024;
/// The same while the database is opened, when nobody waits for an answer yet.
const OPENING: Duration = Duration::from_secs(60);
/// Prepared statements that a connection keeps; more than there are.
const STATEMENTS: usize = 64;

/// The memory of an embedded service, in one folder.
pub struct SqliteStore {
    // Fields are dropped in their order: the writer finishes first, the folder is free last.
    writer: Writer,
    readers: Readers,
    bodies: Bodies,
    fresh: Fresh,
    clock: Arc<dyn Clock>,
    _folder: Folder,
}

impl SqliteStore {
    /// Opens the store in `folder`, making both when they are missing, and brings an older one forward. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the folder cannot be written to, another process serves it, or a newer Pointsman
    /// wrote it; [`StoreError::Corrupt`] when its database is none.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let folder = Folder::take(folder)?;
        let mut connection = connect(&folder)?;
        connection.busy_timeout(OPENING)?;
        schema::migrate(&mut connection)?;
        connection.busy_timeout(BUSY)?;
        aside::give_back(&connection)?;
        let readers = Readers::open(&folder.database())?;
        let checkpoints = Checkpoints::spawn(connect(&folder)?)?;
        let writer = Writer::spawn(connection, checkpoints)?;
        Ok(Self { writer, readers, bodies: Bodies::default(), fresh: Fresh::default(), clock, _folder: folder })
    }
}

impl SqliteStore {
    /// Sets aside what could not be read, and gives the rest.
    async fn set_aside<T>(&self, what: &'static str, read: aside::Read<T>) -> Result<Vec<T>, StoreError> {
        if !read.unreadable.is_empty() {
            let (rows, now) = (read.unreadable.clone(), self.clock.now());
            self.writer
                .ask(move |connection| whole(connection, |()| true, |c| aside::put(c, what, &rows, now)))
                .await?;
        }
        Ok(read.readable(what))
    }
}

/// A connection that writes: durable with every commit, checkpoints left to `checkpoint`.
fn connect(folder: &Folder) -> Result<Connection, StoreError> {
    let connection = Connection::open(folder.database())?;
    connection.busy_timeout(BUSY)?;
    // Only a new database takes it. A small push then stands in one page, with its body.
    connection.pragma_update(None, "page_size", 8192)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!(
            "the data folder's file system allows no write-ahead log (journal mode {mode}); choose a folder on a local disk"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIBIBYTES)?;
    plan_once(&connection)?;
    Ok(connection)
}

/// Else SQLite plans many a statement again whenever other values are bound to it, which is each time; that takes longer than the write.
fn plan_once(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    async fn remember(&self, delivery: &Delivery) -> Result<Remembered, StoreError> {
        let new = NewDelivery::of(delivery, &self.bodies)?;
        let (fresh, bytes) = (self.fresh.clone(), new.says_bytes());
        let undecided = Undecided { forge: delivery.forge.clone(), delivered: delivery.delivered.clone() };
        let added = move |row: &Option<i64>| {
            if let Some(seq) = row {
                fresh.add(*seq, undecided, bytes);
            }
        };
        let row = self.writer.ask_and(move |connection| new.remember(connection), added).await?;
        Ok(if row.is_some() { Remembered::New } else { Remembered::Seen })
    }

    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let now = self.clock.now();
        let rows = self.fresh.rows(&change.decided);
        let decided = change.decided.iter().zip(rows).map(|(decided, row)| NewDecision::of(decided, row));
        let decided = decided.collect::<Result<Vec<_>, _>>()?;
        let write = move |connection: &Connection| match change::commit(connection, &change, now)? {
            Committed::Yes => Ok((Committed::Yes, deliveries::decide(connection, &decided, now)?)),
            not => Ok((not, Vec::new())),
        };
        let fresh = self.fresh.clone();
        let (committed, _) = self
            .writer
            .ask_and(
                move |connection| whole(connection, |(committed, _)| *committed == Committed::Yes, write),
                move |(_, rows)| fresh.remove(rows),
            )
            .await?;
        Ok(committed)
    }

    async fn undecided(&self, most: usize) -> Result<Vec<Undecided>, StoreError> {
        loop {
            let asked = match self.fresh.undecided(most) {
                Ok(all) => return Ok(all),
                Err(moment) => moment,
            };
            let read = self.readers.ask(move |connection| deliveries::undecided(connection, most)).await?;
            // What was set aside made room for others.
            let again = read.found.is_empty() && !read.unreadable.is_empty();
            let found = self.set_aside("delivery", read).await?;
            if !again {
                if found.is_empty() {
                    self.fresh.nothing_waited(asked);
                }
                return Ok(found);
            }
        }
    }

    async fn original(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let id = id.clone();
        self.readers.ask(move |connection| deliveries::original(connection, &id)).await
    }

    async fn delivery(&self, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
        let id = id.clone();
        self.readers.ask(move |connection| deliveries::one(connection, &id)).await
    }

    async fn deliveries(&self, most: usize, before: Option<&DeliveryId>) -> Result<Vec<DeliveryRecord>, StoreError> {
        let before = before.cloned();
        self.readers.ask(move |connection| deliveries::page(connection, most, before.as_ref())).await
    }

    async fn decision_for(&self, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError> {
        let commit = commit.clone();
        self.readers.ask(move |connection| deliveries::of_commit(connection, &commit)).await
    }

    async fn track(&self, repository: &Repository, git_ref: &GitRef) -> Result<Track, StoreError> {
        let (of, git_ref) = (repository.clone(), git_ref.clone());
        self.readers.ask(move |connection| tracks::one(connection, &of, &git_ref)).await
    }

    async fn tracks_at(&self, refs: &[(Repository, GitRef)]) -> Result<Vec<Track>, StoreError> {
        let refs = refs.to_vec();
        let each = move |connection: &Connection| {
            refs.iter().map(|(of, git_ref)| tracks::one(connection, of, git_ref)).collect()
        };
        self.readers.ask(each).await
    }

    async fn tracks(&self, repository: &Repository) -> Result<Vec<Track>, StoreError> {
        let of = repository.clone();
        self.readers.ask(move |connection| tracks::of_repository(connection, &of)).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let id = id.clone();
        self.readers.ask(move |connection| runs::one(connection, &id)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<Run>, StoreError> {
        let read = self.readers.ask(move |connection| runs::several(connection, &filter)).await?;
        self.set_aside("run", read).await
    }

    async fn owed(&self, now: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
        self.readers.ask(move |connection| debts::due(connection, now, most)).await
    }

    async fn settle(&self, owed: &Owed, told: &[Status], settled: Settled) -> Result<(), StoreError> {
        let (owed, told) = (owed.clone(), told.to_vec());
        self.writer
            .ask(move |connection| whole(connection, |()| true, |c| debts::settle(c, &owed, &told, &settled)))
            .await
    }

    async fn notices(&self, most: usize) -> Result<Vec<Notice>, StoreError> {
        self.readers.ask(move |connection| notices::waiting(connection, most)).await
    }

    async fn notice_told(&self, notice: &Notice) -> Result<(), StoreError> {
        let notice = notice.clone();
        self.writer.ask(move |connection| notices::told(connection, &notice)).await
    }

    async fn hits(&self, first_day: i64, last_day: i64) -> Result<Hits, StoreError> {
        self.readers.ask(move |connection| hits::counted(connection, first_day, last_day)).await
    }

    async fn prune(&self, before: &Before, most: usize) -> Result<Pruned, StoreError> {
        let before = *before;
        self.writer.ask(move |connection| whole(connection, |_| true, |c| prune::prune(c, &before, most))).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.readers.ask(backlog::backlog).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let now = columns::nanoseconds(self.clock.now());
        self.writer
            .ask(move |connection| {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO heartbeat (only, at) VALUES (1, ?)")?
                    .execute([now])?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect(&Folder::take(folder.path()).unwrap()).unwrap();
        schema::migrate(&mut connection).unwrap();
        let which = "SELECT 1 FROM deliveries JOIN decisions USING (seq) WHERE id = ? AND forge = ?";
        for id in ["1", "2", "3"] {
            let mut statement = connection.prepare_cached(which).unwrap();
            assert!(!statement.exists([id, "github"]).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
