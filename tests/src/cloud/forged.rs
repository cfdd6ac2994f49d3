//! A service of one's own that hears the topic over HTTPS, and those who would like to be heard there.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use cicd::clock::{Clock, SystemClock};
use router::id::{CommitId, ForgeKind};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::bed::{Telling, story};
use crate::crash::binary::Service;
use crate::world::Pushed;
use crate::world::ministack::{ACCOUNT, REGION};
use crate::world::sns::Signer;

/// A topic that nobody configured.
const OTHERS: &str = "arn:aws:sns:eu-central-1:123456789012:others";
/// A certificate that does not lie with SNS.
const ELSEWHERE: &str = "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-0a1b2c3d.pem";

/// The service: its own file of state, the pipelines of the bed.
fn service(bed: &Telling, signer: &Signer) -> Service {
    let rules = bed.world.folder("").join("pointsman.yaml");
    let endpoint = bed.here().endpoint_url().expect("it has one").to_owned();
    let topic = bed.router.named("Callbacks").to_owned();
    let variables = [
        ("POINTSMAN_ENGINE", "codepipeline".to_owned()),
        ("POINTSMAN_AWS_SOURCE_BUCKET", format!("pointsman-source-{ACCOUNT}-{REGION}")),
        ("POINTSMAN_AWS_CALLBACK_TOPIC_ARNS", topic),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ENDPOINT_URL_CODEPIPELINE", bed.wire.clone()),
        ("AWS_ENDPOINT_URL_CODEBUILD", bed.wire.clone()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    let variables = variables.into_iter().chain(signer.variables.clone());
    Service::new(&bed.world, &rules, bed.world.folder("self-hosted")).with(variables)
}

async fn told(url: &str, body: &Value) -> StatusCode {
    let asked = reqwest::Client::new().post(format!("{url}/callbacks/sns")).body(body.to_string());
    asked.send().await.expect("the service answers").status()
}

fn notification(topic: &str, event: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": "be0e4081-80e5-55f6-92c8-23a065565365", "TopicArn": topic,
        "Message": event.to_string(), "Timestamp": SystemClock.now().to_string(),
    })
}

/// Asks the topic to send its messages to an address of ours, and gives what it asks to confirm.
async fn subscription(bed: &Telling) -> Value {
    let (tell, mut heard) = mpsc::unbounded_channel();
    let ear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", ear.local_addr().unwrap());
    let take = move |body: String| async move {
        tell.send(body).ok();
    };
    tokio::spawn(async move { axum::serve(ear, Router::new().route("/", post(take))).await });
    let sns = aws_sdk_sns::Client::new(&bed.here());
    let subscribe = sns.subscribe().topic_arn(bed.router.named("Callbacks")).protocol("http").endpoint(address);
    subscribe.send().await.unwrap();
    serde_json::from_str(&heard.recv().await.unwrap()).unwrap()
}

/// How many subscriptions of the topic wait to be confirmed.
async fn unconfirmed(bed: &Telling) -> String {
    let sns = aws_sdk_sns::Client::new(&bed.here());
    let told = sns.get_topic_attributes().topic_arn(bed.router.named("Callbacks")).send().await.unwrap();
    told.attributes.unwrap_or_default().remove("SubscriptionsPending").unwrap_or_default()
}

/// What somebody else may make of a message that is genuine, and of the event in it.
fn forgeries(signer: &mut Signer, topic: &str, event: &Value) -> Vec<Value> {
    let genuine = signer.sign(&notification(topic, event));
    let changed = |field: &str, value: &str| {
        let mut message = genuine.clone();
        message[field] = json!(value);
        message
    };
    vec![
        changed("Signature", "AAAA"),
        changed("SignatureVersion", "1"),
        changed("Message", &event.to_string().replace("FAILED", "STOPPED")),
        changed("SigningCertURL", ELSEWHERE),
        changed("SigningCertURL", "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b2c3d.pem"),
        signer.sign(&notification(OTHERS, event)),
    ]
}

