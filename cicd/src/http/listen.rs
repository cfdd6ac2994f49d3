//! Connections: taken, held to their time, and let finish.
//!
//! Nobody is waited for without an end. A request's head has [`HEAD_TIME`], an idle connection as long; a webhook's body has its own
//! time, see `webhooks`. So a client that trickles costs one connection for a moment, and no worker: there are none to take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a request's head may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// What a request's head may hold, in bytes; the most that API Gateway lets through is 20 KiB. Its lines are at most a hundred: that is
/// hyper's own limit, which it keeps to faster than to the same one when it is told.
const HEAD_BYTES: usize = 64 * 1024;
/// Connections at once; more wait in the system's queue until one ends.
const CONNECTIONS: usize = 16 * 1024;
/// File descriptors that are not connections: the database, git, stages and their logs.
const OTHER_FILES: u64 = 512;
/// How long the door waits after the system had no connection to give.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until stopped; then requests under way are finished and it returns.
pub async fn serve(door: Arc<TcpListener>, app: Router, stop: &CancellationToken) {
    serve_within(HEAD_TIME, door, app, stop).await;
}

async fn serve_within(head_time: Duration, door: Arc<TcpListener>, app: Router, stop: &CancellationToken) {
    let room = Arc::new(Semaphore::new(connections()));
    let under_way = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, accept(&door).await)
        };
        let (place, connection) = tokio::select! { () = stop.cancelled() => break, next = next => next };
        let served = under_way.watch(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_time)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(connection), TowerToHyperService::new(app.clone())),
        );
        tokio::spawn(async move {
            if let Err(trouble) = served.await {
                tracing::debug!("a connection broke: {trouble}");
            }
            drop(place);
        });
    }
    drop(door);
    under_way.shutdown().await;
}

/// The next connection. What goes wrong with one of them is its own trouble; when the system has none to give, it is asked again.
async fn accept(door: &TcpListener) -> TcpStream {
    loop {
        match door.accept().await {
            Ok((connection, _)) => {
                // Answers are small and whole: waiting to fill a packet only makes them late.
                let _sent_later = connection.set_nodelay(true);
                return connection;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// As many as there are file descriptors for, after the limit was raised as far as we may.
fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let spare = files.map_or(CONNECTIONS as u64, |files| files.saturating_sub(OTHER_FILES).max(files / 4));
    usize::try_from(spare).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn answer(sent: &[u8]) -> String {
        answer_within(HEAD_TIME, sent).await
    }

    async fn answer_within(head_time: Duration, sent: &[u8]) -> String {
        let door = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = door.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = {
            let app = Router::new().route("/", axum::routing::any(|| async { "yes" }));
            let stop = stop.clone();
            tokio::spawn(async move { serve_within(head_time, door, app, &stop).await })
        };
        let mut client = TcpStream::connect(address).await.unwrap();
        // What is refused may be refused before it was all sent.
        let _refused = client.write_all(sent).await;
        // Whatever is asked here ends the connection.
        let mut heard = Vec::new();
        let _broken_off = client.read_to_end(&mut heard).await;
        stop.cancel();
        served.await.unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }

    #[tokio::test]
    async fn a_request_is_answered_and_the_door_closes() {
        let heard = answer(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with("yes"), "{heard}");
    }

    #[tokio::test]
    async fn requests_that_are_sent_without_waiting_are_answered_in_their_order() {
        let heard =
            answer(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        let (first, second) = heard.split_once("yes").unwrap();
        assert!(first.starts_with("HTTP/1.1 200") && second.starts_with("HTTP/1.1 404"), "{heard}");
    }

    #[tokio::test]
    async fn a_flood_of_headers_is_refused() {
        let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
        let long = format!("x: {}\r\n", "y".repeat(2 * HEAD_BYTES));
        for flood in [many, long] {
            let heard = answer(format!("GET / HTTP/1.1\r\nhost: a\r\n{flood}\r\n").as_bytes()).await;
            assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
        }
    }

    #[tokio::test]
    async fn what_could_be_read_in_two_ways_is_refused() {
        for smuggled in [
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nhost : a\r\ncontent-length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\nhost: a\r\n content-length: 3\r\n\r\nabc",
        ] {
            let heard = answer(smuggled.as_bytes()).await;
            assert!(heard.starts_with("HTTP/1.1 400"), "{smuggled:?}: {heard}");
        }
    }

    #[tokio::test]
    async fn those_who_dawdle_keep_nobody_else_waiting() {
        let door = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = door.local_addr().unwrap();
        let stop = CancellationToken::new();
        let whole = |body: axum::body::Bytes| async move { body.len().to_string() };
        let app = Router::new().route("/", axum::routing::post(whole));
        let served = {
            let stop = stop.clone();
            tokio::spawn(async move { serve_within(HEAD_TIME, door, app, &stop).await })
        };
        let mut dawdling = Vec::new();
        for n in 0..100 {
            let mut client = TcpStream::connect(address).await.unwrap();
            let begun: &[u8] = match n % 3 {
                0 => b"",
                1 => b"POST / HTTP/1.1\r\nhost: ",
                _ => b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n{",
            };
            client.write_all(begun).await.unwrap();
            dawdling.push(client);
        }
        let mut client = TcpStream::connect(address).await.unwrap();
        let sent = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        client.write_all(sent).await.unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with("\r\n2"), "{heard}");
        drop(dawdling);
        stop.cancel();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_not_waited_for() {
        let heard = answer_within(Duration::from_millis(1), b"GET / HTTP/1.1\r\nhost: ").await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 408"), "{heard}");
    }
}
