//! What lies between the functions and their AWS: nothing, until a storm is made that hits one thing.
//!
//! A storm is known by a text in what a request sends, or in its path, so that stories that share an AWS do not share their weather.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;

/// Nothing that the functions send is larger.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// What a request says of this one connection.
const OF_A_HOP: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// What befalls a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// DynamoDB refuses it: the table has not the throughput for it now.
    Throttled,
    /// S3 takes an object, and keeps no versions.
    Unversioned,
}

/// The weather over an endpoint.
#[derive(Clone)]
pub struct Weather(Arc<Inside>);

struct Inside {
    beyond: String,
    client: reqwest::Client,
    storms: Mutex<Vec<Raging>>,
}

struct Raging {
    storm: Storm,
    sign: String,
    hits: usize,
}

impl Weather {
    /// Over what listens at `beyond`. Gives the address that is under it, too.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn over(beyond: &str) -> (Self, String) {
        let inside = Inside { beyond: beyond.to_owned(), client: reqwest::Client::new(), storms: Mutex::default() };
        let weather = Self(Arc::new(inside));
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}", door.local_addr().expect("it listens"));
        let routes = Router::new().fallback(pass).with_state(weather.clone());
        tokio::spawn(async move { axum::serve(door, routes).await });
        (weather, address)
    }

    /// From now on this befalls what has the sign in it.
    pub fn worsen(&self, storm: Storm, sign: &str) {
        self.storms().push(Raging { storm, sign: sign.to_owned(), hits: 0 });
    }

    /// How often the storms with this sign have hit.
    pub fn hits(&self, sign: &str) -> usize {
        self.storms().iter().filter(|it| it.sign == sign).map(|it| it.hits).sum()
    }

    /// The storms with this sign are over. How often they have hit.
    pub fn clear(&self, sign: &str) -> usize {
        let hits = self.hits(sign);
        self.storms().retain(|it| it.sign != sign);
        hits
    }

    fn storms(&self) -> MutexGuard<'_, Vec<Raging>> {
        self.0.storms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What befalls a request.
    fn befalls(&self, path: &str, body: &[u8]) -> Option<Storm> {
        let mut storms = self.storms();
        let hit = storms.iter_mut().find(|it| match it.storm {
            Storm::Throttled => path == "/" && has(body, &it.sign),
            Storm::Unversioned => path.contains(&it.sign),
        })?;
        hit.hits += 1;
        Some(hit.storm)
    }
}

fn has(body: &[u8], sign: &str) -> bool {
    body.windows(sign.len()).any(|part| part == sign.as_bytes())
}

async fn pass(State(weather): State<Weather>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let storm = weather.befalls(path, &body);
    if storm == Some(Storm::Throttled) {
        return throttled();
    }
    let asked = weather.0.client.request(parts.method, format!("{}{path}", weather.0.beyond));
    match asked.headers(without(parts.headers, &OF_A_HOP)).body(body).send().await {
        Ok(told) => {
            let (status, headers) = (told.status(), without(told.headers().clone(), &OF_A_HOP));
            let body = told.bytes().await.unwrap_or_else(|_| Bytes::new());
            let unversioned = storm == Some(Storm::Unversioned);
            let version = HeaderName::from_static("x-amz-version-id");
            let headers = if unversioned { without(headers, &[version]) } else { headers };
            (status, headers, Body::from(body)).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// As DynamoDB says it.
fn throttled() -> Response {
    let told = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    });
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, kind, told.to_string()).into_response()
}

fn without(mut headers: HeaderMap, names: &[HeaderName]) -> HeaderMap {
    for name in names {
        headers.remove(name);
    }
    headers
}
