//! Gates, ends, looks and larger machines: what the engine asks of AWS.

use router::run::{Person, Stop, WorkState};

use super::super::sample::main_run;
use super::*;

fn prod() -> router::id::EnvironmentName {
    "prod".parse().unwrap()
}

/// A run at the gate of prod.
async fn at_prod(world: &World) -> Run {
    let mut run = world.saved(main_run(), Some(EXECUTION)).await;
    let ended = |name: &str| RunEvent::StageEnded {
        stage: stage(name),
        outcome: router::run::Outcome::Succeeded,
        artifact: None,
        exports: BTreeMap::new(),
    };
    world.moved(&mut run, &[ended("lint"), ended("test"), RunEvent::GateReached { environment: prod() }]).await;
    let waits = told("to-prod", "gate", "InProgress", json!({}));
    world.execution(&run, "InProgress", json!([waits]));
    run
}

fn yes() -> [RunEvent; 2] {
    let by = Person::new("dana").unwrap();
    [
        RunEvent::Approved { environment: prod(), by, also: Vec::new(), teams: Vec::new(), comment: String::new() },
        RunEvent::GateOpened { environment: prod() },
    ]
}

#[tokio::test]
async fn our_open_gate_is_opened_there() {
    let world = World::new().await;
    let mut run = at_prod(&world).await;
    assert_eq!(world.engine.look(&run).await.unwrap(), Look::only(Sight::Idle));
    assert_eq!(world.engine.start(&run).await.unwrap(), []);
    assert!(world.aws.asked("PutApprovalResult").is_empty(), "nobody has said yes");
    world.moved(&mut run, &yes()).await;
    world.engine.start(&run).await.unwrap();
    let answer = world.aws.asked("PutApprovalResult").remove(0);
    assert_eq!(
        (&answer["token"], &answer["stageName"], &answer["actionName"]),
        (&json!("to-prod-gate"), &json!("to-prod"), &json!("gate"))
    );
    assert_eq!(answer["result"]["status"], "Approved");
    assert_eq!(answer["result"]["summary"], format!("Pointsman run {}: approved by dana", run.id));
}

#[tokio::test]
async fn a_gate_that_was_open_before_the_execution_came_to_it_is_opened_when_it_does() {
    let world = World::new().await;
    let mut run = at_prod(&world).await;
    world.moved(&mut run, &yes()).await;
    assert_eq!(world.engine.hear(&action("to-prod", "gate", "STARTED")).await.unwrap(), []);
    assert_eq!(world.aws.asked("PutApprovalResult").len(), 1);
    for code in ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"] {
        world.aws.says_now("PutApprovalResult", Err(code));
        let heard = world.engine.hear(&action("to-prod", "gate", "STARTED")).await;
        assert!(matches!(heard, Err(EngineError::Unavailable(_))), "it still waits: {code}");
    }
    world.execution(&run, "InProgress", json!([told("to-prod", "gate", "Succeeded", json!({}))]));
    assert_eq!(world.engine.hear(&action("to-prod", "gate", "STARTED")).await.unwrap(), []);
}

#[tokio::test]
async fn a_gate_that_is_passed_on_aws_is_passed_here_in_their_name() {
    let world = World::new().await;
    let run = at_prod(&world).await;
    let by = json!({"updatedBy": "arn:aws:iam::111122223333:user/lee"});
    world.execution(
        &run,
        "InProgress",
        json!([told("to-prod", "deploy", "InProgress", json!({})), told("to-prod", "gate", "Succeeded", by)]),
    );
    let passed = RunEvent::GatePassed { environment: prod(), by: Person::new("user/lee on AWS").unwrap() };
    let deploys = RunEvent::DeployStarted { environment: prod() };
    for heard in [action("to-prod", "gate", "SUCCEEDED"), action("to-prod", "deploy", "STARTED")] {
        assert_eq!(only(world.engine.hear(&heard).await.unwrap()), [passed.clone(), deploys.clone()], "{heard}");
    }
    assert_eq!(world.engine.look(&run).await.unwrap().missed, [passed, deploys]);
}

#[tokio::test]
async fn our_no_is_their_no() {
    let world = World::new().await;
    let mut run = at_prod(&world).await;
    let by = Person::new("dana").unwrap();
    world.moved(&mut run, &[RunEvent::Rejected { environment: prod(), by, comment: "not now".to_owned() }]).await;
    world.engine.stop(&run).await.unwrap();
    let answer = world.aws.asked("PutApprovalResult").remove(0);
    assert_eq!(answer["result"]["status"], "Rejected");
    assert!(answer["result"]["summary"].as_str().unwrap().ends_with("dana said no at prod: not now"));
    assert!(world.aws.asked("StopPipelineExecution").is_empty());
}

