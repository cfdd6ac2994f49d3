//! Artifacts as zip files: the same files make the same bytes, and what is unpacked stays in its folder.

use std::fs::{File, Permissions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::select::Selection;

/// The bytes of an archive: their SHA-256 in hex, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// Packs files in the order of their names, with one fixed time and each file's own mode.
pub(crate) fn pack(selection: &Selection, archive: &Path, keep_links: bool) -> io::Result<Digested> {
    let unfinished = archive.with_extension("unfinished");
    let mut zip = ZipWriter::new(BufWriter::new(File::create(&unfinished)?));
    for (name, path) in selection {
        let kind = path.symlink_metadata()?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .large_file(kind.len() >= u64::from(u32::MAX));
        if kind.is_symlink() && keep_links {
            let target = path.read_link()?;
            zip.add_symlink(name, target.to_string_lossy(), options)?;
        } else {
            let mut file = File::open(path)?;
            let mode = file.metadata()?.permissions().mode() & 0o777;
            zip.start_file(name, options.unix_permissions(mode))?;
            io::copy(&mut file, &mut zip)?;
        }
    }
    let mut file = zip.finish()?;
    file.flush()?;
    file.get_ref().sync_all()?;
    std::fs::rename(&unfinished, archive)?;
    digest(archive)
}

/// The hash and the size of a file.
pub(crate) fn digest(path: &Path) -> io::Result<Digested> {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Digested { sha256: hex::encode(hash.finalize()), bytes });
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Unpacks into a folder that is made. Links come last, so that nothing is written through one.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> io::Result<()> {
    let mut zip = ZipArchive::new(BufReader::new(File::open(archive)?))?;
    std::fs::create_dir_all(folder)?;
    let mut links = Vec::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at)?;
        let name = entry.enclosed_name().ok_or_else(|| leaves(&String::from_utf8_lossy(entry.name_raw())))?;
        let path = folder.join(&name);
        if entry.is_dir() {
            std::fs::create_dir_all(&path)?;
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        if entry.is_symlink() {
            let mut target = String::new();
            entry.read_to_string(&mut target)?;
            if climbs_out(&name, Path::new(&target)) {
                return Err(leaves(&target));
            }
            links.push((target, path));
            continue;
        }
        let mut file = File::create_new(&path)?;
        io::copy(&mut entry, &mut file)?;
        file.set_permissions(Permissions::from_mode(entry.unix_mode().unwrap_or(0o644) & 0o777))?;
    }
    links.into_iter().try_for_each(|(target, path)| symlink(target, path))
}

fn leaves(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the archive holds {name:?}, which leaves its folder"))
}

/// Whether a link's target leaves the archive, by its words alone.
fn climbs_out(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(folder: &Path, names: &[&str]) -> Selection {
        names.iter().map(|name| ((*name).to_owned(), folder.join(name))).collect()
    }

    fn file(path: &Path, text: &str, mode: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_same_files_are_the_same_bytes_and_come_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut digests = Vec::new();
        for home in ["one", "two"] {
            let home = path(home);
            file(&home.join("bin/run"), "#!/bin/sh\n", 0o755);
            file(&home.join("a"), "a", 0o640);
            symlink("bin/run", home.join("link")).unwrap();
            let archive = home.with_extension("zip");
            digests.push(pack(&selection(&home, &["a", "bin/run", "link"]), &archive, true).unwrap());
        }
        assert_eq!(digests[0], digests[1]);
        unpack(&path("one.zip"), &path("out")).unwrap();
        let out = path("out");
        assert_eq!(std::fs::read_to_string(out.join("link")).unwrap(), "#!/bin/sh\n");
        assert_eq!(std::fs::read_link(out.join("link")).unwrap(), Path::new("bin/run"));
        assert_eq!(std::fs::metadata(out.join("a")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::metadata(out.join("bin/run")).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(unpack(&path("one.zip"), &out).is_err(), "nothing is written over");
    }

    #[test]
    fn a_hostile_archive_stays_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("x.zip");
        let make = |fill: &dyn Fn(&mut ZipWriter<File>)| {
            let mut zip = ZipWriter::new(File::create(&archive).unwrap());
            fill(&mut zip);
            zip.finish().unwrap();
        };
        let options = SimpleFileOptions::default();
        for name in ["../evil", "/evil", "a/../../evil"] {
            make(&|zip| {
                zip.start_file(name, options).unwrap();
                zip.write_all(b"x").unwrap();
            });
            let _refused_or_kept_inside = unpack(&archive, &folder.path().join("deep/out"));
            assert!(!folder.path().join("deep/evil").exists() && !Path::new("/evil").exists(), "{name}");
            let _may_not_exist = std::fs::remove_dir_all(folder.path().join("deep"));
        }
        make(&|zip| {
            zip.add_symlink("d", "..", options).unwrap();
            zip.start_file("d/evil", options).unwrap();
        });
        assert!(unpack(&archive, &folder.path().join("deep/out")).is_err());
        assert!(!folder.path().join("deep/evil").exists());
    }
}
