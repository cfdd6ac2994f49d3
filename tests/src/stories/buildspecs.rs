//! The buildspecs that are shipped for what most teams need, run as they are, with stand-ins for what they call.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use router::id::ForgeKind;
use router::run::{Run, RunState, WorkState};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::house::House;
use crate::world::Work;

const RULES: &str = "
version: 1
repositories: [{github: acme/shop, variables: {VARIABLES}}]
pipelines:
  application:
    stages: [{name: it, buildspec: ci/it.yml}, {name: show, buildspec: ci/show.yml}]
    deploy: {buildspec: ci/ok.yml}
environments: [{name: stage}]
routes:
  - {name: all, branch: '**', pipeline: application, to: [stage]}
  - {name: the-rest, any: true, pipeline: none}
";

/// What came of a push that the buildspec builds, the log of its stage, and of the stage after it, which shows the artifact.
async fn built(spec: &str, variables: &str, edit: impl FnOnce(Work) -> Work, state: RunState) -> (Run, String, String) {
    let house = House::with_rules(&RULES.replace("VARIABLES", variables)).await;
    let shop = house.shop(ForgeKind::Github);
    let show = "version: 0.2\nphases: {build: {commands: ['cat \"$CODEBUILD_SRC_DIR_it\"/* 2>/dev/null || true', 'echo \"<$IMAGE_TAG$TESTS>\"']}}\n";
    let pushed = shop.push("feature/a", |work| edit(work.write("ci/it.yml", spec).write("ci/show.yml", show)));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, state).await;
    let logs = (house.log(&run, "it"), house.log(&run, "show"));
    house.close().await;
    (run, logs.0, logs.1)
}

/// A program that writes down how it was called, and then does as the file `says` beside it says.
fn stub(work: Work, name: &str, says: &str) -> Work {
    work.script(
        &format!("stubs/{name}"),
        &format!("#!/bin/sh\necho \"{name} $*\" >> \"$CODEBUILD_SRC_DIR/called\"\n{says}\n"),
    )
}

const IMAGE: &str = include_str!("../../../buildspecs/image-build.yml");
const IMAGE_VARIABLES: &str =
    "PATH: './stubs:/usr/local/bin:/usr/bin:/bin', REPOSITORY_URI: 1.dkr.ecr.example/shop, CONTAINER_NAME: web";

/// The repository with stand-ins for docker and aws; `docker` does as `says` says.
fn with_docker(says: &'static str) -> impl FnOnce(Work) -> Work {
    let spec = IMAGE.replace("post_build:\n    commands:", "post_build:\n    finally: [cat called]\n    commands:");
    move |work| stub(stub(work, "docker", says), "aws", "echo password").write("ci/it.yml", spec)
}

fn called(log: &str) -> Vec<&str> {
    let lines = log.lines().map(|line| line.strip_prefix("> ").unwrap_or(line));
    lines.filter(|line| line.starts_with("docker ")).collect()
}

