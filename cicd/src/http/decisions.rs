//! What people decide: gates, stops, retries, offered starts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use router::id::{DeliveryId, EnvironmentName, RunId};
use router::run::Run;

use super::asked::Asked;
use super::error::Failure;
use super::shapes::RunShape;
use super::visit::Visit;
use crate::app::App;
use crate::control;

/// A person says yes or no at a gate.
pub(super) async fn gate(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path((run, environment)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, Failure> {
    let run = run_id(&run)?;
    let environment = EnvironmentName::new(environment).map_err(|_| Failure::not_found("environment"))?;
    let person = visit.person(asked.name.as_deref())?;
    let run = control::decide_gate(&app, &run, &environment, asked.answer()?, person, &asked.comment).await?;
    Ok(told(&app, &visit, &run))
}

/// A person stops a run.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path(run): Path<String>,
    asked: Asked,
) -> Result<Response, Failure> {
    let run = control::cancel(&app, &run_id(&run)?, visit.person(asked.name.as_deref())?).await?;
    Ok(told(&app, &visit, &run))
}

/// A person wants the same work done again.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path(run): Path<String>,
    asked: Asked,
) -> Result<Response, Failure> {
    let run = control::retry(&app, &run_id(&run)?, visit.person(asked.name.as_deref())?).await?;
    Ok(told(&app, &visit, &run))
}

/// A person takes the start that a receipt offers.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path(delivery): Path<String>,
    asked: Asked,
) -> Result<Response, Failure> {
    let delivery = DeliveryId::new(delivery).map_err(|_| Failure::not_found("delivery"))?;
    let run = control::start_offered(&app, &delivery, visit.person(asked.name.as_deref())?).await?;
    Ok(told(&app, &visit, &run))
}

fn run_id(text: &str) -> Result<RunId, Failure> {
    RunId::new(text).map_err(|_| Failure::not_found("run"))
}

/// A browser is sent to the run, a program gets it.
fn told(app: &App, visit: &Visit, run: &Run) -> Response {
    if visit.wants_page {
        Redirect::to(&format!("/runs/{}", run.id)).into_response()
    } else {
        Json(RunShape::of(run, &app.base_url)).into_response()
    }
}
