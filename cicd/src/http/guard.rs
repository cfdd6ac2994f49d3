//! Who is let in.
//!
//! * A page on another site can make a browser send requests here. What changes something must come from this page, or from
//!   a program, which says so in a header that no other site can set.
//! * Without tokens everybody who reaches the service may read and decide, so it answers to loopback names only. A name
//!   that was made to point here (DNS rebinding) and a proxy that publishes the service by accident are both refused.

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};

use super::error::Failure;
use super::visit::Visit;
use crate::app::App;

/// The header by which a program says that it is no browser.
pub(super) const CLIENT: &str = "x-pointsman-client";

/// Whose door an address is.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    /// It proves its sender by itself, or tells nothing.
    Machines,
    /// For whoever could log in.
    Anybody,
    /// For people who may read: everything that is not named here.
    People,
}

fn door(path: &str) -> Door {
    match path {
        "/healthz" | "/readyz" | "/callbacks/sns" => Door::Machines,
        "/login" => Door::Anybody,
        _ if path.starts_with("/webhooks/") => Door::Machines,
        _ if path.starts_with("/assets/") => Door::Anybody,
        _ => Door::People,
    }
}

/// Whether a request is let in.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn admit(app: &App, visit: &Visit, parts: &Parts) -> Result<(), Failure> {
    let door = door(parts.uri.path());
    if door == Door::Machines {
        return Ok(());
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !app.access.needs_proof() && !is_loopback(host) {
        return Err(Failure::not_allowed(
            "without tokens this service answers on loopback names only (127.0.0.1, localhost, [::1]); \
             configure tokens under [auth] to open it to others",
        ));
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        from_here(&parts.headers, host)?;
    }
    if door == Door::People && visit.who.is_none() {
        return Err(Failure::not_logged_in("log in, or send your token as `Authorization: Bearer <token>`"));
    }
    Ok(())
}

/// Whether a `Host` names this machine, and could not have been made to.
pub(crate) fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    !host.contains('@') && ["127.0.0.1", "localhost", "[::1]"].contains(&name.as_str())
}

/// Whether a request that changes something comes from our own page or from a program.
fn from_here(headers: &HeaderMap, host: &str) -> Result<(), Failure> {
    if let Some(site) = headers.get("sec-fetch-site") {
        if site == "same-origin" || site == "none" {
            return Ok(());
        }
    } else if let Some(origin) = headers.get(ORIGIN) {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if authority.is_some_and(|(_, authority)| !host.is_empty() && authority.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
    } else if headers.contains_key(CLIENT) {
        return Ok(());
    } else {
        return Err(Failure::not_allowed(format!("a program must say so: send the header `{CLIENT}: 1`")));
    }
    Err(Failure::not_allowed("this came from a page of another site; do it from this service's own page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in ["127.0.0.1:8700", "localhost:8700", "LOCALHOST", "[::1]:8700", "127.0.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "localhost.", "a@localhost", "::1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_address_nobody_thought_of_is_for_people() {
        assert_eq!(door("/webhooks/github"), Door::Machines);
        assert_eq!(door("/webhooks"), Door::People);
        assert_eq!(door("/callbacks/sns"), Door::Machines);
        assert_eq!(door("/callbacks/sns/x"), Door::People);
        assert_eq!(door("/healthz/x"), Door::People);
        assert_eq!(door("/metrics"), Door::People);
        assert_eq!(door("/new"), Door::People);
    }
}
