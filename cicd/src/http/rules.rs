//! The rules in force, as a page and as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::page;
use super::visit::Visit;
use crate::app::App;

/// The rules, for people.
pub(super) async fn page(State(app): State<Arc<App>>, Extension(visit): Extension<Visit>) -> Response {
    visit.show(page::rules::page(&app.rules.current()))
}

/// The rules, for programs.
pub(super) async fn json(State(app): State<Arc<App>>) -> Response {
    let (rules, problem) = (app.rules.current(), app.rules.problem());
    let problem = problem.map(|problem| json!({ "at": problem.at, "text": problem.text }));
    let entries = |all: Vec<(String, String)>| -> Vec<Value> {
        all.into_iter().map(|(name, words)| json!({ "name": name, "description": words })).collect()
    };
    let ignored = entries(rules.ignored().map(|(name, words)| (name.to_owned(), words)).collect());
    let routes = entries(rules.routes().map(|(name, words)| (name.to_string(), words)).collect());
    Json(json!({ "rules": rules.hash(), "problem": problem, "ignore": ignored, "routes": routes })).into_response()
}
