//! Callbacks: the door of SNS's topics.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::response::Response;
use serde_json::json;

use super::body;
use super::error::{self, Failure};
use super::webhooks::BODY_TIME;
use crate::app::App;
use crate::measures;
use crate::sns::{self, Refused};

/// A message has at most 256 KiB; in JSON each of its bytes may take six.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Takes one message of SNS. Its kind is read from the body, which is signed, and not from the headers, which are not.
pub(super) async fn take(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Failure> {
    let Some(topics) = &app.on_aws.topics else { return Err(Failure::not_found("page")) };
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failure::wrong_media("send the body as it is, without a Content-Encoding"));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(Failure::too_large(BODY_LIMIT));
    }
    let body = body::read(body, BODY_LIMIT, BODY_TIME).await?;
    let (outcome, answer) = match sns::take(&app, topics, &body.bytes).await {
        Ok(()) => ("received", Ok(error::done(&json!({})))),
        Err(Refused::Unreadable(why)) => {
            tracing::warn!("a callback cannot be read: {why}");
            ("unread", Err(Failure::unclear("this is no message of SNS that can be read")))
        }
        Err(Refused::NotGenuine(why)) => {
            tracing::warn!("a callback was rejected: {why}");
            ("rejected", Err(Failure::not_genuine(format!("not genuine: {why}"))))
        }
        Err(Refused::Later(why)) => {
            tracing::error!("a callback cannot be taken now: {why}");
            ("unavailable", Err(Failure::try_again()))
        }
    };
    measures::callback(outcome);
    answer
}
