//! The commit's files in the source bucket.
//!
//! A commit has one key, and what is there is never written over: a second run of the commit, and a second attempt at the same
//! run, find it. It is whole or it is not there.

use std::io::{self, Read, Write};
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use futures::StreamExt;
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
    /// A forge that cannot give a commit is asked again after each of these.
    pub(super) again_after: Vec<Duration>,
}

/// Parts of an archive that wait to be packed. Each is what the network gave at once.
const PARTS_WAITING: usize = 16;

impl Bucket {
    /// Makes sure that the commit's files are there.
    pub(super) async fn bring(&self, run: &Run, forge: &dyn Forge) -> Result<Object, EngineError> {
        let key = names::source_key(&run.key.repository, &run.key.commit);
        if let Some(there) = self.find(&key).await? {
            return Ok(there);
        }
        let mut waits = self.again_after.iter();
        loop {
            let (trouble, is_final) = match self.put(run, forge, &key).await {
                Ok(object) => return Ok(object),
                Err(Missing::Refused(why)) => return Err(EngineError::Refused(why)),
                Err(Missing::Gone(why)) => (EngineError::Refused(why), false),
                Err(Missing::Later(why)) => (EngineError::Unavailable(why), false),
                Err(Missing::Bucket(error)) => (error, true),
            };
            match waits.next() {
                Some(wait) if !is_final => tokio::time::sleep(*wait).await,
                _ => return Err(trouble),
            }
        }
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
        self.versioned(key, version.as_deref()).map_err(Missing::Bucket)
    }
}

/// Why a commit's files are not in the bucket.
enum Missing {
    /// They never will be.
    Refused(String),
    /// The forge does not have the commit, or not yet.
    Gone(String),
    /// They may be, when it is tried again.
    Later(String),
    /// It is the bucket.
    Bucket(EngineError),
}

impl From<NoArchive> for Missing {
    fn from(none: NoArchive) -> Self {
        match none {
            NoArchive::Later(why) => Self::Later(why),
            NoArchive::Gone(why) => Self::Gone(why),
            NoArchive::Never(why) => Self::Refused(why),
        }
    }
}

impl From<Unpackable> for Missing {
    fn from(error: Unpackable) -> Self {
        match error {
            Unpackable::Refused(why) => Self::Refused(why),
            Unpackable::Broken(_) => Self::Later(said(&error)),
        }
    }
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
