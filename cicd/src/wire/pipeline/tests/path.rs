//! One execution from its start to its end.

use serde_json::{Value, json};

use super::bed::{Bed, action, build, build_action, gate, only_if, pipeline, states};

fn parameterized() -> Value {
    let mut lint = build("lint");
    lint["actions"][0]["configuration"]["EnvironmentVariables"] =
        json!(r##"[{"name":"REF","value":"#{variables.REF}"},{"name":"KEY","value":"#{Source.ObjectKey}"}]"##);
    let data = json!({"CustomData": "#{codepipeline.PipelineExecutionId}", "NotificationArn": "arn:aws:sns:eu-central-1:123456789012:gates"});
    let mut declared = pipeline(
        "PARALLEL",
        vec![
            only_if(lint, "SKIP", "#{variables.STAGES}", ",lint,"),
            only_if(build("test"), "SKIP", "#{variables.STAGES}", ",test,"),
            gate("to-prod", data),
        ],
    );
    declared["variables"] =
        json!([{"name": "RUN"}, {"name": "REF", "defaultValue": " "}, {"name": "STAGES", "defaultValue": ","}]);
    declared
}

#[tokio::test]
async fn a_commit_travels_through_a_parameterized_pipeline() {
    let mut bed = Bed::new();
    bed.create(&parameterized()).await;
    let first =
        bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}))["pipelineExecutionSummaries"][0].clone();
    assert_eq!(first["status"], "Failed", "nobody decided the run that CreatePipeline begins");
    assert_eq!(first["statusSummary"], "Values for required variables haven't been provided: RUN");
    assert_eq!(first["trigger"]["triggerType"], "CreatePipeline");

    let id = bed.start_with(json!({
        "variables": [
            {"name": "RUN", "value": "r1"},
            {"name": "REF", "value": "#{variables.RUN}\"; rm -rf /"},
            {"name": "STAGES", "value": ",lint,"},
            {"name": "NOBODY", "value": "knows"},
        ],
        "sourceRevisions": [
            {"actionName": "source", "revisionType": "S3_OBJECT_KEY", "revisionValue": "src/c0ffee.zip"},
            {"actionName": "source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v7"},
        ],
    }));
    let started = bed.action(&id, "approve", "STARTED").await;
    let work = bed.provider.works.lock().unwrap()[0].clone();
    assert_eq!(
        work.configuration["EnvironmentVariables"],
        r##"[{"name":"REF","value":"#{variables.RUN}"; rm -rf /"},{"name":"KEY","value":"src/c0ffee.zip"}]"##,
        "what a variable holds is put in as it is, and never looked at again"
    );
    assert_eq!(work.inputs[0].revision.as_deref(), Some("v7"));
    assert_eq!(std::fs::read_to_string(&work.inputs[0].zip).unwrap(), "src/c0ffee.zip");
    assert_eq!(bed.provider.done(), ["lint"], "test is skipped");
    assert_eq!(bed.stage("test")["latestExecution"]["status"], "Skipped");

    let token = started["detail"]["action-execution-id"].as_str().unwrap().to_owned();
    approval_is_announced(&bed, &id, &token).await;
    let answer = json!({
        "pipelineName": "shop", "stageName": "to-prod", "actionName": "approve", "token": token,
        "result": {"summary": "looks good", "status": "Approved"},
    });
    bed.ask("PutApprovalResult", answer.clone());
    let ended = bed.state(&id, "SUCCEEDED").await;
    assert_eq!(
        states(&ended),
        ["action approve SUCCEEDED 1.0", "stage to-prod SUCCEEDED 0.0", "pipeline SUCCEEDED 1.0"]
    );
    assert_eq!(bed.refused("PutApprovalResult", answer), "ApprovalAlreadyCompletedException");
    let execution = bed.execution(&id);
    assert_eq!(execution["status"], "Succeeded");
    assert_eq!(execution["artifactRevisions"][0]["revisionId"], "v7");
    assert_eq!(execution["artifactRevisions"][0]["revisionSummary"], "Amazon S3 version id: v7");
    assert_eq!(execution["variables"][0], json!({"name": "RUN", "resolvedValue": "r1"}));
}