#[tokio::test]
async fn a_stop_ends_the_execution_and_its_builds() {
    let world = World::new().await;
    let mut run = world.saved(main_run(), Some(EXECUTION)).await;
    world.moved(&mut run, &[RunEvent::StopAsked { stop: Stop::By(Person::new("lee").unwrap()) }]).await;
    let build = json!({"output": {"executionResult": {"externalExecutionId": "lint:1"}}});
    world.execution(&run, "InProgress", json!([told("lint", "lint", "InProgress", build)]));
    world.aws.says("BatchGetBuilds", Ok(json!({"builds": [{"id": "lint:1", "buildComplete": false}]})));
    world.aws.says("BatchGetBuilds", Ok(json!({"builds": [{"id": "lint:1", "buildComplete": true}]})));
    world.engine.stop(&run).await.unwrap();
    let stop = world.aws.asked("StopPipelineExecution").remove(0);
    assert_eq!((&stop["abandon"], &stop["reason"]), (&json!(true), &json!("Pointsman: stopped by lee")));
    assert_eq!(world.aws.asked("StopBuild"), [json!({"id": "lint:1"})]);
    assert_eq!(world.aws.asked("BatchGetBuilds").len(), 2);

    world.execution(&run, "Stopped", json!([]));
    world.engine.stop(&run).await.unwrap();
    assert_eq!(world.aws.asked("StopPipelineExecution").len(), 1, "it is over");
}

#[tokio::test]
async fn a_deploy_that_is_no_build_is_not_abandoned() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some(EXECUTION)).await;
    let kind = json!({"category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1"});
    let deploy = told("to-prod", "deploy", "InProgress", json!({"input": {"actionTypeId": kind}}));
    world.execution(&run, "InProgress", json!([deploy]));
    world.engine.stop(&run).await.unwrap();
    assert_eq!(world.aws.asked("StopPipelineExecution")[0]["abandon"], false);
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::AtWork, "the environment is not free yet");
}

#[tokio::test]
async fn a_stop_is_tried_again_while_aws_is_busy() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some(EXECUTION)).await;
    world.execution(&run, "InProgress", json!([]));
    world.aws.says("StopPipelineExecution", Err("ThrottlingException"));
    world.aws.says("StopPipelineExecution", Err("ConflictException"));
    world.aws.says("StopPipelineExecution", Ok(json!({})));
    world.engine.stop(&run).await.unwrap();
    assert_eq!(world.aws.asked("StopPipelineExecution").len(), 3);
    for code in ["DuplicatedStopRequestException", "PipelineExecutionNotStoppableException"] {
        world.aws.says_now("StopPipelineExecution", Err(code));
        world.engine.stop(&run).await.unwrap();
    }
}

/// A build that was killed on a machine of this size.
pub(super) fn killed(on: &str) -> Value {
    json!({"builds": [{
        "id": "lint:1", "projectName": "pointsman-application-lint", "buildStatus": "FAILED", "buildComplete": true,
        "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": on},
        "logs": {"deepLink": "https://console.aws.amazon.com/log"},
        "phases": [{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [
            {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "Error while executing command: make. Reason: exit status 137"}]}],
    }]})
}

async fn climber(world: &World) -> Run {
    let mut run = main_run();
    run.plan.stages[0].step.compute.to = "large".to_owned();
    let run = world.saved(run, Some(EXECUTION)).await;
    let build = json!({"output": {"executionResult": {"externalExecutionId": "lint:1"}}});
    world.execution(&run, "Failed", json!([told("lint", "lint", "Failed", build)]));
    world.aws.says_now("BatchGetBuilds", Ok(killed("BUILD_GENERAL1_SMALL")));
    let project = |compute: &str| json!({"projects": [{"name": "pointsman-application-lint", "environment": {"type": "LINUX_CONTAINER", "image": "img", "computeType": compute, "privilegedMode": true}}]});
    world.aws.says_now("BatchGetProjects", Ok(project("BUILD_GENERAL1_SMALL")));
    run
}

