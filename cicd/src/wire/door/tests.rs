//! Requests as clients send them, right and wrong.

use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::clock::SystemClock;
use crate::wire::front::FrontConfig;

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/codebuild/aws4_request, SignedHeaders=host, Signature=00";

async fn ask(target: &str, body: impl Into<Body>, more: &[(&'static str, &str)]) -> (u16, HeaderMap, Value) {
    let data = tempfile::tempdir().unwrap();
    let door = router(Front::open(FrontConfig::new(data.path()), Arc::new(SystemClock)).unwrap());
    let mut request = Request::post("/").header("x-amz-target", target).header("authorization", SIGNED);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let response = door.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
}

async fn refusal(target: &str, body: impl Into<Body>, more: &[(&'static str, &str)]) -> (u16, String) {
    let (status, headers, body) = ask(target, body, more).await;
    assert_eq!(headers["x-amzn-errortype"].to_str().unwrap(), body["__type"]);
    assert!(!body["message"].as_str().unwrap().is_empty());
    (status, body["__type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_operation_is_answered_with_its_requests_id() {
    let (status, headers, body) = ask("CodeBuild_20161006.ListProjects", "{}", &[]).await;
    assert_eq!((status, body), (200, json!({"projects": []})));
    assert_eq!(headers["x-amzn-requestid"].len(), 36);
    assert_eq!(headers["content-type"], JSON);
    // A client may leave an empty input away, or write what is not set.
    assert_eq!(ask("CodeBuild_20161006.ListProjects", "", &[]).await.0, 200);
    assert_eq!(ask("CodeBuild_20161006.ListProjects", r#"{"nextToken": null}"#, &[]).await.0, 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_aws_does() {
    for (target, body, expected) in [
        ("CodeBuild_20161006.ListProjects", "{", "SerializationException"),
        ("CodeBuild_20161006.ListProjects", "[]", "SerializationException"),
        ("CodeBuild_20161006.BatchGetProjects", r#"{"names": 5}"#, "SerializationException"),
        ("CodeBuild_20161006.BatchGetProjects", "{}", "InvalidInputException"),
        ("CodeBuild_20161006.Dance", "{}", "UnknownOperationException"),
        ("Elsewhere.ListProjects", "{}", "UnknownOperationException"),
        ("none", "{}", "UnknownOperationException"),
    ] {
        assert_eq!(refusal(target, body, &[]).await, (400, expected.to_owned()), "{target} {body}");
    }
}

#[tokio::test]
async fn a_client_that_speaks_cbor_is_told_so() {
    let more = [("smithy-protocol", "rpc-v2-cbor")];
    let (_, code) = refusal("CodeBuild_20161006.ListProjects", "", &more).await;
    assert_eq!(code, "UnsupportedProtocolException");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let (status, code) = refusal("CodeBuild_20161006.ListProjects", vec![b' '; BODY_MAX + 1], &[]).await;
    assert_eq!((status, code.as_str()), (413, "RequestEntityTooLargeException"));
}
