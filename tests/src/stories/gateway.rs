//! The same door behind API Gateway.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use router::id::ForgeKind;
use router::run::RunState;
use serde_json::{Value, json};

use super::house::House;
use crate::world::Delivery;

/// The delivery as an HTTP API's event, payload format 2.0, in a stage called `live`.
fn event(delivery: &Delivery) -> Value {
    let headers: Value = delivery.headers().iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/live/webhooks/github",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "http": {"method": "POST", "path": "/live/webhooks/github", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "GitHub-Hookshot/1"},
            "requestId": "r", "routeKey": "$default", "stage": "live", "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1_767_323_045_000_i64
        },
        "body": BASE64_STANDARD.encode(delivery.body()),
        "isBase64Encoded": true
    })
}

#[tokio::test]
async fn a_push_through_api_gateway_is_proved_by_its_own_bytes() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/a", |work| work.write("src/ü.rs", "fn b() {}\n").message("größer 🚂"));
    let door = cicd::http::router(std::sync::Arc::clone(&house.app));

    let forged = event(&pushed.delivery.clone().forged("{}")).to_string();
    let request = lambda_http::request::from_str(&forged).unwrap();
    assert_eq!(lambda::webhook::handle(door.clone(), request).await.status(), 401);

    let request = lambda_http::request::from_str(&event(&pushed.delivery).to_string()).unwrap();
    assert_eq!(lambda::webhook::handle(door, request).await.status(), 202);
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.close().await;
}
