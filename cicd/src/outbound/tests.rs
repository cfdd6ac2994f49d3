use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::SdkError;
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const SOON: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(30);

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";

/// Who says something to each request, by how many came before it; after nothing it hangs up, and after anything else it stays silent.
struct Server {
    authority: String,
    asked: Arc<AtomicUsize>,
}

async fn server(says: impl Fn(usize) -> Option<&'static str> + Send + Sync + 'static) -> Server {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (authority, asked) = (door.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let (counted, says) = (Arc::clone(&asked), Arc::new(says));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = door.accept().await {
            let (counted, says) = (Arc::clone(&counted), Arc::clone(&says));
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {
                    let Some(words) = says(counted.fetch_add(1, Ordering::SeqCst)) else { return };
                    stream.write_all(words.as_bytes()).await.unwrap();
                }
                pending::<()>().await;
            });
        }
    });
    Server { authority, asked }
}

fn get(url: String) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_answer_comes_as_it_was_given() {
    let server = server(|_| Some(EMPTY)).await;
    let answer = Outbound::new(LONG).ask_for_all(get(format!("http://{}/x", server.authority)), LONG).await.unwrap();
    assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, b"{}".as_slice()));
}

#[tokio::test]
async fn who_says_nothing_is_late_at_every_point() {
    let silent = server(|_| Some("")).await;
    let late = Outbound::new(LONG).ask(get(format!("http://{}/", silent.authority)), SOON).await.unwrap_err();
    assert!(late.is_late(), "{late}");
    let half = server(|_| Some(HALF)).await;
    let late = Outbound::new(LONG).ask_for_all(get(format!("http://{}/", half.authority)), SOON).await.unwrap_err();
    assert!(late.is_late(), "{late}");
    // The connection is there, and no TLS comes of it.
    let late = Outbound::new(SOON).ask(get(format!("https://{}/", silent.authority)), LONG).await.unwrap_err();
    assert!(late.is_late(), "{late}");
}

#[tokio::test]
async fn who_is_not_there_or_hangs_up_is_not_late() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let broken = Outbound::new(LONG).ask(get(format!("http://{gone}/")), LONG).await.unwrap_err();
    assert!(!broken.is_late(), "{broken}");
    let hangs_up = server(|_| None).await;
    let broken = Outbound::new(LONG).ask(get(format!("http://{}/", hangs_up.authority)), LONG).await.unwrap_err();
    assert!(!broken.is_late(), "{broken}");
}

fn table(server: &Server, within: Duration) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(for_aws())
        .endpoint_url(format!("http://{}", server.authority))
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "the tests"))
        .timeout_config(TimeoutConfig::builder().read_timeout(within).build())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

#[tokio::test]
async fn the_sdk_tries_again_what_was_cut_off() {
    let server = server(|before| (before > 0).then_some(EMPTY)).await;
    table(&server, LONG).list_tables().send().await.unwrap();
    assert_eq!(server.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_sdk_knows_what_took_too_long() {
    let server = server(|_| Some("")).await;
    let error = table(&server, SOON).list_tables().send().await.unwrap_err();
    let SdkError::DispatchFailure(failure) = &error else { panic!("{error:?}") };
    assert!(failure.is_timeout(), "{error:?}");
    assert!(server.asked.load(Ordering::SeqCst) > 1, "and tries again");
}
