//! A stand-in for Lambda's runtime API: hands a real binary its invocations, and takes what it answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as InPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

use super::Delivery;

/// No function takes longer, unless it is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function at work.
pub struct Function {
    process: Child,
    started: Instant,
    events: mpsc::Sender<String>,
    said: mpsc::Receiver<Said>,
    patience: Duration,
}

/// What a function told the runtime API.
#[derive(Debug)]
pub enum Said {
    /// It asks for its next invocation.
    Next(Instant),
    /// Its answer.
    Answer(Value, Instant),
    /// Why it could not.
    Error(Value),
}

struct Api {
    events: Mutex<mpsc::Receiver<String>>,
    said: mpsc::Sender<Said>,
    patience: Duration,
}

impl Function {
    /// Starts a binary as Lambda would, with these variables and no others.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(binary: &Path, door: &str, vars: &BTreeMap<String, String>) -> Self {
        Self::patient(binary, door, vars, PATIENCE).await
    }

    /// Starts one that may take so long.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn patient(binary: &Path, door: &str, vars: &BTreeMap<String, String>, patience: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it listens").to_string();
        let ((events, waiting), (said, heard)) = (mpsc::channel(16), mpsc::channel(16));
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(Arc::new(Api { events: Mutex::new(waiting), said, patience }));
        tokio::spawn(async move { axum::serve(listener, api).await });
        let mut process = Command::new(binary);
        process.env_clear().envs(vars).env("_HANDLER", door).env("AWS_LAMBDA_RUNTIME_API", address);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", door),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/x"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "x"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ] {
            process.env(name, value);
        }
        let started = Instant::now();
        let spawned = process.stdin(Stdio::null()).kill_on_drop(true).spawn();
        let process = spawned.unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        Self { process, started, events, said: heard, patience }
    }

    /// Waits until it asks for work; gives the time since the last event, or since its start.
    ///
    /// # Panics
    /// When it says anything else, or ends.
    pub async fn ready(&mut self) -> Duration {
        match self.hear().await {
            Said::Next(at) => at - self.started,
            other => panic!("it was to ask for work: {other:?}"),
        }
    }

    /// Invokes it; gives the answer and how long it took. It must have asked before.
    ///
    /// # Panics
    /// When it answers with an error, or ends.
    pub async fn invoke(&mut self, event: &Value) -> (Value, Duration) {
        let sent = Instant::now();
        self.events.send(event.to_string()).await.expect("the runtime API waits");
        match self.hear().await {
            Said::Answer(answer, at) => (answer, at - sent),
            other => panic!("it was to answer: {other:?}"),
        }
    }

    /// The next thing it says, or that it has ended.
    ///
    /// # Panics
    /// When it says nothing for too long, or ends.
    pub async fn hear(&mut self) -> Said {
        tokio::select! {
            said = self.said.recv() => said.expect("the runtime API lives as long as this"),
            ended = self.process.wait() => panic!("it ended: {ended:?}"),
            () = tokio::time::sleep(self.patience) => panic!("it says nothing"),
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub async fn ended(&mut self) -> bool {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await.expect("it was to end");
        ended.is_ok_and(|status| status.success())
    }

    /// The most memory it has had so far, in KiB.
    ///
    /// # Panics
    /// When it is not there any more.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().expect("it runs")));
        let status = status.expect("a process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it has memory");
        line.trim().trim_end_matches(" kB").parse().expect("memory is a number")
    }
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    // Who reads may be gone with its test.
    let _ = api.said.send(Said::Next(Instant::now())).await;
    let Some(event) = api.events.lock().await.recv().await else { std::future::pending().await };
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + api.patience;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", end.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:x".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
    ] {
        headers.insert(name, value.parse().expect("a header"));
    }
    (headers, event)
}

async fn answer(State(api): State<Arc<Api>>, InPath(_id): InPath<String>, body: Bytes) -> StatusCode {
    let said = Said::Answer(serde_json::from_slice(&body).unwrap_or(Value::Null), Instant::now());
    let _ = api.said.send(said).await;
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let _ = api.said.send(Said::Error(serde_json::from_slice(&body).unwrap_or(Value::Null))).await;
    StatusCode::ACCEPTED
}

/// A delivery as an HTTP API's event, payload format 2.0, in a stage called `live`, its body in base64.
pub fn gateway_event(delivery: &Delivery) -> Value {
    let headers: Value = delivery.headers().iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/live/webhooks/github",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "hooks.example.com", "domainPrefix": "hooks",
            "http": {"method": "POST", "path": "/live/webhooks/github", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "GitHub-Hookshot/1"},
            "requestId": "r", "routeKey": "$default", "stage": "live", "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1_767_323_045_000_i64
        },
        "body": BASE64_STANDARD.encode(delivery.body()),
        "isBase64Encoded": true
    })
}
