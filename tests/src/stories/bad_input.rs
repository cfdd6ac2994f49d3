//! Hostile and broken deliveries, over a real connection.

use axum::http::StatusCode;
use router::id::ForgeKind;
use router::run::RunState;

use super::house::House;
use crate::world::Delivery;

#[tokio::test]
async fn what_is_not_proved_is_not_kept() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let good = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n")).delivery;
    let signature = good.header("x-hub-signature-256").unwrap().to_owned();
    let bad: Vec<(&str, Delivery)> = vec![
        ("missing", good.clone().without("x-hub-signature-256")),
        ("truncated", good.clone().with("x-hub-signature-256", &signature[..40])),
        ("malformed", good.clone().with("x-hub-signature-256", "sha256=zz")),
        ("empty", good.clone().with("x-hub-signature-256", "")),
        ("upper case", good.clone().with("x-hub-signature-256", &signature.to_uppercase())),
        ("other body", good.clone().forged("{}")),
        ("doubled", good.clone().and("x-hub-signature-256", &signature)),
    ];
    for (what, delivery) in bad {
        assert_eq!(house.send(&delivery).await.0, StatusCode::UNAUTHORIZED, "{what}");
    }
    assert!(house.app.store.deliveries(10, None).await.unwrap().is_empty(), "nothing is kept");
    let counted = house.page("/metrics").await;
    assert!(counted.lines().any(|line| line.contains("missing") && line.ends_with(" 1")), "{counted}");
    house.close().await;
}

#[tokio::test]
async fn what_is_proved_is_answered_well_whatever_it_says() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let ping = shop.ping();
    let id = |delivery: &Delivery| delivery.id().to_owned();
    let push = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n")).delivery;
    let cases = [
        (ping.clone(), "nothing"),
        (push.clone().meaning("{not json").with("x-github-delivery", "d-1"), "refused"),
        (push.clone().meaning("\u{fffd}").with("x-github-delivery", "d-2"), "refused"),
        (push.clone().meaning("{}").with("x-github-delivery", "d-3"), "refused"),
        (
            push.clone().edited(|body| body["ref"] = "refs/heads/../../etc".into()).with("x-github-delivery", "d-4"),
            "refused",
        ),
        (
            push.edited(|body| body["repository"]["full_name"] = "evil/other".into()).with("x-github-delivery", "d-5"),
            "refused",
        ),
    ];
    for (delivery, verdict) in cases {
        let (code, answer) = house.send(&delivery).await;
        assert_eq!(code, StatusCode::ACCEPTED, "{answer}");
        let path = format!("/deliveries/{}.json", id(&delivery));
        house.until("it is decided", async || house.json(&path).await["decision"].is_string()).await;
        let receipt = house.json(&path).await;
        assert_eq!(receipt["decision"], verdict, "{receipt}");
        assert!(!receipt["because"].as_array().unwrap().is_empty(), "{receipt}");
    }
    house.close().await;
}

#[tokio::test]
async fn what_two_readers_would_read_differently_starts_nothing() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let push = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n")).delivery;
    let text = String::from_utf8(push.body().to_vec()).unwrap();
    let with = |more: &str| text.replacen('{', &format!("{{{more},"), 1).into_bytes();
    let number = push.clone().edited(|body| body["repository"]["pushed_at"] = 7.into());
    let number = String::from_utf8(number.body().to_vec()).unwrap();
    let not_utf8 = [with("\"message\":\"\"").as_slice(), b"\xff"].concat();
    let (before, after) = text.split_once("\"full_name\":\"acme/shop\"").unwrap();
    let broken_name = [before.as_bytes(), b"\"full_name\":\"acme/sh\xffp\"", after.as_bytes()].concat();
    let deep = format!("\"ref\":{}{},\"name\":", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("twice", with("\"ref\":\"refs/heads/main\"")),
        ("number", number.replacen("\"pushed_at\":7", "\"pushed_at\":1e400", 1).into_bytes()),
        ("utf8", not_utf8),
        ("name", broken_name),
        ("cut", text.as_bytes()[..text.len() - 1].to_vec()),
        ("tail", format!("{text}{text}").into_bytes()),
        ("deep", text.replacen("\"ref\":", &deep, 1).into_bytes()),
    ];
    for (what, body) in cases {
        let delivery = push.clone().with("x-github-delivery", what).meaning(body);
        assert_eq!(house.send(&delivery).await.0, StatusCode::ACCEPTED, "{what}");
        let path = format!("/deliveries/{what}.json");
        house.until("it is decided", async || house.json(&path).await["decision"].is_string()).await;
        assert_eq!(house.json(&path).await["decision"], "refused", "{what}");
    }
    house.close().await;
}

/// The branch's name must reach the build as a variable and the page escaped, and do nothing else.
async fn a_hostile_branch(name: &str) {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let out = house.environments().join("branch");
    let test = format!("printf %s \"$POINTSMAN_BRANCH\" > '{}'\n", out.display());
    let pushed = shop.push(name, |work| work.write("ci/test.sh", test).message("<b>hi</b> `id` $(id)"));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Succeeded).await;
    assert_eq!(std::fs::read_to_string(out).unwrap(), name);
    let page = house.page(&format!("/runs/{}", run.id)).await;
    assert!(!page.contains("<b>hi"), "the title is escaped");
    if name.contains('<') {
        assert!(!page.contains(name), "the name is escaped");
    }
    house.close().await;
}

#[tokio::test]
async fn a_branch_that_would_be_a_command_is_only_a_name() {
    a_hostile_branch("feature/x;echo${IFS}hi|sh").await;
}

#[tokio::test]
async fn a_branch_with_quotes_and_emoji_is_only_a_name() {
    a_hostile_branch("feature/'\"<script>alert(1)</script>-$(id)-`id`-🚂").await;
}
