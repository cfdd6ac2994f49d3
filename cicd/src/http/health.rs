//! Is it alive, is it ready, what has it counted?

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::error::Failure;
use crate::app::App;

/// There is one recorder of metrics for the whole process.
static RECORDED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Counts from now on. Where somebody else counts already, `/metrics` has nothing to tell.
pub(super) fn record() {
    RECORDED.get_or_init(|| {
        let installed = PrometheusBuilder::new().install_recorder();
        installed.inspect_err(|error| tracing::warn!(%error, "metrics are not counted")).ok()
    });
}

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// Deliveries can be taken.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    app.store.ready().await?;
    Ok("ready\n")
}

/// What was counted, as Prometheus reads it.
pub(super) async fn metrics() -> impl IntoResponse {
    let text = RECORDED.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
