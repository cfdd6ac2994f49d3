//! The files of a commit, fetched from a forge as they come.
//!
//! A forge may send us on to another host for the bytes. The token stays with the forge: it goes to nobody else, and never over a
//! connection that is less private than the one to the forge.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use tokio::time::timeout;
use url::Url;

use super::USER_AGENT;
use crate::outbound::{NoAnswer, Outbound};

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

/// Fetches an archive; `what` is the commit and where it should be, for the words.
pub(super) async fn fetch(
    outbound: &Outbound,
    url: Url,
    token: (HeaderName, HeaderValue),
    what: &str,
) -> Result<Archive, NoArchive> {
    let mut at = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = Request::get(at.as_str()).header(header::USER_AGENT, USER_AGENT);
        if at.origin() == url.origin() {
            request = request.header(token.0.clone(), token.1.clone());
        }
        let request = request.body(Body::empty());
        let request = request.map_err(|_| NoArchive::Never(format!("nothing can be fetched from {}", host(&at))))?;
        let answer = outbound.ask(request, SILENCE_MAX).await.map_err(|error| unreachable(&error))?;
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

fn read(answer: Response<Incoming>, what: &str) -> Result<Archive, NoArchive> {
    let status = answer.status();
    match status {
        StatusCode::OK => Ok(parts(answer.into_body())),
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

/// The bytes, for as long as some come.
fn parts(body: Incoming) -> Archive {
    Box::pin(stream::try_unfold(BodyDataStream::new(body), async |mut rest| {
        match timeout(SILENCE_MAX, rest.next()).await {
            Ok(part) => Ok(part.transpose().map_err(io::Error::other)?.map(|part| (part, rest))),
            Err(_elapsed) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }))
}

fn is_rate_limited(answer: &Response<Incoming>) -> bool {
    let headers = answer.headers();
    headers.contains_key(header::RETRY_AFTER) || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0")
}

fn unreachable(error: &NoAnswer) -> NoArchive {
    let why = if error.is_late() { "took too long to answer" } else { "cannot be reached" };
    NoArchive::Later(format!("the forge {why}"))
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("nowhere")
}

#[cfg(test)]
mod tests;
