//! API Gateway's requests (REST and HTTP APIs, payload formats 1.0 and 2.0), handed to an axum app.
//!
//! * The app sees the bytes that the forge sent. API Gateway may bring a body in base64; it is decoded before anything
//!   else, for a signature is over the bytes.
//! * The app sees the address that the forge was given, less the stage: `/prod/webhooks/github` is `/webhooks/github`. An
//!   environment variable of the Lambda adapter does so too, but a process does not change its own environment, and a
//!   function that was deployed without it would answer 404.
//! * Headers go through as they came.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{self, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cicd::invocation::Invocations;
use http_body_util::BodyExt as _;
use lambda_http::request::RequestContext;
use lambda_http::{BoxFuture, Error, RequestExt as _, service_fn};
use tower::ServiceExt as _;

/// Answers API Gateway's requests with the service's app until Lambda ends the process.
///
/// # Errors
/// When the process does not run in Lambda, or Lambda's runtime API fails.
pub async fn serve(invocations: Arc<Invocations>) -> Result<(), Error> {
    let app = cicd::http::router(Arc::clone(&invocations.app));
    lambda_http::run(service_fn(|request: lambda_http::Request| {
        let (app, invocations) = (app.clone(), Arc::clone(&invocations));
        async move {
            let until = crate::until(&request.lambda_context());
            let answer = whole(handle(app, request).await).await;
            invocations.settle(until).await;
            Ok::<_, Error>(answer)
        }
    }))
    .await
}

/// Answers one request with `app`.
pub async fn handle(app: Router, request: lambda_http::Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(address) = address(&parts) else {
        return (StatusCode::BAD_REQUEST, "the address cannot be read").into_response();
    };
    parts.uri = address;
    match app.oneshot(Request::from_parts(parts, Body::new(body))).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// The answer as Lambda is told it: text as it is, anything else in base64.
///
/// Left to itself `lambda_http` reads texts by the encoding that they name, and brings every encoding that the web has known. All that
/// is answered here is UTF-8.
async fn whole(answer: Response) -> Ready {
    let (head, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(broken) => {
            tracing::error!("an answer broke off: {broken}");
            let mut failed = Whole::default();
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return Ready(failed);
        }
    };
    let body = match String::from_utf8(body.into()) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(other) => lambda_http::Body::Binary(other.into_bytes()),
    };
    Ready(Whole::from_parts(head, body))
}

/// An answer that is all there.
struct Ready(Whole);

type Whole = http::Response<lambda_http::Body>;

impl lambda_http::IntoResponse for Ready {
    fn into_response(self) -> BoxFuture<'static, Whole> {
        Box::pin(ready(self.0))
    }
}

/// The path without the stage, and the query.
///
/// The request's context gives the path with its stage, whatever the event's own path says: that one has the stage in
/// HTTP APIs and does not have it in REST APIs.
fn address(request: &Parts) -> Option<Uri> {
    let (stage, path) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => (context.stage.as_deref(), context.path.as_deref()),
        Some(RequestContext::ApiGatewayV2(context)) => (context.stage.as_deref(), context.http.path.as_deref()),
        _ => (None, None),
    };
    let path = without_stage(stage, path.unwrap_or_else(|| request.raw_http_path()));
    let whole = match request.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    whole.parse::<PathAndQuery>().ok().map(Uri::from)
}

