//! Webhooks: the forges' door.
//!
//! The body is read within a limit and a time, never unpacked and never looked at: verification gets the raw bytes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::Response;
use router::id::{DeliveryId, ForgeKind, ForgeName};
use router::verify::Headers;
use serde::Serialize;

use super::body::{self, Held};
use super::error::{self, Failure};
use crate::app::App;
use crate::measures;
use crate::receive::{NotReceived, receive};
use crate::store::{Remembered, StoreError};

/// GitHub's own limit for a webhook's body.
const BODY_LIMIT: usize = 25 * 1024 * 1024;
/// How long a body may take. Forges give up after about as long themselves.
pub(super) const BODY_TIME: Duration = Duration::from_secs(10);
/// How long the store may take. A forge has given up by then; what is kept all the same is known when it comes again.
const STORE_TIME: Duration = Duration::from_secs(8);

/// What its sender is told.
#[derive(Serialize)]
struct Taken {
    delivery: DeliveryId,
    receipt: String,
}

/// Takes one delivery.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    Path(forge): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    // Only configured names get this far, so askers cannot make new series of the counter.
    let forge = ForgeName::new(forge).ok().filter(|forge| app.doors.contains_key(forge));
    let forge = forge.ok_or_else(|| Failure::not_found("forge"))?;
    let (Parts { headers, .. }, body) = request.into_parts();
    let body = match read(&headers, body).await {
        Ok(body) => body,
        Err(failure) => {
            measures::delivery(&forge, "unread", "");
            return Err(failure);
        }
    };
    let (headers, bytes) = (Headers::from(headers), body.bytes.clone());
    let received = tokio::time::timeout(STORE_TIME, receive(&app, &forge, &headers, bytes)).await;
    match received.unwrap_or_else(|_late| Err(StoreError::Unavailable("it is too slow".to_owned()).into())) {
        Ok(received) => {
            let repeated = received.remembered == Remembered::Seen;
            measures::delivery(&forge, if repeated { "repeated" } else { "received" }, "");
            let receipt = format!("{}/deliveries/{}", app.base_url, received.delivery);
            Ok(error::taken(&Taken { delivery: received.delivery, receipt }))
        }
        Err(NotReceived::NoSuchForge) => Err(Failure::not_found("forge")),
        Err(NotReceived::Rejected(rejected)) => {
            measures::delivery(&forge, "rejected", rejected.as_str());
            tracing::warn!(forge.name = %forge, reason = rejected.as_str(), "a webhook was rejected");
            Err(Failure::not_genuine(format!("not genuine: check the webhook's secret ({})", proof_of(&app, &forge))))
        }
        Err(NotReceived::Unavailable(error)) => {
            measures::delivery(&forge, "unavailable", "");
            Err(error.into())
        }
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Held, Failure> {
    if !is_media_type(headers, &["application/json", "application/x-www-form-urlencoded"]) {
        return Err(Failure::wrong_media("choose the content type application/json in the forge's webhook settings"));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failure::wrong_media("send the body as it is, without a Content-Encoding"));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(Failure::too_large(BODY_LIMIT));
    }
    body::read(body, BODY_LIMIT, BODY_TIME).await
}

/// Whether a body's media type, its parameters aside, is one of these.
pub(super) fn is_media_type(headers: &HeaderMap, wanted: &[&str]) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    wanted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted))
}

/// The headers that prove a delivery of this forge.
fn proof_of(app: &App, forge: &ForgeName) -> &'static str {
    match app.doors.get(forge).map(|door| door.kind) {
        Some(ForgeKind::Github) => "X-Hub-Signature-256",
        Some(ForgeKind::Gitlab) => "webhook-signature or X-Gitlab-Token",
        Some(ForgeKind::Local) | None => "X-Pointsman-Signature-256",
    }
}
