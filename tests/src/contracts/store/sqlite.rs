//! How the SQLite store is set up, and what only it must do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cicd::clock::Clock;
use cicd::clock::FakeClock;
use cicd::store::sqlite::SqliteStore;
use cicd::store::{Before, Change, Committed, Pruned, Remembered, RunFilter, Store, StoreError};
use jiff::SignedDuration;
use router::run::RunState;
use router::track::{Arrival, Place, Track};

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

/// A connection past the store, as somebody with a tool has one.
fn tool(folder: &std::path::Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("pointsman.sqlite")).unwrap()
}

fn count(folder: &std::path::Path, table: &str) -> i64 {
    tool(folder).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_is_old_goes_a_batch_at_a_time_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let clock = FakeClock::at(samples::noon());
    let store = SqliteStore::open(folder.path(), Arc::new(clock.clone())).unwrap();
    for n in 0..25 {
        let body = n.to_string().into();
        store.remember(&cicd::store::Delivery { body, ..samples::delivery(n) }).await.unwrap();
        store.commit(samples::start(n)).await.unwrap();
        let mut run = store.run(&samples::run(n).id).await.unwrap().unwrap();
        (run.state, run.ended_at) = (RunState::Failed, Some(clock.now()));
        let claims = if n == 0 { vec![samples::prod(&run)] } else { Vec::new() };
        let mut track = Track::new(samples::shop(), router::id::GitRef::Branch(format!("b-{n}")));
        track.enter(Arrival::of(&samples::push(n)), Place::New(0));
        let executions = vec![(format!("execution-{n}"), run.id.clone())];
        run.execution = Some(format!("execution-{n}"));
        let change = Change { runs: vec![run], claims, tracks: vec![track], executions, ..Change::default() };
        assert_eq!(store.commit(change).await.unwrap(), Committed::Yes);
    }
    let debt = store.owed(clock.now(), 1).await.unwrap().remove(0);
    let told = samples::status("pointsman", router::status::StatusState::Failure);
    store.settle(&debt, &[told], cicd::store::Settled::Paid).await.unwrap();
    clock.advance_seconds(3600);
    let before = Before { deliveries: clock.now(), runs: clock.now() };
    let all = |n| Pruned { deliveries: n, runs: n, refs: n };
    for n in [10, 10, 5, 0] {
        assert_eq!(store.prune(&before, 10).await.unwrap(), all(n));
    }
    for table in ["deliveries", "decisions", "runs", "claims", "tracks", "statuses", "owed", "executions"] {
        assert_eq!(count(folder.path(), table), 0, "{table}");
    }
    store.remember(&samples::delivery(77)).await.unwrap();
    assert_eq!(store.undecided(9).await.unwrap().len(), 1, "numbers that are given again are not taken for decided");
}

#[tokio::test]
async fn a_body_that_comes_again_is_kept_once_for_as_long_as_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = FakeClock::at(samples::noon());
    let store = SqliteStore::open(folder.path(), Arc::new(clock.clone())).unwrap();
    let body = bytes::Bytes::from("a push that two hooks tell of");
    let come = async |n| {
        let delivery = cicd::store::Delivery { body: body.clone(), received_at: clock.now(), ..samples::delivery(n) };
        assert_eq!(store.remember(&delivery).await.unwrap(), Remembered::New);
        let decided = vec![cicd::store::Decided { runs: vec![], ..samples::decided(n) }];
        assert_eq!(store.commit(Change { decided, ..Change::default() }).await.unwrap(), Committed::Yes);
        assert_eq!(store.original(&samples::delivery_id(n)).await.unwrap(), Some(delivery));
    };
    for n in 0..10 {
        come(n).await;
        clock.advance_seconds(60);
    }
    assert_eq!(store.remember(&samples::delivery(3)).await.unwrap(), Remembered::Seen);
    assert_eq!(count(folder.path(), "deliveries WHERE length(body) > 0"), 1);
    let before = |minutes: i64| {
        let at = samples::noon() + SignedDuration::from_secs(60 * minutes - 30);
        Before { deliveries: at, runs: at }
    };
    assert_eq!(store.prune(&before(5), 100).await.unwrap().deliveries, 4, "the first keeps what younger ones need");
    assert_eq!(store.original(&samples::delivery_id(9)).await.unwrap().unwrap().body, body);
    assert_eq!(store.prune(&before(60), 100).await.unwrap().deliveries, 5);
    assert_eq!(store.prune(&before(60), 100).await.unwrap().deliveries, 1);
    come(20).await;
    assert_eq!(count(folder.path(), "deliveries WHERE length(body) > 0"), 1, "nobody leans on what is gone");
}

