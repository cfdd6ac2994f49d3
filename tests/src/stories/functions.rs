//! The real binary behind a stand-in for Lambda's runtime API.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cicd::store::dynamodb::create_table;
use serde_json::{Value, json};

use super::house::{RULES, first};
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::sink::Sink;
use crate::world::{FakeForge, Keys, World, aws};

mod again;
mod cost;

/// What `cargo build --bin doors` has made.
pub(super) fn built() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join("doors");
    assert!(binary.exists(), "{} is not there; run `cargo build --bin doors`", binary.display());
    binary
}

/// The variables of a deployment whose table is at an endpoint.
pub(super) fn vars(world: &World, table: &str, endpoint: &str) -> BTreeMap<String, String> {
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

/// The same, with pipelines on AWS: what the deployed binary is built for.
pub(super) fn vars_with_pipelines(
    world: &World,
    table: &str,
    endpoint: &str,
    pipelines: &str,
) -> BTreeMap<String, String> {
    let more = [
        ("POINTSMAN_ENGINE", "codepipeline"),
        ("POINTSMAN_AWS_SOURCE_BUCKET", "sources"),
        ("AWS_ENDPOINT_URL_S3", pipelines),
        ("AWS_ENDPOINT_URL_CODEPIPELINE", pipelines),
    ];
    let mut vars = vars(world, table, endpoint);
    vars.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    vars
}

/// What Lambda hands on of the queue: messages by their ids, each a group of its own.
pub(super) fn dispatch_event(messages: &[(&str, &str)]) -> Value {
    let record = |(id, body): &(&str, &str)| {
        json!({
            "messageId": id, "body": body, "attributes": {"MessageGroupId": id}, "messageAttributes": {},
            "eventSource": "aws:sqs",
        })
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
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
    let (answer, _) = dispatch.invoke(&dispatch_event(&[("m1", &message), ("m2", "{broken")])).await;
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

/// `make lambda-qemu`: what is deployed for arm64, a request through each door.
#[tokio::test]
#[ignore = "it needs qemu-aarch64 and what `make lambda-arm64` builds"]
async fn every_door_opens_on_arm64() {
    let house = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let world = World::new().await;
    let sink = Sink::listen(world.folder("bucket").join("source.zip")).await;
    create_table(&aws::dynamodb(&aws::endpoint()), "arm64").await.unwrap();
    let vars = vars_with_pipelines(&world, "arm64", &aws::endpoint(), &sink.url);
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    let started = async |door: &str| {
        let bootstrap = house.join("target/lambda-arm64").join(door).join("bootstrap");
        let run = format!("#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu '{}'\n", bootstrap.display());
        let script = world.file(format!("{door}.sh"), &run);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut function = Function::start(&script, door, &vars).await;
        function.ready().await;
        function
    };

    let mut webhook = started("webhook").await;
    let (forged, _) = webhook.invoke(&gateway_event(&pushed.delivery.clone().forged("{}"))).await;
    assert_eq!(forged["statusCode"], 401, "{forged}");
    webhook.ready().await;
    let (taken, _) = webhook.invoke(&gateway_event(&pushed.delivery)).await;
    assert_eq!(taken["statusCode"], 202, "{taken}");
    let message = json!({"forge": "github", "delivery": pushed.delivery.id()}).to_string();
    let (answer, _) = started("dispatch").await.invoke(&dispatch_event(&[("m", &message)])).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(sink.kept().started.len(), 1, "its pipeline was started");
    assert!(!world.hub.latest("acme/shop", &pushed.commit).is_empty(), "the forge has heard of it");
    let notice = json!({"Records": [{"EventVersion": "1.0", "EventSubscriptionArn": "arn", "EventSource": "aws:sns", "Sns": {
        "SignatureVersion": "1", "Timestamp": "2026-01-02T03:04:05.000Z", "Signature": "s", "SigningCertUrl": "c",
        "MessageId": "m", "Message": "{}", "MessageAttributes": {}, "Type": "Notification", "UnsubscribeUrl": "u",
        "TopicArn": "t"}}]});
    assert_eq!(started("callback").await.invoke(&notice).await.0, Value::Null);
    assert_eq!(started("sweep").await.invoke(&json!({"source": "aws.events"})).await.0, Value::Null);
}
