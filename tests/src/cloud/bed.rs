//! Everything that is deployed, in its world.

use std::collections::BTreeSet;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use axum::http::StatusCode;
use cicd::clock::SystemClock;
use cicd::store::dynamodb::DynamoStore;
use cicd::store::{RunFilter, Store};
use cicd::wire::events::outlet::{SnsTopic, Target};
use cicd::wire::front::{Front, FrontConfig};
use cicd::wire::template::Stacks;
use cicd::wire::{Locality, router};
use router::id::{CommitId, ForgeKind};
use router::run::{Run, RunState};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::world::ministack::{ACCOUNT, Assembly, Deployed, Ministack, REGION};
use crate::world::{Delivery, FakeForge, Keys, Pushed, Repo, Work, World, aws};

/// How long anything may take before a story is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who may decide at gates, and what proves it.
const LEE: &str = "0123456789-lees-own-token";
/// The functions.
const DOORS: [&str; 4] = ["webhook", "dispatch", "callback", "sweep"];
/// The stories' repositories, each for one story on both forges.
const REPOSITORIES: [&str; 12] = [
    "push", "feature", "gated", "failing", "rejected", "again", "lost", "newer", "expired", "ground", "memory", "seven",
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

/// What is deployed.
pub(super) struct Bed {
    pub(super) world: World,
    pub(super) front: Arc<Front>,
    events: Arc<Events>,
    store: DynamoStore,
    lambda: (String, reqwest::Client),
    /// Where the API listens, and what it is called.
    api: (String, String),
    _ministack: Ministack,
}

/// A bed, and what drives it.
struct Shared {
    bed: Option<Bed>,
    runtime: Runtime,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(bed) = self.bed.take() {
            self.runtime.block_on(async {
                bed.front.close().await;
                drop(bed);
            });
        }
    }
}

/// Tells a story on the bed that other stories may be on, too.
pub(super) fn story<F: Future<Output = ()>>(tell: impl FnOnce(Arc<Telling>) -> F) {
    static BED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    let shared = {
        let mut bed = BED.lock().expect("the bed came up for the story before");
        bed.upgrade().unwrap_or_else(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            let made = Arc::new(Shared { bed: Some(runtime.block_on(Bed::open())), runtime });
            *bed = Arc::downgrade(&made);
            made
        })
    };
    let telling = Arc::new(Telling(Arc::clone(&shared)));
    shared.runtime.block_on(tell(telling));
}

/// What a story has of its bed.
pub(super) struct Telling(Arc<Shared>);

impl std::ops::Deref for Telling {
    type Target = Bed;

    fn deref(&self) -> &Bed {
        self.0.bed.as_ref().expect("it is there until the last story has let go")
    }
}

impl Bed {
    async fn open() -> Self {
        let world = World::by(Arc::new(SystemClock)).await;
        let rules = rules(&world);
        let ministack = Ministack::start();
        let here = aws::at(&ministack.endpoint());
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let wire = format!("http://{}", door.local_addr().expect("it listens"));

        let mut context = secrets(&here).await;
        context.push(("githubApiUrl", world.hub.api_url().to_string()));
        context.push(("gitlabUrl", world.lab.api_url().to_string()));
        let context: Vec<_> = context.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let assembly = Assembly::synthesize(&world.folder("cdk").join("cdk.out"), &rules, &lambdas(&world), &context);
        let stacks = ministack.deploy(
            &assembly,
            &[
                ("AWS_ENDPOINT_URL_CODEPIPELINE", wire.as_str()),
                ("AWS_ENDPOINT_URL_CODEBUILD", wire.as_str()),
                ("POINTSMAN_LOG", "info,cicd=debug"),
            ],
        );
        let deployed = &stacks["pointsman-router"];
        put_rules(&here, deployed, &rules).await;

        let events = Arc::new(Events {
            topic: SnsTopic { client: aws_sdk_sns::Client::new(&here), arn: deployed.named("Callbacks").to_owned() },
            lost: Mutex::default(),
            front: OnceLock::new(),
        });
        let front = front(&world, &here, &events);
        events.front.set(Arc::downgrade(&front)).unwrap_or_else(|_| unreachable!("it is set once"));
        load(&front, &assembly, &stacks);
        let routes = router(Arc::clone(&front));
        tokio::spawn(async move { axum::serve(door, routes).await });

        let table = aws::dynamodb(&ministack.endpoint());
        let store = DynamoStore::open(table, deployed.named("Table"), Arc::new(SystemClock)).await;
        Self {
            world,
            front,
            events,
            store: store.expect("the table is as the store wants it"),
            lambda: (ministack.endpoint(), reqwest::Client::new()),
            api: ministack.api(deployed),
            _ministack: ministack,
        }
    }

    /// A story's repository, with its buildspecs on `main`. Nobody was told of that first push.
    pub(super) fn repo(&self, kind: ForgeKind, name: &str) -> Repo {
        assert!(REPOSITORIES.contains(&name), "{name} is not in the rule file");
        let path = format!("acme/{name}");
        let repo = if kind == ForgeKind::Gitlab { self.world.gitlab(&path) } else { self.world.github(&path) };
        // Equal commits have equal ids, and stories know their runs by them.
        repo.push("main", |work| first(work).write("README", format!("{kind} {path}\n")));
        repo
    }

