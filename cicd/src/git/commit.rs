//! What a repository on this machine says of a commit.

use std::path::Path;

use router::id::{CommitId, GitRef};

use super::command::Git;
use super::{GitError, LOCAL_TIMEOUT};

/// The commit that an object is, or is the tag of.
///
/// # Errors
/// [`GitError`] when the repository has no such commit.
pub async fn peeled(repository: &Path, object: &CommitId) -> Result<CommitId, GitError> {
    let name = format!("{object}^{{commit}}");
    let said = Git::on(repository).args(["rev-parse", "--verify", "--quiet", &name]).run(LOCAL_TIMEOUT).await?;
    let commit = CommitId::new(String::from_utf8_lossy(&said.stdout).trim());
    commit.map_err(|_| GitError::CommitGone(object.clone()))
}

/// The message of a commit.
///
/// # Errors
/// [`GitError`] when the repository does not have it.
pub async fn message(repository: &Path, commit: &CommitId) -> Result<String, GitError> {
    shown(repository, "--format=%B", commit).await
}

/// The e-mail address of a commit's author.
///
/// # Errors
/// [`GitError`] when the repository does not have it.
pub async fn author_email(repository: &Path, commit: &CommitId) -> Result<String, GitError> {
    shown(repository, "--format=%ae", commit).await
}

async fn shown(repository: &Path, format: &str, commit: &CommitId) -> Result<String, GitError> {
    let show = ["show", "--no-patch", format, commit.as_str(), "--"];
    let said = Git::on(repository).args(show).run(LOCAL_TIMEOUT).await?;
    let shown = String::from_utf8_lossy(&said.stdout).trim_end().to_owned();
    said.well()?;
    Ok(shown)
}

/// Whether `after` holds everything that `before` held: a push between the two rewrote nothing.
///
/// # Errors
/// [`GitError`] when git cannot be started.
pub async fn is_ancestor(repository: &Path, before: &CommitId, after: &CommitId) -> Result<bool, GitError> {
    let asked = ["merge-base", "--is-ancestor", before.as_str(), after.as_str()];
    Ok(Git::on(repository).args(asked).run(LOCAL_TIMEOUT).await?.ok)
}

/// Every branch and tag with the commit that it is, or is the tag of.
///
/// # Errors
/// [`GitError`] when there is no repository.
pub async fn refs(repository: &Path) -> Result<Vec<(GitRef, CommitId)>, GitError> {
    let format = "--format=%(refname)%00%(objectname)%00%(*objectname)";
    let said = Git::on(repository).args(["for-each-ref", format, "refs/heads", "refs/tags"]).run(LOCAL_TIMEOUT).await?;
    let lines = String::from_utf8_lossy(&said.stdout).into_owned();
    said.well()?;
    let read = |line: &str| {
        let mut parts = line.split('\0');
        let (name, object, peeled) = (parts.next()?, parts.next()?, parts.next()?);
        let commit = if peeled.is_empty() { object } else { peeled };
        Some((GitRef::new(name).ok()?, CommitId::new(commit).ok()?))
    };
    Ok(lines.lines().filter_map(read).collect())
}

/// A text file at the repository's `HEAD`; none when there is no such file.
///
/// # Errors
/// [`GitError`] when git cannot be started, or the file is not UTF-8 text.
pub async fn file_at_head(repository: &Path, path: &str) -> Result<Option<String>, GitError> {
    let said = Git::on(repository).args(["cat-file", "blob"]).arg(format!("HEAD:{path}")).run(LOCAL_TIMEOUT).await?;
    if !said.ok {
        return Ok(None);
    }
    String::from_utf8(said.stdout).map(Some).map_err(|_| GitError::Failed(format!("{path} is not UTF-8 text")))
}