#[tokio::test]
async fn an_image_is_pushed_under_the_commit_and_as_latest_and_named_to_ecs() {
    // The first time there is nothing to pull.
    let first = "case $1 in pull) exit 1;; login) cat;; esac";
    let (run, log, show) = built(IMAGE, IMAGE_VARIABLES, with_docker(first), RunState::Succeeded).await;
    let tag = &run.key.commit.as_str()[..7];
    let image = "1.dkr.ecr.example/shop";
    let calls = called(&log);
    let build = format!(
        "docker build --file Dockerfile --build-arg BUILDKIT_INLINE_CACHE=1 --cache-from {image}:latest --tag {image}:latest --tag {image}:{tag} ."
    );
    let expected = [
        "docker login --username AWS --password-stdin 1.dkr.ecr.example".to_owned(),
        format!("docker pull {image}:latest"),
        build,
        format!("docker push {image}:{tag}"),
        format!("docker push {image}:latest"),
    ];
    assert_eq!(calls, expected, "{log}");
    assert!(show.contains(&format!(r#"[{{"name":"web","imageUri":"{image}:{tag}"}}]"#)), "{show}");
    assert!(show.contains(&format!("<{tag}>")), "{show}");
}

#[tokio::test]
async fn an_image_that_is_not_built_is_not_pushed() {
    let broken = "case $1 in build) exit 1;; esac";
    let (run, log, _) = built(IMAGE, IMAGE_VARIABLES, with_docker(broken), RunState::Failed).await;
    assert_eq!(run.environments[0].deploy.state, WorkState::Pending);
    assert!(!called(&log).iter().any(|call| call.starts_with("docker push")), "{log}");
}

const PYTHON: &str = include_str!("../../../buildspecs/python-test.yml");

fn python_app(test: &'static str) -> impl FnOnce(Work) -> Work {
    move |work| {
        work.write("app.py", "def price(n):\n    return 12 * n\n")
            .write("tests/__init__.py", "")
            .write("tests/test_price.py", test)
            .write("ci/it.yml", format!("{PYTHON}artifacts: {{files: [reports/unit.xml], discard-paths: yes}}\n"))
    }
}

#[tokio::test]
async fn a_python_projects_tests_are_run_and_reported() {
    let test = "import unittest\nfrom app import price\n\nclass Price(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(price(2), 24)\n    def test_none(self):\n        self.assertEqual(price(0), 0)\n";
    let (_, log, show) = built(PYTHON, "A: b", python_app(test), RunState::Succeeded).await;
    assert!(log.contains("Ran 2 tests"), "{log}");
    assert!(show.contains("<testsuite name=\"unittest\" tests=\"2\" failures=\"0\" errors=\"0\">"), "{show}");
    assert!(show.contains("<2>"), "{show}");
}

#[tokio::test]
async fn a_python_test_that_fails_or_is_not_found_stops_the_pipeline() {
    let wrong = "import unittest\nfrom app import price\n\nclass Price(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(price(2), 25)\n";
    for test in [wrong, "# none\n"] {
        let (run, log, _) = built(PYTHON, "A: b", python_app(test), RunState::Failed).await;
        assert_eq!(run.stages[1].work.state, WorkState::Pending, "{log}");
    }
}

const GATE: &str = include_str!("../../../buildspecs/quality-gate.yml");
const TOKEN: &str = "squ_a-token-that-nobody-prints";

/// How SonarQube answers.
#[derive(Clone, Copy)]
struct Sonar {
    task: &'static str,
    gate: &'static str,
    code: StatusCode,
}

async fn sonar(State(it): State<Sonar>, Path(what): Path<String>, headers: HeaderMap) -> Response {
    use base64::Engine as _;
    let login = base64::prelude::BASE64_STANDARD.encode(format!("{TOKEN}:"));
    assert_eq!(headers["authorization"], format!("Basic {login}"));
    let told: Value = match what.as_str() {
        "ce/task" => json!({"task": {"status": it.task, "analysisId": "an-1"}}),
        "qualitygates/project_status" => {
            json!({"projectStatus": {"status": it.gate, "conditions": [{"status": it.gate, "metricKey": "coverage", "actualValue": "12"}]}})
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    (it.code, axum::Json(told)).into_response()
}

/// What came of a push whose quality gate is this; none is a server that does not listen.
async fn gated(server: Option<Sonar>, state: RunState) -> (Run, String) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", door.local_addr().unwrap());
    match server {
        Some(server) => {
            let routes = Router::new().route("/api/{*what}", get(sonar)).with_state(server);
            tokio::spawn(async move { axum::serve(door, routes).await });
        }
        None => drop(door),
    }
    let scanner = format!(
        "#!/bin/sh\nmkdir .scannerwork\nprintf 'serverUrl={address}\\nceTaskId=t-1\\n' > .scannerwork/report-task.txt\n"
    );
    let variables =
        format!("SONAR_SCANNER: ./scanner, SONAR_TOKEN: {TOKEN}, SONAR_TRIES: '2', SONAR_WAIT_SECONDS: '0.01'");
    let (run, log, _) = built(GATE, &variables, |work| work.script("scanner", &scanner), state).await;
    assert!(!log.contains(TOKEN), "{log}");
    (run, log)
}

#[tokio::test]
async fn a_quality_gate_that_is_ok_lets_the_commit_through() {
    let well = Sonar { task: "SUCCESS", gate: "OK", code: StatusCode::OK };
    let (run, log) = gated(Some(well), RunState::Succeeded).await;
    assert_eq!(run.environments[0].deploy.state, WorkState::Succeeded);
    assert!(log.contains("the quality gate is OK"), "{log}");
}

#[tokio::test]
async fn any_other_quality_gate_stops_the_pipeline() {
    let well = Sonar { task: "SUCCESS", gate: "OK", code: StatusCode::OK };
    let cases = [
        ("the gate has failed", Some(Sonar { gate: "ERROR", ..well }), "the quality gate is ERROR"),
        ("the gate has no status", Some(Sonar { gate: "NONE", ..well }), "the quality gate is NONE"),
        ("the analysis does not end", Some(Sonar { task: "PENDING", ..well }), "the analysis is PENDING"),
        ("the analysis has failed", Some(Sonar { task: "FAILED", ..well }), "the analysis is FAILED"),
        ("the token is refused", Some(Sonar { code: StatusCode::UNAUTHORIZED, ..well }), "401"),
        ("nobody listens", None, "refused"),
    ];
    for (what, server, words) in cases {
        let (run, log) = gated(server, RunState::Failed).await;
        assert!(log.contains(words), "{what}: {log}");
        let after = (run.stages[1].work.state, run.environments[0].deploy.state);
        assert_eq!(after, (WorkState::Pending, WorkState::Pending), "{what}: nothing comes after it");
    }
}
