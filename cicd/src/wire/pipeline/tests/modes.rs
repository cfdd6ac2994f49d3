//! Executions stand to each other as the mode says; transitions, stops and updates.

use serde_json::{Value, json};

use super::bed::{Bed, build, pipeline, states};

fn stop(id: &str, abandon: bool) -> Value {
    json!({"pipelineName": "shop", "pipelineExecutionId": id, "abandon": abandon, "reason": "enough"})
}

#[tokio::test]
async fn a_newer_execution_takes_the_place_of_one_that_waits() {
    let mut bed = Bed::new();
    bed.create(&pipeline("SUPERSEDED", vec![build("build")])).await;
    bed.provider.hold("build");
    let first = bed.start();
    bed.action(&first, "build", "STARTED").await;
    let second = bed.start();
    bed.action(&second, "source", "SUCCEEDED").await;
    assert_eq!(bed.stage("build")["inboundExecution"]["pipelineExecutionId"], second);
    let third = bed.start();
    bed.state(&second, "SUPERSEDED").await;
    assert_eq!(bed.execution(&second)["status"], "Superseded");
    assert_eq!(bed.execution(&first)["status"], "InProgress", "an action under way is never taken away");
    bed.provider.let_go("build");
    bed.state(&first, "SUCCEEDED").await;
    bed.action(&third, "build", "STARTED").await;
}

#[tokio::test]
async fn queued_executions_go_one_after_the_other_through_each_stage() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.provider.hold("build");
    let ids = [bed.start(), bed.start(), bed.start()];
    bed.action(&ids[2], "source", "SUCCEEDED").await;
    let waiting = bed.stage("build")["inboundExecutions"].as_array().unwrap().clone();
    let waiting: Vec<&Value> = waiting.iter().map(|waiting| &waiting["pipelineExecutionId"]).collect();
    assert_eq!(waiting, [&ids[1], &ids[2]]);
    for id in &ids {
        bed.provider.let_go("build");
        let seen = bed.state(id, "SUCCEEDED").await;
        let others =
            seen.iter().filter(|event| event["detail"]["state"] == "SUCCEEDED" && event["detail"]["stage"].is_null());
        assert_eq!(others.count(), 1, "each in its turn");
    }
}

#[tokio::test]
async fn parallel_executions_do_not_wait_and_there_are_at_most_fifty() {
    let mut bed = Bed::new();
    bed.create(&pipeline("PARALLEL", vec![build("build")])).await;
    bed.provider.hold("build");
    let ids: Vec<String> = (0..50).map(|_| bed.start()).collect();
    let refused = bed.refused("StartPipelineExecution", json!({"name": "shop"}));
    assert_eq!(refused, "ConcurrentPipelineExecutionsLimitExceededException");
    for _ in &ids {
        bed.until(|event| event["detail"]["action"] == "build" && event["detail"]["state"] == "STARTED").await;
    }
    bed.ask("StopPipelineExecution", stop(&ids[7], true));
    bed.start();
}

#[tokio::test]
async fn six_actions_at_once_are_too_many_for_a_parallel_execution() {
    let mut bed = Bed::new();
    let actions: Vec<Value> = (0..6).map(|at| super::bed::build_action(&format!("b{at}"), 1)).collect();
    bed.create(&pipeline("PARALLEL", vec![json!({"name": "build", "actions": actions})])).await;
    assert_eq!(bed.stage("build")["latestExecution"]["status"], "Failed");
    assert!(bed.provider.done().is_empty());
}

