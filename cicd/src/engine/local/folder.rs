//! Removes folders that builds have written into.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a folder with all that is in it, also when a build took its own right to write away. One that is not there is
/// removed already.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
                if entry.file_type().is_dir() {
                    let _the_next_try_tells = std::fs::set_permissions(entry.path(), Permissions::from_mode(0o700));
                }
            }
            std::fs::remove_dir_all(folder)
        }
        done => done,
    }
}
