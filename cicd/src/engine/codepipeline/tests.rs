//! The engine against a small fake of AWS that answers what a test says and remembers what it was asked.

use std::collections::VecDeque;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use router::run::RunState;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::clock::FakeClock;
use crate::store::sqlite::SqliteStore;
use crate::store::{Change, Committed};

mod asked;
mod bad_input;
mod begun;
mod late;

/// An operation's answers, the last one again and again; an error is a code.
type Answers = BTreeMap<&'static str, VecDeque<Result<Value, &'static str>>>;

#[derive(Default)]
struct Aws {
    answers: Mutex<Answers>,
    asked: Mutex<Vec<(String, Value)>>,
    versions: Mutex<bool>,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Aws {
    fn says(&self, operation: &'static str, answer: Result<Value, &'static str>) {
        self.answers.lock().unwrap().entry(operation).or_default().push_back(answer);
    }

    /// Forgets what an operation was to say, and says this from now on.
    fn says_now(&self, operation: &'static str, answer: Result<Value, &'static str>) {
        self.answers.lock().unwrap().insert(operation, VecDeque::from([answer]));
    }

    fn asked(&self, operation: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(aws): State<Arc<Aws>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let Some(target) = parts.headers.get("x-amz-target") else {
        return object(&aws, &parts.method, parts.uri.path(), &body);
    };
    let operation = target.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    aws.asked.lock().unwrap().push((operation.clone(), serde_json::from_slice(&body).unwrap()));
    let mut answers = aws.answers.lock().unwrap();
    let queue = answers.get_mut(operation.as_str());
    let said = queue.and_then(|queue| if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() });
    match said {
        Some(Ok(value)) => axum::Json(value).into_response(),
        Some(Err(code)) => {
            (StatusCode::BAD_REQUEST, axum::Json(json!({"__type": code, "message": "as the test wants"})))
                .into_response()
        }
        None => axum::Json(json!({})).into_response(),
    }
}

/// S3, as far as small objects go.
fn object(aws: &Aws, method: &Method, path: &str, body: &[u8]) -> Response {
    let mut objects = aws.objects.lock().unwrap();
    match *method {
        Method::PUT => drop(objects.insert(path.to_owned(), body.to_vec())),
        _ if !objects.contains_key(path) => return StatusCode::NOT_FOUND.into_response(),
        _ => {}
    }
    match *aws.versions.lock().unwrap() {
        true => ([("x-amz-version-id", "v-1")], Body::empty()).into_response(),
        false => StatusCode::OK.into_response(),
    }
}

struct World {
    aws: Arc<Aws>,
    engine: Arc<CodePipelineEngine>,
    store: Arc<SqliteStore>,
    clock: FakeClock,
    events: mpsc::Receiver<EngineEvent>,
    _folder: tempfile::TempDir,
}

const EXECUTION: &str = "d1993dfe-7201-4c68-890b-40f3231aef72";

impl World {
    /// One that starts runs beside the caller.
    async fn new() -> Self {
        Self::with(true).await
    }

    /// One that starts runs while the caller waits.
    async fn inline() -> Self {
        Self::with(false).await
    }

    async fn with(beside: bool) -> Self {
        let aws = Arc::new(Aws::default());
        *aws.versions.lock().unwrap() = true;
        let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", door.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&aws));
        tokio::spawn(async move { axum::serve(door, app).await });
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock::at("2026-11-20T12:00:00Z".parse().unwrap());
        let store = Arc::new(SqliteStore::open(folder.path(), Arc::new(clock.clone())).unwrap());
        let (told, events) = mpsc::channel(16);
        let engine = CodePipelineEngine::new(
            config(),
            clients(&url),
            Forges::from([("github".parse().unwrap(), Arc::new(begun::Files) as Arc<dyn crate::forge::Forge>)]),
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::new(clock.clone()),
            beside.then_some(told),
        );
        aws.says("StartPipelineExecution", Ok(json!({"pipelineExecutionId": EXECUTION})));
        Self { aws, engine, store, clock, events, _folder: folder }
    }

