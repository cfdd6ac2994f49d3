//! Deploy actions at an emulator: stacks and services that are really there afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use cicd::clock::SystemClock;
use cicd::wire::action::{Act, ActionEnd, ActionTypeId, ActionWork, ArtifactIn};
use cicd::wire::deploys::{DeployConfig, Deploys};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::bench::{REGION, zipped};
use crate::world::aws::endpoint;

fn deploys(data: &Path) -> Deploys {
    let config = DeployConfig {
        ecs: Some(endpoint()),
        cloudformation: Some(endpoint()),
        codedeploy: Some(endpoint()),
        region: REGION.to_owned(),
        look_every: Duration::from_millis(20),
        patience: Duration::from_secs(30),
        ..DeployConfig::recording(data.join("deploys.jsonl"))
    };
    Deploys::new(config, Arc::new(SystemClock))
}

async fn act(provider: &str, configuration: &[(&str, &str)], files: &[(&str, &str)]) -> ActionEnd {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("in.zip");
    std::fs::write(&path, zipped(files)).unwrap();
    let text = |text: &str| text.to_owned();
    let work = ActionWork {
        pipeline: text("shop"),
        execution: text("e"),
        stage: text("to-test"),
        action: text("deploy"),
        action_execution: text("a"),
        kind: ActionTypeId {
            category: text("Deploy"),
            owner: text("AWS"),
            provider: text(provider),
            version: text("1"),
        },
        configuration: configuration.iter().map(|(key, value)| (text(key), text(value))).collect::<BTreeMap<_, _>>(),
        namespace: None,
        role: None,
        inputs: vec![ArtifactIn { name: text("built"), zip: path, bucket: text("b"), key: text("k"), revision: None }],
        outputs: vec![],
        folder: data.path().to_owned(),
        stop: CancellationToken::new(),
    };
    deploys(data.path()).act(work, Box::new(|_| {})).await
}

/// Asks moto's ECS.
async fn ecs(operation: &str, input: Value) -> Value {
    let scope = format!("wire/20260101/{REGION}/ecs/aws4_request");
    let request = reqwest::Client::new()
        .post(endpoint())
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .body(input.to_string());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

/// The names of the queues that stacks made here, at moto.
async fn queues() -> Vec<String> {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(endpoint())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new("wire", "secret", None, None, "the tests"))
        .build();
    let told = aws_sdk_sqs::Client::from_conf(config).list_queues().send().await.unwrap();
    let names = told.queue_urls().iter().filter_map(|url| url.rsplit('/').next());
    names.filter(|name| name.ends_with("-a")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_a_revision_with_the_new_image() {
    ecs("CreateCluster", json!({"clusterName": "wire"})).await;
    let container = |name: &str| json!({"name": name, "image": "repo:old", "memory": 64});
    let task = json!({"family": "wire", "containerDefinitions": [container("app"), container("side")]});
    ecs("RegisterTaskDefinition", task).await;
    let service = json!({"cluster": "wire", "serviceName": "shop", "taskDefinition": "wire", "desiredCount": 0});
    ecs("CreateService", service).await;
    let images = [("imagedefinitions.json", r#"[{"name": "app", "imageUri": "repo:new"}]"#)];
    let end = act("ECS", &[("ClusterName", "wire"), ("ServiceName", "shop")], &images).await;
    assert_eq!(end.result, Ok(()));
    let told = ecs("DescribeServices", json!({"cluster": "wire", "services": ["shop"]})).await;
    let revision = told["services"][0]["taskDefinition"].as_str().unwrap().to_owned();
    assert_eq!(end.external_id.as_ref(), Some(&revision));
    let told = ecs("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    let containers = &told["taskDefinition"]["containerDefinitions"];
    assert_eq!((&containers[0]["image"], &containers[1]["image"]), (&json!("repo:new"), &json!("repo:old")));
    let unknown = act("ECS", &[("ClusterName", "wire"), ("ServiceName", "none")], &images).await;
    assert!(unknown.result.unwrap_err().message.contains("no service none"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_made_changed_and_deleted() {
    let template = |queue: &str| {
        json!({
            "Parameters": {"Tail": {"Type": "String"}},
            "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": format!("{queue}-${{Tail}}")}}}},
            // The stand-in goes on telling an old queue by its attributes.
            "Outputs": {"Name": {"Value": {"Fn::Sub": format!("{queue}-${{Tail}}")}}},
        })
        .to_string()
    };
    let of_stack = |stack: &'static str, mode: &'static str| {
        [
            ("ActionMode", mode),
            ("StackName", stack),
            ("ChangeSetName", "next"),
            ("RoleArn", "arn:aws:iam::111122223333:role/deploy"),
            ("TemplatePath", "built::t.json"),
            ("ParameterOverrides", r#"{"Tail": "a"}"#),
        ]
    };
    let configuration = |mode: &'static str| of_stack("wire-stack", mode);
    for (mode, queue) in [("CREATE_UPDATE", "one"), ("CREATE_UPDATE", "two"), ("REPLACE_ON_FAILURE", "three")] {
        let end = act("CloudFormation", &configuration(mode), &[("t.json", &template(queue))]).await;
        assert_eq!(end.result, Ok(()), "{mode}");
        assert_eq!(end.variables["Name"], format!("{queue}-a"));
        assert!(end.external_id.unwrap().contains(":stack/wire-stack/"));
    }
    assert_eq!(act("CloudFormation", &configuration("DELETE_ONLY"), &[]).await.result, Ok(()));
    let gone = act("CloudFormation", &configuration("CHANGE_SET_EXECUTE"), &[]).await;
    assert_eq!(gone.result.unwrap_err().code, "JobFailed");

    let proposed = |mode: &'static str| of_stack("wire-proposed", mode);
    let end = act("CloudFormation", &proposed("CHANGE_SET_REPLACE"), &[("t.json", &template("proposed"))]).await;
    assert_eq!(end.result, Ok(()));
    assert_eq!(queues().await, Vec::<String>::new(), "what is proposed is not made");
    assert_eq!(act("CloudFormation", &proposed("CHANGE_SET_EXECUTE"), &[]).await.result, Ok(()));
    assert_eq!(queues().await, ["proposed-a"]);
}
