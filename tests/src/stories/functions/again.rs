//! A message that fails says itself when it comes again.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use cicd::store::dynamodb::create_table;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::house::first;
use super::{built, vars};
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::weather::{Storm, Weather};
use crate::world::{World, aws};

/// What the queue was told: a receipt, and for how long its message is hidden.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<(String, u64)>>>);

impl Queue {
    /// A queue that listens; gives its address, too.
    async fn listen() -> (Self, String) {
        let queue = Self::default();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", door.local_addr().unwrap());
        let routes = Router::new().fallback(told).with_state(queue.clone());
        tokio::spawn(async move { axum::serve(door, routes).await });
        (queue, address)
    }
}

async fn told(State(queue): State<Queue>, headers: HeaderMap, body: String) -> String {
    if headers["x-amz-target"] == "AmazonSQS.ChangeMessageVisibility" {
        let asked: Value = serde_json::from_str(&body).unwrap();
        let (receipt, hidden) =
            (asked["ReceiptHandle"].as_str().unwrap(), asked["VisibilityTimeout"].as_u64().unwrap());
        queue.0.lock().unwrap().push((receipt.to_owned(), hidden));
    }
    "{}".to_owned()
}

fn message(id: &str, group: &str, times: u32, body: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": format!("receipt of {id}"), "body": body, "messageAttributes": {},
        "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": times.to_string()}, "eventSource": "aws:sqs",
    })
}

#[tokio::test]
async fn what_fails_is_hidden_for_longer_each_time_and_its_group_stays_behind_it() {
    let world = World::new().await;
    create_table(&aws::dynamodb(&aws::endpoint()), "again").await.unwrap();
    let (weather, under_it) = Weather::over(&aws::endpoint()).await;
    let (queue, address) = Queue::listen().await;
    let mut vars = vars(&world, "again", &under_it);
    vars.insert("POINTSMAN_AWS_QUEUE_URL".to_owned(), format!("{address}/123456789012/deliveries.fifo"));
    vars.insert("AWS_ENDPOINT_URL_SQS".to_owned(), address);
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let mut webhook = Function::start(&built(), "webhook", &vars).await;
    let mut told = async |branch: &str| {
        let pushed = shop.push(branch, |work| work.write("src/a.rs", format!("// {branch}\n")));
        webhook.ready().await;
        let (taken, _) = webhook.invoke(&gateway_event(&pushed.delivery)).await;
        assert_eq!(taken["statusCode"], 202, "{taken}");
        pushed.delivery.id().to_owned()
    };
    let (well, throttled, behind) = (told("feature/a").await, told("feature/b").await, told("feature/c").await);
    let body = |id: &str| json!({"forge": "github", "delivery": id}).to_string();

    weather.worsen(Storm::Throttled, &throttled);
    let mut dispatch = Function::start(&built(), "dispatch", &vars).await;
    dispatch.ready().await;
    let batch = json!({"Records": [
        message("well", "a", 1, &body(&well)),
        message("broken", "b", 1, "{broken"),
        message("throttled", "c", 3, &body(&throttled)),
        message("behind", "c", 1, &body(&behind)),
    ]});
    let (answer, _) = dispatch.invoke(&batch).await;
    let failed = |ids: &[&str]| ids.iter().map(|id| json!({"itemIdentifier": id})).collect::<Vec<_>>();
    assert_eq!(answer["batchItemFailures"], json!(failed(&["broken", "throttled", "behind"])));
    let hidden = queue.0.lock().unwrap().clone();
    let expected = [("broken", 0), ("throttled", 90), ("behind", 90)];
    assert_eq!(hidden, expected.map(|(id, seconds)| (format!("receipt of {id}"), seconds)));

    weather.clear(&throttled);
    dispatch.ready().await;
    let again = json!({"Records": [message("throttled", "c", 4, &body(&throttled)), message("behind", "c", 2, &body(&behind))]});
    let (answer, _) = dispatch.invoke(&again).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(queue.0.lock().unwrap().len(), 3, "what is done is deleted, not hidden");
}
