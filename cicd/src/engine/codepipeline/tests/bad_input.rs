//! What must not disturb, and must not be stuck.

use router::run::{Person, Stop};

use super::super::sample::main_run;
use super::*;

#[tokio::test]
async fn executions_that_are_not_ours_are_left_alone() {
    let world = World::new().await;
    let run = world.saved(main_run(), None).await;
    let heard = action("lint", "lint", "STARTED");
    assert_eq!(world.engine.hear(&heard.replace("pointsman-application", "other-application")).await.unwrap(), []);
    assert!(world.aws.asked("GetPipelineExecution").is_empty(), "not even asked about");
    let mut forged = run.clone();
    forged.key.commit = "f".repeat(40).parse().unwrap();
    let nobodys = json!({"pipelineExecution": {"status": "InProgress", "variables": []}});
    for unknown in [Ok(nobodys), Err("PipelineExecutionNotFoundException"), Err("PipelineNotFoundException")] {
        world.aws.says_now("GetPipelineExecution", unknown);
        let other = heard.replace(EXECUTION, &format!("other-{}", world.aws.asked("GetPipelineExecution").len()));
        assert_eq!(world.engine.hear(&other).await.unwrap(), []);
    }
    world.execution(&forged, "InProgress", json!([]));
    assert_eq!(world.engine.hear(&heard).await.unwrap(), [], "another commit's execution names our run");
    let asked = world.aws.asked("GetPipelineExecution").len();
    assert_eq!(world.engine.hear(&heard).await.unwrap(), []);
    assert_eq!(world.aws.asked("GetPipelineExecution").len(), asked, "a stranger is remembered");
}

#[tokio::test]
async fn an_event_before_the_start_has_answered_brings_the_execution_with_it() {
    let world = World::new().await;
    let run = world.saved(main_run(), None).await;
    world.execution(&run, "InProgress", json!([]));
    let told = world.engine.hear(&action("lint", "lint", "STARTED")).await.unwrap();
    assert!(told.iter().all(|event| event.run == run.id));
    let executing = RunEvent::Executing { execution: EXECUTION.to_owned() };
    assert_eq!(only(told), [executing, RunEvent::StageStarted { stage: stage("lint") }]);
}

#[tokio::test]
async fn a_second_execution_of_a_run_is_not_its_own() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some("another-execution")).await;
    world.execution(&run, "InProgress", json!([]));
    assert_eq!(world.engine.hear(&action("lint", "lint", "FAILED")).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_ended_here_is_ended_there() {
    let world = World::new().await;
    let stop = RunEvent::StopAsked { stop: Stop::By(Person::new("lee").unwrap()) };
    let mut run = world.saved(main_run(), None).await;
    world.moved(&mut run, std::slice::from_ref(&stop)).await;
    world.execution(&run, "InProgress", json!([]));
    let heard = action("lint", "lint", "STARTED");
    let told = only(world.engine.hear(&heard).await.unwrap());
    assert_eq!(told, [RunEvent::Executing { execution: EXECUTION.to_owned() }], "whoever saves it stops it");
    assert_eq!(run.apply(&told[0], world.clock.now()), router::run::Applied::Moved);
    assert_eq!(run.state, RunState::Stopped);
    world.engine.stop(&run).await.unwrap();
    assert_eq!(world.aws.asked("StopPipelineExecution").len(), 1);

    // Somebody tries a stage of it again.
    let executions = vec![(EXECUTION.to_owned(), run.id.clone())];
    world.store.commit(Change { runs: vec![run], executions, ..Change::default() }).await.unwrap();
    assert_eq!(world.engine.hear(&event("Pipeline", "RESUMED", json!({}))).await.unwrap(), []);
    assert_eq!(world.aws.asked("StopPipelineExecution").len(), 2);
    let told = only(world.engine.hear(&action("lint", "lint", "ABANDONED")).await.unwrap());
    assert_eq!(told, [RunEvent::StageStarted { stage: stage("lint") }], "all that is new: it was at work");
    assert_eq!(world.aws.asked("StopPipelineExecution").len(), 2, "an end is no reason to end it");
}

#[tokio::test]
async fn a_pipeline_that_is_deleted_under_way_ends_its_runs() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some(EXECUTION)).await;
    for code in ["PipelineNotFoundException", "PipelineExecutionNotFoundException"] {
        world.aws.says_now("GetPipelineExecution", Err(code));
        let look = world.engine.look(&run).await.unwrap();
        let [RunEvent::Failed { why }] = &look.missed[..] else { panic!("{look:?}") };
        assert!(why.contains("pointsman-application, is not on AWS any more"), "{why}");
        assert_eq!(look.sight, Sight::Idle);
    }
    let mut young = main_run();
    young.created_at = world.clock.now();
    young.execution = Some(EXECUTION.to_owned());
    assert!(matches!(world.engine.look(&young).await, Err(EngineError::Unavailable(_))), "it may not be visible yet");
    world.engine.stop(&run).await.unwrap();
}

