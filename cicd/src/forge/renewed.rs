//! A forge whose token may be exchanged while it is in use.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::status::Status;

use super::{Archive, CloneFrom, Forge, NoArchive, Told, TryLater};
use crate::store::Commit;

/// A forge with the token that it has now.
pub struct Renewed(ArcSwap<Box<dyn Forge>>);

impl Renewed {
    /// With its first token.
    pub fn new(forge: Box<dyn Forge>) -> Self {
        Self(ArcSwap::from_pointee(forge))
    }

    /// With another token from now on; calls under way end with the old one.
    pub fn renew(&self, forge: Box<dyn Forge>) {
        self.0.store(Arc::new(forge));
    }
}

#[async_trait]
impl Forge for Renewed {
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater> {
        self.0.load_full().set_status(commit, status).await
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        self.0.load_full().changed_files(push).await
    }

    async fn archive(&self, repository: &Repository, commit: &CommitId) -> Result<Archive, NoArchive> {
        self.0.load_full().archive(repository, commit).await
    }

    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        self.0.load_full().rewrote(push).await
    }

    async fn tip(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        self.0.load_full().tip(repository, git_ref).await
    }

    async fn branches(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.0.load_full().branches(repository).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.0.load_full().tags(repository).await
    }

    async fn author(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        self.0.load_full().author(repository, commit).await
    }

    async fn missing(&self, commit: &Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        self.0.load_full().missing(commit, wanted).await
    }

    async fn own_file(&self, repository: &Repository, path: &str) -> Result<Option<String>, TryLater> {
        self.0.load_full().own_file(repository, path).await
    }

    async fn is_member(&self, team: &Team, account: &str) -> Result<bool, TryLater> {
        self.0.load_full().is_member(team, account).await
    }

    fn fetch_from(&self, repository: &Repository) -> Option<CloneFrom> {
        self.0.load().fetch_from(repository)
    }
}
