//! What is heard, or seen, of a run that is over.

use router::run::{Outcome, Person, Stop, WorkState};

use super::super::sample::main_run;
use super::*;

/// A run that the failure of its second stage has ended, before anything was heard of the first.
async fn overtaken(world: &World) -> Run {
    let mut run = world.saved(main_run(), Some(EXECUTION)).await;
    let failed = RunEvent::StageEnded {
        stage: stage("test"),
        outcome: Outcome::Failed("exit status 3".to_owned()),
        artifact: None,
        exports: BTreeMap::new(),
    };
    world.moved(&mut run, &[failed]).await;
    assert_eq!((run.state, run.stages[0].work.state), (RunState::Failed, WorkState::Pending));
    world.aws.says_now("BatchGetBuilds", Ok(json!({"builds": [
        {"id": "lint:1", "buildStatus": "SUCCEEDED", "buildComplete": true, "artifacts": {"sha256sum": "ab".repeat(32)}}]})));
    run
}

fn of(name: &str, status: &str) -> Value {
    told(name, name, status, json!({"output": {"executionResult": {"externalExecutionId": format!("{name}:1")}}}))
}

#[tokio::test]
async fn a_success_that_is_heard_after_the_end_is_the_stages_own() {
    let world = World::new().await;
    let mut run = overtaken(&world).await;
    let heard = only(world.engine.hear(&action("lint", "lint", "SUCCEEDED")).await.unwrap());
    world.moved(&mut run, &heard).await;
    assert_eq!((run.state, run.stages[0].work.state), (RunState::Failed, WorkState::Succeeded));
    assert_eq!(run.artifact.as_ref().map(|artifact| artifact.stage.as_str()), Some("lint"));
    assert!(world.aws.asked("StopPipelineExecution").is_empty(), "what has ended need not be stopped");
    assert_eq!(world.engine.hear(&action("lint", "lint", "SUCCEEDED")).await.unwrap(), [], "it is known");
}

#[tokio::test]
async fn the_end_of_an_execution_tells_how_the_stages_ended_whose_events_are_lost() {
    let world = World::new().await;
    let mut run = overtaken(&world).await;
    world.execution(&run, "Failed", json!([of("test", "Failed"), of("lint", "Succeeded")]));
    let seen = world.engine.look(&run).await.unwrap();
    let heard = only(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap());
    assert_eq!(seen, Look { sight: Sight::Idle, missed: heard.clone() });
    world.moved(&mut run, &heard).await;
    assert_eq!(
        run.stages.iter().map(|it| it.work.state).collect::<Vec<_>>(),
        [WorkState::Succeeded, WorkState::Failed]
    );
    assert_eq!(run.because, "test failed: exit status 3");
}

#[tokio::test]
async fn nothing_is_tried_again_for_a_run_that_is_over() {
    let world = World::new().await;
    let mut run = main_run();
    run.plan.stages[0].step.compute.to = "large".to_owned();
    let mut run = world.saved(run, Some(EXECUTION)).await;
    world.moved(&mut run, &[RunEvent::StopAsked { stop: Stop::By(Person::new("lee").unwrap()) }]).await;
    world.execution(&run, "Failed", json!([of("lint", "Failed")]));
    world.aws.says_now("BatchGetBuilds", Ok(asked::killed("BUILD_GENERAL1_SMALL")));
    let heard = only(world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await.unwrap());
    world.moved(&mut run, &heard).await;
    assert_eq!((run.state, run.stages[0].work.state), (RunState::Stopped, WorkState::Failed));
    assert!(world.aws.asked("RetryStageExecution").is_empty());
    assert!(world.aws.asked("UpdateProject").is_empty());
}
