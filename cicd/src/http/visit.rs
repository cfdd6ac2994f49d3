//! One visit: who asks for which page, and in which dress the answer is wanted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, ETAG, IF_NONE_MATCH, REFRESH, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use router::run::{Identity, Person};

use super::error::{self, Failure};
use super::guard;
use super::page::{self, Page};
use crate::app::App;
use crate::rules_file::RulesProblem;

/// The cookie that proves a name.
pub(super) const SESSION: &str = "pointsman-session";
/// The cookie that remembers a name where none need be proved.
pub(super) const NAME: &str = "pointsman-name";

/// What every page wants to know about its reader.
#[derive(Clone)]
pub(super) struct Visit {
    /// Path and query, as asked.
    pub(super) address: String,
    /// Who asks: proved where names must be, else as the asker calls themselves.
    pub(super) who: Option<Person>,
    /// Their other names.
    pub(super) also: Vec<Identity>,
    /// Names must be proved here.
    pub(super) proof_needed: bool,
    /// A page is wanted, not data.
    pub(super) wants_page: bool,
    /// The browser came from a link on another site; it kept its cookies to itself.
    from_elsewhere: bool,
    /// The version of the page that the asker has already.
    seen: Option<String>,
    /// What is wrong with the rule file; known to admitted visitors only.
    pub(super) problem: Option<Arc<RulesProblem>>,
}

impl Visit {
    fn of(app: &App, parts: &Parts) -> Self {
        let headers = &parts.headers;
        let wants_page =
            !parts.uri.path().ends_with(".json") && text(headers, &ACCEPT).is_some_and(|all| all.contains("text/html"));
        let who = who(app, headers);
        Self {
            address: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            also: who.as_ref().map(|who| app.access.also(who)).unwrap_or_default(),
            who,
            proof_needed: app.access.needs_proof(),
            wants_page,
            from_elsewhere: headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site"),
            seen: text(headers, &IF_NONE_MATCH).map(str::to_owned),
            problem: None,
        }
    }

    /// A page for this visitor, or the word that nothing has changed since they saw it.
    pub(super) fn show(&self, page: Page) -> Response {
        let page = page.seen_by(self);
        let tag = format!("\"{}\"", page.version);
        if self.seen.as_ref() == Some(&tag) {
            return error::not_changed();
        }
        ([(ETAG, tag)], page.dress(self)).into_response()
    }

    /// The person who decides: the proved one, whatever name is given, or else whom the asker names.
    ///
    /// # Errors
    /// A name that is none.
    pub(super) fn person(&self, named: Option<&str>) -> Result<Person, Failure> {
        let named = named.map(str::trim).filter(|name| !name.is_empty() && !self.proof_needed);
        match named {
            Some(name) => Ok(Person::new(name)?),
            None => self.who.clone().ok_or_else(|| Failure::not_logged_in("log in first")),
        }
    }
}

fn who(app: &App, headers: &HeaderMap) -> Option<Person> {
    if !app.access.needs_proof() {
        let named =
            cookie(headers, NAME).and_then(|name| Person::new(percent_decode_str(name).decode_utf8().ok()?).ok());
        return Some(named.unwrap_or_else(|| app.access.host_user().clone()));
    }
    let bearer = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    match bearer {
        Some(token) => app.access.by_token(token.trim()),
        None => app.access.by_session(cookie(headers, SESSION)?, app.clock.now()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Lets a visitor in or not, shows the way, and dresses what comes back.
pub(super) async fn accompany(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut visit = Visit::of(&app, &parts);
    let admitted = guard::admit(&app, &visit, &parts);
    let mut response = match admitted {
        Ok(()) => {
            visit.problem = app.rules.problem();
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(visit.clone());
            error::adopted(next.run(request).await).await
        }
        Err(failure) => {
            visit.who = visit.who.filter(|_| !failure.asks_for_login());
            failure.into_response()
        }
    };
    if visit.wants_page
        && let Some(failure) = response.extensions_mut().remove::<Failure>()
    {
        let dressed = page::failure(&visit, &failure).into_response();
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.extend(dressed.headers().clone());
        response = Response::from_parts(parts, dressed.into_body());
    }
    secure(response.headers_mut());
    if visit.from_elsewhere && visit.wants_page && response.headers().contains_key(WWW_AUTHENTICATE) {
        // A link on another site brings a browser here without its cookies. Coming again, from here, it has them.
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("0"));
    }
    response
}

/// What a browser must know about everything it gets from here.
fn secure(headers: &mut HeaderMap) {
    const ALWAYS: [(&str, &str); 5] = [
        (
            "content-security-policy",
            "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
}