async fn approval_is_announced(bed: &Bed, id: &str, token: &str) {
    // In PARALLEL mode the state tells no token; the history does.
    assert_eq!(bed.stage("to-prod")["actionStates"][0]["latestExecution"]["token"], Value::Null);
    let filter = json!({"pipelineName": "shop", "filter": {"pipelineExecutionId": id}, "maxResults": 1});
    let newest = bed.ask("ListActionExecutions", filter)["actionExecutionDetails"][0].clone();
    assert_eq!(newest["output"]["executionResult"]["externalExecutionId"], token);
    assert_eq!(newest["input"]["resolvedConfiguration"]["CustomData"], id);
    let (arn, notice) = bed.notice().await;
    assert!(arn.ends_with(":gates"));
    assert_eq!(notice.subject, "APPROVAL NEEDED: AWS CodePipeline shop for action approve");
    let message: Value = serde_json::from_str(&notice.message).unwrap();
    let console = "https://console.aws.amazon.com/codesuite/codepipeline/pipelines/shop/view?region=eu-central-1";
    assert_eq!(
        message,
        json!({
            "region": "eu-central-1",
            "consoleLink": console,
            "approval": {
                "pipelineName": "shop", "stageName": "to-prod", "actionName": "approve", "token": token,
                "expires": "2026-10-05T20:21Z", "externalEntityLink": null, "customData": id,
                "approvalReviewLink": format!("{console}#/to-prod/approve/approve/{token}"),
            },
        })
    );
}

#[tokio::test]
async fn events_have_the_shapes_that_aws_has_been_seen_to_emit() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    let id = bed.start();
    let events = bed.state(&id, "SUCCEEDED").await;
    assert_eq!(
        states(&events),
        [
            "pipeline STARTED 1.0",
            "stage source STARTED 0.0",
            "action source STARTED 1.0",
            "action source SUCCEEDED 1.0",
            "stage source SUCCEEDED 0.0",
            "stage build STARTED 0.0",
            "action build STARTED 1.0",
            "action build SUCCEEDED 1.0",
            "stage build SUCCEEDED 0.0",
            "pipeline SUCCEEDED 1.0",
        ]
    );
    let detail = |at: usize| {
        let mut detail = events[at]["detail"].clone();
        assert_eq!(
            (detail["execution-id"].take(), detail["start-time"].take()),
            (json!(id), json!("2026-09-28T20:21:30.250Z"))
        );
        detail.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        detail
    };
    assert_eq!(events[0]["time"], "2026-09-28T20:21:30Z");
    assert_eq!(events[0]["source"], "aws.codepipeline");
    assert_eq!(events[0]["resources"], json!(["arn:aws:codepipeline:eu-central-1:123456789012:shop"]));
    let trigger =
        json!({"trigger-type": "StartPipelineExecution", "trigger-detail": "arn:aws:iam::123456789012:user/wire"});
    let started = json!({"pipeline": "shop", "execution-trigger": trigger, "state": "STARTED", "version": 1.0, "pipeline-execution-attempt": 1.0});
    assert_eq!(detail(0), started);
    assert_eq!(
        detail(1),
        json!({"pipeline": "shop", "stage": "source", "state": "STARTED", "version": 1.0, "pipeline-execution-attempt": 0.0})
    );
    let source = detail(3);
    assert_eq!(
        source["execution-result"],
        json!({"external-execution-summary": "Amazon S3 version id: latest", "external-execution-id": "latest"})
    );
    assert_eq!(source["type"], json!({"owner": "AWS", "provider": "S3", "category": "Source", "version": "1"}));
    let key = source["output-artifacts"][0]["s3location"]["key"].as_str().unwrap();
    assert!(key.starts_with("shop/source/") && key.len() == "shop/source/1234567.zip".len(), "{key}");
    assert_eq!(detail(6)["input-artifacts"][0]["s3location"]["key"], key);
    assert_eq!(detail(7)["execution-result"], json!({"external-execution-id": "build:build"}));
    assert_eq!(detail(9)["execution-trigger"], Value::Null);
}

