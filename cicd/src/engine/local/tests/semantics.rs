//! What a buildspec means here.

use super::*;

#[tokio::test]
async fn a_failed_build_is_told_as_codebuild_tells_it() {
    let mut world = World::new().await;
    let spec = "\
version: 0.2
phases:
  install: {runtime-versions: {nodejs: 22}}
  build:
    commands: [echo one, sh -c 'exit 7', echo never]
    finally: [echo $CODEBUILD_BUILD_SUCCEEDING]
  post_build:
    commands: [echo post $CODEBUILD_BUILD_SUCCEEDING]
artifacts: {files: [a.txt]}
";
    let outcome = world.stage(spec).await;
    assert_eq!(outcome, Outcome::Failed("BUILD: sh -c 'exit 7': exit status 7".to_owned()));
    let log = world.log("test");
    let told = log.lines().skip_while(|line| !line.starts_with("Phase complete: DOWNLOAD_SOURCE"));
    let told = told
        .filter(|line| !line.starts_with("Phase context status code:  "))
        .map(|line| line.split_once(" sha256 ").map_or(line, |(line, _)| line));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED
    Entering phase INSTALL
    Phase complete: INSTALL State: SUCCEEDED
    Entering phase PRE_BUILD
    Phase complete: PRE_BUILD State: SUCCEEDED
    Entering phase BUILD
    Running command echo one
    > one
    Running command sh -c 'exit 7'
    Command did not exit successfully sh -c 'exit 7' exit status 7
    Running command echo $CODEBUILD_BUILD_SUCCEEDING
    > 0
    Phase complete: BUILD State: FAILED
    Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: sh -c 'exit 7'. Reason: exit status 7
    Entering phase POST_BUILD
    Running command echo post $CODEBUILD_BUILD_SUCCEEDING
    > post 0
    Phase complete: POST_BUILD State: SUCCEEDED
    Entering phase UPLOAD_ARTIFACTS
    Assembling file list of test: a.txt
    Found 1 file(s), 113 bytes,
    Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED
    The build has failed: BUILD: sh -c 'exit 7': exit status 7
    ");
    assert!(log.contains("nodejs 22 is asked for") && log.contains("asked for compute small"), "{log}");
    assert!(world.work_is_empty());
}

#[tokio::test]
async fn a_failure_before_the_build_ends_it() {
    for phase in ["install", "pre_build"] {
        let mut world = World::new().await;
        let spec = format!(
            "version: 0.2\nphases:\n  {phase}: {{commands: ['false']}}\n  build: {{commands: [echo built]}}\nartifacts: {{files: [a.txt]}}\n"
        );
        let outcome = world.stage(&spec).await;
        assert_eq!(outcome, Outcome::Failed(format!("{}: false: exit status 1", phase.to_uppercase())));
        assert!(!world.log("test").contains("UPLOAD_ARTIFACTS") && !world.log("test").contains("phase BUILD"));
    }
}

#[tokio::test]
async fn on_failure_goes_on_or_ends_at_once() {
    let mut world = World::new().await;
    let spec = |word: &str| {
        format!(
            "version: 0.2\nphases:\n  build: {{on-failure: {word}, commands: ['false']}}\n  post_build: {{commands: [echo after $CODEBUILD_BUILD_SUCCEEDING]}}\n"
        )
    };
    assert_eq!(world.stage(&spec("CONTINUE")).await, Outcome::Succeeded);
    assert!(world.log("test").contains("> after 0"));
    let mut world = World::new().await;
    assert_eq!(world.stage(&spec("ABORT")).await, Outcome::Failed("BUILD: false: exit status 1".to_owned()));
    assert!(!world.log("test").contains("POST_BUILD"));
}

#[tokio::test]
async fn state_goes_from_phase_to_phase_and_finally_can_fail() {
    let mut world = World::new().await;
    let spec = "\
version: 0.2
phases:
  pre_build: {commands: ['plain=p; export SHOWN=s; mkdir d; cd d']}
  build: {commands: ['echo $plain $SHOWN $(basename $PWD)'], finally: ['exit 3']}
";
    assert_eq!(world.stage(spec).await, Outcome::Failed("BUILD: exit 3: exit status 3".to_owned()));
    assert!(world.log("test").contains("> p s d"), "{}", world.log("test"));
}