#[tokio::test]
async fn aws_that_does_not_answer_is_no_end() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some(EXECUTION)).await;
    world.aws.says_now("GetPipelineExecution", Err("ThrottlingException"));
    assert!(matches!(world.engine.look(&run).await, Err(EngineError::Unavailable(_))));
    let heard = world.engine.hear(&event("Pipeline", "FAILED", json!({}))).await;
    assert!(matches!(heard, Err(EngineError::Unavailable(_))));
    world.aws.says_now("BatchGetBuilds", Err("InternalFailure"));
    let heard = world.engine.hear(&action("lint", "lint", "FAILED")).await;
    assert!(matches!(heard, Err(EngineError::Unavailable(_))), "its words are worth waiting for");
}

#[tokio::test]
async fn what_is_malformed_is_refused_and_what_is_late_means_nothing() {
    let world = World::new().await;
    for message in ["", "{", "null", &event("Pipeline", "NEW", json!({}))] {
        assert!(matches!(world.engine.hear(message).await, Err(EngineError::Refused(_))), "{message:?}");
    }
    let mut run = world.saved(main_run(), Some(EXECUTION)).await;
    let heard = action("lint", "lint", "STARTED");
    let once = only(world.engine.hear(&heard).await.unwrap());
    assert_eq!(once, [RunEvent::StageStarted { stage: stage("lint") }]);
    world.moved(&mut run, &once).await;
    assert_eq!(world.engine.hear(&heard).await.unwrap(), [], "twice");
    for state in ["STARTED", "RESUMED", "STOPPING"] {
        assert_eq!(world.engine.hear(&event("Pipeline", state, json!({}))).await.unwrap(), [], "{state}");
        assert_eq!(world.engine.hear(&event("Stage", state, json!({"stage": "lint"}))).await.unwrap(), [], "{state}");
    }
}

#[tokio::test]
async fn a_run_is_not_looked_at_on_aws_all_the_time() {
    let world = World::new().await;
    let run = world.saved(main_run(), Some(EXECUTION)).await;
    world.execution(&run, "InProgress", json!([]));
    let patient = CodePipelineConfig { look_every: Duration::from_secs(3600), ..config() };
    let parts = &world.engine.0;
    let clients =
        Clients { codepipeline: parts.pipelines.clone(), codebuild: parts.builds.clone(), s3: parts.bucket.s3.clone() };
    let engine = CodePipelineEngine::new(
        patient,
        clients,
        Forges::new(),
        Arc::clone(&parts.runs),
        Arc::clone(&parts.clock),
        None,
    );
    for _ in 0..3 {
        assert_eq!(engine.look(&run).await.unwrap().sight, Sight::AtWork);
    }
    assert_eq!(world.aws.asked("GetPipelineExecution").len(), 1);
}
