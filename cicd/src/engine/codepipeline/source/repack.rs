//! A forge's archive (a tar packed with gzip, all below one folder) as the zip that `CodePipeline` takes (no folder around), while
//! it streams: nothing but the list of its files is kept.
//!
//! The same commit makes the same bytes: times are one fixed time, modes are git's two. Links are kept as links. What could be
//! written outside of the folder that it is unpacked into is refused.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use flate2::read::GzDecoder;
use tar::{Archive, Entry, EntryType};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Why there is no zip.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unpackable {
    /// The archive broke off or is damaged: fetched again, it may be whole.
    #[error("the forge's archive is not whole: {0}")]
    Broken(#[from] io::Error),
    /// It never will; why, for the run's status.
    #[error("{0}")]
    Refused(String),
}

/// What `CodePipeline` takes: the user guide's `limits` page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Files in a source artifact.
    pub(super) files: usize,
    /// Bytes of a source artifact.
    pub(super) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 100_000, bytes: 7_000_000_000 }
    }
}

/// Reads an archive to its end and writes the zip. Blocks.
pub(super) fn repack(archive: impl Read, zip: impl Write, limits: Limits) -> Result<(), Unpackable> {
    let mut tar = Archive::new(GzDecoder::new(archive));
    let zip = Measured { inner: zip, written: 0, most: limits.bytes, given_up: false };
    let mut packed = Packed { zip: ZipWriter::new_stream(zip), links: HashSet::new(), files: 0, most: limits.files };
    for entry in tar.entries()? {
        packed.take(entry?)?;
    }
    // A tar says itself where it ends. What gzip says of the whole is behind that, and tells whether it is one.
    let mut unpacked = tar.into_inner();
    io::copy(&mut unpacked, &mut io::sink())?;
    packed.zip.finish().map_err(refused_or_broken)?.into_inner().flush()?;
    Ok(())
}

struct Packed<W: Write> {
    zip: ZipWriter<zip::write::StreamWriter<Measured<W>>>,
    /// The links so far: nothing may stand below one.
    links: HashSet<String>,
    files: usize,
    most: usize,
}

impl<W: Write> Packed<W> {
    fn take(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), Unpackable> {
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::Directory) {
            return Ok(());
        }
        let Some(name) = name(&entry.path_bytes())? else { return Ok(()) };
        if parents(&name).any(|parent| self.links.contains(parent)) {
            return Err(Unpackable::Refused(format!("the archive holds {name:?}, which stands below a link")));
        }
        self.files += 1;
        if self.files > self.most {
            return Err(Unpackable::Refused(format!(
                "the commit has more than {} files, and CodePipeline takes no more in its source",
                self.most
            )));
        }
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let executable = entry.header().mode()? & 0o100 != 0;
                let options = options(entry.size()).unix_permissions(if executable { 0o755 } else { 0o644 });
                self.zip.start_file(name.as_str(), options).map_err(refused_or_broken)?;
                copy(&mut entry, &mut self.zip)
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = String::from_utf8(target)
                    .map_err(|_| Unpackable::Refused(format!("the link {name:?} leads to a name that is not UTF-8")))?;
                self.zip.add_symlink(name.as_str(), target, options(0)).map_err(refused_or_broken)?;
                self.links.insert(name);
                Ok(())
            }
            _ => Err(Unpackable::Refused(format!("the archive holds {name:?}, which is neither a file nor a link"))),
        }
    }
}

/// A file of so many bytes needs zip64: what packs badly becomes a little larger than it is, and must still be below 4 GiB.
const LARGE: u64 = 4_000_000_000;

fn options(size: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .large_file(size >= LARGE)
}

/// An entry's name without the folder around all; none for the folder itself.
fn name(path: &[u8]) -> Result<Option<String>, Unpackable> {
    let shown = || String::from_utf8_lossy(path).chars().take(200).collect::<String>();
    let refused = |why: &str| Unpackable::Refused(format!("the archive holds {:?}, {why}", shown()));
    let text = std::str::from_utf8(path).map_err(|_| refused("which is not UTF-8"))?;
    if text.starts_with('/') || text.contains(['\\', '\0']) {
        return Err(refused("which is no name that every machine takes"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(refused("which leaves its folder"));
    }
    let Some((_folder, inside)) = parts.split_first() else { return Ok(None) };
    Ok((!inside.is_empty()).then(|| inside.join("/")))
}

/// The folders that a name stands in.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<(), Unpackable> {
    match io::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) => Err(refused_or_broken(ZipError::Io(error))),
    }
}

fn refused_or_broken(error: ZipError) -> Unpackable {
    match error {
        ZipError::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<TooLarge>()) {
            Some(too_large) => Unpackable::Refused(too_large.to_string()),
            None => Unpackable::Broken(error),
        },
        other => Unpackable::Refused(format!("the commit's files cannot stand in a zip: {other}")),
    }
}

/// The zip became larger than it may.
#[derive(Debug, thiserror::Error)]
#[error("the commit's files are more than {0} bytes as a zip, and CodePipeline takes no more in its source")]
struct TooLarge(u64);

/// Counts what is written, and ends it at the limit.
struct Measured<W> {
    inner: W,
    written: u64,
    most: u64,
    given_up: bool,
}

impl<W: Write> Write for Measured<W> {
    /// Once it has failed it takes everything and drops it: a zip that is given up still writes its end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up {
            return Ok(bytes.len());
        }
        let is_too_large = self.written + bytes.len() as u64 > self.most;
        let written = if is_too_large { Err(io::Error::other(TooLarge(self.most))) } else { self.inner.write(bytes) };
        self.given_up = written.is_err();
        self.written += *written.as_ref().unwrap_or(&0) as u64;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.given_up { Ok(()) } else { self.inner.flush() }
    }
}

#[cfg(test)]
mod tests;
