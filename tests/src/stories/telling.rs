//! What the service asks of a forge when it tells it something.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cicd::app::{self, App};
use cicd::clock::FakeClock;
use cicd::config::{ForgeSettings, Settings};
use cicd::engine::EngineEvent;
use cicd::forge::{CloneFrom, Forge, Told, TryLater};
use cicd::store::{Change, Commit};
use router::event::{ChangedFiles, Push};
use router::id::{ForgeKind, GitRef, Repository};
use router::run::Run;
use router::secret::Secret;
use router::status::Status;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::house::RULES;
use crate::contracts::samples;

/// A service that does not serve, and tells GitHub through `forge`.
async fn open(forge: Arc<dyn Forge>) -> (Arc<App>, mpsc::Receiver<EngineEvent>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("pointsman.yaml");
    std::fs::write(&rules, RULES).unwrap();
    let github =
        ForgeSettings { webhook_secrets: vec![Secret::new("a secret")], ..ForgeSettings::of(ForgeKind::Github) };
    let settings = Settings { rules, data: folder.path().join("data"), ..Settings::with_forges(vec![github]) };
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

/// Counts those that tell it something at the same time.
#[derive(Default)]
struct Counting {
    inside: AtomicUsize,
    most: AtomicUsize,
    told: AtomicUsize,
}

#[async_trait]
impl Forge for Counting {
    async fn set_status(&self, _: &Commit, _: &Status) -> Result<Told, TryLater> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        // Time enough for another to come in; nothing hangs on its length when none may.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.told.fetch_add(1, Ordering::SeqCst);
        Ok(Told::Shown)
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        Ok(push.changed.clone())
    }

    fn fetch_from(&self, _: &Repository) -> Option<CloneFrom> {
        None
    }
}

#[tokio::test]
async fn a_commit_on_two_branches_is_told_one_thing_after_the_other() {
    let forge = Arc::new(Counting::default());
    let (app, _events, _folder) = open(forge.clone()).await;
    owe(&app, &["main", "release/1"]).await;
    cicd::report::report(&app).await.unwrap();
    assert_eq!((forge.told.load(Ordering::SeqCst), forge.most.load(Ordering::SeqCst)), (2, 1));
}

/// Never answers.
#[derive(Default)]
struct Silent {
    asked: Notify,
}

#[async_trait]
impl Forge for Silent {
    async fn set_status(&self, _: &Commit, _: &Status) -> Result<Told, TryLater> {
        self.asked.notify_one();
        std::future::pending().await
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        Ok(push.changed.clone())
    }

    fn fetch_from(&self, _: &Repository) -> Option<CloneFrom> {
        None
    }
}

#[tokio::test]
async fn a_service_that_is_asked_to_stop_does_not_wait_for_a_silent_forge() {
    let forge = Arc::new(Silent::default());
    let (app, events, _folder) = open(forge.clone()).await;
    owe(&app, &["main"]).await;
    let stop = CancellationToken::new();
    let mut workers = cicd::service::start(&app, events, &stop);
    forge.asked.notified().await;
    stop.cancel();
    let ended = async { while workers.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the workers end");
    let owed = app.store.owed(app.clock.now(), 9).await.unwrap();
    assert_eq!(owed.len(), 1, "the next process tells it");
}
