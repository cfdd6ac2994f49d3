//! Everything that is deployed, in its world.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use cicd::clock::SystemClock;
use cicd::store::dynamodb::DynamoStore;
use cicd::store::{RunFilter, Store};
use cicd::wire::events::outlet::EventBridge;
use cicd::wire::front::Front;
use cicd::wire::router;
use cicd::wire::template::Declared;
use router::id::{CommitId, ForgeKind};
use router::run::{Run, RunState};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, RwLock};

use crate::world::ministack::{Assembly, Deployed, Ministack, REGION};
use crate::world::weather::Weather;
use crate::world::{Delivery, Pushed, Repo, World, aws};

mod events;
mod made;

use events::Events;
use made::REPOSITORIES;

/// How long anything may take before a story is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who may decide at gates, and what proves it.
const LEE: &str = "0123456789-lees-own-token";
/// What is deployed.
pub(super) struct Bed {
    pub(super) world: World,
    pub(super) front: Arc<Front>,
    /// What the functions meet on their way to DynamoDB and S3.
    pub(super) weather: Weather,
    /// Stories that change the pipeline of the infrastructure are alone with it.
    pub(super) ground: RwLock<()>,
    /// Lets go of an answer to a start that a story holds back, see [`hold_back`].
    pub(super) answer_now: Arc<Notify>,
    /// What the wire was made of.
    pub(super) declared: Declared,
    /// What is deployed beside the pipelines.
    pub(super) router: Deployed,
    /// Where the wire listens.
    pub(super) wire: String,
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
        let rules = made::rules(&world);
        let ministack = Ministack::start();
        let here = aws::at(&ministack.endpoint());
        let (weather, under_it) = Weather::over(&ministack.endpoint()).await;
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let wire = format!("http://{}", door.local_addr().expect("it listens"));

        let mut context = made::secrets(&here).await;
        context.push(("githubApiUrl", world.hub.api_url().to_string()));
        context.push(("gitlabUrl", world.lab.api_url().to_string()));
        let context: Vec<_> = context.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let lambdas = made::lambdas(&world);
        let assembly = Assembly::synthesize(&world.folder("cdk").join("cdk.out"), &rules, &lambdas, &context);
        let mut stacks = ministack.deploy(
            &assembly,
            &[
                ("AWS_ENDPOINT_URL_CODEPIPELINE", wire.as_str()),
                ("AWS_ENDPOINT_URL_CODEBUILD", wire.as_str()),
                ("AWS_ENDPOINT_URL_DYNAMODB", under_it.as_str()),
                ("AWS_ENDPOINT_URL_S3", under_it.as_str()),
                ("POINTSMAN_LOG", "info,cicd=debug"),
            ],
        );
        let declared = made::declared(&assembly, &stacks);
        let deployed = stacks.remove("pointsman-router").expect("it is deployed");
        made::put_rules(&here, &deployed, &rules).await;

        let bus = EventBridge { client: aws_sdk_eventbridge::Client::new(&here), bus: None, source: None };
        let events = Arc::new(Events::to(bus));
        let front = made::front(&world, &here, &events);
        events.of(&front);
        front.load(&declared).unwrap_or_else(|refused| panic!("{} {}", refused.code, refused.message));
        let answer_now = Arc::new(Notify::new());
        let routes = router(Arc::clone(&front)).layer(from_fn_with_state(Arc::clone(&answer_now), hold_back));
        tokio::spawn(async move { axum::serve(door, routes).await });

