//! The part of crc-fast that `aws-smithy-checksums` calls, over `crc32fast` and `crc`.
//!
//! The crate of that name chooses among all CRCs while it runs, so every table comes along: half a megabyte that no zip makes smaller, in
//! functions that are fetched before they begin. S3 knows three. Cargo.toml puts this in its place.

use std::fmt;

use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc};

static ISCSI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
static NVME: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// The checksums that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// What S3 calls CRC32.
    Crc32IsoHdlc,
    /// What S3 calls CRC32C.
    Crc32Iscsi,
    /// What S3 calls CRC64NVME.
    Crc64Nvme,
}

/// A checksum under way.
pub struct Digest(Kind);

enum Kind {
    /// The one that the SDK computes by itself for all that is sent, so the one that has to be fast.
    IsoHdlc(crc32fast::Hasher),
    Iscsi(crc::Digest<'static, u32>),
    Nvme(crc::Digest<'static, u64>),
}

impl Digest {
    /// Of nothing yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Kind::IsoHdlc(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => Kind::Iscsi(ISCSI.digest()),
            CrcAlgorithm::Crc64Nvme => Kind::Nvme(NVME.digest()),
        })
    }

    /// Goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Kind::IsoHdlc(hasher) => hasher.update(bytes),
            Kind::Iscsi(digest) => digest.update(bytes),
            Kind::Nvme(digest) => digest.update(bytes),
        }
    }

    /// The checksum of all bytes so far.
    pub fn finalize(self) -> u64 {
        match self.0 {
            Kind::IsoHdlc(hasher) => hasher.finalize().into(),
            Kind::Iscsi(digest) => digest.finalize().into(),
            Kind::Nvme(digest) => digest.finalize(),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRCs.
    #[test]
    fn each_is_the_one_that_s3_knows_by_its_name() {
        for (algorithm, check) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            let mut digest = Digest::new(algorithm);
            for part in [b"1234".as_slice(), b"", b"56789"] {
                digest.update(part);
            }
            assert_eq!(digest.finalize(), check, "{algorithm:?}");
        }
    }
}