    /// The forge brings a delivery to the API.
    pub(super) async fn deliver(&self, delivery: &Delivery) {
        let (endpoint, host) = &self.api;
        let (code, answer) = self.world.send(&delivery.clone().with("host", host), endpoint).await;
        assert_eq!(code, StatusCode::ACCEPTED, "{answer}; {}", self.said());
    }

    /// Lee answers at a gate.
    pub(super) async fn decide(&self, run: &Run, environment: &str, answer: &str) {
        let (endpoint, host) = &self.api;
        let asked = reqwest::Client::new()
            .post(format!("{endpoint}/runs/{}/gates/{environment}", run.id))
            .header("host", host)
            .header("x-pointsman-client", "1")
            .bearer_auth(LEE)
            .header("content-type", "application/json")
            .body(json!({"answer": answer, "comment": "because"}).to_string());
        let told = asked.send().await.expect("the API answers");
        let (code, words) = (told.status(), told.text().await.unwrap_or_default());
        assert_eq!(code, StatusCode::OK, "{words}; {}", self.said());
    }

    /// Invokes the function `sweep` before its time.
    pub(super) async fn sweep(&self) {
        let (endpoint, client) = &self.lambda;
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
        let asked = client
            .post(format!("{endpoint}/2015-03-31/functions/pointsman-sweep/invocations"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential=key/20260101/{REGION}/lambda/aws4_request"))
            .body(event.to_string());
        let told = asked.send().await.expect("Lambda answers");
        let failed = told.headers().contains_key("x-amz-function-error");
        assert!(told.status().is_success() && !failed, "{:?}; {}", told.text().await, self.said());
    }

    /// What pipelines tell of this repository is lost from now on.
    pub(super) fn lose_events_of(&self, repository: &str) {
        self.events.lost().insert(repository.to_owned());
    }

    /// All runs for a commit, oldest first.
    pub(super) async fn runs(&self, commit: &CommitId) -> Vec<Run> {
        let mut runs = self.store.runs(RunFilter::Recent(1000, None)).await.expect("the table answers");
        runs.reverse();
        runs.into_iter().filter(|run| run.key.commit == *commit).collect()
    }

    /// The newest run for a commit, once it is in this state and nothing of it is owed to the forge.
    pub(super) async fn run(&self, pushed: &Pushed, state: RunState) -> Run {
        let what = format!("a run for {} is {}", pushed.commit.short(), state.as_str());
        self.until(&what, pushed, async || {
            let runs = self.runs(&pushed.commit).await;
            let Some(run) = runs.last() else { return false };
            let is_over = run.state.is_terminal() && run.state != state && run.key.route.as_str() != "infra";
            assert!(!is_over, "{what}; but it is {}: {}; {}", run.state.as_str(), run.because, self.said());
            run.state == state && !passes_at_once(run)
        })
        .await;
        self.runs(&pushed.commit).await.pop().expect("it is there")
    }

    /// Waits until something about a push holds.
    pub(super) async fn until(&self, what: &str, pushed: &Pushed, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let runs = self.runs(&pushed.commit).await;
            let runs: Vec<_> = runs.iter().map(|it| (it.key.route.as_str(), it.state.as_str(), &it.because)).collect();
            panic!("never came true: {what}; runs: {runs:#?}; {}", self.said());
        }
    }

    /// Waits until the forge shows exactly this on a commit: `context state`, the newest of each context.
    pub(super) async fn shows(&self, kind: ForgeKind, name: &str, pushed: &Pushed, expected: &[&str]) {
        let forge = if kind == ForgeKind::Gitlab { &self.world.lab } else { &self.world.hub };
        let shown = || -> Vec<String> {
            let latest = forge.latest(&format!("acme/{name}"), &pushed.commit);
            latest.into_iter().map(|(context, (state, _))| format!("{context} {state}")).collect()
        };
        let wait = async {
            while shown() != expected {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("the forge shows {:#?}; {}", shown(), self.said());
        }
    }

    /// Waits until the one execution for a commit has this status.
    pub(super) async fn ends(&self, pushed: &Pushed, status: &str) {
        self.until(
            &format!("the execution is {status}"),
            pushed,
            async || matches!(&self.executions(&pushed.commit).await[..], [(_, _, now)] if now == status),
        )
        .await;
    }

    /// The executions for a commit: the pipeline, the execution's id and its status.
    pub(super) async fn executions(&self, commit: &CommitId) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for pipeline in self.pipelines().await {
            let listed = self.ask("ListPipelineExecutions", json!({"pipelineName": pipeline, "maxResults": 100})).await;
            for execution in listed["pipelineExecutionSummaries"].as_array().into_iter().flatten() {
                let asked = json!({"pipelineName": pipeline, "pipelineExecutionId": execution["pipelineExecutionId"]});
                let told = self.ask("GetPipelineExecution", asked).await;
                if variable(&told, "COMMIT") == Some(commit.as_str()) {
                    let text = |key: &str| execution[key].as_str().unwrap_or_default().to_owned();
                    found.push((pipeline.clone(), text("pipelineExecutionId"), text("status")));
                }
            }
        }
        found
    }

    /// The pipelines that there are.
    pub(super) async fn pipelines(&self) -> Vec<String> {
        let listed = self.ask("ListPipelines", json!({})).await;
        let names = listed["pipelines"].as_array().expect("a list").iter();
        names.map(|pipeline| pipeline["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Asks the wire.
    pub(super) async fn ask(&self, operation: &str, input: Value) -> Value {
        let service = if operation.contains("Project") && !operation.contains("Pipeline") {
            "CodeBuild_20161006"
        } else {
            "CodePipeline_20150709"
        };
        let told = self.front.answer(service, operation, input).await;
        told.unwrap_or_else(|refused| panic!("{operation}: {} {}", refused.code, refused.message))
    }

    /// What a deploy has put into a place.
    pub(super) fn deployed(&self, name: &str, environment: &str) -> Option<String> {
        std::fs::read_to_string(self.places(name).join(format!("{environment}.txt"))).ok()
    }

    /// The folder that a repository's builds and deploys know as `DEPLOY_TO`.
    pub(super) fn places(&self, name: &str) -> PathBuf {
        self.world.folder(&format!("places/{name}"))
    }

    /// The last that the functions logged.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.world.folder("doors").join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("cannot be looked at")).collect();
        let told = &lines[lines.len().saturating_sub(60)..];
        format!("the functions said:\n{}", told.join("\n"))
    }
}

/// At a gate where nobody is needed: it opens by itself, so nothing waits for it there.
fn passes_at_once(run: &Run) -> bool {
    run.waiting_at().is_some_and(|(place, planned)| place.gate.missing(planned.approval.as_ref()) == 0)
}

fn variable<'a>(told: &'a Value, name: &str) -> Option<&'a str> {
    let variables = told["pipelineExecution"]["variables"].as_array()?;
    variables.iter().find(|variable| variable["name"] == name)?["resolvedValue"].as_str()
}

/// The rule file, and beside it the buildspecs: `pointsman synth` reads there what each stage leaves.
fn rules(world: &World) -> PathBuf {
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
fn lambdas(world: &World) -> PathBuf {
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
async fn secrets(here: &SdkConfig) -> Vec<(&'static str, String)> {
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

async fn put_rules(here: &SdkConfig, deployed: &Deployed, rules: &Path) {
    let place = deployed.outputs["RulesFile"].strip_prefix("s3://").expect("an object");
    let (bucket, key) = place.split_once('/').expect("a bucket and a key");
    let text = std::fs::read(rules).expect("it was just written").into();
    s3(here).put_object().bucket(bucket).key(key).body(text).send().await.expect("the bucket takes it");
}

fn s3(here: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(here).force_path_style(true).build())
}

fn front(world: &World, here: &SdkConfig, events: &Arc<Events>) -> Arc<Front> {
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

/// The wire makes what was left out of the deployment, by the same templates.
fn load(front: &Front, assembly: &Assembly, deployed: &std::collections::BTreeMap<String, Deployed>) {
    let mut stacks = Stacks::new(REGION, ACCOUNT);
    for (name, file) in assembly.templates() {
        let text = std::fs::read_to_string(file).expect("the assembly can be read");
        stacks.add(&format!("{name}.template.json"), &text).expect("the CDK writes templates");
    }
    for (stack, it) in deployed {
        let called = it.resources.iter().map(|(id, called)| (format!("{stack}.{id}"), called.clone()));
        stacks.known.extend(called);
    }
    let declared = stacks.declared().unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    front.load(&declared).unwrap_or_else(|refused| panic!("{} {}", refused.code, refused.message));
}

/// Tells the callback topic what happens, but what is lost.
struct Events {
    topic: SnsTopic,
    lost: Mutex<BTreeSet<String>>,
    front: OnceLock<Weak<Front>>,
}

impl Events {
    fn lost(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository that an event is about.
    async fn repository(&self, event: &Value) -> Option<String> {
        let detail = &event["detail"];
        let front = self.front.get()?.upgrade()?;
        let asked = json!({"pipelineName": detail["pipeline"], "pipelineExecutionId": detail["execution-id"]});
        let told = front.answer("CodePipeline_20150709", "GetPipelineExecution", asked).await.ok()?;
        variable(&told, "REPOSITORY").map(str::to_owned)
    }
}

#[async_trait]
impl Target for Events {
    fn name(&self) -> String {
        self.topic.name()
    }

    async fn deliver(&self, event: &Value) -> Result<(), String> {
        let repository = self.repository(event).await.unwrap_or_default();
        let is_lost = self.lost().iter().any(|lost| repository.ends_with(lost.as_str()));
        if is_lost { Ok(()) } else { self.topic.deliver(event).await }
    }
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
fn first(work: Work) -> Work {
    let work = work.write("ci/test.sh", "echo tests pass\n").write("src/a.rs", "fn main() {}\n");
    buildspecs().into_iter().fold(work, |work, (path, text)| work.write(path, text))
}
