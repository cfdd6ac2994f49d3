//! How the SQLite store is set up, and what only it must do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cicd::clock::FakeClock;
use cicd::store::sqlite::SqliteStore;
use cicd::store::{Remembered, RunFilter, Store, StoreError};

use super::super::samples;

/// A data folder that goes when the test does.
pub(super) struct Folder {
    folder: tempfile::TempDir,
    clock: FakeClock,
}

impl super::Shelf for Folder {
    fn new(clock: FakeClock) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.folder.path().join("data"), Arc::new(self.clock.clone())).unwrap())
    }
}

fn open(folder: &std::path::Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, Arc::new(FakeClock::at(samples::noon())))
}

fn unavailable(opened: Result<SqliteStore, StoreError>) -> String {
    match opened {
        Err(StoreError::Unavailable(why)) => why,
        Err(StoreError::Corrupt(why)) => panic!("corrupt: {why}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn a_folder_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    assert!(unavailable(open(folder.path())).contains("another pointsman serves this folder"));
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn the_folder_is_made_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/data");
    drop(open(&data).unwrap());
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let why = unavailable(open(&file.join("data")));
    assert!(why.contains("cannot make the data folder") && why.contains("file/data"), "{why}");
}

#[test]
fn what_is_no_database_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pointsman.sqlite");
    let text = "my diary, do not touch. ".repeat(500);
    fs::write(&file, &text).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Corrupt(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn what_was_answered_survives_a_crash_at_that_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a")).unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    for n in 0..3 {
        store.remember(&samples::delivery(n)).await.unwrap();
        store.commit(samples::start(n)).await.unwrap();
        // The files as a crash would leave them: nothing closed, nothing moved out of the log.
        for file in ["pointsman.sqlite", "pointsman.sqlite-wal"] {
            fs::copy(folder.path().join("a").join(file), folder.path().join("b").join(file)).unwrap();
        }
        let after = open(&folder.path().join("b")).unwrap();
        assert_eq!(after.runs(RunFilter::Live).await.unwrap().len(), n as usize + 1);
        assert_eq!(after.remember(&samples::delivery(n)).await.unwrap(), Remembered::Seen);
        assert!(after.undecided(9).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn large_bodies_come_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let mut large = samples::delivery(1);
    large.body = bytes::Bytes::from_iter((0..20_000_000_u32).map(|n| (n % 251) as u8));
    store.remember(&large).await.unwrap();
    assert!(store.original(&samples::delivery_id(1)).await.unwrap() == Some(large));
}
