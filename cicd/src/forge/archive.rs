//! The files of a commit, fetched from a forge as they come.
//!
//! A forge may send us on to another host for the bytes. The token stays with the forge: it goes to nobody else, and never over a
//! connection that is less private than the one to the forge.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::redirect::Policy;
use url::Url;

use super::lazy::Lazy;
use super::{CONNECT_WITHIN, USER_AGENT};

/// The bytes of an archive. An error in the middle is the end of it: what came before is no whole archive.
pub type Archive = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Why there is no archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoArchive {
    /// It may come in a moment.
    #[error("{0}")]
    Later(String),
    /// The forge does not have the commit, or has not yet: right after a push both look the same.
    #[error("{0}")]
    Gone(String),
    /// The forge will not give it; what to do about it.
    #[error("{0}")]
    Never(String),
}

/// A forge that says nothing for so long, in the middle of an archive too, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// So often a forge may send us on.
const REDIRECTS_MAX: usize = 5;

/// A client for archives: without a limit to the whole, because a large one takes long.
pub(super) fn client() -> Lazy<reqwest::Client> {
    let client = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_WITHIN)
        .read_timeout(SILENCE_MAX)
        .redirect(Policy::none());
    Lazy::new(|| Ok(client.build()?))
}

/// Fetches an archive; `what` is the commit and where it should be, for the words.
pub(super) async fn fetch(
    http: &Lazy<reqwest::Client>,
    url: Url,
    token: (HeaderName, HeaderValue),
    what: &str,
) -> Result<Archive, NoArchive> {
    let http = http.get().map_err(NoArchive::Later)?;
    let mut at = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = http.get(at.clone());
        if at.origin() == url.origin() {
            request = request.header(token.0.clone(), token.1.clone());
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        if !answer.status().is_redirection() {
            return read(answer, what);
        }
        let next = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let next = next.and_then(|to| at.join(to).ok());
        at = next.ok_or_else(|| NoArchive::Later("the forge sends us on to no address".to_owned()))?;
        if at.scheme() != "https" && at.scheme() != url.scheme() {
            return Err(NoArchive::Never(format!("the forge sends us on to {}, which is not https", host(&at))));
        }
    }
    Err(NoArchive::Later("the forge sends us round in circles".to_owned()))
}

fn read(answer: reqwest::Response, what: &str) -> Result<Archive, NoArchive> {
    let status = answer.status();
    match status {
        StatusCode::OK => {
            Ok(Box::pin(answer.bytes_stream().map(|part| part.map_err(|error| io::Error::other(error.without_url())))))
        }
        StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Err(NoArchive::Gone(format!(
            "{what} is gone, or the forge's token may not read it; push again, or mend the token"
        ))),
        StatusCode::UNAUTHORIZED => Err(NoArchive::Never("the forge does not know its token any more".to_owned())),
        StatusCode::FORBIDDEN if !is_rate_limited(&answer) => {
            Err(NoArchive::Never(format!("the forge's token may not read {what}")))
        }
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            Err(NoArchive::Later("the forge wants fewer requests".to_owned()))
        }
        _ if status.is_server_error() => Err(NoArchive::Later(format!("the forge answers {status}"))),
        _ => Err(NoArchive::Never(format!("the forge gives no archive of {what}: {status}"))),
    }
}

fn is_rate_limited(answer: &reqwest::Response) -> bool {
    let headers = answer.headers();
    headers.contains_key(header::RETRY_AFTER) || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0")
}

fn unreachable(error: &reqwest::Error) -> NoArchive {
    let why = if error.is_timeout() { "took too long to answer" } else { "cannot be reached" };
    NoArchive::Later(format!("the forge {why}"))
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("nowhere")
}

#[cfg(test)]
mod tests;
