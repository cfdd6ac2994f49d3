//! One object, uploaded while it is made: nobody sees any of it before all of it is there.

use std::io::{self, Write};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::Missing;
use super::repack::Unpackable;
use crate::engine::codepipeline::trouble::unavailable_or_refused;

/// One part. S3 takes none smaller but the last, and ten thousand: 52 GB of these. Four are in memory at the same time.
const PART: usize = 5 * 1024 * 1024;
/// What `CodePipeline` shows of the object: the API's `ArtifactRevision`.
const SUMMARY: &str = "codepipeline-artifact-revision-summary";

/// Where an object goes.
pub(super) struct Upload<'u> {
    pub(super) s3: &'u Client,
    pub(super) bucket: &'u str,
    pub(super) key: &'u str,
    /// What people see of it.
    pub(super) summary: &'u str,
}

impl Upload<'_> {
    /// Uploads the parts as they come, and makes an object of them when `made` says that they are all. The object's version.
    pub(super) async fn run(
        &self,
        mut parts: mpsc::Receiver<Bytes>,
        made: impl Future<Output = Result<(), Unpackable>>,
    ) -> Result<Option<String>, Missing> {
        let first = parts.recv().await.unwrap_or_default();
        let Some(second) = parts.recv().await else {
            made.await?;
            return self.small(first).await;
        };
        let create = self.s3.create_multipart_upload().bucket(self.bucket).key(self.key);
        let created = create.content_type("application/zip").metadata(SUMMARY, self.summary).send().await;
        let created = created.map_err(|error| self.trouble(&error))?;
        let id = created.upload_id().unwrap_or_default();
        let all = async {
            let mut done = Vec::new();
            let mut next = vec![first, second].into_iter();
            while let Some(part) = match next.next() {
                Some(part) => Some(part),
                None => parts.recv().await,
            } {
                done.push(self.part(id, done.len() + 1, part).await?);
            }
            made.await?;
            self.complete(id, done).await
        };
        match all.await {
            Ok(version) => Ok(version),
            Err(error) => {
                let abort = self.s3.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
                if let Err(trouble) = abort.send().await {
                    // The bucket's lifecycle rule takes it away then.
                    tracing::warn!(key = self.key, "an upload that was given up is left in the bucket: {trouble}");
                }
                Err(error)
            }
        }
    }

    async fn small(&self, body: Bytes) -> Result<Option<String>, Missing> {
        let put = self.s3.put_object().bucket(self.bucket).key(self.key).content_type("application/zip");
        let put = put.metadata(SUMMARY, self.summary).body(ByteStream::from(body)).send().await;
        Ok(put.map_err(|error| self.trouble(&error))?.version_id)
    }

    async fn part(&self, id: &str, number: usize, body: Bytes) -> Result<CompletedPart, Missing> {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let upload = self.s3.upload_part().bucket(self.bucket).key(self.key).upload_id(id).part_number(number);
        let uploaded = upload.body(ByteStream::from(body)).send().await.map_err(|error| self.trouble(&error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(uploaded.e_tag);
        Ok(part.set_checksum_crc32(uploaded.checksum_crc32).build())
    }

    async fn complete(&self, id: &str, parts: Vec<CompletedPart>) -> Result<Option<String>, Missing> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.s3.complete_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id);
        let completed = complete.multipart_upload(parts).send().await;
        Ok(completed.map_err(|error| self.trouble(&error))?.version_id)
    }

    fn trouble<E, R>(&self, error: &aws_sdk_s3::error::SdkError<E, R>) -> Missing
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata,
    {
        Missing::Settled(unavailable_or_refused(&format!("the source bucket {}", self.bucket), error))
    }
}

/// Hands on what is written in parts of one size; the last is what is left. Waits when nobody takes them.
pub(super) struct Parts {
    filling: BytesMut,
    parts: mpsc::Sender<Bytes>,
}

impl Parts {
    pub(super) fn new(parts: mpsc::Sender<Bytes>) -> Self {
        Self { filling: BytesMut::with_capacity(PART), parts }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.filling, BytesMut::with_capacity(PART)).freeze();
        let closed = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the zip any more");
        self.parts.blocking_send(part).map_err(closed)
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = &bytes[..bytes.len().min(PART - self.filling.len())];
        self.filling.extend_from_slice(some);
        if self.filling.len() == PART {
            self.hand_on()?;
        }
        Ok(some.len())
    }

    /// The last part.
    fn flush(&mut self) -> io::Result<()> {
        if self.filling.is_empty() { Ok(()) } else { self.hand_on() }
    }
}
