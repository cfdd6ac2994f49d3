//! The logs of a run's steps: as text for programs, in parts for the page.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use router::id::RunId;
use router::run::{Run, Work};
use serde::Deserialize;

use super::error::Failure;
use crate::app::App;

/// The most that one answer holds.
const PART: usize = 256 * 1024;

/// From where on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: u64,
}

/// The log of one step from a byte on; `X-Next-Offset` tells where the next part begins.
pub(super) async fn text(
    State(app): State<Arc<App>>,
    Path((run, step)): Path<(String, String)>,
    Query(From { from }): Query<From>,
) -> Result<impl IntoResponse, Failure> {
    let id = RunId::new(run).map_err(|_| Failure::not_found("run"))?;
    let run = app.store.run(&id).await?.ok_or_else(|| Failure::not_found("run"))?;
    if work(&run, &step).is_none() {
        return Err(Failure::not_found("step of this run"));
    }
    let (text, next) = read(&app, &id, &step, from, PART).await?;
    let offset = HeaderName::from_static("x-next-offset");
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (offset, next.to_string())], text))
}

/// One part of a log. A step that has not begun has an empty one.
async fn read(app: &App, run: &RunId, step: &str, from: u64, most: usize) -> Result<(String, u64), Failure> {
    let (logs, run, step) = (app.logs.clone(), run.clone(), step.to_owned());
    let reading = tokio::task::spawn_blocking(move || logs.read(&run, &step, from, most)).await;
    match reading {
        Ok(Ok(part)) => Ok(part),
        Ok(Err(error)) => Err(Failure::broken(&error)),
        Err(panicked) => Err(Failure::broken(&panicked)),
    }
}

/// The steps of a run with their work: its stages, then its deploys as `deploy-<environment>`. A step that is not among
/// them has no file, whatever it is called.
pub(super) fn steps(run: &Run) -> impl Iterator<Item = (String, &Work)> {
    let stages = run.stages.iter().map(|stage| (stage.name.to_string(), &stage.work));
    stages.chain(run.environments.iter().map(|place| (format!("deploy-{}", place.name), &place.deploy)))
}

/// The work of one step.
pub(super) fn work<'a>(run: &'a Run, step: &str) -> Option<&'a Work> {
    steps(run).find(|(name, _)| name == step).map(|(_, work)| work)
}

/// A part of a log in whole lines.
pub(super) struct Lines {
    pub(super) text: String,
    /// Where the next part begins.
    pub(super) next: u64,
    /// There is more already.
    pub(super) full: bool,
}

/// Reads a part and leaves a line that is not finished for the next one, unless nothing will finish it.
pub(super) async fn lines(app: &App, run: &RunId, step: &str, from: u64, is_over: bool) -> Result<Lines, Failure> {
    let (mut text, mut next) = read(app, run, step, from, PART).await?;
    let full = !read(app, run, step, next, 1).await?.0.is_empty();
    let begun = text.rfind('\n').map_or(0, |end| end + 1);
    // A line that fills a whole part is cut, else nothing after it would ever be shown. One that is not UTF-8 is not held
    // back: its bytes cannot be counted any more.
    let is_held_back = !is_over && !full && !text[begun..].contains(char::REPLACEMENT_CHARACTER);
    if is_held_back {
        next -= (text.len() - begun) as u64;
        text.truncate(begun);
    }
    Ok(Lines { text, next, full })
}
