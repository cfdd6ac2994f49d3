//! The doors of the service: webhooks for forges, a page for people, JSON for programs, health for machines.
//!
//! * Everything that is not a machine's door answers only people who may read: see `guard`.
//! * A handler returns what it found or a `error::Failure`; only `error` knows status codes, and one layer dresses
//!   failures as a page or as JSON, whichever was asked for.
//! * A page and its `.json` twin are handled in the same place, out of the same reads.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::measures;

mod asked;
mod assets;
mod body;
#[cfg(feature = "machine")]
mod callbacks;
mod decisions;
mod deliveries;
mod error;
pub(crate) mod guard;
pub(crate) mod health;
mod home;
mod listen;
mod log;
mod login;
mod overload;
mod page;
mod rules;
mod runs;
mod shapes;
mod visit;
mod webhooks;

pub use listen::serve;

/// All routes of the service.
pub fn router(app: Arc<App>) -> Router {
    router_with(app, Router::new())
}

/// All routes of the service, and others for people who may read.
pub(crate) fn router_with(app: Arc<App>, others: Router) -> Router {
    measures::record();
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/assets/{name}", get(assets::serve))
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/me", post(login::call_me))
        .route("/", get(home::page))
        .route("/index.json", get(home::json))
        .route("/runs", get(runs::list_page))
        .route("/runs.json", get(runs::list_json))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/logs/{step}", get(log::text))
        .route("/runs/{id}/gates/{environment}", post(decisions::gate))
        .route("/runs/{id}/cancel", post(decisions::cancel))
        .route("/runs/{id}/retry", post(decisions::retry))
        .route("/deliveries", get(deliveries::list_page))
        .route("/deliveries.json", get(deliveries::list_json))
        .route("/deliveries/{id}", get(deliveries::one))
        .route("/deliveries/{id}/start", post(decisions::start))
        .route("/rules", get(rules::page))
        .route("/rules.json", get(rules::json))
        .route("/rules/try", get(rules::try_page))
        .route("/rules/try.json", get(rules::try_json))
        .route("/rules/plan", post(rules::plan))
        .route("/openapi.json", get(assets::openapi))
        .merge(others.with_state(()))
        .fallback(error::no_such_place)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(app.clone(), visit::accompany))
        .merge(machines())
        .with_state(app)
}

/// What forges and topics knock at: no pages, so nobody accompanies them, and most of what comes is theirs.
fn machines() -> Router<Arc<App>> {
    let machines = Router::new().route("/webhooks/{forge}", post(webhooks::take));
    // To a function Lambda brings what topics tell.
    #[cfg(feature = "machine")]
    let machines = machines.route("/callbacks/sns", post(callbacks::take));
    machines.method_not_allowed_fallback(error::no_such_method)
}

#[cfg(test)]
mod tests;
