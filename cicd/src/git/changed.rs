//! The files that a push changed, asked of a repository on this machine.

use std::path::Path;

use router::event::ChangedFiles;
use router::id::CommitId;

use super::command::Git;
use super::{GitError, LOCAL_TIMEOUT, REMOTE_HEAD};

/// The files that a push changed.
///
/// `before` is none for a new branch: then what it adds to the repository's `HEAD` counts, and all of its files when they
/// share no history. What cannot be known for certain is unknown, never an error.
pub async fn changed_files(repository: &Path, before: Option<&CommitId>, after: &CommitId) -> ChangedFiles {
    let found = match before {
        Some(before) => between(repository, before.as_str(), after).await,
        None => of_new(repository, after).await,
    };
    found.unwrap_or_else(|why| ChangedFiles::Unknown(why.to_string()))
}

async fn of_new(repository: &Path, after: &CommitId) -> Result<ChangedFiles, GitError> {
    let Some(head) = head(repository).await? else { return all_files(repository, after).await };
    if head == after.as_str() {
        // A second branch at the same place, or the first push of all: nothing tells one from the other.
        return Ok(ChangedFiles::Unknown("the branch is new and stands where HEAD stands".to_owned()));
    }
    let base = Git::on(repository).args(["merge-base", &head, after.as_str()]).run(LOCAL_TIMEOUT).await?;
    match first_line(&base.stdout) {
        Some(base) => between(repository, &base, after).await,
        None => all_files(repository, after).await,
    }
}

/// The commit of the remote's HEAD in a mirror, else of the repository's own.
async fn head(repository: &Path) -> Result<Option<String>, GitError> {
    for name in [REMOTE_HEAD, "HEAD"] {
        let name = format!("{name}^{{commit}}");
        let asked = Git::on(repository).args(["rev-parse", "--verify", "--quiet", &name]).run(LOCAL_TIMEOUT).await?;
        if let Some(commit) = first_line(&asked.stdout).filter(|_| asked.ok) {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

async fn between(repository: &Path, before: &str, after: &CommitId) -> Result<ChangedFiles, GitError> {
    let diff = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-commit-id", before, after.as_str()];
    names(Git::on(repository).args(diff)).await
}

async fn all_files(repository: &Path, after: &CommitId) -> Result<ChangedFiles, GitError> {
    names(Git::on(repository).args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", after.as_str()])).await
}

async fn names(call: Git) -> Result<ChangedFiles, GitError> {
    let said = call.run(LOCAL_TIMEOUT).await?;
    let names = said.stdout.clone();
    said.well()?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(ChangedFiles::known(names.map(|name| String::from_utf8_lossy(name).into_owned())))
}

fn first_line(stdout: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(stdout).ok()?.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
