//! Stands between a store and its table, writes down what is asked, and does what networks and neighbours do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::world::aws;

/// What happens to a request.
#[derive(Clone)]
pub(super) enum Trouble {
    /// None; a later request meets one.
    Nothing,
    /// It is refused with this exception.
    Refused(&'static str),
    /// A transaction is cancelled with this reason for its first part.
    Cancelled(&'static str),
    /// All items of a batch are put off.
    PutOff,
    /// It waits twice: for somebody to see that it has come this far, and for what they do meanwhile.
    Held(Arc<Barrier>),
    /// It is done, and the answer does not arrive.
    AnswerLost,
}

#[derive(Default)]
struct Seen {
    asked: Vec<String>,
    troubles: HashMap<&'static str, VecDeque<Trouble>>,
}

/// The one between. It listens until its test is over.
#[derive(Clone, Default)]
pub(super) struct Between(Arc<Mutex<Seen>>);

impl Between {
    /// Starts to listen; returns where.
    pub(super) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(pass).layer(DefaultBodyLimit::disable());
        let app = app.with_state((self.clone(), reqwest::Client::new()));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        format!("http://{address}")
    }

    /// The next requests of this kind meet these troubles, one each.
    pub(super) fn trouble(&self, operation: &'static str, troubles: impl IntoIterator<Item = Trouble>) {
        self.0.lock().unwrap().troubles.entry(operation).or_default().extend(troubles);
    }

    /// What has been asked since the last time, in its order.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn meets(&self, operation: &str) -> Option<Trouble> {
        let mut seen = self.0.lock().unwrap();
        seen.asked.push(operation.to_owned());
        seen.troubles.get_mut(operation)?.pop_front()
    }
}

async fn pass(
    State((between, client)): State<(Between, reqwest::Client)>,
    mut headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let trouble = between.meets(target.rsplit('.').next().unwrap());
    let made_up = |status, value: Value| {
        let kind =
            HeaderMap::from_iter([("content-type".parse().unwrap(), "application/x-amz-json-1.0".parse().unwrap())]);
        (status, kind, Bytes::from(value.to_string()))
    };
    let exception =
        |name: &str| json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "so it is"});
    match trouble {
        Some(Trouble::Refused(name)) => return made_up(StatusCode::BAD_REQUEST, exception(name)),
        Some(Trouble::Cancelled(code)) => {
            let mut cancelled = exception("TransactionCanceledException");
            cancelled["CancellationReasons"] = json!([{"Code": code, "Message": "so it is"}]);
            return made_up(StatusCode::BAD_REQUEST, cancelled);
        }
        Some(Trouble::PutOff) => {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            let all = &asked["RequestItems"];
            return made_up(StatusCode::OK, json!({"UnprocessedItems": all, "UnprocessedKeys": all}));
        }
        Some(Trouble::Held(ref barrier)) => {
            barrier.wait().await;
            barrier.wait().await;
        }
        Some(Trouble::AnswerLost | Trouble::Nothing) | None => {}
    }
    if !is_lawful(&body) {
        return made_up(StatusCode::BAD_REQUEST, exception("ValidationException"));
    }
    headers.remove("host");
    let answer = client.post(aws::endpoint()).headers(headers).body(body).send().await.unwrap();
    if let Some(Trouble::AnswerLost) = trouble {
        return made_up(StatusCode::INTERNAL_SERVER_ERROR, exception("InternalServerError"));
    }
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, answer.bytes().await.unwrap())
}

/// What the stand-in does not mind and the service does: how much one request may hold.
fn is_lawful(body: &Bytes) -> bool {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let tables = asked["RequestItems"].as_object().into_iter().flat_map(|tables| tables.values());
    let count = |of: &Value| of.as_array().map_or(0, Vec::len);
    let (written, read) = tables.fold((0, 0), |(w, r), table| (w + count(table), r + count(&table["Keys"])));
    body.len() <= 16 * 1024 * 1024 && written <= 25 && read <= 100 && count(&asked["TransactItems"]) <= 100
}