#[tokio::test]
async fn actions_run_in_their_order_and_tell_each_other_variables() {
    let mut bed = Bed::new();
    let mut first = build_action("first", 1);
    first["namespace"] = json!("First");
    let mut last = build_action("last", 7);
    last["inputArtifacts"] = json!([{"name": "second"}, {"name": "first"}]);
    last["configuration"] = json!({"ProjectName": "p-#{First.NUMBER}", "PrimarySource": "first"});
    let stage = json!({"name": "build", "actions": [last, first, build_action("second", 1)]});
    bed.provider.variables.lock().unwrap().insert("first".to_owned(), [("NUMBER".to_owned(), "42".to_owned())].into());
    bed.provider.hold("first");
    bed.provider.hold("second");
    bed.ask("CreatePipeline", json!({"pipeline": pipeline("SUPERSEDED", vec![stage])}));
    let both = |event: &Value| event["detail"]["action"] == "second" && event["detail"]["state"] == "STARTED";
    bed.until(both).await;
    bed.provider.let_go("second");
    bed.until(|event| event["detail"]["action"] == "second" && event["detail"]["state"] == "SUCCEEDED").await;
    assert!(!bed.provider.done().contains(&"last".to_owned()), "it waits for the whole group");
    bed.provider.let_go("first");
    bed.until(|event| event["detail"]["state"] == "SUCCEEDED" && event["detail"]["stage"].is_null()).await;
    let work = bed.provider.works.lock().unwrap().pop().unwrap();
    assert_eq!((work.action.as_str(), work.configuration["ProjectName"].as_str()), ("last", "p-42"));
    assert_eq!(work.inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["second", "first"]);
}

#[tokio::test]
async fn an_action_without_what_it_names_fails_with_words() {
    let mut bed = Bed::new();
    let mut unknown = build("unknown");
    unknown["actions"][0]["configuration"]["ProjectName"] = json!("#{variables.GONE}");
    bed.create(&pipeline("QUEUED", vec![unknown])).await;
    let details = bed.ask("ListActionExecutions", json!({"pipelineName": "shop"}))["actionExecutionDetails"].clone();
    let result = &details[0]["output"]["executionResult"];
    assert_eq!(result["errorDetails"], json!({"code": "ConfigurationError"}));
    assert!(result["externalExecutionSummary"].as_str().unwrap().contains("#{variables.GONE}"), "{result}");

    let skipped = only_if(build("skipped"), "SKIP", "#{codepipeline.PipelineExecutionId}", "never");
    let deploy = action(
        "deploy",
        "Build/CodeBuild",
        json!({"configuration": {"ProjectName": "d"}, "inputArtifacts": [{"name": "skipped"}]}),
    );
    bed.ask("DeletePipeline", json!({"name": "shop"}));
    bed.create(&pipeline("QUEUED", vec![skipped, json!({"name": "deploy", "actions": [deploy]})])).await;
    let details = bed.ask("ListActionExecutions", json!({"pipelineName": "shop"}))["actionExecutionDetails"].clone();
    let message = details[0]["output"]["executionResult"]["externalExecutionSummary"].clone();
    assert_eq!(message, "The input artifact skipped does not exist: the action that makes it has not run");
    assert!(bed.provider.done().is_empty());
}

#[tokio::test]
async fn a_source_that_cannot_be_read_fails_the_execution() {
    let mut bed = Bed::new();
    let mut declared = pipeline("QUEUED", vec![build("build")]);
    declared["stages"][0]["actions"][0]["configuration"]["S3Bucket"] = json!("gone");
    bed.create(&declared).await;
    let action = bed.stage("source")["actionStates"][0]["latestExecution"].clone();
    assert_eq!(action["errorDetails"], json!({"code": "ConfigurationError", "message": "no such bucket"}));
    assert!(bed.provider.done().is_empty());
}

#[tokio::test]
async fn a_wire_that_closes_ends_its_actions_and_a_forgotten_pipeline_leaves_no_zip() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.zips(2).await;
    bed.ask("DeletePipeline", json!({"name": "shop"}));
    bed.zips(0).await;
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.provider.hold("build");
    let id = bed.start();
    bed.action(&id, "build", "STARTED").await;
    bed.wire.close().await;
    assert_eq!(bed.execution(&id)["status"], "InProgress", "nothing more is told of it");
}
