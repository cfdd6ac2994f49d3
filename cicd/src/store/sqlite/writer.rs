//! The one writer: group commit.
//!
//! Jobs wait in a bounded queue. One thread takes everything that waits, does it in one transaction, makes that durable
//! with one flush, and only then answers. Whoever comes while the disk works waits for the next flush together. What finds
//! no place in the queue within [`PLACE_TIME`] is turned away at once rather than late, and is not done.

use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Checkpoints;
use crate::store::StoreError;

/// Jobs that may wait; the next caller waits for a place.
const QUEUE_MAX: usize = 1024;
/// How long a caller waits for a place. Those in front of it are answered in the meantime, as long as the disk does its work.
const PLACE_TIME: Duration = Duration::from_secs(1);
/// Jobs in one transaction.
const BATCH_MAX: usize = 256;

/// Does its writing, unless the batch is lost already, and hands back how to answer once the batch's fate is known.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;
/// Called with the reason when nothing of the batch holds.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The write connection's thread. Dropped, it finishes what waits and ends.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Takes the write connection over.
    pub(super) fn spawn(connection: Connection, checkpoints: Checkpoints) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write(&connection, waiting, checkpoints))
            .map_err(|error| StoreError::Unavailable(format!("cannot start the writer: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` in the next batch, and `once_held` when that is durable, before anybody is answered who asked later. Work
    /// that writes with more than one statement wraps itself in [`whole`]; an error of its own must leave nothing written,
    /// because the rest of the batch holds nevertheless.
    pub(super) async fn ask_and<T, W, O>(&self, work: W, once_held: O) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        O: FnOnce(&T) + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = connection.and_then(work);
            Box::new(move |batch: Result<(), StoreError>| {
                let outcome = outcome.and_then(|value| batch.map(|()| value));
                let _caller_left = answer.send(outcome.inspect(once_held));
            })
        });
        let gone = || StoreError::Unavailable("the store is closed".to_owned());
        let full = || StoreError::Unavailable("more waits to be written than it can write now".to_owned());
        let place = tokio::time::timeout(PLACE_TIME, self.jobs.as_ref().ok_or_else(gone)?.reserve()).await;
        place.map_err(|_elapsed| full())?.map_err(|_| gone())?.send(job);
        answered.await.map_err(|_| gone())?
    }

    /// Does `work` in the next batch.
    pub(super) async fn ask<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask_and(work, |_| ()).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// All of `work` or nothing: what it wrote is taken back when it fails or does not want it.
pub(super) fn whole<T>(
    connection: &Connection,
    keep: impl FnOnce(&T) -> bool,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(connection, "SAVEPOINT job")?;
    let outcome = work(connection);
    if !outcome.as_ref().is_ok_and(keep) {
        run(connection, "ROLLBACK TO job")?;
    }
    run(connection, "RELEASE job")?;
    outcome
}

fn write(connection: &Connection, mut waiting: mpsc::Receiver<Job>, mut checkpoints: Checkpoints) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut answers = Vec::with_capacity(BATCH_MAX);
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let held = write_batch(connection, &mut batch, &mut answers);
        for answer in answers.drain(..) {
            answer(held.clone());
        }
        checkpoints.tend(connection);
        // Whoever is about to ask does so first: where processors are scarce, the next flush serves many more of them then.
        std::thread::yield_now();
    }
}

/// One transaction. A full disk ends it from within; what follows would then be written by itself, so it is not done.
fn write_batch(connection: &Connection, batch: &mut Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), StoreError> {
    let begun = run(connection, "BEGIN IMMEDIATE");
    let standing = || match &begun {
        Err(error) => Err(error.clone()),
        Ok(()) if connection.is_autocommit() => {
            Err(StoreError::Unavailable("another write of the same moment failed, and took this one along".to_owned()))
        }
        Ok(()) => Ok(connection),
    };
    answers.extend(batch.drain(..).map(|job| job(standing())));
    let held = standing().and_then(|connection| run(connection, "COMMIT"));
    if held.is_err() && !connection.is_autocommit() {
        let _over_already = run(connection, "ROLLBACK");
    }
    held
}

fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::stream::{FuturesUnordered, StreamExt as _};

    use super::*;

    /// A writer on a database of one table, which may have so many pages.
    fn writer(pages: u32) -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a ANY) STRICT").unwrap();
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        let checkpoints = Checkpoints::spawn(Connection::open_in_memory().unwrap()).unwrap();
        Writer::spawn(connection, checkpoints).unwrap()
    }

    async fn insert(writer: &Writer, bytes: usize) -> Result<(), StoreError> {
        writer
            .ask(move |connection| {
                connection.execute("INSERT INTO t VALUES (zeroblob(?))", [i64::try_from(bytes).unwrap()])?;
                Ok(())
            })
            .await
    }

    async fn rows(writer: &Writer) -> i64 {
        writer.ask(|c| Ok(c.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_the_next_write_that_fits_holds() {
        let writer = writer(10);
        insert(&writer, 10).await.unwrap();
        assert_eq!(insert(&writer, 1_000_000).await, Err(StoreError::Unavailable("the disk is full".to_owned())));
        insert(&writer, 10).await.unwrap();
        assert_eq!(rows(&writer).await, 2);
    }

    #[tokio::test]
    async fn a_writer_that_cannot_follow_turns_away_and_keeps_what_it_took() {
        let writer = writer(1000);
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let slow = writer.ask(move |_| {
            let _ = held.recv();
            Ok(())
        });
        let mut taken = FuturesUnordered::new();
        let flood = async {
            let mut turned_away = 0;
            taken.extend((0..2 * QUEUE_MAX).map(|_| insert(&writer, 1)));
            // Nobody is answered before the writer goes on, except those who find no place.
            while turned_away < QUEUE_MAX - BATCH_MAX {
                let refused = taken.next().await.unwrap();
                assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
                turned_away += 1;
            }
            let_go.send(()).unwrap();
            turned_away
        };
        let (slow, mut turned_away) = tokio::join!(slow, flood);
        assert_eq!(slow, Ok(()));
        let mut kept = 0;
        while let Some(outcome) = taken.next().await {
            if outcome.is_ok() { kept += 1 } else { turned_away += 1 }
        }
        assert_eq!(kept + turned_away, 2 * QUEUE_MAX);
        assert_eq!(rows(&writer).await, i64::try_from(kept).unwrap());
        insert(&writer, 1).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_together_is_answered_each_for_themselves() {
        let writer = writer(1000);
        let unwanted = writer.ask(|connection| {
            whole(
                connection,
                |kept| *kept,
                |c| {
                    c.execute("INSERT INTO t VALUES (1)", [])?;
                    Ok(false)
                },
            )
        });
        let failed = writer.ask(|connection| -> Result<(), StoreError> {
            whole(
                connection,
                |()| true,
                |c| {
                    c.execute("INSERT INTO t VALUES (2)", [])?;
                    Err(StoreError::Corrupt("what it read".to_owned()))
                },
            )
        });
        let (unwanted, failed, held) = tokio::join!(unwanted, failed, insert(&writer, 1));
        assert_eq!(unwanted, Ok(false));
        assert_eq!(failed, Err(StoreError::Corrupt("what it read".to_owned())));
        assert_eq!(held, Ok(()));
        assert_eq!(rows(&writer).await, 1);
    }

    #[tokio::test]
    async fn a_commit_that_fails_is_nobodys_success() {
        let writer = writer(1000);
        let defer = "CREATE TABLE parent (id INTEGER PRIMARY KEY); PRAGMA foreign_keys = ON; \
                     CREATE TABLE child (of INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)";
        // Foreign keys are switched on outside of a transaction only, so the batch is left and begun again.
        writer
            .ask(move |connection| Ok(connection.execute_batch(&format!("COMMIT; {defer}; BEGIN IMMEDIATE"))?))
            .await
            .unwrap();
        let orphan = writer.ask(|connection| {
            connection.execute("INSERT INTO child VALUES (7)", [])?;
            Ok(())
        });
        // The writer is kept until both wait, so that one batch has them.
        let ((begun, has_begun), (let_go, held)) = (oneshot::channel(), std::sync::mpsc::channel());
        let slow = writer.ask(move |_| {
            let _ = begun.send(());
            let _ = held.recv();
            Ok(())
        });
        let both = async {
            has_begun.await.unwrap();
            tokio::join!(orphan, insert(&writer, 1), async { let_go.send(()).unwrap() })
        };
        let (slow, (orphan, neighbour, ())) = tokio::join!(slow, both);
        assert_eq!(slow, Ok(()));
        assert!(matches!(orphan, Err(StoreError::Unavailable(_))), "{orphan:?}");
        assert_eq!(orphan, neighbour);
        assert_eq!(rows(&writer).await, 0);
        insert(&writer, 1).await.unwrap();
    }
}
