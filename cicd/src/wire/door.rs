//! The protocol: AWS JSON 1.1 over `POST /`, as the SDKs and the CLI speak it.
//!
//! * The operation stands in `X-Amz-Target`, the caller in the Signature Version 4 header. The access key id in it is compared
//!   with the configured ones; the signature itself is not computed, so this is no door for the open network.
//! * A refusal is `{"__type", "message"}` with the request's id, as AWS writes it.
//! * The service models list rpc-v2-cbor too; a client that insists on it is told so.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::error::AwsError;
use super::front::Front;
use super::ids;

mod caller;

pub use caller::{Caller, Credentials};

/// The most that a request may be: the largest pipeline that `CodePipeline` takes is far smaller.
const BODY_MAX: usize = 2 * 1024 * 1024;
/// What answers are written in.
const JSON: &str = "application/x-amz-json-1.1";

/// The whole door.
pub fn router(front: Arc<Front>) -> Router {
    operations(Arc::clone(&front)).merge(logs(front))
}

/// For clients.
pub(crate) fn operations(front: Arc<Front>) -> Router {
    Router::new()
        .route("/", post(take))
        // What rpc-v2-cbor clients ask: `/service/CodePipeline_20150709/operation/ListPipelines`.
        .route("/service/{service}/operation/{operation}", post(cbor))
        .with_state(front)
}

/// For people: the logs of builds.
pub(crate) fn logs(front: Arc<Front>) -> Router {
    Router::new().route("/wire/builds/{build}/log", get(log)).with_state(front)
}

/// Answers a request to `POST /`.
async fn take(State(front): State<Arc<Front>>, request: Request) -> Response {
    let id = ids::uuid();
    match answer(&front, request).await {
        Ok(told) => dressed(StatusCode::OK, &id, None, &told),
        Err(error) => refused(&id, &error),
    }
}

async fn cbor() -> Response {
    refused(&ids::uuid(), &no_cbor())
}

fn no_cbor() -> AwsError {
    AwsError::refused(
        "UnsupportedProtocolException",
        "the wire speaks AWS JSON 1.1, and this is rpc-v2-cbor; choose the protocol json in the client",
    )
}

async fn answer(front: &Arc<Front>, request: Request) -> Result<Value, AwsError> {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key("smithy-protocol") {
        return Err(no_cbor());
    }
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((service, operation)) = target.split_once('.') else {
        return Err(AwsError::unknown_operation(if target.is_empty() {
            "a request without X-Amz-Target"
        } else {
            target
        }));
    };
    let asker = front.asker(caller::access_key(&parts.headers));
    let caller = front.credentials.admit(&parts.headers, &front.locality().account, &asker)?;
    let input = input(body).await?;
    tracing::debug!(service, operation, caller = caller.arn, "asked over the wire");
    front.answer_to(&asker, service, operation, input).await
}

/// The body as JSON; an empty one is an empty object.
async fn input(body: Body) -> Result<Value, AwsError> {
    let unread = |words: String| AwsError::refused("SerializationException", words);
    let bytes = to_bytes(body, BODY_MAX).await.map_err(|_| AwsError {
        code: "RequestEntityTooLargeException",
        message: format!("a request has at most {BODY_MAX} bytes"),
        status: 413,
    })?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let input: Value =
        serde_json::from_slice(&bytes).map_err(|error| unread(format!("the body is no JSON: {error}")))?;
    if !input.is_object() {
        return Err(unread("the body is no JSON object".to_owned()));
    }
    // Older clients write what is not set as null.
    Ok(without_nulls(input))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn refused(id: &str, error: &AwsError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    dressed(status, id, Some(error.code), &json!({"__type": error.code, "message": error.message}))
}

fn dressed(status: StatusCode, id: &str, error: Option<&'static str>, body: &Value) -> Response {
    // An operation without an output answers an empty body.
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = (status, [(header::CONTENT_TYPE, JSON)], text).into_response();
    let headers = response.headers_mut();
    if let Ok(id) = id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(Ok(code)) = error.map(str::parse) {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

/// The log of a build, as text.
async fn log(State(front): State<Arc<Front>>, Path(build): Path<String>) -> Response {
    let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    match front.codebuild.log(&build) {
        Ok(Some(log)) => (text, log).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, text, "there is no such build\n".to_owned()).into_response(),
        Err(error) => {
            tracing::warn!(%error, "a build's log cannot be read");
            (StatusCode::INTERNAL_SERVER_ERROR, text, "the log cannot be read\n".to_owned()).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