fn without_stage<'a>(stage: Option<&str>, path: &'a str) -> &'a str {
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    /// Answers with what it saw.
    fn echo() -> Router {
        Router::new().fallback(|request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let saw = format!("{} {}", parts.method, parts.uri).parse::<HeaderValue>().unwrap();
            let mut headers = parts.headers;
            headers.insert("x-saw", saw);
            (StatusCode::ACCEPTED, headers, body)
        })
    }

    async fn asked(event: Value) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let (parts, body) = handle(echo(), request).await.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    /// A REST API: the event's path is without the stage, its context's with it.
    fn rest(stage: &str, path: &str, body: &str, base64: bool) -> Value {
        json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "POST",
            "headers": {"Host": "abc.execute-api.eu-central-1.amazonaws.com", "X-GitHub-Event": "push"},
            "multiValueHeaders": {
                "Host": ["abc.execute-api.eu-central-1.amazonaws.com"], "X-GitHub-Event": ["push"], "X-Two": ["a", "b"]
            },
            "queryStringParameters": {"page": "2"}, "multiValueQueryStringParameters": {"page": ["2"]},
            "pathParameters": {"proxy": path}, "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc", "httpMethod": "POST", "path": format!("/{stage}{path}"),
                "protocol": "HTTP/1.1", "requestId": "r", "resourceId": "x", "resourcePath": "/{proxy+}", "stage": stage,
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "GitHub-Hookshot/1"},
            },
            "body": body, "isBase64Encoded": base64,
        })
    }

    /// An HTTP API: both paths are with the stage, unless it is the default one.
    fn http(stage: &str, raw_path: &str, body: &str, base64: bool) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": raw_path, "rawQueryString": "page=2&page=3",
            "headers": {"host": "abc.execute-api.eu-central-1.amazonaws.com", "x-github-event": "push"},
            "queryStringParameters": {"page": "2,3"},
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc", "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
                "domainPrefix": "abc", "requestId": "r", "routeKey": "$default", "stage": stage,
                "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_i64,
                "http": {
                    "method": "POST", "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                    "userAgent": "GitHub-Hookshot/1"
                },
            },
            "body": body, "isBase64Encoded": base64,
        })
    }

    #[tokio::test]
    async fn a_rest_apis_request_reaches_the_app() {
        let (status, headers, body) = asked(rest("prod", "/webhooks/github", r#"{"a": 1}"#, false)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(headers["x-saw"], "POST /webhooks/github?page=2");
        assert_eq!(headers["x-github-event"], "push");
        assert_eq!(headers.get_all("x-two").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(body, br#"{"a": 1}"#);
    }

    #[tokio::test]
    async fn an_http_apis_request_reaches_the_app() {
        let (status, headers, body) = asked(http("prod", "/prod/webhooks/github", r#"{"a": 1}"#, false)).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(headers["x-saw"], "POST /webhooks/github?page=2&page=3");
        assert_eq!(headers["x-github-event"], "push");
        assert_eq!(body, br#"{"a": 1}"#);
    }

    #[tokio::test]
    async fn a_body_in_base64_arrives_as_the_bytes_that_were_sent() {
        // The bytes ff 00 fe, which are no text.
        for event in [rest("prod", "/x", "/wD+", true), http("$default", "/x", "/wD+", true)] {
            assert_eq!(asked(event).await.2, [0xff, 0x00, 0xfe]);
        }
    }

    #[tokio::test]
    async fn the_default_stage_is_not_in_the_path() {
        let (_, headers, _) = asked(http("$default", "/webhooks/github", "", false)).await;
        assert_eq!(headers["x-saw"], "POST /webhooks/github?page=2&page=3");
    }

    #[tokio::test]
    async fn a_stage_called_like_a_path_takes_nothing_from_it() {
        for event in
            [rest("webhooks", "/webhooks/github", "", false), http("webhooks", "/webhooks/webhooks/github", "", false)]
        {
            let (_, headers, _) = asked(event).await;
            assert!(headers["x-saw"].to_str().unwrap().starts_with("POST /webhooks/github?"), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_a_bad_request() {
        let (status, _, body) = asked(http("prod", "/prod/a b", "", false)).await;
        assert_eq!((status, body.as_slice()), (StatusCode::BAD_REQUEST, b"the address cannot be read".as_slice()));
    }

    #[test]
    fn only_a_whole_first_part_is_a_stage() {
        assert_eq!(without_stage(Some("prod"), "/prod/runs"), "/runs");
        assert_eq!(without_stage(Some("prod"), "/prod"), "/");
        assert_eq!(without_stage(Some("prod"), "/production/runs"), "/production/runs");
        assert_eq!(without_stage(Some("prod"), "/runs/prod"), "/runs/prod");
        assert_eq!(without_stage(None, "/prod/runs"), "/prod/runs");
    }
}