#[tokio::test]
async fn a_stage_out_of_memory_is_tried_again_on_a_larger_machine() {
    let world = World::new().await;
    let run = climber(&world).await;
    assert_eq!(
        world.engine.hear(&action("lint", "lint", "FAILED")).await.unwrap(),
        [],
        "its execution has not failed yet"
    );
    assert!(world.aws.asked("UpdateProject").is_empty());
    assert_eq!(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap(), []);
    let update = world.aws.asked("UpdateProject").remove(0);
    assert_eq!(update["environment"]["computeType"], "BUILD_GENERAL1_MEDIUM");
    assert_eq!(
        (&update["environment"]["image"], &update["environment"]["privilegedMode"]),
        (&json!("img"), &json!(true))
    );
    let retry = world.aws.asked("RetryStageExecution").remove(0);
    assert_eq!((&retry["stageName"], &retry["retryMode"]), (&json!("lint"), &json!("FAILED_ACTIONS")));
    let _ = run;
}

#[tokio::test]
async fn a_project_that_another_run_has_made_larger_is_left_as_it_is() {
    let world = World::new().await;
    climber(&world).await;
    let larger = json!({"projects": [{"environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_LARGE"}}]});
    world.aws.says_now("BatchGetProjects", Ok(larger));
    assert_eq!(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap(), []);
    assert!(world.aws.asked("UpdateProject").is_empty());
    assert_eq!(world.aws.asked("RetryStageExecution").len(), 1);
}

#[tokio::test]
async fn the_largest_machine_is_the_last() {
    let world = World::new().await;
    climber(&world).await;
    world.aws.says_now("BatchGetBuilds", Ok(killed("BUILD_GENERAL1_LARGE")));
    let told = only(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap());
    let Some(RunEvent::StageEnded { outcome: router::run::Outcome::Failed(why), .. }) = told.last() else {
        panic!("{told:?}")
    };
    assert_eq!(why, "BUILD: make: exit status 137 (out of memory on BUILD_GENERAL1_LARGE)");
    assert!(
        told.contains(&RunEvent::StageLog {
            stage: stage("lint"),
            url: "https://console.aws.amazon.com/log".to_owned()
        })
    );
    assert!(world.aws.asked("RetryStageExecution").is_empty());
}

#[tokio::test]
async fn a_step_up_that_is_not_allowed_ends_the_stage_and_says_why() {
    let world = World::new().await;
    climber(&world).await;
    world.aws.says_now("UpdateProject", Err("AccessDeniedException"));
    let told = only(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap());
    let Some(RunEvent::StageEnded { outcome: router::run::Outcome::Failed(why), .. }) = told.last() else {
        panic!("{told:?}")
    };
    assert!(why.contains("it could not step up to medium: CodeBuild's UpdateProject"), "{why}");
    world.aws.says_now("UpdateProject", Err("ThrottlingException"));
    let busy = world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await;
    assert!(matches!(busy, Err(EngineError::Unavailable(_))), "{busy:?}");
}

#[tokio::test]
async fn a_look_brings_what_was_missed_once() {
    let world = World::new().await;
    let mut run = world.saved(main_run(), Some(EXECUTION)).await;
    let build = json!({"output": {"executionResult": {"externalExecutionId": "lint:1"}}});
    world.execution(
        &run,
        "InProgress",
        json!([told("test", "test", "InProgress", json!({})), told("lint", "lint", "Succeeded", build)]),
    );
    world.aws.says_now("BatchGetBuilds", Ok(json!({"builds": [{"id": "lint:1", "buildStatus": "SUCCEEDED", "buildComplete": true,
        "exportedEnvironmentVariables": [{"name": "TAG", "value": "v1"}], "artifacts": {"sha256sum": "ab".repeat(32)}}]})));
    let look = world.engine.look(&run).await.unwrap();
    assert_eq!(look.sight, Sight::AtWork);
    world.moved(&mut run, &look.missed).await;
    assert_eq!((run.stages[0].work.state, run.stages[1].work.state), (WorkState::Succeeded, WorkState::Running));
    assert_eq!(run.exports, BTreeMap::from([("TAG".to_owned(), "v1".to_owned())]));
    assert_eq!(run.artifact.as_ref().map(|artifact| artifact.sha256.len()), Some(64));
    assert_eq!(world.engine.look(&run).await.unwrap().missed, []);
    assert_eq!(world.aws.asked("BatchGetBuilds").len(), 1, "what is known is not asked for again");
}
