//! Stages that failed are tried again, taken back or let pass.

use serde_json::{Value, json};

use super::bed::{Bed, build, build_action, condition, id, only_if, pipeline, states};

fn retry(id: &str, mode: &str) -> Value {
    json!({"pipelineName": "shop", "stageName": "build", "pipelineExecutionId": id, "retryMode": mode})
}

fn two_builds() -> Value {
    json!({"name": "build", "actions": [build_action("one", 1), build_action("two", 1)]})
}

#[tokio::test]
async fn a_failed_stage_is_tried_again_and_its_events_count() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![two_builds(), build("ship")])).await;
    bed.provider.fail("two", 2);
    let id = bed.start();
    let seen = bed.state(&id, "FAILED").await;
    assert_eq!(states(&seen)[states(&seen).len() - 2..], ["stage build FAILED 0.0", "pipeline FAILED 1.0"]);
    let failed = seen.iter().find(|event| event["detail"]["state"] == "FAILED").unwrap();
    assert_eq!(failed["detail"]["execution-result"]["error-code"], "JobFailed");
    assert_eq!(failed["detail"]["execution-result"]["external-execution-id"], "build:two");

    bed.clock.advance_seconds(60);
    bed.ask("RetryStageExecution", retry(&id, "FAILED_ACTIONS"));
    let seen = bed.state(&id, "FAILED").await;
    let again = ["pipeline RESUMED 2.0", "stage build RESUMED 2.0", "action two STARTED 2.0", "action two FAILED 2.0"];
    assert_eq!(states(&seen), [&again[..], &["stage build FAILED 2.0", "pipeline FAILED 2.0"]].concat());
    assert_eq!(seen[0]["detail"]["last-retry-attempt-time"], "2026-09-28T20:22:30.250Z");
    assert_eq!(seen[1]["detail"]["stage-last-retry-attempt-time"], "2026-09-28T20:22:30.250Z");
    assert_eq!(
        bed.stage("build")["retryStageMetadata"],
        json!({"manualStageRetryAttempt": 1, "latestRetryTrigger": "ManualStageRetry"})
    );

    bed.ask("RetryStageExecution", retry(&id, "ALL_ACTIONS"));
    let seen = bed.state(&id, "SUCCEEDED").await;
    assert!(states(&seen).contains(&"action one STARTED 3.0".to_owned()));
    assert!(
        states(&seen).contains(&"stage ship STARTED 3.0".to_owned()),
        "later stages count the execution's attempts"
    );
    assert_eq!(bed.refused("RetryStageExecution", retry(&id, "ALL_ACTIONS")), "StageNotRetryableException");

    let latest = json!({"latestInPipelineExecution": {"pipelineExecutionId": id, "startTimeRange": "Latest"}});
    let of = |filter: Value| bed.ask("ListActionExecutions", json!({"pipelineName": "shop", "filter": filter}));
    assert_eq!(of(latest)["actionExecutionDetails"].as_array().unwrap().len(), 4);
    assert_eq!(of(json!({"pipelineExecutionId": id}))["actionExecutionDetails"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn only_the_latest_execution_of_a_stage_is_tried_again() {
    let mut bed = Bed::new();
    bed.create(&pipeline("SUPERSEDED", vec![build("build")])).await;
    bed.provider.fail("build", 1);
    let old = bed.start();
    bed.state(&old, "FAILED").await;
    let new = bed.start();
    bed.state(&new, "SUCCEEDED").await;
    assert_eq!(
        bed.refused("RetryStageExecution", retry(&old, "FAILED_ACTIONS")),
        "NotLatestPipelineExecutionException"
    );
    let mut nowhere = retry(&old, "FAILED_ACTIONS");
    nowhere["stageName"] = json!("nowhere");
    assert_eq!(bed.refused("RetryStageExecution", nowhere), "StageNotFoundException");
}

#[tokio::test]
async fn a_stage_tries_itself_again_once() {
    let mut bed = Bed::new();
    let mut stage = two_builds();
    stage["onFailure"] = json!({"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}});
    bed.create(&pipeline("QUEUED", vec![stage])).await;
    bed.provider.fail("two", 1);
    let id = bed.start();
    let seen = bed.state(&id, "SUCCEEDED").await;
    assert!(states(&seen).contains(&"action one STARTED 2.0".to_owned()));
    let metadata = bed.stage("build")["retryStageMetadata"].clone();
    assert_eq!(metadata, json!({"autoStageRetryAttempt": 1, "latestRetryTrigger": "AutomatedStageRetry"}));
    bed.provider.fail("two", 2);
    let id = bed.start();
    bed.state(&id, "FAILED").await;
}

#[tokio::test]
async fn a_stage_goes_back_to_what_succeeded_before() {
    let mut bed = Bed::new();
    let mut stage = build("build");
    stage["onFailure"] = json!({"result": "ROLLBACK"});
    let mut declared = pipeline("SUPERSEDED", vec![stage, build("ship")]);
    declared["variables"] = json!([{"name": "COLOUR", "defaultValue": "green"}]);
    bed.create(&declared).await;
    let good = id(&bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}))["pipelineExecutionSummaries"][0]);
    bed.provider.fail("build", 1);
    let bad = bed.start_with(json!({"variables": [{"name": "COLOUR", "value": "red"}]}));
    bed.state(&bad, "FAILED").await;
    let seen = bed.until(|event| event["detail"]["state"] == "SUCCEEDED" && event["detail"]["stage"].is_null()).await;
    let back = seen[0]["detail"]["execution-id"].as_str().unwrap().to_owned();
    assert_eq!(seen[0]["detail"]["execution-trigger"]["trigger-type"], "AutomatedRollback");
    let told = bed.execution(&back);
    assert_eq!((&told["executionType"], &told["status"]), (&json!("ROLLBACK"), &json!("Succeeded")));
    assert_eq!(told["rollbackMetadata"]["rollbackTargetPipelineExecutionId"], good);
    assert_eq!(told["variables"], json!([{"name": "COLOUR", "resolvedValue": "green"}]));
    assert_eq!(bed.stage("ship")["latestExecution"]["pipelineExecutionId"], good, "only the stage goes back");
    assert_eq!(
        bed.stage("build")["latestExecution"],
        json!({"pipelineExecutionId": back, "status": "Succeeded", "type": "ROLLBACK"})
    );

    let to = |target: &str| json!({"pipelineName": "shop", "stageName": "build", "targetPipelineExecutionId": target});
    let by_hand = id(&bed.ask("RollbackStage", to(&good)));
    bed.state(&by_hand, "SUCCEEDED").await;
    assert_eq!(bed.execution(&by_hand)["trigger"]["triggerType"], "ManualRollback");
    assert_eq!(bed.refused("RollbackStage", to(&bad)), "UnableToRollbackStageException");
    assert_eq!(bed.refused("RollbackStage", to(&by_hand)), "UnableToRollbackStageException");
    let nobody = "00000000-0000-4000-8000-000000000000";
    assert_eq!(bed.refused("RollbackStage", to(nobody)), "PipelineExecutionNotFoundException");
    bed.ask("UpdatePipeline", json!({"pipeline": declared}));
    assert_eq!(bed.refused("RollbackStage", to(&good)), "PipelineExecutionOutdatedException");
}

#[tokio::test]
async fn somebody_lets_a_stage_pass_its_conditions() {
    let mut bed = Bed::new();
    let mut stage = only_if(build("build"), "FAIL", "#{variables.WHO}", "nobody");
    stage["onSuccess"] = condition("FAIL", "#{variables.WHO}", "nobody");
    let mut declared = pipeline("SUPERSEDED", vec![stage, build("ship")]);
    declared["variables"] = json!([{"name": "WHO", "defaultValue": "me"}]);
    bed.create(&declared).await;
    let id = id(&bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}))["pipelineExecutionSummaries"][0]);
    assert!(bed.provider.done().is_empty(), "the condition keeps it out");
    let pass = |kind: &str| json!({"pipelineName": "shop", "stageName": "build", "pipelineExecutionId": id, "conditionType": kind});
    assert_eq!(bed.refused("OverrideStageCondition", pass("ON_SUCCESS")), "ConditionNotOverridableException");
    bed.ask("OverrideStageCondition", pass("BEFORE_ENTRY"));
    bed.state(&id, "FAILED").await;
    assert_eq!(bed.provider.done(), ["build"]);
    let state = bed.stage("build");
    assert_eq!(state["beforeEntryConditionState"]["latestExecution"]["status"], "Overridden");
    assert_eq!(state["onSuccessConditionState"]["latestExecution"]["status"], "Failed");
    bed.ask("OverrideStageCondition", pass("ON_SUCCESS"));
    bed.state(&id, "SUCCEEDED").await;
    assert_eq!(bed.provider.done(), ["build", "ship"]);
    let rules = bed.ask("ListRuleExecutions", json!({"pipelineName": "shop"}))["ruleExecutionDetails"].clone();
    assert_eq!(rules[0]["input"]["resolvedConfiguration"]["Variable"], "me");
    assert_eq!(rules.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_skipped_stage_is_not_tried_again() {
    let mut bed = Bed::new();
    let stage = only_if(build("build"), "SKIP", "#{codepipeline.PipelineExecutionId}", "never");
    bed.create(&pipeline("QUEUED", vec![stage])).await;
    let id = id(&bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}))["pipelineExecutionSummaries"][0]);
    assert_eq!(bed.execution(&id)["status"], "Succeeded");
    assert_eq!(bed.refused("RetryStageExecution", retry(&id, "ALL_ACTIONS")), "StageNotRetryableException");
    let to = json!({"pipelineName": "shop", "stageName": "build", "targetPipelineExecutionId": id});
    assert_eq!(bed.refused("RollbackStage", to), "UnableToRollbackStageException");
}
