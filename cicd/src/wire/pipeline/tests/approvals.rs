//! Approvals that are not simply approved.

use serde_json::{Value, json};

use super::bed::{Bed, gate, pipeline, states};

async fn at_the_gate(bed: &mut Bed, configuration: Value) -> (String, String) {
    bed.ask("CreatePipeline", json!({"pipeline": pipeline("SUPERSEDED", vec![gate("gate", configuration)])}));
    let started = bed.until(|event| event["detail"]["action"] == "approve").await.pop().unwrap();
    let of = |key: &str| started["detail"][key].as_str().unwrap().to_owned();
    (of("execution-id"), of("action-execution-id"))
}

fn answer(token: &str, status: &str) -> Value {
    let result = json!({"summary": "not on a Friday", "status": status});
    json!({"pipelineName": "shop", "stageName": "gate", "actionName": "approve", "token": token, "result": result})
}

#[tokio::test]
async fn a_rejection_fails_the_stage_and_a_retry_asks_anew() {
    let mut bed = Bed::new();
    let (id, token) = at_the_gate(&mut bed, json!({})).await;
    let open = bed.stage("gate")["actionStates"][0]["latestExecution"].clone();
    assert_eq!((open["token"].as_str(), open["externalExecutionId"].as_str()), (Some(token.as_str()), None));
    bed.ask("PutApprovalResult", answer(&token, "Rejected"));
    let seen = bed.state(&id, "FAILED").await;
    assert_eq!(states(&seen)[0], "action approve FAILED 1.0");
    assert_eq!(
        seen[0]["detail"]["execution-result"],
        json!({"external-execution-summary": "not on a Friday", "external-execution-id": token, "error-code": "JobFailed"})
    );
    let closed = bed.stage("gate")["actionStates"][0]["latestExecution"].clone();
    assert_eq!(closed["lastUpdatedBy"], "arn:aws:iam::123456789012:user/wire");
    assert_eq!((&closed["token"], &closed["errorDetails"]), (&Value::Null, &Value::Null));

    let retry =
        json!({"pipelineName": "shop", "stageName": "gate", "pipelineExecutionId": id, "retryMode": "FAILED_ACTIONS"});
    bed.ask("RetryStageExecution", retry);
    let started = bed.action(&id, "approve", "STARTED").await;
    let new = started["detail"]["action-execution-id"].as_str().unwrap().to_owned();
    assert_ne!(new, token);
    assert_eq!(bed.refused("PutApprovalResult", answer(&token, "Approved")), "ApprovalAlreadyCompletedException");
    let mut silent = answer(&new, "Approved");
    silent["result"]["summary"] = json!("");
    bed.ask("PutApprovalResult", silent);
    bed.state(&id, "SUCCEEDED").await;
    let closed = bed.stage("gate")["actionStates"][0]["latestExecution"].clone();
    assert_eq!((&closed["status"], &closed["summary"]), (&json!("Succeeded"), &Value::Null));
}

#[tokio::test]
async fn an_approval_that_nobody_answers_expires() {
    let mut bed = Bed::new();
    let mut declared = pipeline("SUPERSEDED", vec![gate("gate", json!({}))]);
    declared["stages"][1]["actions"][0]["timeoutInMinutes"] = json!(5);
    bed.ask("CreatePipeline", json!({"pipeline": declared}));
    let started = bed.until(|event| event["detail"]["action"] == "approve").await.pop().unwrap();
    let id = started["detail"]["execution-id"].as_str().unwrap().to_owned();
    let token = started["detail"]["action-execution-id"].as_str().unwrap().to_owned();
    bed.clock.advance_seconds(5 * 60);
    bed.state(&id, "FAILED").await;
    assert_eq!(bed.refused("PutApprovalResult", answer(&token, "Approved")), "ApprovalAlreadyCompletedException");
    let action = bed.stage("gate")["actionStates"][0]["latestExecution"].clone();
    assert_eq!(action["errorDetails"]["message"], "The approval was not answered before it expired");
}

#[tokio::test]
async fn an_approval_that_cannot_be_announced_fails() {
    let mut bed = Bed::new();
    let topic = json!({"NotificationArn": "arn:aws:sns:eu-central-1:123456789012:closed"});
    let (id, token) = at_the_gate(&mut bed, topic).await;
    bed.state(&id, "FAILED").await;
    assert_eq!(bed.refused("PutApprovalResult", answer(&token, "Approved")), "ApprovalAlreadyCompletedException");
    assert_eq!(bed.stage("gate")["actionStates"][0]["latestExecution"]["errorDetails"]["code"], "PermissionError");
}

#[tokio::test]
async fn every_mistake_of_an_answer_has_its_name() {
    let mut bed = Bed::new();
    let (id, token) = at_the_gate(&mut bed, json!({})).await;
    let other = "00000000-0000-4000-8000-000000000000";
    let with = |key: &str, value: Value| {
        let mut input = answer(&token, "Approved");
        input[key] = value;
        input
    };
    let cases = [
        (with("pipelineName", json!("nobody")), "PipelineNotFoundException"),
        (with("stageName", json!("nowhere")), "StageNotFoundException"),
        (with("actionName", json!("nothing")), "ActionNotFoundException"),
        (with("token", json!(other)), "InvalidApprovalTokenException"),
        (with("token", json!("not-a-uuid")), "ValidationException"),
        (answer(&token, "Maybe"), "ValidationException"),
        (with("result", json!({"status": "Approved", "summary": "x".repeat(513)})), "ValidationException"),
        (with("result", json!({"status": "Approved"})), "ValidationException"),
    ];
    for (input, code) in cases {
        assert_eq!(bed.refused("PutApprovalResult", input.clone()), code, "{input}");
    }
    bed.ask("StopPipelineExecution", json!({"pipelineName": "shop", "pipelineExecutionId": id}));
    assert_eq!(bed.execution(&id)["status"], "Stopping", "a stop waits for the answer");
    bed.ask("StopPipelineExecution", json!({"pipelineName": "shop", "pipelineExecutionId": id, "abandon": true}));
    assert_eq!(bed.refused("PutApprovalResult", answer(&token, "Approved")), "InvalidApprovalTokenException");
}