/// What somebody else may make of a confirmation that the topic asks for.
fn forged_confirmations(signer: &mut Signer, asked: &Value) -> Vec<Value> {
    let mut elsewhere = signer.sign(asked);
    elsewhere["SigningCertURL"] = json!(ELSEWHERE);
    let mut theirs = asked.clone();
    theirs["TopicArn"] = json!(OTHERS);
    // ministack's own signature is none, so what it asks is a forgery already.
    vec![asked.clone(), elsewhere, signer.sign(&theirs)]
}

/// Where a commit's run stands.
async fn state(url: &str, commit: &CommitId) -> Value {
    let told = reqwest::get(format!("{url}/runs.json")).await.expect("the service answers").text().await;
    let told: Value = serde_json::from_str(&told.expect("in full")).expect("JSON");
    let runs = told["runs"].as_array().or(told.as_array()).expect("a list of runs");
    runs.iter().find(|run| run["commit"] == commit.as_str()).map_or(Value::Null, |run| run["state"].clone())
}

/// Pushes what is at work until the file `go` is there, and waits until its tests are.
async fn at_work(bed: &Telling, url: &str) -> Pushed {
    let repo = bed.repo(ForgeKind::Github, "heard");
    bed.hold_events_of("acme/heard");
    let waits = "n=0; while [ ! -e \"$DEPLOY_TO/go\" ] && [ $n -lt 600 ]; do sleep 0.2; n=$((n+1)); done\n";
    let pushed = repo.push("feature/a", |work| work.write("ci/test.sh", waits));
    assert_eq!(bed.world.send(&pushed.delivery, url).await.0, StatusCode::ACCEPTED);
    bed.comes("the tests are at work", async || {
        bed.held_of("acme/heard").iter().any(|event| event["detail"]["stage"] == "test")
    })
    .await;
    pushed
}

#[test]
fn what_is_forged_moves_nothing_and_what_sns_signed_does() {
    story(async |bed| {
        let mut signer = Signer::start();
        let service = service(&bed, &signer);
        let Some(running) = service.start() else { panic!("it does not start: {}", service.said()) };
        let url = running.url.clone();
        let topic = bed.router.named("Callbacks").to_owned();
        let pushed = at_work(&bed, &url).await;
        let mut failed = bed.held_of("acme/heard")[0].clone();
        failed["detail"]["state"] = json!("FAILED");

        for forged in forgeries(&mut signer, &topic, &failed) {
            assert_eq!(told(&url, &forged).await, StatusCode::UNAUTHORIZED, "{forged}");
        }
        assert_eq!(told(&url, &json!({"Type": "Notification"})).await, StatusCode::BAD_REQUEST);
        assert_eq!(told(&url, &json!("x".repeat(3_000_000))).await, StatusCode::PAYLOAD_TOO_LARGE);
        let asked = subscription(&bed).await;
        for forged in forged_confirmations(&mut signer, &asked) {
            assert_eq!(told(&url, &forged).await, StatusCode::UNAUTHORIZED, "{forged}");
        }
        assert_eq!(unconfirmed(&bed).await, "1", "nobody has confirmed it");
        assert_eq!(state(&url, &pushed.commit).await, "running", "nothing has moved; {}", service.said());
        for why in
            ["its signature does not hold", "its certificate does not lie with SNS", "nobody listens to its topic"]
        {
            assert!(service.said().contains(&format!("a callback was rejected: {why}")), "{why}: {}", service.said());
        }

        assert_eq!(told(&url, &signer.sign(&asked)).await, StatusCode::OK, "{}", service.said());
        assert_eq!(unconfirmed(&bed).await, "0");
        std::fs::write(bed.places("heard").join("go"), "").unwrap();
        bed.comes("the execution has ended", async || {
            let last = bed.held_of("acme/heard").pop().unwrap_or_default();
            last["detail-type"] == "CodePipeline Pipeline Execution State Change"
                && last["detail"]["state"] == "SUCCEEDED"
        })
        .await;
        for event in bed.held_of("acme/heard") {
            let message = signer.sign(&notification(&topic, &event));
            assert_eq!(told(&url, &message).await, StatusCode::OK, "{}", service.said());
        }
        assert_eq!(state(&url, &pushed.commit).await, "succeeded", "{}", service.said());
        let expected =
            ["pointsman success", "pointsman/application/lint success", "pointsman/application/test success"];
        bed.shows(ForgeKind::Github, "heard", &pushed, &expected).await;
        running.end();
    });
}
