//! Deliveries: the list and the one, each as a page and as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse, Response};
use router::event::Event;
use router::id::{CommitId, DeliveryId};
use router::rules::{Decision, Receipt, Verdict};
use router::run::Run;
use serde_json::Value;

use super::error::Failure;
use super::page;
use super::runs::Paging;
use super::visit::Visit;
use crate::app::App;
use crate::store::{DeliveryRecord, RunFilter};

/// The newest deliveries, or older ones.
pub(super) async fn list_page(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Query(paging): Query<Paging>,
) -> Result<Response, Failure> {
    let records = list(&app, &paging).await?;
    Ok(visit.show(page::deliveries::list(&records, paging.most(), app.clock.now())))
}

/// Their receipts.
pub(super) async fn list_json(State(app): State<Arc<App>>, Query(paging): Query<Paging>) -> Result<Response, Failure> {
    let receipts: Vec<Value> = list(&app, &paging).await?.iter().map(receipt).collect::<Result<_, _>>()?;
    Ok(Json(receipts).into_response())
}

async fn list(app: &App, paging: &Paging) -> Result<Vec<DeliveryRecord>, Failure> {
    let before = paging.before.as_deref().map(DeliveryId::new).transpose()?;
    Ok(app.store.deliveries(paging.most(), before.as_ref()).await?)
}

/// One delivery; its twin has the same address with `.json`.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let as_json = id.strip_suffix(".json");
    let id = DeliveryId::new(as_json.unwrap_or(&id)).map_err(|_| Failure::not_found("delivery"))?;
    let record = app.store.delivery(&id).await?.ok_or_else(|| Failure::not_found("delivery"))?;
    if as_json.is_some() {
        return Ok(Json(receipt(&record)?).into_response());
    }
    let runs = asked_for(&app, &record).await?;
    Ok(visit.show(page::deliveries::one(&record, &runs, app.clock.now())))
}

/// The runs that a delivery asked for: those of its chain, those that a person started from its offer, and their retries.
async fn asked_for(app: &App, record: &DeliveryRecord) -> Result<Vec<Run>, Failure> {
    let (Some(repository), Some(commit)) = (record.delivered.event.repository(), commit_of(&record.delivered.event))
    else {
        return Ok(Vec::new());
    };
    let mut runs = app.store.runs(RunFilter::OfCommit(repository.clone(), commit.clone())).await?;
    runs.retain(|run| run.deliveries.contains(&record.delivered.id) || record.runs.contains(&run.id));
    Ok(runs)
}

fn commit_of(event: &Event) -> Option<&CommitId> {
    match event {
        Event::Push(push) => Some(&push.commit),
        Event::ChangeRequest(request) => request.commit.as_ref(),
        Event::Deleted(_) | Event::Comment(_) | Event::Ping(_) | Event::Other(_) | Event::Unreadable(_) => None,
    }
}

/// The receipt; as long as nothing is decided, with nulls where the decision will stand.
fn receipt(record: &DeliveryRecord) -> Result<Value, Failure> {
    let open = Decision {
        verdict: Verdict::Nothing { route: None },
        because: vec!["nothing has been decided yet".to_owned()],
        nearest_miss: None,
        shadows: Vec::new(),
        rules: String::new(),
    };
    let decision = record.decision.as_ref();
    let receipt = Receipt::of(&record.forge, &record.delivered, decision.unwrap_or(&open));
    let mut receipt = serde_json::to_value(receipt).map_err(|error| Failure::broken(&error))?;
    if decision.is_none() {
        receipt["decision"] = Value::Null;
        receipt["rules"] = Value::Null;
    }
    Ok(receipt)
}
