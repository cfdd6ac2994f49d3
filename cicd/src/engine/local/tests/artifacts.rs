//! What stages leave for each other, and deploys.

use super::*;

const MAKES: &str = "\
version: 0.2
phases:
  build:
    commands: [mkdir -p out/sub, echo made > out/sub/file, echo doc > doc.txt, DIR=out]
artifacts:
  base-directory: $DIR
  files: ['**/*']
  secondary-artifacts: {docs: {files: [doc.txt]}}
";

#[tokio::test]
async fn an_artifact_is_unpacked_for_each_later_step() {
    let mut world = World::new().await;
    let uses = build(
        "cat $CODEBUILD_SRC_DIR_my_build/sub/file $CODEBUILD_SRC_DIR_docs/doc.txt a.txt\necho $POINTSMAN_ARTIFACT_SHA256",
    );
    let mut run = run_of(world.commit.clone(), &[("my-build", MAKES), ("use", &uses)], &["test"]);
    let deploy =
        "echo $ENVIRONMENT $POINTSMAN_ENVIRONMENT $POINTSMAN_ARTIFACT_SHA256; cat $CODEBUILD_SRC_DIR_my_build/sub/file";
    run.plan.deploy = Some(step(Buildspec::Inline(build(deploy))).into());
    let events = world.go(&run).await;
    let RunEvent::StageEnded { artifact: Some(artifact), .. } = &events[2] else { panic!("{events:?}") };
    assert_eq!(events.last(), Some(&RunEvent::GateReached { environment: "test".parse().unwrap() }));
    let log = world.log("use");
    assert!(log.contains(&format!("> made\n> doc\n> one{}", artifact.sha256)), "{log}");

    for stage in &mut run.stages {
        stage.work.state = WorkState::Succeeded;
    }
    run.artifact = Some(artifact.clone());
    run.environments[0].gate.state = GateState::Open;
    let events = world.go(&run).await;
    let environment = run.environments[0].name.clone();
    assert_eq!(
        events[1..],
        [
            RunEvent::DeployStarted { environment: environment.clone() },
            RunEvent::DeployEnded { environment, outcome: Outcome::Succeeded },
        ]
    );
    let log = world.log("deploy-test");
    assert!(log.contains(&format!("> test test {}\n> made", artifact.sha256)), "{log}");
}

#[tokio::test]
async fn an_artifact_that_changed_on_disk_is_not_used() {
    let mut world = World::new().await;
    let mut run = world.run(&[("build", MAKES), ("use", &build("echo used"))]);
    let only_first = world.run(&[("build", MAKES)]);
    let events = world.go(&only_first).await;
    let Some(RunEvent::StageEnded { artifact: Some(artifact), .. }) = events.last() else { panic!("{events:?}") };
    run.stages[0].work.state = WorkState::Succeeded;
    run.artifact = Some(artifact.clone());
    let file = world.data.path().join("artifacts").join(run.id.as_str()).join("build.zip");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    match world.go(&run).await.pop() {
        Some(RunEvent::StageEnded { outcome: Outcome::Failed(why), .. }) => {
            assert!(why.contains("sha256 has changed"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(&file).unwrap();
    match world.go(&run).await.pop() {
        Some(RunEvent::StageEnded { outcome: Outcome::Failed(why), .. }) => assert!(why.contains("no longer"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(!world.log("use").contains("> used"));
}

#[tokio::test]
async fn an_artifact_without_files_fails_the_stage() {
    let mut world = World::new().await;
    let spec = format!("{}artifacts: {{files: ['none/**']}}\n", build("true"));
    let why = "UPLOAD_ARTIFACTS: no matching artifact paths found";
    assert_eq!(world.stage(&spec).await, Outcome::Failed(why.to_owned()));
    assert!(world.log("test").contains("status code: CLIENT_ERROR Message: no matching artifact paths found"));
}
