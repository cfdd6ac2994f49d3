//! git over HTTP, for reading: what `git clone` and `git fetch` ask a forge. git's own CGI program answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::{Shared, git};

/// Everything that is not the API: `<path>.git/info/refs` and `<path>.git/git-upload-pack`.
pub(super) async fn serve(
    State(forge): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches('/').split_once(".git/").map(|(path, _)| path);
    let is_hosted = path.is_some_and(|path| forge.state().hosted.contains_key(path));
    if !is_hosted {
        return (StatusCode::NOT_FOUND, "there is nothing here").into_response();
    }
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut backend = git::command(&forge.folder);
    backend
        .arg("http-backend")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", &forge.folder)
        .env("GIT_PROTOCOL", header(HeaderName::from_static("git-protocol")))
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING));
    let printed = tokio::task::spawn_blocking(move || git::pipe(backend, &body)).await.expect("git ends");
    answer(&printed.stdout)
}

/// A CGI program prints headers, `Status` among them, an empty line and the body.
fn answer(printed: &[u8]) -> Response {
    let end = printed.windows(4).position(|four| four == b"\r\n\r\n").expect("git http-backend prints headers");
    let head = String::from_utf8_lossy(&printed[..end]);
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut answer = Bytes::copy_from_slice(&printed[end + 4..]).into_response();
    for (name, value) in fields {
        if name == "Status" {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *answer.status_mut() = code.expect("a status starts with its code");
        } else {
            let name: HeaderName = name.parse().expect("git prints header names");
            answer.headers_mut().insert(name, value.parse().expect("git prints header values"));
        }
    }
    answer
}
