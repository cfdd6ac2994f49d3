//! Removes folders that builds have written into.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a folder with all that is in it, also when a build took its own right to write away. One that is not there is
/// removed already. There may be a hundred thousand files in it: nobody else waits for them.
pub(crate) async fn remove(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || remove_now(&folder)).await.map_err(io::Error::other)?
}

fn remove_now(folder: &Path) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_goes_with_all_that_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("work");
        std::fs::create_dir_all(folder.join("closed/deep")).unwrap();
        std::fs::write(folder.join("closed/deep/file"), "x").unwrap();
        std::fs::write(home.path().join("kept"), "x").unwrap();
        std::os::unix::fs::symlink(home.path(), folder.join("out")).unwrap();
        std::fs::set_permissions(folder.join("closed"), Permissions::from_mode(0o500)).unwrap();
        remove(&folder).await.unwrap();
        assert!(!folder.exists() && home.path().join("kept").exists());
        remove(&folder).await.unwrap();
    }
}
