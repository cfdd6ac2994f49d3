//! A stand-in for S3 that takes one large object, holds its parts to S3's rules and keeps it in a file; and for `CodePipeline`, as far as
//! starting goes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// S3 takes no smaller part, but for the last one.
const PART_LEAST: usize = 5 * 1024 * 1024;
/// S3 takes no larger object at once; nobody should send one in memory that is near it.
const BODY_MOST: usize = 64 * 1024 * 1024;

/// The stand-in.
#[derive(Clone)]
pub struct Sink {
    /// Where it listens.
    pub url: String,
    state: Arc<Mutex<Kept>>,
}

/// What it has.
#[derive(Debug, Default)]
pub struct Kept {
    /// The file that the object is in.
    pub file: PathBuf,
    /// The sizes of the parts so far.
    pub parts: Vec<usize>,
    /// Whether the object is whole.
    pub whole: bool,
    /// Uploads that were begun, and that were given up.
    pub begun: usize,
    /// See [`Self::begun`].
    pub given_up: usize,
    /// The part that it refuses, from one.
    pub refuses: Option<usize>,
    /// What it was asked to start.
    pub started: Vec<Value>,
}

impl Sink {
    /// Listens, and keeps the object in a file.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn listen(file: PathBuf) -> Self {
        let state = Arc::new(Mutex::new(Kept { file, ..Kept::default() }));
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", door.local_addr().expect("it listens"));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(door, app).await });
        Self { url, state }
    }

    /// What it has now.
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(state): State<Arc<Mutex<Kept>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query: BTreeMap<String, String> = reqwest::Url::parse(&format!("http://sink{}", parts.uri))
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let Ok(body) = to_bytes(body, BODY_MOST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let mut kept = state.lock().unwrap_or_else(PoisonError::into_inner);
    if parts.headers.contains_key("x-amz-target") {
        kept.started.push(serde_json::from_slice(&body).unwrap_or_default());
        return axum::Json(json!({"pipelineExecutionId": "d1993dfe-7201-4c68-890b-40f3231aef72"})).into_response();
    }
    match (parts.method, query.get("partNumber")) {
        (Method::HEAD, _) => StatusCode::NOT_FOUND.into_response(),
        (Method::POST, _) if query.contains_key("uploads") => {
            kept.begun += 1;
            kept.parts.clear();
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>".into_response()
        }
        (Method::PUT, Some(number)) => kept.part(number, &body),
        (Method::PUT, None) => kept.whole(&body),
        (Method::POST, _) => kept.complete(),
        (Method::DELETE, _) => {
            kept.given_up += 1;
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn refused(code: &str) -> Response {
    (StatusCode::FORBIDDEN, format!("<Error><Code>{code}</Code><Message>as the test wants</Message></Error>"))
        .into_response()
}

impl Kept {
    fn part(&mut self, number: &str, body: &Bytes) -> Response {
        let is_next = number.parse() == Ok(self.parts.len() + 1);
        if !is_next || self.parts.last().is_some_and(|last| *last < PART_LEAST) {
            return refused("InvalidPart");
        }
        if self.refuses == Some(self.parts.len() + 1) {
            return refused("AccessDenied");
        }
        self.parts.push(body.len());
        self.write(body, self.parts.len() > 1);
        [("etag", "\"e\"")].into_response()
    }

    fn whole(&mut self, body: &Bytes) -> Response {
        self.write(body, false);
        self.whole = true;
        [("x-amz-version-id", "v-1")].into_response()
    }

    fn complete(&mut self) -> Response {
        self.whole = true;
        let done = "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>";
        ([("x-amz-version-id", "v-1")], done).into_response()
    }

    fn write(&self, bytes: &[u8], more: bool) {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.create(true).write(true).truncate(!more).append(more).open(&self.file).expect("a file");
        file.write_all(bytes).expect("the disk has room");
    }
}
