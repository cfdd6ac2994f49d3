//! Before every call: it is noted, it fails if it is to fail, and its token is looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use router::id::ForgeKind;
use serde_json::{Value, json};

use super::Shared;

/// How a call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// With this HTTP status and a page that is no JSON, as a proxy in front gives it.
    Status(u16),
    /// Too many calls: come back after so many seconds.
    RateLimited {
        /// The header `retry-after`.
        retry_after: u64,
    },
    /// Too many calls, and no word of when to come back.
    TooMany,
    /// The hour's calls are used up, which GitHub says without `retry-after`.
    UsedUp {
        /// Seconds until there are new ones.
        renews_in: u64,
    },
    /// The token is known and may not do this.
    Forbidden,
    /// GitLab is writing another status of the commit.
    Locked,
    /// The commit has not got everywhere yet, which GitHub says like of one that is gone.
    NotYet,
    /// A refusal that repeats the request's token, as a proxy for debugging does.
    Echo,
    /// The connection breaks without an answer.
    Drop,
}

/// An answer that refuses.
pub(super) type Refused = (StatusCode, Json<Value>);

pub(super) fn refuse(code: u16, body: Value) -> Refused {
    (StatusCode::from_u16(code).expect("the fake forge answers with real codes"), Json(body))
}

pub(super) async fn pass(State(forge): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_api = path.starts_with("/api/");
    if is_api {
        let asked = request.uri().path_and_query().map_or(path, |asked| asked.as_str());
        let call = format!("{} {}", request.method(), &asked["/api/v0".len()..]);
        let failure = {
            let mut state = forge.state();
            state.calls.push(call);
            state.failures.pop_front()
        };
        if let Some(failure) = failure {
            return failure.answer(forge.kind, request.headers());
        }
    }
    let known = if is_api { api_token(forge.kind, request.headers()) } else { git_token(request.headers()) };
    if known.as_deref() != Some(forge.state().token.as_str()) {
        return unknown_token(forge.kind, is_api);
    }
    next.run(request).await
}

fn api_token(kind: ForgeKind, headers: &HeaderMap) -> Option<String> {
    match kind {
        ForgeKind::Github => {
            headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
        }
        ForgeKind::Gitlab => headers.get("private-token")?.to_str().ok().map(str::to_owned),
        ForgeKind::Local => None,
    }
}

/// git brings the token as the password of anybody.
fn git_token(headers: &HeaderMap) -> Option<String> {
    let pair = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(pair).ok()?).ok()?;
    pair.split_once(':').map(|(_, token)| token.to_owned())
}

fn unknown_token(kind: ForgeKind, is_api: bool) -> Response {
    if !is_api {
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"the fake forge\"")];
        return (StatusCode::UNAUTHORIZED, ask, "who are you?").into_response();
    }
    let body = match kind {
        ForgeKind::Github => {
            json!({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
        }
        ForgeKind::Gitlab | ForgeKind::Local => json!({"message": "401 Unauthorized"}),
    };
    refuse(401, body).into_response()
}

impl Failure {
    fn answer(self, kind: ForgeKind, headers: &HeaderMap) -> Response {
        let on_hub = kind == ForgeKind::Github;
        match self {
            Self::Status(code) => {
                let code = StatusCode::from_u16(code).expect("the test names a real code");
                (code, "<html><body>This page is taking too long.</body></html>").into_response()
            }
            Self::RateLimited { retry_after } if on_hub => {
                let body = json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes."});
                ([(header::RETRY_AFTER, retry_after.to_string())], refuse(403, body)).into_response()
            }
            Self::RateLimited { retry_after } => {
                ([(header::RETRY_AFTER, retry_after.to_string())], (StatusCode::TOO_MANY_REQUESTS, "Retry later\n"))
                    .into_response()
            }
            Self::TooMany if on_hub => {
                let body = json!({"message": "You have triggered an abuse detection mechanism. Please retry later."});
                refuse(403, body).into_response()
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "Retry later\n").into_response(),
            Self::UsedUp { renews_in } => used_up(renews_in),
            Self::Forbidden if on_hub => {
                refuse(403, json!({"message": "Resource not accessible by personal access token", "status": "403"}))
                    .into_response()
            }
            Self::Forbidden => refuse(403, json!({"message": "403 Forbidden"})).into_response(),
            Self::Locked => refuse(409, json!({"message": "409 Conflict"})).into_response(),
            Self::NotYet => {
                refuse(422, json!({"message": format!("No commit found for SHA: {}", "0".repeat(40))})).into_response()
            }
            Self::Echo => {
                let token = api_token(kind, headers).unwrap_or_default();
                refuse(422, json!({"message": format!("cannot take this from {token}")})).into_response()
            }
            // The task of this connection ends here, and the connection with it.
            Self::Drop => std::panic::resume_unwind(Box::new("the connection breaks")),
        }
    }
}

/// GitHub tells the time at which the limit is renewed, by its own clock, which it tells too.
fn used_up(renews_in: u64) -> Response {
    const NOW: u64 = 1_767_323_045;
    let header = |name: &'static str, value: String| (HeaderName::from_static(name), value);
    let headers = [
        header("date", "Fri, 02 Jan 2026 03:04:05 GMT".to_owned()),
        header("x-ratelimit-limit", "5000".to_owned()),
        header("x-ratelimit-remaining", "0".to_owned()),
        header("x-ratelimit-reset", (NOW + renews_in).to_string()),
    ];
    (headers, refuse(403, json!({"message": "API rate limit exceeded for user ID 1."}))).into_response()
}
