//! What was promised, and whether it was kept.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cicd::clock::SystemClock;
use cicd::store::sqlite::SqliteStore;
use cicd::store::{RunFilter, Store};
use router::id::CommitId;
use router::run::RunState;
use rusqlite::{Connection, OpenFlags};

use crate::world::World;

/// What the clients did.
#[derive(Default, Clone)]
pub(super) struct Ledger {
    /// The ids of the deliveries that were acknowledged.
    pub(super) acknowledged: BTreeSet<String>,
    /// The repositories' paths with each commit that was pushed there and told of.
    pub(super) pushed: Vec<(String, CommitId)>,
    /// The newest of each branch.
    pub(super) newest: Vec<(String, CommitId)>,
    /// Those for which nobody says yes in time.
    pub(super) expiring: Vec<CommitId>,
}

/// Nothing is left to do, as the database has it.
pub(super) fn is_quiet(data: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(database) = Connection::open_with_flags(data.join("pointsman.sqlite"), flags) else { return false };
    let left = "SELECT (SELECT count(*) FROM runs WHERE live = 1) + (SELECT count(*) FROM owed WHERE due_at IS NOT NULL) \
                + (SELECT count(*) FROM deliveries LEFT JOIN decisions USING (seq) WHERE decision IS NULL)";
    database.query_row(left, [], |row| row.get::<_, i64>(0)).is_ok_and(|left| left == 0)
}

impl Ledger {
    /// Looks at everything, once the service has ended.
    pub(super) async fn check(&self, world: &World, data: &Path) {
        let store = SqliteStore::open(data, Arc::new(SystemClock)).expect("the folder is free and its database whole");
        assert!(store.undecided(1).await.unwrap().is_empty(), "a delivery is undecided");
        assert!(store.runs(RunFilter::Live).await.unwrap().is_empty(), "a run is live");
        for id in &self.acknowledged {
            let record = store.delivery(&id.parse().unwrap()).await.unwrap();
            let record = record.unwrap_or_else(|| panic!("delivery {id} was acknowledged and is not there"));
            assert!(record.decision.is_some(), "delivery {id} has no receipt");
            for run in &record.runs {
                assert!(store.run(run).await.unwrap().is_some(), "delivery {id} names run {run}, which is not there");
            }
        }
        let all = store.runs(RunFilter::Recent(100_000, None)).await.unwrap();
        for (path, commit) in &self.pushed {
            let runs: Vec<_> = all
                .iter()
                .filter(|run| run.key.commit == *commit && run.key.repository.path.as_str() == path)
                .collect();
            let said: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.state.as_str(), &run.because)).collect();
            assert_eq!(runs.len(), 1, "commit {commit} of {path} has exactly one run: {said:?}");
            let fine = match self.expiring.contains(commit) {
                true => runs[0].state == RunState::Expired,
                false => [RunState::Succeeded, RunState::Superseded].contains(&runs[0].state),
            };
            assert!(fine && runs[0].ended_at.is_some(), "{commit} of {path}: {said:?}");
            let shown = world.hub.latest(path, commit);
            assert!(shown.contains_key("pointsman"), "{commit} of {path} has no verdict: {shown:?}");
            let open: Vec<_> = shown.iter().filter(|(_, (state, _))| state == "pending").collect();
            assert!(open.is_empty(), "{commit} of {path} shows what is not final: {open:?}; {said:?}");
            if self.newest.contains(&(path.clone(), commit.clone())) {
                assert_eq!(runs[0].state, RunState::Succeeded, "the newest of its branch: {said:?}");
            }
        }
        drop(store);
        nothing_is_left(data);
    }
}

fn nothing_is_left(data: &Path) {
    let database = Connection::open(data.join("pointsman.sqlite")).unwrap();
    let held: i64 = database.query_row("SELECT count(*) FROM claims", [], |row| row.get(0)).unwrap();
    assert_eq!(held, 0, "an environment is still held");
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let work = std::fs::read_dir(data.join("work")).map_or(0, Iterator::count);
    assert_eq!(work, 0, "a workspace is left");
    let mark = data.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let left: Vec<_> = processes
        .filter(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        })
        .map(|process| {
            String::from_utf8_lossy(&std::fs::read(process.path().join("cmdline")).unwrap_or_default()).into_owned()
        })
        .collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
}