    /// A saved run, and its execution when it has one.
    async fn saved(&self, mut run: Run, execution: Option<&str>) -> Run {
        let mut executions = Vec::new();
        if let Some(execution) = execution {
            run.apply(&RunEvent::Executing { execution: execution.to_owned() }, self.clock.now());
            executions.push((execution.to_owned(), run.id.clone()));
        }
        let change = Change { runs: vec![run.clone()], executions, ..Change::default() };
        assert_eq!(self.store.commit(change).await.unwrap(), Committed::Yes);
        self.store.run(&run.id).await.unwrap().unwrap()
    }

    /// Saves what became of a run.
    async fn moved(&self, run: &mut Run, events: &[RunEvent]) {
        for event in events {
            run.apply(event, self.clock.now());
        }
        let change = Change { runs: vec![run.clone()], ..Change::default() };
        assert_eq!(self.store.commit(change).await.unwrap(), Committed::Yes);
        run.version += 1;
    }

    /// What CodePipeline tells of the execution from now on.
    fn execution(&self, run: &Run, status: &str, actions: Value) {
        let variables: Vec<_> = names::variables(run)
            .unwrap()
            .into_iter()
            .map(|(name, value)| json!({"name": name, "resolvedValue": value}))
            .collect();
        let told =
            json!({"pipelineExecution": {"pipelineExecutionId": EXECUTION, "status": status, "variables": variables}});
        self.aws.says_now("GetPipelineExecution", Ok(told));
        self.aws.says_now("ListActionExecutions", Ok(json!({"actionExecutionDetails": actions})));
    }
}

fn config() -> CodePipelineConfig {
    CodePipelineConfig {
        start_again_after: Duration::from_millis(1),
        look_every: Duration::ZERO,
        ..CodePipelineConfig::new("pointsman", "sources")
    }
}

fn clients(url: &str) -> Clients {
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(crate::outbound::for_aws())
        .endpoint_url(url)
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(Credentials::new(
            "key", "secret", None, None, "tests",
        )))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .build();
    let s3 = aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build();
    Clients { s3: aws_sdk_s3::Client::from_conf(s3), ..Clients::new(&shared) }
}

/// An action as `ListActionExecutions` tells it.
fn told(stage: &str, name: &str, status: &str, more: Value) -> Value {
    let kind = match name {
        "gate" => json!({"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}),
        "source" => json!({"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}),
        _ => json!({"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}),
    };
    let mut action = json!({
        "stageName": stage, "actionName": name, "status": status, "actionExecutionId": format!("{stage}-{name}"),
        "input": {"actionTypeId": kind},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        action[key] = value.clone();
    }
    action
}

/// An event as EventBridge sends it.
fn event(level: &str, state: &str, more: Value) -> String {
    let mut detail = json!({
        "pipeline": "pointsman-application", "execution-id": EXECUTION, "state": state, "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        detail[key] = value.clone();
    }
    let kind = format!("CodePipeline {level} Execution State Change");
    json!({"source": "aws.codepipeline", "detail-type": kind, "detail": detail}).to_string()
}

/// An action's event.
fn action(stage: &str, name: &str, state: &str) -> String {
    let (category, provider) = if name == "gate" { ("Approval", "Manual") } else { ("Build", "CodeBuild") };
    let external = if name == "gate" { Value::Null } else { json!({"external-execution-id": format!("{name}:1")}) };
    let result = if state == "STARTED" || external.is_null() { json!({}) } else { external };
    let more = json!({
        "stage": stage, "action": name, "action-execution-id": format!("{stage}-{name}"),
        "type": {"owner": "AWS", "category": category, "provider": provider, "version": "1"}, "execution-result": result,
    });
    event("Action", state, more)
}

/// What was told, without the run.
fn only(events: Vec<EngineEvent>) -> Vec<RunEvent> {
    events.into_iter().map(|event| event.event).collect()
}

fn stage(name: &str) -> router::id::StageName {
    name.parse().unwrap()
}
