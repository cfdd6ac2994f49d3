use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::*;

/// What was asked: path, and whether the token came along.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

struct Server {
    url: Url,
    asked: Asked,
}

/// A server that answers by path: `/to?<address>` sends on, `/status/<code>` says so, `/cut` breaks off, the rest is an archive.
async fn server() -> Server {
    let asked = Asked::default();
    let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", door.local_addr().unwrap())).unwrap();
    let app = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(door, app).await });
    Server { url, asked }
}

async fn answer(State(asked): State<Asked>, request: Request) -> Response {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    asked.lock().unwrap().push((path.clone(), request.headers().contains_key("private-token")));
    if let Some(code) = path.strip_prefix("/status/") {
        return StatusCode::from_u16(code.parse().unwrap()).unwrap().into_response();
    }
    match path.as_str() {
        "/to" => (StatusCode::FOUND, [("location", query)]).into_response(),
        "/limited" => (StatusCode::FORBIDDEN, [("retry-after", "60")]).into_response(),
        "/cut" => {
            let parts = futures::stream::iter([Ok(Bytes::from_static(b"abc")), Err(io::Error::other("cut"))]);
            Body::from_stream(parts).into_response()
        }
        _ => "abc".into_response(),
    }
}

async fn get(url: Url) -> Result<Vec<u8>, NoArchive> {
    let token = (HeaderName::from_static("private-token"), HeaderValue::from_static("secret"));
    let mut archive = fetch(&crate::forge::outbound(), url, token, "commit 1234abcd of acme/shop").await?;
    let mut read = Vec::new();
    while let Some(part) = archive.next().await {
        read.extend_from_slice(&part.map_err(|error| NoArchive::Later(error.to_string()))?);
    }
    Ok(read)
}

#[tokio::test]
async fn the_token_goes_to_the_forge_and_to_nobody_else() {
    let (forge, other) = (server().await, server().await);
    let url = forge.url.join(&format!("/to?{}", other.url.join("/bytes").unwrap())).unwrap();
    assert_eq!(get(url).await.unwrap(), b"abc");
    assert_eq!(*forge.asked.lock().unwrap(), [("/to".to_owned(), true)]);
    assert_eq!(*other.asked.lock().unwrap(), [("/bytes".to_owned(), false)]);

    assert_eq!(get(forge.url.join("/to?/here").unwrap()).await.unwrap(), b"abc");
    assert_eq!(forge.asked.lock().unwrap().last(), Some(&("/here".to_owned(), true)));
}

#[tokio::test]
async fn what_the_forge_says_decides_whether_it_is_asked_again() {
    let forge = server().await;
    let at = async |path: &str| get(forge.url.join(path).unwrap()).await.unwrap_err();
    for path in ["/status/500", "/status/429", "/limited", "/to?/to?/to", "/cut"] {
        assert!(matches!(at(path).await, NoArchive::Later(_)), "{path}");
    }
    for path in ["/status/401", "/status/403", "/status/400", "/to?ftp://127.0.0.1/x"] {
        assert!(matches!(at(path).await, NoArchive::Never(_)), "{path}");
    }
    let NoArchive::Gone(why) = at("/status/404").await else { panic!("a vanished commit is gone") };
    assert!(why.contains("commit 1234abcd of acme/shop is gone"), "{why}");
}

#[tokio::test]
async fn a_forge_that_is_down_may_be_up_later() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let down = get(Url::parse(&format!("http://{port}/")).unwrap()).await.unwrap_err();
    assert!(matches!(&down, NoArchive::Later(why) if !why.contains("secret")), "{down:?}");
}
