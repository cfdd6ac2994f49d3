//! The files of a commit as git packs them.

use std::io;
use std::path::Path;

use futures::StreamExt;
use router::id::CommitId;
use tokio_util::io::ReaderStream;

use super::command::Git as Command;
use super::{GitError, has};
use crate::forge::Archive;

/// The folder that all files stand in, as in a forge's archive.
const FOLDER: &str = "--prefix=files/";

/// The files of a commit of the repository in `folder`, bare or not: a tar packed with gzip, as it is made.
///
/// # Errors
/// [`GitError`] when the commit is not there, or git cannot be started.
pub async fn archive(folder: &Path, commit: &CommitId) -> Result<Archive, GitError> {
    let inner = folder.join(".git");
    if !has(if inner.is_dir() { &inner } else { folder }, commit).await? {
        return Err(GitError::CommitGone(commit.clone()));
    }
    let command = Command::on(folder).args(["archive", "--format=tar.gz", FOLDER]).arg(commit.as_str());
    let (out, ended) = command.stream()?;
    // The last part of the stream is how git ended: an archive that breaks off is none.
    let end = futures::stream::once(ended).filter_map(async |ended: io::Result<()>| ended.err().map(Err));
    Ok(Box::pin(ReaderStream::new(out).chain(end)))
}