#[tokio::test]
async fn the_file_stays_as_large_as_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let clock = FakeClock::at(samples::noon());
    let store = SqliteStore::open(folder.path(), Arc::new(clock.clone())).unwrap();
    let mut pages = Vec::new();
    for round in 0..6_u32 {
        for n in 0..100 {
            let mut delivery = samples::delivery(round * 100 + n);
            delivery.received_at = clock.now();
            // Bytes that cannot be packed.
            let noise = (0..20_000_u32).map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(n * at) >> 13) as u8);
            delivery.body = noise.collect();
            store.remember(&delivery).await.unwrap();
            let decided = vec![cicd::store::Decided { runs: vec![], ..samples::decided(round * 100 + n) }];
            store.commit(Change { decided, ..Change::default() }).await.unwrap();
        }
        clock.advance_seconds(86_400);
        let before = Before { deliveries: clock.now() - SignedDuration::from_hours(36), runs: clock.now() };
        store.prune(&before, 1000).await.unwrap();
        pages.push(tool(folder.path()).query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap());
    }
    assert!(pages[5] <= pages[2] + pages[2] / 10, "{pages:?}");
}

#[tokio::test]
async fn what_cannot_be_read_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for n in 0..300 {
        store.remember(&samples::delivery(n)).await.unwrap();
    }
    for n in 300..303 {
        store.remember(&samples::delivery(n)).await.unwrap();
        store.commit(samples::start(n)).await.unwrap();
    }
    let main = samples::commit(1).git_ref;
    let track = Track::new(samples::shop(), main.clone());
    store.commit(Change { tracks: vec![track], ..Change::default() }).await.unwrap();
    let bad = samples::run(301).id;
    let tool = tool(folder.path());
    tool.execute("UPDATE deliveries SET delivered = '{\"from\": \"tomorrow\"}' WHERE seq <= 290", []).unwrap();
    tool.execute("UPDATE runs SET run = 'x' WHERE id = ?", [bad.as_str()]).unwrap();
    tool.execute("UPDATE tracks SET track = 'x'", []).unwrap();

    let waiting = store.undecided(256).await.unwrap();
    assert_eq!(waiting.len(), 10, "those behind two hundred and ninety that cannot be read have their turn");
    let live: Vec<_> = store.runs(RunFilter::Live).await.unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(live, [samples::run(300).id, samples::run(302).id]);
    assert!(matches!(store.run(&bad).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.deliveries(400, None).await.unwrap().len(), 13);
    let blank = store.track(&samples::shop(), &main).await.unwrap();
    assert_eq!((blank.version, blank.arrivals.len()), (1, 0), "it can be written over");
    assert_eq!(store.commit(Change { tracks: vec![blank], ..Change::default() }).await.unwrap(), Committed::Yes);

    // Somebody mends it, or a binary comes that can read it.
    drop(store);
    tool.execute("UPDATE runs SET run = replace(run, 'x', 'x')", []).unwrap();
    let good = serde_json::to_string(&router::run::Run { version: 1, ..samples::run(301) }).unwrap();
    tool.execute("UPDATE runs SET run = ? WHERE id = ?", [&good, bad.as_str()]).unwrap();
    drop(tool);
    let store = open(folder.path()).unwrap();
    assert_eq!(store.runs(RunFilter::Live).await.unwrap().len(), 3);
}

/// Power is lost after any page of the log: the file system kept what was flushed, and of what came later any first part,
/// the last page of it torn. The log is one file that only grows here, so cutting it is what a disk can do to it.
#[tokio::test]
async fn what_was_answered_survives_a_power_cut_at_any_page() {
    const FRAME: usize = 24 + 8192;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a")).unwrap();
    let log = folder.path().join("a/pointsman.sqlite-wal");
    let mut answered = Vec::new();
    for n in 0..12 {
        store.remember(&samples::delivery(n)).await.unwrap();
        answered.push((fs::metadata(&log).unwrap().len(), n, false));
        store.commit(samples::start(n)).await.unwrap();
        answered.push((fs::metadata(&log).unwrap().len(), n, true));
    }
    let (database, log) = (fs::read(folder.path().join("a/pointsman.sqlite")).unwrap(), fs::read(&log).unwrap());
    let cuts = (32..=log.len()).step_by(FRAME).flat_map(|end| [(end, 0), (end, 5000)]);
    for (end, torn) in cuts {
        let after = folder.path().join("b");
        fs::create_dir_all(&after).unwrap();
        let mut left = log[..end].to_vec();
        left.extend(log[end..].iter().take(torn).map(|byte| byte ^ 0x5a));
        fs::write(after.join("pointsman.sqlite"), &database).unwrap();
        fs::write(after.join("pointsman.sqlite-wal"), left).unwrap();
        if end == 32 {
            // The file's own beginning was written by the migrations, which stand in the log.
            fs::remove_dir_all(&after).unwrap();
            continue;
        }
        match open(&after) {
            Ok(store) => {
                let waiting = store.undecided(99).await.unwrap().len();
                for (flushed, n, started) in &answered {
                    if *flushed > end as u64 {
                        continue;
                    }
                    let record = store.delivery(&samples::delivery_id(*n)).await.unwrap();
                    assert!(record.is_some(), "delivery {n} was answered, and {end} bytes were flushed");
                    if *started {
                        assert!(store.run(&samples::run(*n).id).await.unwrap().is_some(), "run {n} at {end}");
                        assert!(record.unwrap().decision.is_some());
                    }
                }
                assert!(waiting <= 1, "nothing is half there");
            }
            Err(trouble) => panic!("after {end} bytes it cannot be opened: {trouble}"),
        }
        fs::remove_dir_all(&after).unwrap();
    }
}
