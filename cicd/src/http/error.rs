//! What became of a request, as HTTP says it: the only place that knows status codes.
//!
//! A 4xx tells the asker what to do. A 5xx tells the asker nothing and the log everything, once, here; an overload is told of by
//! [`overload`].

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use router::id::Invalid;
use serde::Serialize;
use serde_json::json;

use super::overload;
use crate::control::Refusal;
use crate::store::StoreError;

/// Why a request is not answered as asked.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    status: StatusCode,
    words: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Failure {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), header: None }
    }

    /// The request cannot be understood.
    pub(super) fn unclear(words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, words)
    }

    /// A webhook whose signature does not hold. The words must not say more than which header to look at.
    pub(super) fn not_genuine(words: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, words)
    }

    /// A name must be proved first.
    pub(super) fn not_logged_in(words: impl Into<String>) -> Self {
        Self { header: Some((WWW_AUTHENTICATE, "Bearer")), ..Self::new(StatusCode::UNAUTHORIZED, words) }
    }

    /// Understood, and not for this asker.
    pub(super) fn not_allowed(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, words)
    }

    /// There is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("no such {what}"))
    }

    /// The body did not arrive in time.
    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time; send it again")
    }

    /// So many bodies are held that there is no room for more.
    pub(super) fn no_room() -> Self {
        overload::ROOM.one_more("each waits for the store or for the rest of its body");
        let words = "too much is being sent at once; try again in a few seconds";
        Self { header: Some((RETRY_AFTER, "5")), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, words) }
    }

    /// Something that it needs is not there now; the log tells what.
    pub(super) fn try_again() -> Self {
        let words = "the service cannot answer now; try again in a few seconds";
        Self { header: Some((RETRY_AFTER, "5")), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, words) }
    }

    /// Nothing can be taken now, and why, in words for whoever watches.
    pub(super) fn not_ready(why: &str) -> Self {
        Self { words: format!("not ready: {why}"), ..Self::try_again() }
    }

    /// The body is larger than anything we take.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
    }

    /// The body is of a kind that we do not read.
    pub(super) fn wrong_media(words: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
    }

    /// Something inside is broken; the log tells what.
    pub(super) fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request could not be answered");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something is broken here; the service's log tells more")
    }

    /// The status code, for whoever dresses the failure.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What the asker is told.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Logging in would help.
    pub(super) fn asks_for_login(&self) -> bool {
        self.header.as_ref().is_some_and(|(name, _)| name == WWW_AUTHENTICATE)
    }
}

/// As JSON; the failure rides along, so that it can be dressed as a page.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.words }))).into_response();
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => {
                overload::STORE.one_more(&why);
                Self::try_again()
            }
            StoreError::Corrupt(_) => Self::broken(&error),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(words) => Self::new(StatusCode::NOT_FOUND, words),
            Refusal::NotNow(words) => Self::new(StatusCode::CONFLICT, words),
            Refusal::NotAllowed(words) => Self::not_allowed(words),
            Refusal::Unanswered(words) => Self { words, ..Self::try_again() },
            Refusal::Unavailable(error) => error.into(),
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::unclear(invalid.to_string())
    }
}

/// A refusal that the framework made by itself, in our dress: a query that does not parse, a path that is not UTF-8.
pub(super) async fn adopted(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    if !parts.status.is_client_error() || parts.extensions.get::<Failure>().is_some() {
        return Response::from_parts(parts, body);
    }
    let words = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    Failure::new(parts.status, String::from_utf8_lossy(&words)).into_response()
}

/// It is durable, and dealt with later.
pub(super) fn taken(answer: &impl Serialize) -> Response {
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// It is dealt with.
#[cfg(feature = "machine")]
pub(super) fn done(answer: &serde_json::Value) -> Response {
    Json(answer).into_response()
}

/// The asker has seen it as it is.
pub(super) fn not_changed() -> Response {
    StatusCode::NOT_MODIFIED.into_response()
}

/// Nothing is at this address.
pub(super) async fn no_such_place() -> Failure {
    Failure::not_found("page")
}

/// Something is at this address, and not for this method.
pub(super) async fn no_such_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not answer that method")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_inside_tells_nothing_of_the_inside() {
        let unavailable = Failure::from(StoreError::Unavailable("/var/lib/db is full".to_owned()));
        let corrupt = Failure::from(StoreError::Corrupt("/var/lib/db is broken".to_owned()));
        assert_eq!(
            (unavailable.status, corrupt.status),
            (StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR)
        );
        assert!(![unavailable.words(), corrupt.words()].concat().contains("/var"));
        assert!(unavailable.into_response().headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn a_forge_that_does_not_say_who_is_in_a_team_is_asked_again_later() {
        let failure = Failure::from(Refusal::Unanswered("a forge does not say".to_owned()));
        assert_eq!((failure.status, failure.words()), (StatusCode::SERVICE_UNAVAILABLE, "a forge does not say"));
        assert!(failure.into_response().headers().contains_key(RETRY_AFTER));
    }
}
