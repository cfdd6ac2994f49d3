//! The data folder: made for its owner alone, served by one process at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The database's name.
pub(super) const DATABASE: &str = "pointsman.sqlite";

/// A folder that is ours as long as this value lives. The lock goes when the process does, however it ends.
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Drop for Folder {
    /// Closing the file would do, but for a process that is being started this moment: it has the file until it runs its program.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the data folder's lock goes with its file");
        }
    }
}

impl Folder {
    /// Makes the folder when it is missing, and takes it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let refused =
            |what: &str, error: &std::io::Error| StoreError::Unavailable(format!("{what} {}: {error}", path.display()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| refused("cannot make the data folder", &error))?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|error| refused("cannot write in the data folder", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "another pointsman serves this folder: {}; stop it, or give this one another --data",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(refused("cannot lock the data folder", &error)),
        }
    }

    /// The database's file.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_let_go_of_is_free_whoever_is_being_started() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::take(place.path()).unwrap();
        let refused = Folder::take(place.path()).err().unwrap().to_string();
        assert!(refused.contains("another pointsman serves this folder"), "{refused}");
        let forked = folder.lock.try_clone().unwrap();
        drop(folder);
        assert!(Folder::take(place.path()).is_ok());
        drop(forked);
    }
}
