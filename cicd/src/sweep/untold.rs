//! Pushes that nobody told of: the forge could not reach us, its webhook was off, or it told of none of many.
//!
//! The forge's branches and tags are compared with what is known of them. One that stands where nobody told it to be for
//! [`GRACE`] was pushed, and that is taken in as if it had been told; told later, it is the same push. When the branches or the tags
//! of a repository are looked at for the first time, they are where they are, and start nothing. Deletions start nothing either, so
//! they are not looked for.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use router::event::{Author, ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, GitRef, Repository};
use router::track::{Arrival, Place, Track, Untold};

use crate::app::App;
use crate::forge::TryLater;
use crate::measures;
use crate::order;
use crate::store::{Change, Delivery, StoreError};

/// How long a webhook may be on its way.
const GRACE: SignedDuration = SignedDuration::from_mins(2);
/// How often a branch that stands still is noted: what nobody notes is forgotten some day.
const NOTED_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Refs in one write.
const TOGETHER: usize = 32;
/// So many deliveries are looked through for repositories that the rules name by a glob.
const RECENT: usize = 200;

/// Looks at every repository that the rules name.
pub(super) async fn find(app: &App) -> Result<(), StoreError> {
    for repository in repositories(app).await? {
        let Some(forge) = app.forges.get(&repository.forge) else { continue };
        let Some(branches) = looked(&repository, "branches", forge.branches(&repository).await) else { continue };
        let tags = looked(&repository, "tags", forge.tags(&repository).await);
        compare(app, &repository, branches, tags).await?;
    }
    Ok(())
}

type Refs = Vec<(GitRef, CommitId)>;

fn looked(repository: &Repository, what: &str, answer: Result<Option<Refs>, TryLater>) -> Option<Refs> {
    match answer {
        Ok(Some(refs)) => return Some(refs),
        Ok(None) => tracing::debug!(repo.name = %repository, "it has too many {what} to be looked at"),
        Err(why) => tracing::warn!(repo.name = %repository, "its {what} cannot be looked at: {why}"),
    }
    None
}

/// Those that the rules name, and of those under a glob the ones that somebody told of lately.
async fn repositories(app: &App) -> Result<Vec<Repository>, StoreError> {
    let rules = app.rules.current();
    let mut all: Vec<Repository> = Vec::new();
    for (forge, door) in &app.doors {
        all.extend(rules.repositories().iter().filter_map(|entry| entry.exactly(forge, door.kind)));
    }
    for record in app.store.deliveries(RECENT, None).await? {
        let told = record.delivered.event.repository().filter(|told| rules.repository_named(told).is_some());
        all.extend(told.cloned());
    }
    let mut once: Vec<Repository> = Vec::new();
    for repository in all {
        if !once.contains(&repository) {
            once.push(repository);
        }
    }
    Ok(once)
}

async fn compare(app: &App, repository: &Repository, branches: Refs, tags: Option<Refs>) -> Result<(), StoreError> {
    let known = app.store.tracks(repository).await?;
    let first_look = known.iter().all(|track| track.listed_at.is_none());
    // A repository may have no tags, so its branches remember that they were looked for.
    let (with_tags, first_tags) = (tags.is_some(), !known.iter().any(|track| track.with_tags));
    let mut known: BTreeMap<GitRef, Track> = known.into_iter().map(|track| (track.git_ref.clone(), track)).collect();
    let now = app.clock.now();
    let mut noted = Vec::new();
    for (git_ref, commit) in branches.into_iter().chain(tags.unwrap_or_default()) {
        // What git itself would refuse is no name, and a merge queue's trial merges are nobody's push.
        let is_ours = GitRef::new(&git_ref.to_string()).is_ok() && !git_ref.short().starts_with("gh-readonly-queue/");
        if !is_ours {
            continue;
        }
        let read = known.remove(&git_ref).unwrap_or_else(|| Track::new(repository.clone(), git_ref));
        let mut track = read.clone();
        track.with_tags |= with_tags;
        let is_first = if track.git_ref.tag().is_some() { first_tags } else { first_look };
        match look(&mut track, &commit, is_first, now) {
            Look::Fine => {}
            Look::Pushed => take_in(app, &track, commit).await?,
        }
        if track != read {
            noted.push(track);
        }
    }
    for some in noted.chunks(TOGETHER) {
        // When somebody was faster, the next look is soon enough.
        app.store.commit(Change { tracks: some.to_vec(), ..Change::default() }).await?;
    }
    Ok(())
}

enum Look {
    Fine,
    Pushed,
}

fn look(track: &mut Track, commit: &CommitId, first_look: bool, now: Timestamp) -> Look {
    let is_old = |at: Timestamp, age: SignedDuration| at > now || now.duration_since(at) >= age;
    if track.listed_at.is_none_or(|at| is_old(at, NOTED_EVERY)) {
        track.listed_at = Some(now);
    }
    if track.head().is_none() && first_look {
        track.enter(Arrival::seen(commit.clone(), None), Place::New(0));
    }
    if track.head().is_some_and(|head| head.commit.as_ref() == Some(commit)) {
        track.untold = None;
        return Look::Fine;
    }
    match &track.untold {
        Some(untold) if untold.commit == *commit && is_old(untold.since, GRACE) => Look::Pushed,
        Some(untold) if untold.commit == *commit => Look::Fine,
        _ => {
            track.untold = Some(Untold { commit: commit.clone(), since: now });
            Look::Fine
        }
    }
}

/// A push that was seen becomes a delivery like any other.
async fn take_in(app: &App, track: &Track, commit: CommitId) -> Result<(), StoreError> {
    let Track { repository, git_ref, .. } = track;
    let before = track.head().and_then(|head| head.commit.clone());
    let id = order::seen_id(repository, git_ref, &commit, track.version);
    let push = Push {
        repository: repository.clone(),
        git_ref: git_ref.clone(),
        created: before.is_none(),
        before,
        commit,
        actor: String::new(),
        author: Author::default(),
        forced: false,
        changed: ChangedFiles::Unknown("nobody told of this push".to_owned()),
        message: String::new(),
        pushed_at: None,
    };
    tracing::warn!(repo.name = %repository, %git_ref, commit = %push.commit, "a push that nobody told of; taken in");
    let delivered = Delivered { id, event: Event::Push(push).into() };
    let body = serde_json::to_vec(&delivered).map_err(StoreError::from)?.into();
    let headers = vec![("x-pointsman-event".to_owned(), "seen".to_owned())];
    let delivery = Delivery { forge: repository.forge.clone(), received_at: app.clock.now(), delivered, headers, body };
    app.store.remember(&delivery).await?;
    measures::repaired("push");
    app.wake.dispatch.notify_one();
    Ok(())
}
