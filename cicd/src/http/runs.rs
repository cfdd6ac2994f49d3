//! Runs: the list and the one, each as a page and as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use router::id::RunId;
use router::run::Run;
use serde::Deserialize;

use super::error::Failure;
use super::page::log::Part;
use super::page::run::{Seen, current_step};
use super::shapes::RunShape;
use super::visit::Visit;
use super::{log, page};
use crate::app::App;
use crate::store::RunFilter;
use crate::{change, report};

/// How many an asker gets who does not say.
const MOST: usize = 50;
/// How many an asker gets at most.
const MOST_EVER: usize = 200;

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Paging {
    /// Only what is older than this.
    pub(super) before: Option<String>,
    most: Option<usize>,
}

impl Paging {
    /// How many.
    pub(super) fn most(&self) -> usize {
        self.most.unwrap_or(MOST).clamp(1, MOST_EVER)
    }
}

/// What of the log is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Where {
    step: Option<String>,
    from: u64,
    line: u64,
    auto: String,
}

/// Older runs.
pub(super) async fn list_page(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Query(paging): Query<Paging>,
) -> Result<Response, Failure> {
    let runs = list(&app, &paging).await?;
    Ok(visit.show(page::runs::page(&runs, paging.most(), app.clock.now())))
}

/// The newest runs, or older ones.
pub(super) async fn list_json(State(app): State<Arc<App>>, Query(paging): Query<Paging>) -> Result<Response, Failure> {
    let runs = list(&app, &paging).await?;
    let shapes: Vec<_> = runs.iter().map(|run| RunShape::of(run, &app.base_url)).collect();
    Ok(Json(shapes).into_response())
}

async fn list(app: &App, paging: &Paging) -> Result<Vec<Run>, Failure> {
    let before = paging.before.as_deref().map(RunId::new).transpose()?;
    Ok(app.store.runs(RunFilter::Recent(paging.most(), before)).await?)
}

/// One run; its twin has the same address with `.json`.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Query(wanted): Query<Where>,
) -> Result<Response, Failure> {
    let as_json = id.strip_suffix(".json");
    let id = RunId::new(as_json.unwrap_or(&id)).map_err(|_| Failure::not_found("run"))?;
    let run = app.store.run(&id).await?.ok_or_else(|| Failure::not_found("run"))?;
    if as_json.is_some() {
        let statuses = report::desired(&app, &change::commit(&run)).await?;
        return Ok(Json(RunShape::of(&run, &app.base_url).with(&statuses)).into_response());
    }
    shown(&app, &visit, &run, &wanted).await
}

async fn shown(app: &App, visit: &Visit, run: &Run, wanted: &Where) -> Result<Response, Failure> {
    let now = app.clock.now();
    let statuses = report::desired(app, &change::commit(run)).await?;
    // A reader who has chosen no step is taken along from step to step; what was read of the last one says nothing then.
    let is_chosen = wanted.step.is_some() && wanted.auto.is_empty();
    let step = if is_chosen { wanted.step.clone() } else { current_step(run) };
    let goes_on = is_chosen || step == wanted.step;
    let (from, first_line) = if goes_on { (wanted.from, wanted.line.max(1)) } else { (0, 1) };
    let Some(step) = step else {
        let seen = Seen { run, step: None, statuses: &statuses };
        return Ok(visit.show(page::run::page(visit, &seen, html! {}, 0, now)));
    };
    let work = log::work(run, &step).ok_or_else(|| Failure::not_found("step of this run"))?;
    let lines = log::lines(app, &run.id, &step, from, work.ended_at.is_some()).await?;
    let part = Part {
        run: &run.id,
        step: &step,
        work,
        chosen: is_chosen,
        first_line,
        text: &lines.text,
        next: lines.next,
        full: lines.full,
    };
    let seen = Seen { run, step: Some(&step), statuses: &statuses };
    Ok(visit.show(page::run::page(visit, &seen, part.show(now), lines.next, now)))
}
