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
    _lock: File,
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
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
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
