use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request};
use futures::stream;
use router::secret::Secret;
use router::verify::sign;

use super::fixture::{Answer, SECRET, World};

const MIB: usize = 1024 * 1024;

async fn deliver(world: &World, headers: &[(&str, &str)], body: Body) -> Answer {
    let mut request = Request::post("/webhooks/github").header("host", "pointsman.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(body).unwrap()).await
}

fn json_of(length: usize) -> Body {
    // In pieces and of no announced length, as a sender that hides it would.
    let piece = Bytes::from(vec![b' '; MIB]);
    let pieces = (0..length / MIB).map(move |_| Ok::<_, std::convert::Infallible>(piece.clone()));
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_genuine_delivery_is_taken_and_its_receipt_named() {
    let world = World::open().await;
    let body = br#"{"zen": "Keep it logically awesome."}"#;
    let signature = sign::github(&Secret::new(SECRET), body);
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("x-github-event", "ping"),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-hub-signature-256", &signature),
    ];
    let answer = deliver(&world, &headers, Body::from(&body[..])).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let delivery = answer.json()["delivery"].as_str().unwrap().to_owned();
    assert_eq!(answer.json()["receipt"], format!("http://127.0.0.1:8700/deliveries/{delivery}"));
    assert_eq!(world.get(&format!("/deliveries/{delivery}.json")).await.status, 200);
}

/// Whoever has seen one delivery can send it again under any id, for GitHub's signature does not cover that.
#[tokio::test]
async fn an_id_that_is_none_is_replaced_by_one_made_of_the_body() {
    let world = World::open().await;
    let body = br#"{"zen": "Practicality beats purity."}"#;
    let signature = sign::github(&Secret::new(SECRET), body);
    let enormous = "x".repeat(20_000);
    let mut kept = std::collections::BTreeSet::new();
    for id in
        [&b""[..], b" ", b"../../etc/passwd", b"\xff\xfe", "72d3162e-\u{e4}".as_bytes(), b"a b", enormous.as_bytes()]
    {
        let request = Request::post("/webhooks/github")
            .header("content-type", "application/json")
            .header("x-github-event", "ping")
            .header("x-hub-signature-256", &signature)
            .header("x-github-delivery", HeaderValue::from_bytes(id).unwrap());
        let answer = world.send(request.body(Body::from(&body[..])).unwrap()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        kept.insert(answer.json()["delivery"].as_str().unwrap().to_owned());
    }
    assert!(kept.len() == 1 && kept.iter().all(|id| id.starts_with("body-")), "{kept:?}");
}

#[tokio::test]
async fn what_is_not_genuine_is_told_no_more_than_where_to_look() {
    let world = World::open().await;
    for signature in ["", "sha256=00", &format!("sha256={}", "0".repeat(64))] {
        let headers = [("content-type", "application/json"), ("x-hub-signature-256", signature)];
        let answer = deliver(&world, &headers, Body::from("{}")).await;
        let told = r#"{"error":"not genuine: check the webhook's secret (X-Hub-Signature-256)"}"#;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, told), "{signature}");
    }
}

#[tokio::test]
async fn a_body_too_large_is_refused_whatever_its_length_says() {
    let world = World::open().await;
    let json = ("content-type", "application/json");
    assert_eq!(deliver(&world, &[json], json_of(26 * MIB)).await.status, 413);
    assert_eq!(deliver(&world, &[json, ("content-length", "10")], json_of(26 * MIB)).await.status, 413);
    assert_eq!(deliver(&world, &[json, ("content-length", "99999999999")], Body::from("{}")).await.status, 413);
    assert_eq!(deliver(&world, &[json], json_of(25 * MIB)).await.status, 401);
}

#[tokio::test]
async fn only_json_and_forms_are_read_and_nothing_is_unpacked() {
    let world = World::open().await;
    for media in ["text/plain", "application/json-seq", "multipart/form-data", ""] {
        let answer = deliver(&world, &[("content-type", media)], Body::from("{}")).await;
        assert_eq!(answer.status, 415, "{media}");
        assert!(answer.text.contains("webhook settings"), "{}", answer.text);
    }
    assert_eq!(deliver(&world, &[], Body::from("{}")).await.status, 415);
    let form = [("content-type", "Application/X-WWW-Form-Urlencoded")];
    assert_eq!(deliver(&world, &form, Body::from("payload=%7B%7D")).await.status, 401);
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(deliver(&world, &packed, Body::from("x")).await.status, 415);
}

#[tokio::test]
async fn a_forge_that_nobody_configured_is_not_found() {
    let world = World::open().await;
    for forge in ["gitlab", "nobody", "a%2Fb"] {
        let request = Request::post(format!("/webhooks/{forge}")).header("content-type", "application/json");
        assert_eq!(world.send(request.body(Body::from("{}")).unwrap()).await.status, 404, "{forge}");
    }
    let read = world.send(Request::get("/webhooks/github").body(Body::empty()).unwrap()).await;
    assert_eq!(read.status, 405);
}
