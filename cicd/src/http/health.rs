//! Is it alive, is it ready, what has it counted?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::error::Failure;
use crate::app::App;
use crate::measures;

/// How long the store may take to show that it can be written to: whoever asks gives up soon.
const STORE_TIME: Duration = Duration::from_secs(3);

/// The door while what is behind it is being opened: it is alive, and takes nothing yet.
#[cfg(feature = "machine")]
pub(crate) fn opening() -> axum::Router {
    let words = "what it remembers is being opened, and brought to this version";
    axum::Router::new().route("/healthz", axum::routing::get(alive)).fallback(async move || Failure::not_ready(words))
}

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Deliveries can be taken.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    let words = match tokio::time::timeout(STORE_TIME, app.store.ready()).await {
        Ok(Ok(())) => return Ok("ready\n"),
        Ok(Err(trouble)) => {
            tracing::error!("not ready: {trouble}");
            "the store cannot be written to; the service's log tells why"
        }
        Err(_late) => "the store does not answer in time",
    };
    Err(Failure::not_ready(words))
}

/// What was counted and what waits, as Prometheus reads it.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let backlog = tokio::time::timeout(STORE_TIME, app.store.backlog())
        .await
        .ok()
        .and_then(|read| read.inspect_err(|trouble| tracing::error!("what waits cannot be counted: {trouble}")).ok());
    let text = measures::render(backlog.as_ref(), app.rules.problem().is_some(), app.clock.now());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
