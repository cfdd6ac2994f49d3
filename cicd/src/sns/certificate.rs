//! The certificates that SNS signs with: fetched from SNS alone, and kept.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;
use x509_parser::prelude::{FromDer as _, Pem, X509Certificate};

use super::Refused;

/// A certificate is not waited for longer; SNS gives us 15 seconds for all.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
/// A certificate has two kilobytes or so.
const BYTES_MAX: usize = 64 * 1024;
/// So many are kept: SNS has one for each region, and a new one now and then.
const KEPT_MAX: usize = 32;

/// Brings what lies at an address of SNS.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// The bytes, or why not.
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, String>;
}

/// From the web, over https, without following anybody elsewhere.
pub struct Web(reqwest::Client);

impl Web {
    /// A client for it.
    ///
    /// # Errors
    /// The machine's roots of trust cannot be read.
    pub fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(FETCH_WITHIN)
            .build()?;
        Ok(Self(client))
    }
}

#[async_trait]
impl Fetch for Web {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, String> {
        let words = |error: reqwest::Error| format!("SNS's certificate cannot be fetched: {}", error.without_url());
        let answer =
            self.0.get(url.clone()).send().await.and_then(reqwest::Response::error_for_status).map_err(words)?;
        let (mut parts, mut bytes) = (answer.bytes_stream(), Vec::new());
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(words)?);
            if bytes.len() > BYTES_MAX {
                return Err("SNS's certificate is no certificate: it is too long".to_owned());
            }
        }
        Ok(bytes)
    }
}

/// The keys of certificates that were fetched before.
pub struct Certificates {
    fetch: Box<dyn Fetch>,
    kept: Mutex<HashMap<Url, Kept>>,
}

struct Kept {
    key: Vec<u8>,
    valid: (i64, i64),
}

impl Certificates {
    pub(super) fn new(fetch: Box<dyn Fetch>) -> Self {
        Self { fetch, kept: Mutex::default() }
    }

    /// The public key of the certificate at an address, when it is valid now.
    pub(super) async fn key(&self, url: &Url, now: Timestamp) -> Result<Vec<u8>, Refused> {
        // Held while it is fetched: those who ask for the same at the same time wait for one fetch.
        let mut kept = self.kept.lock().await;
        if !kept.contains_key(url) {
            let bytes = self.fetch.fetch(url).await.map_err(Refused::Later)?;
            let read = read(&bytes).ok_or(Refused::NotGenuine("its certificate cannot be read"))?;
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(url.clone(), read);
        }
        let Kept { key, valid: (from, until) } = &kept[url];
        let is_valid = (*from..=*until).contains(&now.as_second());
        if is_valid { Ok(key.clone()) } else { Err(Refused::NotGenuine("its certificate is not valid now")) }
    }
}

fn read(bytes: &[u8]) -> Option<Kept> {
    let pem = Pem::iter_from_buffer(bytes).next()?.ok()?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
    let valid = certificate.validity();
    Some(Kept {
        key: certificate.public_key().subject_public_key.data.to_vec(),
        valid: (valid.not_before.timestamp(), valid.not_after.timestamp()),
    })
}

/// The address of a certificate when it is one of SNS's own in that region:
/// `https://sns.<region>.amazonaws.com/SimpleNotificationService-<hex>.pem`.
pub(super) fn address(text: &str, region: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let hosts = [format!("sns.{region}.amazonaws.com"), format!("sns.{region}.amazonaws.com.cn")];
    let host_fits = url.host_str().is_some_and(|host| hosts.iter().any(|own| own == host));
    let name = url.path().strip_prefix("/SimpleNotificationService-").and_then(|rest| rest.strip_suffix(".pem"));
    let path_fits =
        name.is_some_and(|name| (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric()));
    let plain = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    (url.scheme() == "https" && host_fits && path_fits && plain && bare).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lies_with_sns_in_the_topics_region_or_nowhere() {
        let good =
            "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1e59c4574facfe41babdb2d652f8ebef.pem";
        assert!(address(good, "eu-central-1").is_some());
        assert!(address(&good.replace(".com/", ".com.cn/"), "eu-central-1").is_some());
        for bad in [
            good.replace("https", "http"),
            good.replace("eu-central-1", "us-east-1"),
            good.replace("sns.", "sns.evil."),
            good.replace(".com/", ".com.evil.example/"),
            good.replace(".com/", ".com@evil.example/"),
            good.replace(".com/", ".com:8443/"),
            good.replace("https://", "https://user:pw@"),
            good.replace("/Simple", "/../x/Simple"),
            good.replace("Service-1e", "Service-/1e"),
            good.replace(".pem", ".pem?x=1"),
            good.replace(".pem", ".pem#x"),
            good.replace(".pem", ".txt"),
            "https://bucket.s3.amazonaws.com/SimpleNotificationService-1.pem".to_owned(),
            "file:///etc/passwd".to_owned(),
            String::new(),
        ] {
            assert!(address(&bad, "eu-central-1").is_none(), "{bad}");
        }
    }
}
