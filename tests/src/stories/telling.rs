//! What the service asks of a forge when it tells it something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cicd::app::{self, App};
use cicd::clock::FakeClock;
use cicd::config::{ForgeSettings, Settings};
use cicd::engine::EngineEvent;
use cicd::forge::{Archive, CloneFrom, Forge, NoArchive, Told, TryLater};
use cicd::store::{Change, Commit, RunFilter};
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, ForgeKind, GitRef, Repository};
use router::run::{Run, RunState, Team};
use router::secret::Secret;
use router::status::Status;
use tempfile::TempDir;
use tokio::sync::{Barrier, Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::house::RULES;
use crate::contracts::samples;

/// The end of patience; nothing is waited for by the clock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service that does not serve, and tells GitHub through `forge`.
async fn open(forge: Arc<dyn Forge>) -> (Arc<App>, mpsc::Receiver<EngineEvent>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("pointsman.yaml");
    std::fs::write(&rules, RULES).unwrap();
    let github =
        ForgeSettings { webhook_secrets: vec![Secret::new("a secret")], ..ForgeSettings::of(ForgeKind::Github) };
    let settings =
        Settings { rules: rules.into(), data: folder.path().join("data"), ..Settings::with_forges(vec![github]) };
    let clock = Arc::new(FakeClock::at(samples::noon()));
    let (mut app, events) = app::open(&settings, "http://here".to_owned(), clock).await.unwrap();
    app.forges.insert(samples::forge(), forge);
    (Arc::new(app), events, folder)
}

/// A run for the same commit on each of these branches, none of which was told.
async fn owe(app: &App, branches: &[&str]) {
    let mut change = Change::default();
    for branch in branches {
        let git_ref = GitRef::Branch((*branch).to_owned());
        let push = Push { git_ref: git_ref.clone(), ..samples::push(7) };
        let run =
            Run { key: router::run::RunKey { git_ref: git_ref.clone(), ..samples::run(7).key }, ..samples::run(7) };
        change.owed.push(Commit { git_ref, ..samples::commit(7) });
        change.runs.push(Run { id: run.key.id(), deliveries: Vec::new(), actor: push.actor, ..run });
    }
    app.store.commit(change).await.unwrap();
}

/// A forge that takes its time, or for ever.
#[derive(Default)]
struct Slow {
    never_answers: bool,
    asked: Notify,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    told: AtomicUsize,
    /// Says what changed once so many ask at the same time.
    together: Option<Barrier>,
}

#[async_trait]
impl Forge for Slow {
    async fn set_status(&self, _: &Commit, _: &Status) -> Result<Told, TryLater> {
        self.asked.notify_one();
        if self.never_answers {
            std::future::pending::<()>().await;
        }
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        // Time enough for another to come in; nothing hangs on its length when none may.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(Told::Shown)
    }

    async fn own_file(&self, _: &Repository, _: &str) -> Result<Option<String>, TryLater> {
        Ok(None)
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        if let Some(together) = &self.together {
            together.wait().await;
        }
        Ok(push.changed.clone())
    }

    async fn archive(&self, _: &Repository, _: &CommitId) -> Result<Archive, NoArchive> {
        Err(NoArchive::Never("this forge has no files".to_owned()))
    }

    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        Ok(push.forced)
    }

    async fn tip(&self, _: &Repository, _: &GitRef) -> Result<Option<CommitId>, TryLater> {
        Err(TryLater::new("it has no refs"))
    }

    async fn tags(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        Ok(None)
    }
    async fn author(&self, _: &Repository, _: &CommitId) -> Result<Author, TryLater> {
        Ok(Author::default())
    }
    async fn branches(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        Ok(None)
    }

    async fn missing(&self, _: &Commit, _: &[Status]) -> Result<Vec<Status>, TryLater> {
        Ok(Vec::new())
    }

    async fn is_member(&self, _: &Team, _: &str) -> Result<bool, TryLater> {
        Ok(false)
    }

    fn fetch_from(&self, _: &Repository) -> Option<CloneFrom> {
        None
    }
}

#[tokio::test]
async fn a_commit_on_two_branches_is_told_one_thing_after_the_other() {
    let forge = Arc::new(Slow::default());
    let (app, _events, _folder) = open(forge.clone()).await;
    owe(&app, &["main", "release/1"]).await;
    cicd::report::report(&app).await.unwrap();
    assert_eq!((forge.told.load(Ordering::SeqCst), forge.most_inside.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_service_that_is_asked_to_stop_does_not_wait_for_a_silent_forge() {
    let forge = Arc::new(Slow { never_answers: true, ..Slow::default() });
    let (app, events, _folder) = open(forge.clone()).await;
    owe(&app, &["main"]).await;
    let stop = CancellationToken::new();
    let mut workers = cicd::service::start(&app, events, &stop);
    forge.asked.notified().await;
    stop.cancel();
    let ended = async { while workers.join_next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the workers end");
    let owed = app.store.owed(app.clock.now(), 9).await.unwrap();
    assert_eq!(owed.len(), 1, "the next process tells it");
}

#[tokio::test]
async fn a_forge_is_asked_about_several_pushes_at_once_and_they_are_decided_in_their_order() {
    let forge = Arc::new(Slow { together: Some(Barrier::new(2)), ..Slow::default() });
    let (app, _events, _folder) = open(forge).await;
    for n in [1, 2] {
        app.store.remember(&samples::delivery(n)).await.unwrap();
    }
    let decided = tokio::time::timeout(PATIENCE, cicd::dispatch::dispatch(&app)).await.expect("the forge answers");
    assert_eq!(decided, Ok(2));
    let first = app.store.runs(RunFilter::OfCommit(samples::shop(), samples::commit_id(1))).await.unwrap();
    assert_eq!(first[0].state, RunState::Superseded, "by the second");
}
