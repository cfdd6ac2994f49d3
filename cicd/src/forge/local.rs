//! A git repository on this machine: there is nobody to tell, its statuses live on our own page.

use std::path::PathBuf;

use async_trait::async_trait;
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, RepoPath, Repository};
use router::run::Team;
use router::status::Status;

use super::{Archive, BRANCHES_MAX, CloneFrom, Forge, NoArchive, Told, TryLater};
use crate::git::{self, GitError};
use crate::store::Commit;

/// The rule file's `clone` of a repository, as it stands now.
type CloneOf = dyn Fn(&RepoPath) -> Option<String> + Send + Sync;

/// The repositories on this machine.
pub struct Local {
    clone_of: Box<CloneOf>,
}

impl Local {
    /// `clone_of` looks the rule file's `clone` up: a path, or an address that git can fetch from without a secret.
    pub fn new(clone_of: impl Fn(&RepoPath) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { clone_of: Box::new(clone_of) }
    }

    fn folder(&self, repository: &Repository) -> Result<PathBuf, TryLater> {
        let folder = (self.clone_of)(&repository.path).map(PathBuf::from).filter(|folder| folder.is_dir());
        folder.ok_or_else(|| TryLater::new("the rule file names no folder to look in"))
    }
}

#[async_trait]
impl Forge for Local {
    async fn set_status(&self, _commit: &Commit, _status: &Status) -> Result<Told, TryLater> {
        Ok(Told::Shown)
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        if push.forced {
            return Ok(ChangedFiles::Unknown("history was rewritten".to_owned()));
        }
        match (self.clone_of)(&push.repository.path).map(PathBuf::from) {
            Some(folder) if folder.is_dir() => {
                Ok(git::changed_files(&folder, push.before.as_ref(), &push.commit).await)
            }
            Some(_) | None => Ok(ChangedFiles::Unknown("the rule file names no folder to compare in".to_owned())),
        }
    }

    async fn archive(&self, repository: &Repository, commit: &CommitId) -> Result<Archive, NoArchive> {
        match (self.clone_of)(&repository.path).map(PathBuf::from) {
            Some(folder) if folder.is_dir() => git::archive(&folder, commit).await.map_err(|error| match error {
                GitError::CommitGone(_) => NoArchive::Gone(error.to_string()),
                GitError::Unreachable(_) | GitError::TimedOut(_) => NoArchive::Later(error.to_string()),
                GitError::Failed(_) => NoArchive::Never(error.to_string()),
            }),
            Some(_) | None => {
                Err(NoArchive::Never(format!("{repository} has no folder on this machine; name one with `clone`")))
            }
        }
    }

    /// Its hook says so.
    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        Ok(push.forced)
    }

    async fn tip(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        let refs = git::refs(&self.folder(repository)?).await.map_err(|error| TryLater::new(error.to_string()))?;
        Ok(refs.into_iter().find(|(found, _)| found == git_ref).map(|(_, commit)| commit))
    }

    async fn branches(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let refs = git::refs(&self.folder(repository)?).await.map_err(|error| TryLater::new(error.to_string()))?;
        let branches: Vec<_> = refs.into_iter().filter(|(found, _)| found.branch().is_some()).collect();
        Ok(Some(branches).filter(|branches| branches.len() <= BRANCHES_MAX))
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        let refs = git::refs(&self.folder(repository)?).await.map_err(|error| TryLater::new(error.to_string()))?;
        let tags: Vec<_> = refs.into_iter().filter(|(found, _)| found.tag().is_some()).collect();
        Ok(Some(tags).filter(|tags| tags.len() <= BRANCHES_MAX))
    }

    async fn author(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        let email = git::author_email(&self.folder(repository)?, commit).await;
        Ok(Author { email: email.map_err(|error| TryLater::new(error.to_string()))?, ..Author::default() })
    }

    async fn missing(&self, _commit: &Commit, _wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        Ok(Vec::new())
    }

    async fn own_file(&self, repository: &Repository, path: &str) -> Result<Option<String>, TryLater> {
        match (self.clone_of)(&repository.path).map(PathBuf::from) {
            Some(folder) if folder.is_dir() => {
                git::file_at_head(&folder, path).await.map_err(|why| TryLater::new(why.to_string()))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// It has no teams.
    async fn is_member(&self, _team: &Team, _account: &str) -> Result<bool, TryLater> {
        Ok(false)
    }

    fn fetch_from(&self, repository: &Repository) -> Option<CloneFrom> {
        (self.clone_of)(&repository.path).map(|url| CloneFrom { url, authorization: None })
    }
}
