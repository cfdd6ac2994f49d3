//! The real binary behind a stand-in for Lambda's runtime API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cicd::store::dynamodb::create_table;
use serde_json::{Value, json};

use super::house::{RULES, first};
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::{FakeForge, Keys, World, aws};

mod cost;

/// What `cargo build --bin doors` has made.
fn built() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join("doors");
    assert!(binary.exists(), "{} is not there; run `cargo build --bin doors`", binary.display());
    binary
}

/// The variables of a deployment whose table is at an endpoint.
fn vars(world: &World, table: &str, endpoint: &str) -> BTreeMap<String, String> {
    let text = RULES.replace("DEPLOY}", &format!("{}}}", world.folder("environments").display()));
    let rules = world.file("pointsman.yaml", &text);
    [
        ("POINTSMAN_STORE", "dynamodb"),
        ("POINTSMAN_AWS_TABLE", table),
        ("POINTSMAN_RULES", rules.to_str().unwrap()),
        ("POINTSMAN_DATA", world.folder("data").to_str().unwrap()),
        ("POINTSMAN_BASE_URL", "https://ci.example.org"),
        ("POINTSMAN_GITHUB_API_URL", world.hub.api_url().as_str()),
        ("POINTSMAN_GITHUB_WEBHOOK_SECRET", Keys::GITHUB),
        ("POINTSMAN_GITHUB_TOKEN", FakeForge::TOKEN),
        ("AWS_ENDPOINT_URL", endpoint),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

#[tokio::test]
async fn the_binary_opens_the_door_that_its_handler_names() {
    let world = World::new().await;
    create_table(&aws::dynamodb(&aws::endpoint()), "functions").await.unwrap();
    let vars = vars(&world, "functions", &aws::endpoint());
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));

    let mut webhook = Function::start(&built(), "webhook", &vars).await;
    webhook.ready().await;
    let (forged, _) = webhook.invoke(&gateway_event(&pushed.delivery.clone().forged("{}"))).await;
    assert_eq!(forged["statusCode"], 401, "{forged}");
    webhook.ready().await;
    let (taken, _) = webhook.invoke(&gateway_event(&pushed.delivery)).await;
    assert_eq!(taken["statusCode"], 202, "{taken}");

    let mut dispatch = Function::start(&built(), "dispatch", &vars).await;
    dispatch.ready().await;
    let message = json!({"forge": "github", "delivery": pushed.delivery.id()}).to_string();
    let record = |id: &str, body: &str| {
        json!({
            "messageId": id, "body": body, "attributes": {"MessageGroupId": id}, "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    };
    let event = json!({"Records": [record("m1", &message), record("m2", "{broken")]});
    let (answer, _) = dispatch.invoke(&event).await;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "m2"}]}));
    assert!(!world.hub.latest("acme/shop", &pushed.commit).is_empty(), "the forge has heard of it when it answers");

    let mut sweep = Function::start(&built(), "sweep", &vars).await;
    sweep.ready().await;
    assert_eq!(sweep.invoke(&json!({"source": "aws.events"})).await.0, Value::Null);
}

#[tokio::test]
async fn a_function_that_cannot_begin_says_so_and_ends() {
    let world = World::new().await;
    let vars = vars(&world, "functions", "http://127.0.0.1:9");
    assert!(!Function::start(&built(), "index.handler", &vars).await.ended().await);
    let without = vars.into_iter().filter(|(name, _)| name != "POINTSMAN_BASE_URL").collect();
    assert!(!Function::start(&built(), "webhook", &without).await.ended().await);
}
