//! Names: proved with a token, or said where none need be proved.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::asked::Asked;
use super::error::Failure;
use super::visit::{NAME, SESSION, Visit};
use crate::app::App;

/// A token for a session.
pub(super) async fn log_in(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Failure> {
    let person = app.access.by_token(asked.token.trim());
    let person = person.ok_or_else(|| Failure::not_logged_in("that token is not known here"))?;
    let session = app.access.session(&person, app.clock.now());
    Ok(back(&app, &asked, &format!("{SESSION}={session}")))
}

/// Ends the session in this browser.
pub(super) async fn log_out(State(app): State<Arc<App>>, asked: Asked) -> Response {
    back(&app, &asked, &format!("{SESSION}=; Max-Age=0"))
}

/// Remembers what the reader is called, where names need no proof.
pub(super) async fn call_me(
    State(app): State<Arc<App>>,
    Extension(visit): Extension<Visit>,
    asked: Asked,
) -> Result<Response, Failure> {
    let person = visit.person(asked.name.as_deref())?;
    let name = utf8_percent_encode(person.as_str(), NON_ALPHANUMERIC);
    Ok(back(&app, &asked, &format!("{NAME}={name}; Max-Age=31536000")))
}

fn back(app: &App, asked: &Asked, cookie: &str) -> Response {
    let secure = if app.base_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{cookie}; Path=/; HttpOnly; SameSite=Strict{secure}");
    ([(SET_COOKIE, cookie)], Redirect::to(asked.way_back())).into_response()
}
