use axum::body::Body;
use axum::http::Request;
use router::run::{GateState, RunState};
use serde_json::json;

use super::fixture::{World, fresh, push};

#[tokio::test]
async fn a_click_on_approve_opens_the_gate_and_leads_back_to_the_run() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let gate = format!("/runs/{}/gates/prod", run.id);
    let answer = world.submit(&gate, "answer=approve&comment=looks+well&as=dana").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, format!("/runs/{}", run.id).as_str()));
    let now = world.app.store.run(&run.id).await.unwrap().unwrap();
    let vote = &now.environments[0].gate.approvals[0];
    assert_eq!((vote.by.as_str(), vote.comment.as_str()), ("dana", "looks well"));
}

#[tokio::test]
async fn a_program_gets_the_run_it_decided_about() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let gate = format!("/runs/{}/gates/prod", run.id);
    let answer = world.ask(&gate, &json!({"answer": "reject", "comment": "not today", "as": "dana"})).await;
    assert_eq!((answer.status.as_u16(), answer.json()["state"].clone()), (200, json!("rejected")));
    let again = world.ask(&gate, &json!({"answer": "approve", "as": "dana"})).await;
    assert_eq!(again.status, 409, "{}", again.text);
}

#[tokio::test]
async fn whoever_may_not_decide_is_told_why() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let gate = format!("/runs/{}/gates/prod", run.id);
    let stranger = world.ask(&gate, &json!({"answer": "approve", "as": "mallory"})).await;
    assert_eq!(stranger.status, 403);
    assert!(stranger.text.contains("release-managers"), "{}", stranger.text);
    for (body, status) in [
        (json!({"as": "dana"}), 400),
        (json!({"answer": "perhaps", "as": "dana"}), 400),
        (json!({"answer": "approve", "as": "da\nna"}), 400),
        (json!({"answer": "approve", "as": "dana", "comment": "x".repeat(3000)}), 400),
        (json!({"answer": "approve", "as": "dana", "comment": "x".repeat(70_000)}), 413),
    ] {
        assert_eq!(world.ask(&gate, &body).await.status, status, "{body}");
    }
    for elsewhere in ["/runs/0123456789abcdef/gates/prod", "/runs/x/gates/prod"] {
        assert_eq!(world.ask(elsewhere, &json!({"answer": "approve", "as": "dana"})).await.status, 404);
    }
    let now = world.app.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.environments[0].gate.state), (RunState::Waiting, GateState::Waiting));
}

#[tokio::test]
async fn a_run_is_stopped_and_started_again() {
    let world = World::open().await;
    world.decided(&push("main"), false).await;
    let run = fresh(&push("main"));
    world.save(&run).await;
    let stopped = world.ask(&format!("/runs/{}/cancel", run.id), &json!({"as": "dana"})).await;
    assert_eq!(stopped.json()["state"], "stopped", "{}", stopped.text);
    let again = world.submit(&format!("/runs/{}/retry", run.id), "").await;
    assert_eq!(again.status, 303, "{}", again.text);
    assert_ne!(again.header("location"), format!("/runs/{}", run.id));
    assert_eq!(world.get(again.header("location")).await.status, 200);
}

#[tokio::test]
async fn an_offered_start_is_taken_once_its_receipt_is_read() {
    let world = World::open().await;
    let id = world.decided(&push("main"), true).await;
    let receipt = world.get(&format!("/deliveries/{id}")).await;
    assert!(receipt.text.contains(&format!("action=\"/deliveries/{id}/start\"")));
    let started = world.submit(&format!("/deliveries/{id}/start"), "").await;
    assert_eq!(started.status, 303, "{}", started.text);
    let receipt = world.get(&format!("/deliveries/{id}")).await;
    assert!(receipt.text.contains(started.header("location")));
}

/// What a request carries of `Sec-Fetch-Site`, `Origin` and our own header, and whether it may decide.
#[tokio::test]
async fn another_site_cannot_decide() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let (ours, theirs, near) = ("http://127.0.0.1:8700", "http://evil.example", "http://127.0.0.1:9999");
    let matrix: [(&[(&str, &str)], bool); 14] = [
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", ours)], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", ours)], false),
        (&[("sec-fetch-site", "cross-site"), ("x-pointsman-client", "1")], false),
        (&[("origin", ours)], true),
        (&[("origin", theirs)], false),
        (&[("origin", near)], false),
        (&[("origin", "null"), ("x-pointsman-client", "1")], false),
        (&[("x-pointsman-client", "1")], true),
        (&[], false),
    ];
    for (headers, passes) in matrix {
        let mut request = Request::post(format!("/runs/{}/gates/prod", run.id))
            .header("host", "127.0.0.1:8700")
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Without an answer: whoever is let in is told that one is missing.
        let answer = world.send(request.body(Body::from("as=dana")).unwrap()).await;
        assert_eq!(answer.status, if passes { 400 } else { 403 }, "{headers:?} {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_that_a_plain_form_can_fake_is_not_json() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let request = Request::post(format!("/runs/{}/gates/prod", run.id))
        .header("host", "127.0.0.1:8700")
        .header("x-pointsman-client", "1")
        .header("content-type", "text/plain");
    let answer = world.send(request.body(Body::from(r#"{"answer":"approve","as":"dana"}"#)).unwrap()).await;
    assert_eq!(answer.status, 415);
}
