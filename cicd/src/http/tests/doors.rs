use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::fixture::{Answer, World, push};

async fn from_host(world: &World, address: &str, host: &str) -> Answer {
    let request = Request::get(address).header("host", host);
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_tokens_only_loopback_names_are_answered() {
    let world = World::open().await;
    for address in ["/", "/runs.json", "/deliveries", "/rules.json", "/metrics", "/nowhere", "/assets/x"] {
        for host in ["127.0.0.1:8700", "localhost:8700", "[::1]:8700"] {
            assert_ne!(from_host(&world, address, host).await.status, 403, "{address} {host}");
        }
        for host in ["evil.example", "pointsman.example:8700", "127.0.0.1.evil.example", ""] {
            let answer = from_host(&world, address, host).await;
            assert_eq!(answer.status, 403, "{address} {host}");
            assert!(answer.text.contains("[auth]"));
        }
    }
    for address in ["/healthz", "/readyz"] {
        assert_eq!(from_host(&world, address, "pointsman.example").await.status, 200, "{address}");
    }
}

#[tokio::test]
async fn with_tokens_nothing_is_read_without_one() {
    let world = World::with(&[("dana", "token-of-dana")]).await;
    let run = world.waiting_run(&push("main")).await;
    for address in ["/", "/runs.json", &format!("/runs/{}", run.id), "/deliveries", "/rules", "/metrics", "/nowhere"] {
        let answer = from_host(&world, address, "pointsman.example").await;
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"), "{address}");
        for (token, status) in [("token-of-dana", 200), ("token-of-dan", 401), ("", 401)] {
            let request = Request::get(address).header("host", "x").header("authorization", format!("Bearer {token}"));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            let wanted = if address == "/nowhere" && status == 200 { 404 } else { status };
            assert_eq!(answer.status, wanted, "{address} {token}");
        }
    }
    assert_eq!(from_host(&world, "/healthz", "x").await.status, 200);
}

#[tokio::test]
async fn a_login_gives_a_session_that_is_not_the_token() {
    let world = World::with(&[("dana", "token-of-dana")]).await;
    let page = world.get("/rules").await;
    assert_eq!(page.status, 401);
    assert!(page.text.contains(r#"action="/login""#) && page.text.contains(r#"name="to" value="/rules""#));
    assert_eq!(world.submit("/login", "token=wrong&to=/rules").await.status, 401);
    let answer = world.submit("/login", "token=token-of-dana&to=/rules").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/rules"));
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("token-of-dana"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let request = Request::get("/rules").header("host", "x").header("cookie", format!("a=b; {pair}"));
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 200);
    let request = Request::get("/rules").header("host", "x").header("cookie", format!("{pair}0"));
    assert_eq!(world.send(request.body(Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn a_link_on_another_site_leads_to_the_page_and_not_to_the_login() {
    let world = World::with(&[("dana", "token-of-dana")]).await;
    for (site, refresh) in [("cross-site", "0"), ("same-origin", ""), ("none", "")] {
        let request =
            Request::get("/").header("host", "x").header("accept", "text/html").header("sec-fetch-site", site);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("refresh")), (401, refresh), "{site}");
    }
}

#[tokio::test]
async fn a_token_decides_as_its_person_whatever_name_is_sent() {
    let world = World::with(&[("dana", "token-of-dana"), ("mallory", "token-of-mallory")]).await;
    let run = world.waiting_run(&push("main")).await;
    for (token, status) in [("token-of-mallory", 403), ("token-of-dana", 200)] {
        let request = Request::post(format!("/runs/{}/gates/prod", run.id))
            .header("host", "x")
            .header("x-pointsman-client", "1")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let body = json!({"answer": "approve", "as": "dana"}).to_string();
        let answer = world.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status, "{token} {}", answer.text);
    }
}

#[tokio::test]
async fn a_reader_may_choose_a_name_where_none_is_proved() {
    let world = World::open().await;
    let answer = world.submit("/me", "as=J%C3%B6rg+K&to=/rules").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/rules"));
    let pair = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let request = Request::get("/").header("host", "localhost").header("accept", "text/html").header("cookie", pair);
    let page = world.send(request.body(Body::empty()).unwrap()).await;
    assert!(page.text.contains(r#"value="Jörg K""#), "{}", page.text);
    let elsewhere = world.submit("/me", "as=dana&to=//evil.example").await;
    assert_eq!(elsewhere.header("location"), "/");
}

#[tokio::test]
async fn everything_carries_the_headers_that_keep_browsers_safe() {
    let world = World::open().await;
    for address in ["/", "/healthz", "/runs.json", "/nowhere", "/runs/0123456789abcdef"] {
        let answer = world.get(address).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{address}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"), "{address}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{address}");
    }
}

#[tokio::test]
async fn health_and_metrics_answer_machines() {
    let world = World::open().await;
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/readyz").await.status, 200);
    let rejected = Request::post("/webhooks/github").header("content-type", "application/json");
    assert_eq!(world.send(rejected.body(Body::from("{}")).unwrap()).await.status, 401);
    let metrics = world.get("/metrics").await.text;
    let counted = r#"pointsman_deliveries_total{forge="github",outcome="rejected",reason="missing"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}
