//! S3 sources: one object, by its key and version, from a bucket that keeps versions.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use tokio::io::AsyncWriteExt;

use super::limits;
use super::machine::Order;
use super::machine::end::End;
use crate::wire::action::{ActionEnd, ActionFailure};

/// An object that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its version.
    pub version: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// The user metadata `codepipeline-artifact-revision-summary`.
    pub summary: Option<String>,
}

/// Where objects come from.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Writes an object, or one version of it, into a file.
    ///
    /// # Errors
    /// `ConfigurationError`, `PermissionError` or `SystemUnavailable`, with words.
    async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        into: &Path,
    ) -> Result<Fetched, ActionFailure>;
}

/// Does a source action.
pub(super) async fn fetch(objects: &dyn Objects, order: &Order, folder: &Path) -> End {
    let said =
        |kind: &str| order.overrides.iter().rev().find(|o| o.revision_type == kind).map(|o| o.revision_value.as_str());
    let configured = |key: &str| order.run.resolved.get(key).map(String::as_str).unwrap_or_default();
    let bucket = configured("S3Bucket");
    let key = said("S3_OBJECT_KEY").unwrap_or(configured("S3ObjectKey"));
    let file = folder.join("source.zip");
    let fetched = match objects.fetch(bucket, key, said("S3_OBJECT_VERSION_ID"), &file).await {
        Ok(fetched) => fetched,
        Err(failure) => return ActionEnd { result: Err(failure), ..ActionEnd::done() }.into(),
    };
    let summary = fetched.summary.unwrap_or_else(|| format!("Amazon S3 version id: {}", fetched.version));
    let variables = [
        ("BucketName", bucket.to_owned()),
        ("ETag", fetched.etag),
        ("ObjectKey", key.to_owned()),
        ("VersionId", fetched.version.clone()),
    ];
    let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.to_owned(), value)).into();
    let end = ActionEnd {
        external_id: Some(fetched.version.clone()),
        summary: Some(summary.clone()),
        outputs: order.run.outputs.iter().take(1).map(|output| (output.name.clone(), file.clone())).collect(),
        variables,
        ..ActionEnd::done()
    };
    End { end, zips: vec![], revision: Some((fetched.version, summary)) }
}

/// An S3 endpoint.
#[derive(Debug, Clone)]
pub struct S3Objects(pub aws_sdk_s3::Client);

#[async_trait]
impl Objects for S3Objects {
    async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        into: &Path,
    ) -> Result<Fetched, ActionFailure> {
        let got = self.0.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned)).send().await;
        let mut object = got.map_err(|error| failure(error.code(), bucket, key, DisplayErrorContext(&error)))?;
        let size = object.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or_default();
        if size > limits::SOURCE_BYTES {
            return Err(configuration(format!("The object {key} has {size} bytes; a source may have 7 GB")));
        }
        // Only an object of a bucket that keeps versions has one of its own.
        let Some(version) = object.version_id().filter(|version| *version != "null") else {
            let message =
                format!("The Amazon S3 bucket {bucket} must keep versions to be a source; enable versioning on it");
            return Err(configuration(message));
        };
        let fetched = Fetched {
            version: version.to_owned(),
            etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            summary: object.metadata().and_then(|of| of.get("codepipeline-artifact-revision-summary")).cloned(),
        };
        let broken = |why: String| ActionFailure { code: "SystemUnavailable".to_owned(), message: why };
        let mut file = tokio::fs::File::create(into).await.map_err(|error| broken(error.to_string()))?;
        let mut written = 0;
        while let Some(piece) = object.body.try_next().await.map_err(|error| broken(error.to_string()))? {
            written += piece.len() as u64;
            if written > limits::SOURCE_BYTES {
                return Err(configuration(format!("The object {key} is larger than the 7 GB a source may have")));
            }
            file.write_all(&piece).await.map_err(|error| broken(error.to_string()))?;
        }
        file.flush().await.map_err(|error| broken(error.to_string()))?;
        Ok(fetched)
    }
}

fn configuration(message: String) -> ActionFailure {
    ActionFailure { code: "ConfigurationError".to_owned(), message }
}

fn failure(code: Option<&str>, bucket: &str, key: &str, error: impl std::fmt::Display) -> ActionFailure {
    let (kind, message) = match code {
        Some("NoSuchKey" | "NoSuchVersion" | "NotFound" | "InvalidArgument") => (
            "ConfigurationError",
            format!("The Amazon S3 object {key} or its version does not exist in the bucket {bucket}"),
        ),
        Some("NoSuchBucket") => ("ConfigurationError", format!("The Amazon S3 bucket {bucket} does not exist")),
        Some("AccessDenied") => ("PermissionError", format!("The object {key} in the bucket {bucket} may not be read")),
        _ => ("SystemUnavailable", format!("The object {key} in the bucket {bucket} cannot be read now: {error}")),
    };
    ActionFailure { code: kind.to_owned(), message }
}
