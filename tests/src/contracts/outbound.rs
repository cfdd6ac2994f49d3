//! The way out against a server with a certificate of its own making.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use cicd::outbound::Outbound;

use crate::world::{World, aws};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let world = World::new().await;
    let secure = aws::secure(&world.folder("tls"));
    let ask = async |url: String| Outbound::new(LONG).ask(Request::get(url).body(Body::empty()).unwrap(), LONG).await;
    assert!(ask(secure.plain()).await.is_ok(), "it is there");
    let refused = ask(secure.endpoint()).await.unwrap_err();
    let mut said = String::new();
    let mut cause: Option<&dyn Error> = Some(&refused);
    while let Some(error) = cause {
        said.push_str(&format!("{error}: "));
        cause = error.source();
    }
    assert!(said.contains("invalid peer certificate"), "{said}");
}
