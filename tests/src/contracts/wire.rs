//! What the wire needs of the rest of AWS: sources from S3, announcements on SNS, events on EventBridge.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration};
use cicd::wire::events::outlet::{EventBridge, SnsTopic, Target};
use cicd::wire::pipeline::source::{Objects, S3Objects};
use cicd::wire::pipeline::topic::{Notice, SnsTopics, Topics};
use serde_json::{Value, json};

use crate::world::aws;

fn config() -> SdkConfig {
    let credentials = Credentials::new("key", "secret", None, None, "the tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(aws::endpoint())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn s3() -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&config()).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn bucket(client: &aws_sdk_s3::Client, name: &str) {
    let here = CreateBucketConfiguration::builder().location_constraint("eu-central-1".into()).build();
    client.create_bucket().bucket(name).create_bucket_configuration(here).send().await.unwrap();
}

async fn put(client: &aws_sdk_s3::Client, body: &'static str, summary: Option<&str>) -> String {
    let put = client.put_object().bucket("sources").key("src/c.zip").body(body.as_bytes().to_vec().into());
    let put = put.set_metadata(
        summary.map(|text| [("codepipeline-artifact-revision-summary".to_owned(), text.to_owned())].into()),
    );
    put.send().await.unwrap().version_id().unwrap().to_owned()
}

#[tokio::test]
async fn a_source_is_one_version_of_an_object_in_a_bucket_that_keeps_versions() {
    let (client, folder) = (s3(), tempfile::tempdir().unwrap());
    let (objects, file) = (S3Objects(client.clone()), folder.path().join("source.zip"));
    let refused = async |bucket: &str, key: &str, version: Option<&str>| {
        let failure = objects.fetch(bucket, key, version, &file).await.unwrap_err();
        (failure.code, failure.message)
    };
    assert_eq!(refused("nobody", "src/c.zip", None).await.0, "ConfigurationError");
    bucket(&client, "sources").await;
    assert_eq!(refused("sources", "src/c.zip", None).await.0, "ConfigurationError");
    let unversioned = client.put_object().bucket("sources").key("src/c.zip").body(vec![0].into());
    unversioned.send().await.unwrap();
    let (code, message) = refused("sources", "src/c.zip", None).await;
    assert_eq!((code.as_str(), message.contains("enable versioning")), ("ConfigurationError", true), "{message}");

    let kept = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket("sources").versioning_configuration(kept).send().await.unwrap();
    let first = put(&client, "first", Some("c0ffee")).await;
    let second = put(&client, "second", None).await;
    let old = objects.fetch("sources", "src/c.zip", Some(&first), &file).await.unwrap();
    assert_eq!((old.version, old.summary.as_deref()), (first, Some("c0ffee")));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "first");
    let new = objects.fetch("sources", "src/c.zip", None, &file).await.unwrap();
    assert_eq!((new.version, new.summary), (second, None));
    assert!(!new.etag.is_empty() && !new.etag.contains('"'), "{}", new.etag);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "second");
    assert_eq!(refused("sources", "src/c.zip", Some("no-such-version")).await.0, "ConfigurationError");
}

/// A queue that hears, its address and its ARN.
async fn queue(name: &str) -> (aws_sdk_sqs::Client, String, String) {
    let client = aws_sdk_sqs::Client::new(&config());
    let url = client.create_queue().queue_name(name).send().await.unwrap().queue_url().unwrap().to_owned();
    (client, url, format!("arn:aws:sqs:eu-central-1:123456789012:{name}"))
}

async fn heard(client: &aws_sdk_sqs::Client, url: &str) -> Value {
    let got = client.receive_message().queue_url(url).wait_time_seconds(5).send().await.unwrap();
    serde_json::from_str(got.messages().first().expect("a message").body().unwrap()).unwrap()
}

/// A topic with a queue that hears what is published on it.
async fn topic(name: &str) -> (aws_sdk_sns::Client, String, aws_sdk_sqs::Client, String) {
    let client = aws_sdk_sns::Client::new(&config());
    let arn = client.create_topic().name(name).send().await.unwrap().topic_arn().unwrap().to_owned();
    let (sqs, url, queue) = queue(name).await;
    client.subscribe().topic_arn(&arn).protocol("sqs").endpoint(queue).send().await.unwrap();
    (client, arn, sqs, url)
}

#[tokio::test]
async fn an_approval_is_announced_on_a_topic() {
    let (client, arn, sqs, url) = topic("gates").await;
    let topics = SnsTopics(client);
    let notice = Notice { subject: "APPROVAL NEEDED".to_owned(), message: r#"{"approval":{}}"#.to_owned() };
    topics.publish(&arn, &notice).await.unwrap();
    let envelope = heard(&sqs, &url).await;
    assert_eq!((&envelope["Subject"], &envelope["Message"]), (&json!("APPROVAL NEEDED"), &json!(r#"{"approval":{}}"#)));
    let failure = topics.publish("arn:aws:sns:eu-central-1:123456789012:nobody", &notice).await.unwrap_err();
    assert_eq!(failure.code, "ConfigurationError", "{}", failure.message);
}

fn event() -> Value {
    json!({
        "version": "0",
        "id": "b92ed20a-6963-bea2-3080-86eec610a37e",
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": "123456789012",
        "time": "2026-09-28T17:33:12Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:codepipeline:eu-central-1:123456789012:shop"],
        "detail": {"pipeline": "shop", "state": "STARTED", "version": 1.0, "pipeline-execution-attempt": 1.0},
    })
}

#[tokio::test]
async fn an_event_goes_to_a_topic_as_event_bridge_would_hand_it_on() {
    let (client, arn, sqs, url) = topic("events").await;
    SnsTopic { client: client.clone(), arn }.deliver(&event()).await.unwrap();
    let message = heard(&sqs, &url).await["Message"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), event());
    assert!(message.contains(r#""version":1.0"#), "{message}");
    let nobody = SnsTopic { client, arn: "arn:aws:sns:eu-central-1:123456789012:nobody".to_owned() };
    assert!(nobody.deliver(&event()).await.is_err());
}

#[tokio::test]
async fn an_event_goes_through_a_bus_to_whoever_its_rules_name() {
    let client = aws_sdk_eventbridge::Client::new(&config());
    let (sqs, url, arn) = queue("bus").await;
    let pattern = json!({"source": ["pointsman.codepipeline"], "detail": {"state": ["STARTED"]}}).to_string();
    client.put_rule().name("starts").event_pattern(pattern).send().await.unwrap();
    let to = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().unwrap();
    client.put_targets().rule("starts").targets(to).send().await.unwrap();
    let bus = EventBridge { client, bus: None, source: Some("pointsman.codepipeline".to_owned()) };
    let target: Arc<dyn Target> = Arc::new(bus);
    target.deliver(&event()).await.unwrap();
    let heard = heard(&sqs, &url).await;
    assert_eq!(heard["source"], "pointsman.codepipeline");
    for same in ["detail-type", "time", "resources", "detail"] {
        assert_eq!(heard[same], event()[same], "{same}");
    }
}
