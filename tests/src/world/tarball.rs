//! A forge's archive that is made while it is sent, so that it may be larger than any memory.

use std::io::{self, Read, Write};

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Handle;
use tokio_util::io::ReaderStream;

/// What stands in an archive.
#[derive(Debug, Clone, Default)]
pub struct Tarball {
    /// So many files of a few bytes each: `tiny/<n>`.
    pub tiny: usize,
    /// Files that no packer makes smaller, of so many bytes each: `noise/<n>`.
    pub noise: Vec<u64>,
    /// One file of so many zeros: `zeros`.
    pub zeros: u64,
    /// It breaks off after sixteen megabytes.
    pub broken: bool,
}

/// Bytes on their way.
const ON_THE_WAY: usize = 256 * 1024;
/// So many bytes of an archive come that breaks off.
const BROKEN_AFTER: u64 = 16_000_000;

impl Tarball {
    /// All of it below one folder, with an executable file `run` and a link to it, as it is made.
    ///
    /// # Panics
    /// When it is not asked for within a tokio runtime.
    pub fn body(&self) -> Body {
        let (sent, made) = tokio::io::duplex(ON_THE_WAY);
        let left = if self.broken { BROKEN_AFTER } else { u64::MAX };
        let tarball = self.clone();
        let to = Sent { sent, runtime: Handle::current(), left };
        // Whoever reads may have gone.
        tokio::task::spawn_blocking(move || drop(tarball.write(to)));
        Body::from_stream(ReaderStream::new(made))
    }

    fn write(&self, to: Sent) -> io::Result<()> {
        let mut tar = Builder::new(GzEncoder::new(to, Compression::fast()));
        let mut file = |name: &str, mode: u32, size: u64, content: &mut dyn Read| {
            let mut header = Header::new_gnu();
            header.set_mode(mode);
            header.set_size(size);
            tar.append_data(&mut header, format!("around/{name}"), content)
        };
        file("run", 0o775, 3, &mut &b"#!\n"[..])?;
        for n in 0..self.tiny {
            file(&format!("tiny/{n}"), 0o664, 3, &mut &b"abc"[..])?;
        }
        for (n, size) in self.noise.iter().enumerate() {
            file(&format!("noise/{n}"), 0o664, *size, &mut Noise(n as u64 + 1).take(*size))?;
        }
        if self.zeros > 0 {
            file("zeros", 0o664, self.zeros, &mut io::repeat(0).take(self.zeros))?;
        }
        let mut link = Header::new_gnu();
        link.set_entry_type(EntryType::Symlink);
        link.set_size(0);
        tar.append_link(&mut link, "around/link", "run")?;
        tar.into_inner()?.finish()?.flush()
    }
}

/// Where the archive goes; writing waits until somebody reads.
struct Sent {
    sent: DuplexStream,
    runtime: Handle,
    left: u64,
}

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.runtime.block_on(self.sent.write(bytes))?;
        self.left = self.left.checked_sub(written as u64).ok_or_else(|| io::Error::other("it breaks off"))?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.sent.flush())
    }
}

/// xorshift: the same bytes each time, and nothing to pack in them.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for bytes in into.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.copy_from_slice(&self.0.to_le_bytes()[..bytes.len()]);
        }
        Ok(into.len())
    }
}
