//! What is made before anything is deployed, and what is put beside it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use cicd::clock::SystemClock;
use cicd::wire::Locality;
use cicd::wire::events::outlet::Target;
use cicd::wire::front::{Front, FrontConfig};
use cicd::wire::template::{Declared, Stacks};
use serde_json::json;

use super::LEE;
use super::events::Events;
use crate::world::ministack::{ACCOUNT, Assembly, Deployed, REGION};
use crate::world::{FakeForge, Keys, Work, World};

/// The functions.
const DOORS: [&str; 4] = ["webhook", "dispatch", "callback", "sweep"];
/// The stories' repositories, each for one story on both forges.
pub(super) const REPOSITORIES: [&str; 23] = [
    "late",
    "prompt",
    "push",
    "feature",
    "gated",
    "failing",
    "overtaken",
    "rejected",
    "again",
    "lost",
    "newer",
    "expired",
    "ground",
    "memory",
    "seven",
    "disorder",
    "early",
    "foreign",
    "throttled",
    "deleted",
    "edited",
    "unversioned",
    "heard",
];

/// Three branches and what is for the stories, seven environments, two pipelines.
const RULES: &str = "
version: 1
repositories:
REPOSITORIES
pipelines:
  infrastructure:
    stages: [{name: synth, buildspec: ci/ok.yml}]
    deploy: {buildspec: ci/ground.yml}
  application:
    stages:
      - {name: lint, buildspec: ci/ok.yml}
      - {name: test, buildspec: ci/test.yml, compute: small..large}
      - {name: build, buildspec: ci/build.yml}
    deploy: {buildspec: ci/deploy.yml}
environments:
  - {name: dev}
  - {name: test}
  - {name: qa}
  - {name: stage}
  - {name: perf}
  - {name: canary, approval: {by: [leads], within: 3s}}
  - {name: prod, approval: {by: [leads], not_author: true, within: 1h}}
people:
  leads: ['user:lee']
routes:
  - {name: infra, branch: main, paths: {any: ['infra/**']}, pipeline: infrastructure, to: [test], then: main}
  - {name: main, branch: main, pipeline: application, to: [test, prod]}
  - {name: release, branch: 'release/*', pipeline: application, to: [stage, perf]}
  - {name: canary, branch: 'canary/*', pipeline: application, to: [canary]}
  - {name: feature, branch: 'feature/**', pipeline: application, stages: [lint, test]}
  - {name: the-rest, any: true, pipeline: none}
";

/// The rule file, and beside it the buildspecs: `pointsman synth` reads there what each stage leaves.
pub(super) fn rules(world: &World) -> PathBuf {
    for (path, text) in buildspecs() {
        world.file(path, &text);
    }
    let mut repositories = String::new();
    for name in REPOSITORIES {
        let place = world.folder(&format!("places/{name}"));
        for forge in ["github", "gitlab"] {
            repositories += &format!("  - {{{forge}: acme/{name}, variables: {{DEPLOY_TO: '{}'}}}}\n", place.display());
        }
    }
    world.file("pointsman.yaml", &RULES.replace("REPOSITORIES\n", &repositories))
}

/// The binary of this build behind every function. A copy of it for each would be half a gigabyte to pack.
pub(super) fn lambdas(world: &World) -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let doors = house.join("target/debug/doors");
    assert!(doors.exists(), "{} is not there: run `cargo build --workspace --bin doors`", doors.display());
    let folder = world.folder("doors");
    let script = format!("#!/bin/sh\nexec '{}' 2>>'{}'\n", doors.display(), folder.join("log").display());
    for door in DOORS {
        let bootstrap = world.file(Path::new("doors").join(door).join("bootstrap"), &script);
        std::fs::set_permissions(&bootstrap, PermissionsExt::from_mode(0o755)).expect("it was just written");
    }
    folder
}

/// The secrets that people make before they deploy: what the context calls each, and its ARN.
pub(super) async fn secrets(here: &SdkConfig) -> Vec<(&'static str, String)> {
    let vault = aws_sdk_secretsmanager::Client::new(here);
    let mut arns = Vec::new();
    for (name, value) in [
        ("githubWebhookSecret", Keys::GITHUB.to_owned()),
        ("githubToken", json!({"token": FakeForge::TOKEN}).to_string()),
        ("gitlabSigningToken", Keys::GITLAB_SIGNING.to_owned()),
        ("gitlabToken", FakeForge::TOKEN.to_owned()),
        ("authTokens", format!("lee={LEE}")),
    ] {
        let made = vault.create_secret().name(format!("pointsman/{name}")).secret_string(value).send().await;
        arns.push((name, made.expect("the vault takes it").arn.expect("a secret has an ARN")));
    }
    arns
}

pub(super) async fn put_rules(here: &SdkConfig, deployed: &Deployed, rules: &Path) {
    let place = deployed.outputs["RulesFile"].strip_prefix("s3://").expect("an object");
    let (bucket, key) = place.split_once('/').expect("a bucket and a key");
    let text = std::fs::read(rules).expect("it was just written").into();
    s3(here).put_object().bucket(bucket).key(key).body(text).send().await.expect("the bucket takes it");
}

pub(super) fn s3(here: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(here).force_path_style(true).build())
}

pub(super) fn front(world: &World, here: &SdkConfig, events: &Arc<Events>) -> Arc<Front> {
    let config = FrontConfig {
        locality: Locality { region: REGION.to_owned(), account: ACCOUNT.to_owned() },
        slots: 8,
        kill_grace: Duration::from_millis(200),
        s3: Some(s3(here)),
        sns: Some(aws_sdk_sns::Client::new(here)),
        targets: vec![Arc::clone(events) as Arc<dyn Target>],
        ..FrontConfig::new(world.folder("wire"))
    };
    Front::open(config, Arc::new(SystemClock)).expect("the wire has a folder")
}

/// What was left out of the deployment, for the wire to make it by the same templates.
pub(super) fn declared(assembly: &Assembly, deployed: &BTreeMap<String, Deployed>) -> Declared {
    let mut stacks = Stacks::new(REGION, ACCOUNT);
    for (name, file) in assembly.templates() {
        let text = std::fs::read_to_string(file).expect("the assembly can be read");
        stacks.add(&format!("{name}.template.json"), &text).expect("the CDK writes templates");
    }
    for (stack, it) in deployed {
        let called = it.resources.iter().map(|(id, called)| (format!("{stack}.{id}"), called.clone()));
        stacks.known.extend(called);
    }
    stacks.declared().unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// The buildspecs.
fn buildspecs() -> [(&'static str, String); 5] {
    let spec = |command: &str| format!("version: 0.2\nphases: {{build: {{commands: ['{command}']}}}}\n");
    [
        ("ci/ok.yml", spec("true")),
        ("ci/test.yml", spec("sh ci/test.sh")),
        ("ci/build.yml", spec("date +%s%N > app.txt") + "artifacts: {files: [app.txt]}\n"),
        ("ci/deploy.yml", spec("cp \"$CODEBUILD_SRC_DIR_build/app.txt\" \"$DEPLOY_TO/$POINTSMAN_ENVIRONMENT.txt\"")),
        ("ci/ground.yml", spec("date +%s%N > \"$DEPLOY_TO/ground-$POINTSMAN_ENVIRONMENT.txt\"")),
    ]
}

/// What every repository begins with.
pub(super) fn first(work: Work) -> Work {
    let work = work.write("ci/test.sh", "echo tests pass\n").write("src/a.rs", "fn main() {}\n");
    buildspecs().into_iter().fold(work, |work, (path, text)| work.write(path, text))
}