#[tokio::test]
async fn text_from_outside_is_only_ever_a_value() {
    let mut world = World::new().await;
    let spec = "\
version: 0.2
env: {variables: {A: '$PATH:/x', IMAGE: mine, POINTSMAN_TOKEN: t, CODEBUILD_X: x}}
phases:
  build:
    commands:
      - echo \"$POINTSMAN_BRANCH and $POINTSMAN_ACTOR at $POINTSMAN_REPOSITORY\"
      - echo \"$A $IMAGE <$POINTSMAN_TOKEN$CODEBUILD_X> $CODEBUILD_INITIATOR $POINTSMAN_STAGE $TERM\"
      - echo \"$CODEBUILD_BUILD_ID $CODEBUILD_BUILD_NUMBER\"
      - env | cut -d= -f1 | sort | tr '\\n' ' '
";
    assert_eq!(world.stage(spec).await, Outcome::Succeeded);
    let log = world.log("test");
    assert!(log.contains("> x;echo${IFS}hi|sh and $(id)`id` at acme/demo\n"), "{log}");
    assert!(log.contains("> $PATH:/x shop <> codepipeline/application test dumb\n"), "{log}");
    assert!(log.contains(&format!("> application-test:{} 1\n", world.run(&[]).id)), "{log}");
    assert!(!log.contains("CARGO"), "nothing of this process's own environment: {log}");
}

#[tokio::test]
async fn a_secret_does_not_show() {
    let mut world = World::new().await;
    let outcome = world.stage(&build("echo hunter2 is the word; false hunter2")).await;
    assert_eq!(outcome, Outcome::Failed("BUILD: echo *** is the word; false ***: exit status 1".to_owned()));
    assert!(!world.log("test").contains("hunter2"));
}

#[tokio::test]
async fn exports_reach_the_next_stage() {
    let mut world = World::new().await;
    let spec = "\
version: 0.2
env: {exported-variables: [TAG, AWS_X, NONE]}
phases: {build: {commands: ['TAG=\"v1 \"; AWS_X=1']}}
";
    let run = world.run(&[("one", spec), ("two", &build("echo \"<$TAG$AWS_X>\""))]);
    let events = world.go(&run).await;
    let RunEvent::StageEnded { exports, .. } = &events[2] else { panic!("{events:?}") };
    assert_eq!(exports, &BTreeMap::from([("TAG".to_owned(), "v1 ".to_owned())]));
    assert!(world.log("two").contains("> <v1 >"));
}

#[tokio::test]
async fn a_buildspec_that_cannot_be_run_says_why() {
    let mut world = World::new().await;
    world
        .source
        .commit("buildspecs/broken.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n")
        .await;
    let commit = CommitId::new(world.source.git(&["rev-parse", "HEAD"]).await).unwrap();
    let secrets =
        "version: 0.2\nenv: {parameter-store: {TOKEN: /t}}\nphases: {build: {commands: [echo ran]}}\n".to_owned();
    for (buildspec, expected) in [
        (
            Buildspec::Commit("buildspecs/x.yml".to_owned()),
            format!("buildspecs/x.yml is not in commit {}", commit.short()),
        ),
        (
            Buildspec::Commit("buildspecs/broken.yml".to_owned()),
            "buildspecs/broken.yml:5:9: build.commands[0]".to_owned(),
        ),
        (Buildspec::Central("none.yml".to_owned()), "none.yml is not beside the rule file".to_owned()),
        (Buildspec::Inline(secrets), "env.parameter-store asks for TOKEN".to_owned()),
    ] {
        let mut run = run_of(commit.clone(), &[("test", "")], &[]);
        run.plan.stages[0].step.buildspec = buildspec;
        match world.go(&run).await.pop() {
            Some(RunEvent::StageEnded { outcome: Outcome::Failed(why), .. }) => {
                assert!(why.starts_with(&expected), "{why}");
                let log = std::fs::read_to_string(world.logs.file(&run.id, "test")).unwrap();
                assert!(log.contains(&expected) && !log.contains("Running command"), "{log}");
            }
            other => panic!("{other:?}"),
        }
    }
}
