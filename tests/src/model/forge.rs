//! A forge that shows where its refs are and keeps the statuses that it was told.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cicd::forge::{Archive, CloneFrom, Forge, NoArchive, Told, TryLater};
use cicd::store::Commit;
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::status::Status;

#[derive(Default)]
pub(crate) struct Shows {
    /// Where each ref is.
    pub(crate) tips: BTreeMap<GitRef, CommitId>,
    /// The newest status of each context of a commit.
    pub(crate) statuses: HashMap<(CommitId, String), Status>,
    /// It takes nothing and answers nothing.
    pub(crate) silent: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Shows>>);

impl Board {
    pub(crate) fn shows(&self) -> std::sync::MutexGuard<'_, Shows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> Result<(), TryLater> {
        if self.shows().silent { Err(TryLater::new("the forge is silent")) } else { Ok(()) }
    }
}

#[async_trait]
impl Forge for Board {
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater> {
        self.answers()?;
        self.shows().statuses.insert((commit.commit.clone(), status.context.clone()), status.clone());
        Ok(Told::Shown)
    }

    async fn changed_files(&self, _: &Push) -> Result<ChangedFiles, TryLater> {
        Ok(ChangedFiles::Unknown("nobody looks".to_owned()))
    }

    async fn archive(&self, _: &Repository, _: &CommitId) -> Result<Archive, NoArchive> {
        Err(NoArchive::Never("there are no files".to_owned()))
    }

    async fn rewrote(&self, _: &Push) -> Result<bool, TryLater> {
        Ok(false)
    }

    async fn tip(&self, _: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        self.answers()?;
        Ok(self.shows().tips.get(git_ref).cloned())
    }

    async fn branches(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.answers()?;
        Ok(Some(self.shows().tips.clone().into_iter().collect()))
    }

    async fn tags(&self, _: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        Ok(Some(Vec::new()))
    }

    async fn author(&self, _: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        self.answers()?;
        Ok(super::house::author_of(commit))
    }

    async fn missing(&self, commit: &Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        self.answers()?;
        let shows = self.shows();
        let shown = |status: &Status| shows.statuses.get(&(commit.commit.clone(), status.context.clone()));
        Ok(wanted.iter().filter(|status| shown(status).is_none_or(|it| it.state != status.state)).cloned().collect())
    }

    async fn own_file(&self, _: &Repository, _: &str) -> Result<Option<String>, TryLater> {
        Ok(None)
    }

    async fn is_member(&self, _: &Team, _: &str) -> Result<bool, TryLater> {
        Ok(false)
    }

    fn fetch_from(&self, _: &Repository) -> Option<CloneFrom> {
        None
    }
}