#[tokio::test]
async fn a_closed_transition_holds_executions_until_it_opens() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build"), build("ship")])).await;
    let way =
        json!({"pipelineName": "shop", "stageName": "ship", "transitionType": "Inbound", "reason": "release freeze"});
    bed.ask("DisableStageTransition", way.clone());
    let id = bed.start();
    bed.action(&id, "build", "SUCCEEDED").await;
    let ship = bed.stage("ship");
    assert_eq!(ship["inboundTransitionState"]["enabled"], false);
    assert_eq!(ship["inboundTransitionState"]["disabledReason"], "release freeze");
    assert_eq!(ship["inboundExecution"]["pipelineExecutionId"], id);
    bed.ask("EnableStageTransition", way);
    bed.state(&id, "SUCCEEDED").await;
    let bad = json!({"pipelineName": "shop", "stageName": "ship", "transitionType": "Inbound", "reason": "a\nb"});
    assert_eq!(bed.refused("DisableStageTransition", bad), "ValidationException");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_and_begins_nothing_more() {
    let mut bed = Bed::new();
    let stage =
        json!({"name": "build", "actions": [super::bed::build_action("one", 1), super::bed::build_action("two", 2)]});
    bed.create(&pipeline("QUEUED", vec![stage])).await;
    bed.provider.hold("one");
    let before = bed.provider.done().len();
    let id = bed.start();
    bed.action(&id, "one", "STARTED").await;
    bed.ask("StopPipelineExecution", stop(&id, false));
    assert_eq!(bed.execution(&id)["status"], "Stopping");
    assert_eq!(bed.refused("StopPipelineExecution", stop(&id, false)), "DuplicatedStopRequestException");
    bed.provider.let_go("one");
    let seen = bed.state(&id, "STOPPED").await;
    assert_eq!(
        states(&seen),
        [
            "pipeline STOPPING 1.0",
            "stage build STOPPING 0.0",
            "action one SUCCEEDED 1.0",
            "stage build STOPPED 0.0",
            "pipeline STOPPED 1.0"
        ]
    );
    assert_eq!(seen[0]["detail"]["stop-execution-comments"], "enough");
    assert_eq!(bed.provider.done().len(), before + 1, "two never began");
    assert_eq!(bed.refused("StopPipelineExecution", stop(&id, true)), "PipelineExecutionNotStoppableException");
    let listed = bed.ask("ListPipelineExecutions", json!({"pipelineName": "shop"}));
    assert_eq!(listed["pipelineExecutionSummaries"][0]["stopTrigger"]["reason"], "enough");
}

#[tokio::test]
async fn abandoned_actions_go_on_and_what_they_say_is_not_heard() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.provider.hold("build");
    let id = bed.start();
    bed.action(&id, "build", "STARTED").await;
    bed.ask("StopPipelineExecution", stop(&id, false));
    bed.ask("StopPipelineExecution", stop(&id, true));
    let seen = bed.state(&id, "STOPPED").await;
    assert_eq!(states(&seen)[2..], ["action build ABANDONED 1.0", "stage build STOPPED 0.0", "pipeline STOPPED 1.0"]);
    let next = bed.start();
    bed.action(&next, "build", "STARTED").await;
    bed.provider.let_go("build");
    bed.provider.let_go("build");
    bed.state(&next, "SUCCEEDED").await;
    assert_eq!(bed.execution(&id)["status"], "Stopped");
    let actions =
        bed.ask("ListActionExecutions", json!({"pipelineName": "shop", "filter": {"pipelineExecutionId": id}}));
    assert_eq!(actions["actionExecutionDetails"][0]["status"], "Abandoned");
}

#[tokio::test]
async fn an_action_that_takes_too_long_fails() {
    let mut bed = Bed::new();
    bed.create(&pipeline("QUEUED", vec![build("build")])).await;
    bed.provider.hold("build");
    let id = bed.start();
    bed.action(&id, "build", "STARTED").await;
    bed.clock.advance_seconds(36 * 3600 - 1);
    bed.ask("GetPipelineState", json!({"name": "shop"}));
    assert_eq!(bed.execution(&id)["status"], "InProgress");
    bed.clock.advance_seconds(1);
    bed.state(&id, "FAILED").await;
    let error = bed.stage("build")["actionStates"][0]["latestExecution"]["errorDetails"].clone();
    assert_eq!(error["message"], "The action did not complete within its timeout");
}

#[tokio::test]
async fn an_update_cancels_executions_that_share_stages() {
    let mut bed = Bed::new();
    let declared = pipeline("QUEUED", vec![build("build")]);
    bed.create(&declared).await;
    bed.provider.hold("build");
    let id = bed.start();
    bed.action(&id, "build", "STARTED").await;
    let answer =
        bed.ask("UpdatePipeline", json!({"pipeline": pipeline("PARALLEL", vec![build("build"), build("ship")])}));
    assert_eq!(answer["pipeline"]["version"], 2);
    let seen = bed.state(&id, "CANCELED").await;
    assert_eq!(states(&seen), ["action build CANCELED 1.0", "stage build CANCELED 0.0", "pipeline CANCELED 1.0"]);
    assert_eq!(bed.execution(&id)["status"], "Cancelled");
    assert_eq!(bed.ask("GetPipeline", json!({"name": "shop", "version": 1}))["pipeline"]["executionMode"], "QUEUED");

    let id = bed.start();
    bed.action(&id, "build", "STARTED").await;
    bed.ask("UpdatePipeline", json!({"pipeline": declared}));
    (0..2).for_each(|_| bed.provider.let_go("build"));
    bed.action(&id, "ship", "SUCCEEDED").await;
    bed.state(&id, "SUCCEEDED").await;
}
