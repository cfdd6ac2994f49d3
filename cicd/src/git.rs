//! Drives the git command.

use std::path::Path;

use router::event::ChangedFiles;
use router::id::CommitId;
use tokio::process::Command;

/// The files that differ between two commits of a repository in a folder.
pub async fn changed_files(repo_dir: &Path, before: Option<&CommitId>, after: &CommitId) -> ChangedFiles {
    let Some(before) = before else { return ChangedFiles::Unknown("it is new".to_owned()) };
    let mut git = Command::new("git");
    git.arg("-C").arg(repo_dir).args(["diff", "--name-only", "--no-renames", "-z", before.as_str(), after.as_str()]);
    match git.output().await {
        Ok(done) if done.status.success() => {
            ChangedFiles::known(String::from_utf8_lossy(&done.stdout).split_terminator('\0'))
        }
        Ok(_) | Err(_) => ChangedFiles::Unknown("git cannot compare the two commits".to_owned()),
    }
}
