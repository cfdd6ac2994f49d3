//! The commit's files in the source bucket.
//!
//! A commit has one key, and what is there is never written over: a second run of the commit, and a second attempt at the same
//! run, find it. It is whole or it is not there.
//!
//! Right after a push a forge may not know its own commit yet. Nothing here waits for it: each try is one try, and how old the run
//! is tells whether there will be another.

use std::io::{self, Read, Write};

use aws_sdk_s3::Client;
use bytes::Bytes;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use router::run::Run;
use tokio::sync::mpsc;

use super::names;
use super::trouble::{said, unavailable_or_refused};
use crate::engine::EngineError;
use crate::forge::{Archive, Forge, NoArchive};

mod repack;
mod upload;

use repack::{Limits, Unpackable, repack};
use upload::Upload;

/// Where a commit's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) version: String,
}

/// The source bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) s3: Client,
    pub(super) name: String,
    /// A forge that does not know the commit of a run is believed when the run is so old.
    pub(super) gone_after: SignedDuration,
    /// An archive that is not whole is given up when the run is so old.
    pub(super) broken_after: SignedDuration,
}

/// Parts of an archive that wait to be packed. Each is what the network gave at once.
const PARTS_WAITING: usize = 16;

impl Bucket {
    /// Makes sure that the commit's files are there. [`EngineError::NotYet`] when they may be in a moment.
    pub(super) async fn bring(&self, run: &Run, forge: &dyn Forge, now: Timestamp) -> Result<Object, EngineError> {
        let key = names::source_key(&run.key.repository, &run.key.commit);
        if let Some(there) = self.find(&key).await? {
            return Ok(there);
        }
        let (why, believed_after) = match self.put(run, forge, &key).await {
            Ok(object) => return Ok(object),
            Err(Missing::Settled(trouble)) => return Err(trouble),
            Err(Missing::Gone(why)) => (why, self.gone_after),
            Err(Missing::Broken(why)) => (why, self.broken_after),
        };
        let age = now.duration_since(run.created_at);
        Err(if age < believed_after { EngineError::NotYet(why) } else { EngineError::Refused(why) })
    }

    async fn find(&self, key: &str) -> Result<Option<Object>, EngineError> {
        match self.s3.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => self.versioned(key, head.version_id()).map(Some),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(None),
            Err(error) => Err(unavailable_or_refused(&format!("the source bucket {}", self.name), &error)),
        }
    }

    /// Without versions somebody who may write there could change what is built after it was decided.
    fn versioned(&self, key: &str, version: Option<&str>) -> Result<Object, EngineError> {
        match version {
            Some(version) if version != "null" => Ok(Object { key: key.to_owned(), version: version.to_owned() }),
            Some(_) | None => Err(EngineError::Refused(format!(
                "the source bucket {0} keeps no versions, and CodePipeline takes none without; turn them on (aws s3api \
                 put-bucket-versioning --bucket {0} --versioning-configuration Status=Enabled), delete {key} there, and \
                 run again",
                self.name
            ))),
        }
    }

    async fn put(&self, run: &Run, forge: &dyn Forge, key: &str) -> Result<Object, Missing> {
        let archive = forge.archive(&run.key.repository, &run.key.commit).await?;
        let (parts_in, parts_out) = mpsc::channel(PARTS_WAITING);
        let (zip_in, zip_out) = mpsc::channel(1);
        let read = tokio::spawn(forward(archive, parts_in));
        let packing = tokio::task::spawn_blocking(move || {
            let mut zip = upload::Parts::new(zip_in);
            repack(Incoming { parts: parts_out, now: Bytes::new() }, &mut zip, Limits::default())?;
            zip.flush()?;
            Ok::<_, Unpackable>(())
        });
        let summary = format!("{} {}", run.key.repository.path, run.key.commit);
        let upload = Upload { s3: &self.s3, bucket: &self.name, key, summary: &summary };
        let put = upload.run(zip_out, async { packing.await.map_err(io::Error::other)? }).await;
        read.abort();
        let version = put?;
        self.versioned(key, version.as_deref()).map_err(Missing::Settled)
    }
}

/// Why a commit's files are not in the bucket.
enum Missing {
    /// The forge does not have the commit, or not yet.
    Gone(String),
    /// What the forge gave is not whole.
    Broken(String),
    /// It is known what that means.
    Settled(EngineError),
}

impl From<NoArchive> for Missing {
    fn from(none: NoArchive) -> Self {
        match none {
            NoArchive::Later(why) => Self::Settled(EngineError::NotYet(why)),
            NoArchive::Gone(why) => Self::Gone(why),
            NoArchive::Never(why) => Self::Settled(EngineError::Refused(why)),
        }
    }
}

impl From<Unpackable> for Missing {
    fn from(error: Unpackable) -> Self {
        match error {
            Unpackable::Refused(why) => Self::Settled(EngineError::Refused(why)),
            Unpackable::Broken(_) => Self::Broken(readable(said(&error))),
        }
    }
}

/// What broke an archive may stand in the words for it, bytes and all; people are to read them.
fn readable(words: String) -> String {
    let is_odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    if words.contains(is_odd) { "the forge's archive is not whole: it is no tar".to_owned() } else { words }
}

/// Hands on what the network gives, until nobody takes it any more.
async fn forward(mut archive: Archive, parts: mpsc::Sender<io::Result<Bytes>>) {
    while let Some(part) = archive.next().await {
        if parts.send(part).await.is_err() {
            return;
        }
    }
}

/// The archive, to be read on a blocking thread.
struct Incoming {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    now: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.parts.blocking_recv() {
                Some(part) => self.now = part?,
                None => return Ok(0),
            }
        }
        let some = self.now.split_to(self.now.len().min(into.len()));
        into[..some.len()].copy_from_slice(&some);
        Ok(some.len())
    }
}
