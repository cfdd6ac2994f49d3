//! The runs that the rule file starts, as boto3 sees them: `serve --wire`, the binary.

use axum::http::StatusCode;
use tokio::process::Command;

use crate::crash::binary::Service;
use crate::world::World;
use crate::world::aws::python;

const RULES: &str = "
version: 1
repositories: [{github: acme/shop}]
pipelines:
  application:
    stages: [{name: test, buildspec: ci/test.yml}]
    deploy: {buildspec: ci/ok.yml}
environments:
  - {name: test}
  - {name: prod, approval: {by: [leads]}}
people: {leads: ['user:lee']}
routes:
  - {name: main, branch: main, pipeline: application, to: [test, prod]}
  - {name: slow, branch: slow, pipeline: application, stages: [test]}
  - {name: the-rest, any: true, pipeline: none}
";

fn buildspec(command: &str) -> String {
    format!("version: 0.2\nphases: {{build: {{commands: ['{command}']}}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_reads_decides_and_stops_the_rule_files_runs() {
    let world = World::new().await;
    let rules = world.file("pointsman.yaml", RULES);
    let tokens = ["lee", "dana"].map(|name| format!("{name}=0123456789-{name}s-token")).join(",");
    let service = Service::new(&world, &rules, world.folder("data"));
    let service = service.with([("POINTSMAN_WIRE", "true".to_owned()), ("POINTSMAN_AUTH_TOKENS", tokens)]);
    let Some(running) = service.start() else { panic!("it does not start: {}", service.said()) };
    let shop = world.github("acme/shop");
    let main =
        shop.push("main", |work| work.write("ci/test.yml", buildspec("true")).write("ci/ok.yml", buildspec("true")));
    let slow = shop.push("slow", |work| work.write("ci/test.yml", buildspec("sleep 600")));
    for pushed in [&main, &slow] {
        assert_eq!(world.send(&pushed.delivery, &running.url).await.0, StatusCode::ACCEPTED);
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/runs.py");
    let asked = [script, &running.url, main.commit.as_str(), slow.commit.as_str()];
    let done = Command::new(python()).args(asked).output().await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{told}\n{}", service.said());
    assert!(told.contains("held against the service models"), "{told}");
    running.end();
}
