//! The real binary behind a stand-in for Lambda's runtime API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cicd::store::dynamodb::create_table;
use serde_json::{Value, json};

use super::house::{RULES, first};
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::{FakeForge, Keys, World, aws};

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

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

/// What `make lambda-bench` prints. The endpoint speaks TLS, and its certificate stands among the machine's own.
#[tokio::test]
#[ignore = "it measures, and needs what `make lambda` builds"]
async fn the_cost_of_beginning() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let binary = house.join("target/lambda/webhook/bootstrap");
    let world = World::new().await;
    let (endpoint, certificates) = aws::secure(&world.folder("tls"));
    let mut vars = vars(&world, "cost", &endpoint);
    vars.insert("SSL_CERT_FILE".to_owned(), certificates.to_str().unwrap().to_owned());
    vars.insert("POINTSMAN_LOG".to_owned(), "error".to_owned());
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    let event = gateway_event(&pushed.delivery);
    let refused = gateway_event(&pushed.delivery.clone().forged("{}"));
    let (mut begins, mut plain, mut firsts, mut warm) = (vec![], vec![], vec![], vec![]);
    let (mut at_poll, mut at_end) = (0, 0);
    for _ in 0..20 {
        let mut function = Function::start(&binary, "webhook", &vars).await;
        begins.push(function.ready().await);
        at_poll = at_poll.max(function.peak_kib());
        plain.push(function.invoke(&refused).await.1);
        // The stand-in has no such table: what is measured is the way there and back.
        function.ready().await;
        let (answer, took) = function.invoke(&event).await;
        assert_eq!(answer["statusCode"], 503, "{answer}");
        firsts.push(took);
        for _ in 0..5 {
            function.ready().await;
            warm.push(function.invoke(&event).await.1);
        }
        at_end = at_end.max(function.peak_kib());
    }
    let bytes = std::fs::metadata(&binary).unwrap().len();
    let zip = std::fs::metadata(house.join("target/lambda/webhook.zip")).unwrap().len();
    let figures = format!(
        "binary {bytes} bytes, zip {zip}; start to first poll {:.1} ms; forged webhook {:.2} ms; first call over TLS {:.1} ms, \
         later ones {:.1} ms; at most {:.1} MiB at the first poll, {:.1} MiB at the end",
        median(begins),
        median(plain),
        median(firsts),
        median(warm),
        f64::from(u32::try_from(at_poll).unwrap()) / 1024.0,
        f64::from(u32::try_from(at_end).unwrap()) / 1024.0,
    );
    #[expect(clippy::print_stdout, reason = "this is what it is run for")]
    {
        println!("{figures}");
    }
}
