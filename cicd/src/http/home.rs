//! The first page and its twin.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Response;
use router::run::{Run, RunState};
use serde::Serialize;

use super::error::Failure;
use super::page;
use super::shapes::RunShape;
use super::visit::Visit;
use crate::app::App;
use crate::store::RunFilter;

/// How many runs the first page shows.
pub(super) const RECENT: usize = 30;

/// `/index.json`.
#[derive(Serialize)]
struct Index<'a> {
    /// Runs that stand before a gate.
    waiting: Vec<RunShape<'a>>,
    /// The newest runs, newest first.
    runs: Vec<RunShape<'a>>,
}

/// What waits, runs and ran.
pub(super) async fn page(State(app): State<Arc<App>>, Extension(visit): Extension<Visit>) -> Result<Response, Failure> {
    let (live, recent) = runs(&app).await?;
    Ok(visit.show(page::home::page(&visit, &live, &recent, app.clock.now())))
}

/// The same for programs.
pub(super) async fn json(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    use axum::response::IntoResponse;
    let (live, recent) = runs(&app).await?;
    let shape = |run| RunShape::of(run, &app.base_url);
    let waiting = live.iter().filter(|run| run.state == RunState::Waiting).map(shape).collect();
    Ok(Json(Index { waiting, runs: recent.iter().map(shape).collect() }).into_response())
}

async fn runs(app: &App) -> Result<(Vec<Run>, Vec<Run>), Failure> {
    let live = app.store.runs(RunFilter::Live).await?;
    Ok((live, app.store.runs(RunFilter::Recent(RECENT, None)).await?))
}
