//! Sources and artifacts in buckets.

use std::path::Path;

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::CodeBuild;
use super::record::Left;
use super::run::Order;

impl CodeBuild {
    /// Fetches an object into a file.
    ///
    /// # Errors
    /// Words for the log.
    pub(super) async fn fetch(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        into: &Path,
    ) -> Result<(), String> {
        let Some(s3) = &self.config.s3 else {
            return Err(format!("the wire has no S3 to fetch {bucket}/{key} from; set AWS_ENDPOINT_URL_S3"));
        };
        let asked = s3.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        let failed = |why: String| format!("{bucket}/{key} cannot be fetched: {why}");
        let object = asked.send().await.map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        let mut body = object.body.into_async_read();
        let mut file = tokio::fs::File::create(into).await.map_err(|error| failed(error.to_string()))?;
        tokio::io::copy(&mut body, &mut file).await.map_err(|error| failed(error.to_string()))?;
        file.flush().await.map_err(|error| failed(error.to_string()))
    }

    /// Puts the artifact of a project whose artifacts are of type `S3`; where it is, when it was put.
    ///
    /// # Errors
    /// Words for the log.
    pub(super) async fn put(&self, order: &Order, left: &[Left]) -> Result<Option<String>, String> {
        let artifacts = &order.declared.artifacts;
        let (Some(main), "S3") = (left.first(), artifacts.kind.as_str()) else { return Ok(None) };
        let said = |key: &str| artifacts.rest.get(key).and_then(Value::as_str).unwrap_or_default();
        let bucket = said("location");
        let name = Some(said("name")).filter(|name| !name.is_empty()).unwrap_or(&order.build.project);
        let namespace = if said("namespaceType") == "BUILD_ID" { order.build.uuid.as_str() } else { "" };
        let parts = [said("path").trim_matches('/'), namespace, name];
        let key = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let Some(s3) = &self.config.s3 else {
            return Err(format!("the wire has no S3 to put {bucket}/{key} to; set AWS_ENDPOINT_URL_S3"));
        };
        let failed = |why: String| format!("{bucket}/{key} cannot be put: {why}");
        let body = ByteStream::from_path(&main.zip).await.map_err(|error| failed(error.to_string()))?;
        let put = s3.put_object().bucket(bucket).key(&key).body(body).send().await;
        put.map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        Ok(Some(format!("arn:aws:s3:::{bucket}/{key}")))
    }
}
