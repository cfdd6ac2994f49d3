//! A receiver that does as little as one can: it verifies a push of GitHub, reads three of its fields and forgets it. `floor SECRET ADDRESS`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow, rename = "ref")]
    git_ref: Cow<'a, str>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    #[serde(borrow)]
    repository: Repository<'a>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow)]
    full_name: Cow<'a, str>,
}

async fn take(State(secret): State<Arc<str>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let claimed = signature.and_then(|text| hex::decode(text.strip_prefix("sha256=")?).ok()).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(&body);
    if mac.verify_slice(&claimed).is_err() {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    match serde_json::from_slice::<Push<'_>>(&body) {
        Ok(push) => (StatusCode::ACCEPTED, format!("{} {} {}", push.repository.full_name, push.git_ref, push.after)),
        Err(_) => (StatusCode::BAD_REQUEST, String::new()),
    }
}

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1);
    let (secret, address) = (given.next().expect("a secret"), given.next().expect("an address"));
    let door = tokio::net::TcpListener::bind(address).await.expect("the address is free");
    let routes = Router::new()
        .route("/webhooks/github", post(take))
        .layer(DefaultBodyLimit::max(26 << 20))
        .with_state(Arc::from(secret));
    axum::serve(door, routes).await.expect("it serves until it is killed");
}
