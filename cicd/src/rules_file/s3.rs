//! A rule file in S3.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use jiff::SignedDuration;
use router::rules::Rules;

use super::{Found, Version};
use crate::aws::S3Object;

/// How often S3 is asked whether the file has changed.
pub(super) const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// No rule file is longer.
const BYTES_MAX: i64 = 4 * 1024 * 1024;
/// So many older versions are tried for a good one.
const VERSIONS_MAX: i32 = 20;

/// The object and the way to it.
pub(super) struct InS3 {
    client: Client,
    object: S3Object,
}

impl InS3 {
    pub(super) fn new(config: &SdkConfig, object: S3Object) -> Self {
        Self { client: Client::new(config), object }
    }

    pub(super) fn shown(&self) -> String {
        self.object.to_string()
    }

    /// Whether it has changed, and what it says now.
    pub(super) async fn look(&self, seen: &Version) -> Found {
        let etag = match seen {
            Version::S3(etag) => Some(etag.as_str()),
            Version::File(_) => None,
        };
        match self.get(etag).await {
            Ok(None) => Found::Same,
            Ok(Some((etag, text))) => Found::New(Version::S3(etag), text),
            Err(why) => Found::Silent(why),
        }
    }

    /// Its entity tag and its text, when the tag is not this one.
    pub(super) async fn get(&self, not: Option<&str>) -> Result<Option<(String, Result<String, String>)>, String> {
        let asked = self.client.get_object().bucket(&self.object.bucket).key(&self.object.key);
        let answer = asked.set_if_none_match(not.map(str::to_owned)).send().await;
        match answer {
            Ok(answer) => {
                let etag = answer.e_tag().unwrap_or_default().to_owned();
                let text = self.text(answer).await?;
                Ok(Some((etag, text)))
            }
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 304) => Ok(None),
            Err(error) => Err(format!("{}: {}", self.object, words(&error))),
        }
    }

    async fn text(&self, answer: GetObjectOutput) -> Result<Result<String, String>, String> {
        let shown = &self.object;
        if answer.content_length().is_some_and(|length| length > BYTES_MAX) {
            return Ok(Err(format!("{shown}: longer than {BYTES_MAX} bytes")));
        }
        let bytes = answer.body.collect().await.map_err(|e| format!("{shown}: {e}"))?.to_vec();
        Ok(String::from_utf8(bytes).map_err(|e| format!("{shown}: not UTF-8: {e}")))
    }

    /// The newest of the older versions that is good, when the bucket keeps versions.
    pub(super) async fn last_good(&self, compile: impl Fn(&str) -> Option<Rules>) -> Option<Rules> {
        let S3Object { bucket, key } = &self.object;
        let asked = self.client.list_object_versions().bucket(bucket).prefix(key).max_keys(VERSIONS_MAX);
        let listed = asked.send().await.inspect_err(|error| {
            tracing::warn!("older versions of the rules cannot be listed: {}", DisplayErrorContext(error));
        });
        for version in listed.ok()?.versions() {
            let (Some(id), true) = (version.version_id(), version.key() == Some(key)) else { continue };
            let Ok(answer) = self.client.get_object().bucket(bucket).key(key).version_id(id).send().await else {
                continue;
            };
            if let Ok(Ok(text)) = self.text(answer).await
                && let Some(rules) = compile(&text)
            {
                return Some(rules);
            }
        }
        None
    }
}

/// Without the request's own number: the same trouble has the same words, and is told once.
fn words(error: &SdkError<GetObjectError>) -> String {
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        None => DisplayErrorContext(error).to_string(),
    }
}
