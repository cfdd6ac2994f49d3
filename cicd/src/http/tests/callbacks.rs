//! The door of SNS's topics.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::fixture::{Answer, World};
use crate::sns::tests::{OF_NOTIFICATION, notification, signed, usual};

async fn told(world: &World, body: Vec<u8>) -> Answer {
    // As SNS sends it: its media type says nothing.
    let request = Request::post("/callbacks/sns").header("content-type", "text/plain; charset=UTF-8");
    world.send(request.body(Body::from(body)).unwrap()).await
}

fn message(text: &str) -> Vec<u8> {
    let mut message = notification();
    message["Message"] = json!(text);
    signed(message, &OF_NOTIFICATION)
}

#[tokio::test]
async fn nobody_listens_where_no_topic_is_configured() {
    let world = World::open().await;
    assert_eq!(told(&world, message("{}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_genuine_message_reaches_the_engine_and_its_answer_tells_sns_what_to_do() {
    let world = World::listening(usual()).await;
    assert_eq!(told(&world, message("an event")).await.status, StatusCode::OK);
    assert_eq!(told(&world, message("unreadable")).await.status, StatusCode::BAD_REQUEST);
    // SNS sends again what is answered so.
    assert_eq!(told(&world, message("later")).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_not_genuine_or_no_message_is_refused_for_good() {
    let world = World::listening(usual()).await;
    let forged = String::from_utf8(message("an event")).unwrap().replace("an event", "another");
    let answer = told(&world, forged.into_bytes()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    assert_eq!(told(&world, b"{".to_vec()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(told(&world, vec![b'a'; 3 * 1024 * 1024]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}
