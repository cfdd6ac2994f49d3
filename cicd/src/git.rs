//! Drives the git command.
//!
//! * One bare mirror per repository, `<mirrors>/<forge>/<path>.git`, fetched only when a commit is missing; one lock per
//!   mirror, so that two fetches never meet.
//! * Only commit ids and fixed refspecs are ever arguments; a branch's name never is. No hook runs, nothing prompts, and
//!   only `file`, `git`, `http`, `https` and `ssh` are spoken.
//! * Credentials travel in git's environment and are taken out of every message.
//!
//! Submodules and LFS objects are not fetched.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use router::id::{CommitId, Repository};
use tokio::sync::OwnedMutexGuard;

use crate::clock::{Clock, SystemClock};
use crate::forge::CloneFrom;

mod archive;
mod changed;
mod command;
mod commit;
mod used;

pub use archive::archive;
pub use changed::changed_files;
use command::{Git as Command, said};
pub use commit::{author_email, file_at_head, is_ancestor, message, peeled, refs};

/// How long a fetch may take, unless told otherwise.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(600);
/// How long anything without a network may take.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(120);
/// Where the commit stands that the repository's `HEAD` points to.
const REMOTE_HEAD: &str = "refs/pointsman/head";

/// Why git could not. No message holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The repository answers and does not have the commit.
    #[error("commit {} is gone from the repository", .0.short())]
    CommitGone(CommitId),
    /// The repository does not answer, or refuses.
    #[error("the repository cannot be fetched: {0}")]
    Unreachable(String),
    /// Git took too long and was ended; after so many seconds.
    #[error("git took longer than {0} seconds")]
    TimedOut(u64),
    /// Something on this machine: the disk, the git command itself.
    #[error("git failed: {0}")]
    Failed(String),
}

impl From<io::Error> for GitError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The mirrors.
pub struct Mirrors {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    fetch_timeout: Duration,
    locks: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

impl Mirrors {
    /// Mirrors under `folder`, which must be absolute.
    pub fn new(folder: impl Into<PathBuf>, fetch_timeout: Duration) -> Self {
        Self { folder: folder.into(), clock: Arc::new(SystemClock), fetch_timeout, locks: Mutex::default() }
    }

    /// The same by another clock, which says when each was last used.
    #[must_use]
    pub fn by(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Where a repository's mirror is, made or not.
    pub fn of(&self, repository: &Repository) -> PathBuf {
        self.folder.join(repository.forge.as_str()).join(format!("{}.git", repository.path))
    }

    /// Makes sure that the mirror has a commit; fetches only when it has not.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn ensure(&self, repository: &Repository, from: &CloneFrom, commit: &CommitId) -> Result<(), GitError> {
        let mirror = self.of(repository);
        let _ours = self.lock(&mirror).await;
        if has(&mirror, commit).await? {
            self.note_use(&mirror);
            return Ok(());
        }
        self.make(&mirror, commit).await?;
        self.note_use(&mirror);
        self.fetch(&mirror, from).await?;
        if has(&mirror, commit).await? {
            return Ok(());
        }
        // No branch or tag holds it any more; many forges still give it when asked by its id.
        let asked = Command::on(&mirror).authorized(from).args(FETCH).arg("--").arg(&from.url).arg(commit.as_str());
        asked.run(self.fetch_timeout).await?;
        if has(&mirror, commit).await? { Ok(()) } else { Err(GitError::CommitGone(commit.clone())) }
    }

    /// Puts a commit's files into a fresh folder. The mirror must have it.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn check_out(&self, repository: &Repository, commit: &CommitId, folder: &Path) -> Result<(), GitError> {
        let mirror = self.of(repository);
        let _ours = self.lock(&mirror).await;
        // Twice forced: a git that was killed while it did this leaves the folder registered, and locked.
        let add = ["worktree", "add", "--quiet", "--detach", "--force", "--force", "--"];
        let command = Command::on(&mirror).args(add);
        command.arg(folder).arg(commit.as_str()).run(self.fetch_timeout).await?.well()
    }

    /// Forgets folders of this repository that are no more.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn prune(&self, repository: &Repository) -> Result<(), GitError> {
        let mirror = self.of(repository);
        let _ours = self.lock(&mirror).await;
        prune(&mirror).await
    }

    /// Tidies up after a process that died: its folders are forgotten, its lock files removed. For the start, before
    /// anything else.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn sweep(&self) -> Result<(), GitError> {
        for mirror in self.all() {
            let _ours = self.lock(&mirror).await;
            remove_lock_files(&mirror);
            prune(&mirror).await?;
        }
        Ok(())
    }

    /// Those that are there.
    fn all(&self) -> Vec<PathBuf> {
        let mut mirrors = Vec::new();
        let mut walk = walkdir::WalkDir::new(&self.folder).into_iter();
        while let Some(Ok(entry)) = walk.next() {
            if entry.file_type().is_dir() && entry.path().join("objects").is_dir() {
                mirrors.push(entry.into_path());
                walk.skip_current_dir();
            }
        }
        mirrors
    }

    async fn make(&self, mirror: &Path, commit: &CommitId) -> Result<(), GitError> {
        std::fs::create_dir_all(mirror)?;
        let format = if commit.as_str().len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let command = Command::bare().args(["init", "--quiet", "--bare", "--template=", format, "--"]).arg(mirror);
        command.run(LOCAL_TIMEOUT).await?.well()
    }

    async fn fetch(&self, mirror: &Path, from: &CloneFrom) -> Result<(), GitError> {
        let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
        let fetch =
            || Command::on(mirror).authorized(from).args(FETCH).args(["--prune", "--"]).arg(&from.url).args(all);
        let mut fetched = fetch().arg(format!("+HEAD:{REMOTE_HEAD}")).run(self.fetch_timeout).await?;
        if !fetched.ok && fetched.stderr.contains("remote ref HEAD") {
            // The repository's HEAD names a branch that nobody has pushed.
            fetched = fetch().run(self.fetch_timeout).await?;
        }
        if fetched.ok { Ok(()) } else { Err(GitError::Unreachable(said(&fetched.stderr, from))) }
    }

    async fn lock(&self, mirror: &Path) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(mirror.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}

const FETCH: [&str; 6] =
    ["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];

async fn has(mirror: &Path, commit: &CommitId) -> Result<bool, GitError> {
    if !mirror.join("objects").is_dir() {
        return Ok(false);
    }
    let name = format!("{commit}^{{commit}}");
    Ok(Command::on(mirror).args(["cat-file", "-e", &name]).run(LOCAL_TIMEOUT).await?.ok)
}

async fn prune(mirror: &Path) -> Result<(), GitError> {
    Command::on(mirror).args(["worktree", "prune", "--expire=now"]).run(LOCAL_TIMEOUT).await?.well()
}

/// A git that was killed leaves its lock files, and every later git would refuse. No ref can end in `.lock`.
fn remove_lock_files(mirror: &Path) {
    let files = walkdir::WalkDir::new(mirror).into_iter().filter_entry(|entry| entry.file_name() != "objects");
    for entry in files.flatten().filter(|entry| entry.file_type().is_file()) {
        let of_worktree = entry.file_name() == "locked" && entry.path().starts_with(mirror.join("worktrees"));
        if of_worktree || entry.path().extension().is_some_and(|end| end == "lock") {
            let _gone_already = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