        let table = aws::dynamodb(&ministack.endpoint());
        let store = DynamoStore::open(table, deployed.named("Table"), Arc::new(SystemClock)).await;
        Self {
            world,
            front,
            weather,
            ground: RwLock::new(()),
            answer_now,
            declared,
            wire,
            events,
            store: store.expect("the table is as the store wants it"),
            lambda: (ministack.endpoint(), reqwest::Client::new()),
            api: ministack.api(&deployed),
            router: deployed,
            _ministack: ministack,
        }
    }

    /// A story's repository, with its buildspecs on `main`. Nobody was told of that first push.
    pub(super) fn repo(&self, kind: ForgeKind, name: &str) -> Repo {
        assert!(REPOSITORIES.contains(&name), "{name} is not in the rule file");
        let path = format!("acme/{name}");
        let repo = if kind == ForgeKind::Gitlab { self.world.gitlab(&path) } else { self.world.github(&path) };
        // Equal commits have equal ids, and stories know their runs by them.
        repo.push("main", |work| made::first(work).write("README", format!("{kind} {path}\n")));
        repo
    }

    /// The forge brings a delivery to the API.
    pub(super) async fn deliver(&self, delivery: &Delivery) {
        let (code, answer) = self.bring(delivery).await;
        assert_eq!(code, StatusCode::ACCEPTED, "{answer}; {}", self.said());
    }

    /// The forge brings a delivery to the API; what the answer is.
    pub(super) async fn bring(&self, delivery: &Delivery) -> (StatusCode, Value) {
        let (endpoint, host) = &self.api;
        self.world.send(&delivery.clone().with("host", host), endpoint).await
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
        self.events.lose(repository);
    }

    /// What pipelines tell of this repository is held from now on.
    pub(super) fn hold_events_of(&self, repository: &str) {
        self.events.hold(repository);
    }

    /// What was held so far.
    pub(super) fn held_of(&self, repository: &str) -> Vec<Value> {
        self.events.held(repository)
    }

    /// The bus is told an event.
    pub(super) async fn tell(&self, event: &Value) {
        self.events.tell(event).await;
    }

    /// What every client of the AWS that is deployed is made of.
    pub(super) fn here(&self) -> aws_config::SdkConfig {
        aws::at(&self.lambda.0)
    }

    /// The bodies of what waits in a queue; none is taken out.
    pub(super) async fn waiting(&self, queue: &str) -> Vec<String> {
        let sqs = aws_sdk_sqs::Client::new(&self.here());
        let asked = sqs.receive_message().queue_url(self.router.named(queue)).max_number_of_messages(10);
        let told = asked.visibility_timeout(0).send().await.expect("the queue answers");
        told.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect()
    }

    /// Nothing is under way for a push any more: its messages are read, and none of them is a dead letter.
    pub(super) async fn settled(&self, pushed: &Pushed) {
        let id = pushed.delivery.id();
        self.until("its messages are read", pushed, async || {
            !self.waiting("Deliveries").await.iter().any(|body| body.contains(id))
        })
        .await;
        for queue in ["DeadDeliveries", "LostEvents"] {
            let dead = self.waiting(queue).await;
            assert!(!dead.iter().any(|body| body.contains(id) || body.contains(pushed.commit.as_str())), "{dead:#?}");
        }
        for (pipeline, execution, status) in self.executions(&pushed.commit).await {
            assert_ne!(status, "InProgress", "{execution} of {pipeline}");
        }
    }

    /// Waits until the functions have logged a line with all of this.
    pub(super) async fn logged(&self, words: &[&str]) {
        let is_there = async || self.log().lines().any(|line| words.iter().all(|word| line.contains(word)));
        self.comes(&format!("a line with {words:?} is logged"), is_there).await;
    }

    /// The variables of a function that is deployed.
    pub(super) async fn variables(&self, door: &str) -> Value {
        let (endpoint, client) = &self.lambda;
        let asked = client
            .get(format!("{endpoint}/2015-03-31/functions/pointsman-{door}/configuration"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential=key/20260101/{REGION}/lambda/aws4_request"));
        let told = asked.send().await.expect("Lambda answers").text().await.expect("in full");
        let mut told: Value = serde_json::from_str(&told).expect("Lambda answers JSON");
        told["Environment"]["Variables"].take()
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

    /// Waits until something holds.
    pub(super) async fn comes(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "never came true: {what}; {}", self.said());
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

    fn log(&self) -> String {
        std::fs::read_to_string(self.world.folder("doors").join("log")).unwrap_or_default()
    }

    /// The last that the functions logged.
    fn said(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("cannot be looked at")).collect();
        let told = &lines[lines.len().saturating_sub(60)..];
        format!("the functions said:\n{}", told.join("\n"))
    }
}

/// At a gate where nobody is needed: it opens by itself, so nothing waits for it there.
fn passes_at_once(run: &Run) -> bool {
    run.waiting_at().is_some_and(|(place, _)| run.missing_at(&place.name) == 0)
}

fn variable<'a>(told: &'a Value, name: &str) -> Option<&'a str> {
    let variables = told["pipelineExecution"]["variables"].as_array()?;
    variables.iter().find(|variable| variable["name"] == name)?["resolvedValue"].as_str()
}

/// Holds back the answer to a start for the repository `early`, as a slow network would, until the story lets it go.
async fn hold_back(State(answer_now): State<Arc<Notify>>, request: Request, next: Next) -> Response {
    let is_start =
        request.headers().get("x-amz-target").is_some_and(|it| it.as_bytes().ends_with(b".StartPipelineExecution"));
    if !is_start {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1024 * 1024).await else { return StatusCode::BAD_REQUEST.into_response() };
    let is_held = String::from_utf8_lossy(&body).contains("acme/early");
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    if is_held {
        answer_now.notified().await;
    }
    answer
}
