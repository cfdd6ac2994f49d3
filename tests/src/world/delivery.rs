//! Webhooks as they go over the wire, signed here by the forges' own descriptions and not with the service's code.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use jiff::Timestamp;
use router::id::ForgeKind;
use serde_json::Value;
use sha2::Sha256;
use tower::ServiceExt;

/// The secrets that the service is given so that it believes this world.
pub struct Keys;

impl Keys {
    /// `POINTSMAN_GITHUB_WEBHOOK_SECRET`
    pub const GITHUB: &str = "It's a Secret to Everybody";
    /// `POINTSMAN_GITLAB_SIGNING_TOKEN`: 32 bytes in base64.
    pub const GITLAB_SIGNING: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    /// `POINTSMAN_GITLAB_WEBHOOK_TOKEN`
    pub const GITLAB_TOKEN: &str = "a-plain-token-in-a-header";
    /// `POINTSMAN_LOCAL_WEBHOOK_SECRET`
    pub const LOCAL: &str = "only this machine knows";
}

/// How a GitLab webhook proves itself. What is not chosen is left out of the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitlabProof {
    /// A signature (GitLab 19), as when a signing token is set.
    Signature,
    /// The secret itself in a header, as before.
    Token,
    /// Both, as when both are set.
    Both,
}

/// One webhook request.
#[derive(Debug, Clone)]
pub struct Delivery {
    kind: ForgeKind,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Delivery {
    pub(super) fn new(kind: ForgeKind, event: &str, id: &str, body: &Value, now: Timestamp) -> Self {
        let body = Bytes::from(serde_json::to_vec(body).expect("a JSON value can be written"));
        let bare = Self { kind, headers: Vec::new(), body }.with("content-type", "application/json");
        match kind {
            ForgeKind::Github => bare
                .with("accept", "*/*")
                .with("user-agent", "GitHub-Hookshot/8e9d4b2")
                .with("x-github-event", event)
                .with("x-github-delivery", id)
                .with("x-github-hook-id", "292430182")
                .with("x-github-hook-installation-target-id", "79929171")
                .with("x-github-hook-installation-target-type", "repository")
                .signed(),
            ForgeKind::Gitlab => bare
                .with("user-agent", "GitLab/19.5.0")
                .with("x-gitlab-event", event)
                .with("x-gitlab-instance", "https://gitlab.example.com")
                .with("x-gitlab-webhook-uuid", &id.replace("cc78", "aaaa"))
                .with("x-gitlab-event-uuid", &id.replace("cc78", "bbbb"))
                .with("idempotency-key", id)
                .with("webhook-id", id)
                .with("webhook-timestamp", &now.as_second().to_string())
                .signed()
                .with("x-gitlab-token", Keys::GITLAB_TOKEN),
            ForgeKind::Local => bare.with("x-pointsman-event", event).with("x-pointsman-delivery", id).signed(),
        }
    }

    /// The forge's id for it.
    pub fn id(&self) -> &str {
        let name = match self.kind {
            ForgeKind::Github => "x-github-delivery",
            ForgeKind::Gitlab => "webhook-id",
            ForgeKind::Local => "x-pointsman-delivery",
        };
        self.header(name).expect("every delivery has an id")
    }

    /// The kind of forge that sends it.
    pub fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// All headers, their names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The raw body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the world sends JSON")
    }

    /// The same with a header set, whatever that does to its signature.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with one more header, beside one of its name if there is.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    /// The same with another body under the old signature: a forgery.
    #[must_use]
    pub fn forged(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same with another body, signed: what a forge would send if it meant it.
    #[must_use]
    pub fn meaning(self, body: impl Into<Bytes>) -> Self {
        self.forged(body).signed()
    }

    /// The same with its JSON changed, signed.
    #[must_use]
    pub fn edited(self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut json = self.json();
        edit(&mut json);
        self.meaning(serde_json::to_vec(&json).expect("a JSON value can be written"))
    }

    /// The same as a form with the JSON in the field `payload`, which is GitHub's default; the form is what is signed.
    #[must_use]
    pub fn as_form(self) -> Self {
        let mut form = "payload=".to_owned();
        for byte in &self.body {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => form.push(char::from(*byte)),
                b' ' => form.push('+'),
                other => write!(form, "%{other:02X}").expect("a string takes every text"),
            }
        }
        self.with("content-type", "application/x-www-form-urlencoded").meaning(form)
    }

    /// The same with another delivery id, signed: another hook tells of the same thing.
    #[must_use]
    pub fn through_another_hook(self, id: &str) -> Self {
        let names: &[&str] = match self.kind {
            ForgeKind::Github => &["x-github-delivery"],
            ForgeKind::Gitlab => &["webhook-id", "idempotency-key"],
            ForgeKind::Local => &["x-pointsman-delivery"],
        };
        names.iter().fold(self, |delivery, name| delivery.with(name, id)).signed()
    }

    /// The same proved in one way only, when it comes from GitLab.
    #[must_use]
    pub fn proved_by(self, proof: GitlabProof) -> Self {
        match proof {
            GitlabProof::Both => self,
            GitlabProof::Signature => self.without("x-gitlab-token"),
            // The ids stay: GitLab sends them without a signing token too.
            GitlabProof::Token => self.without("webhook-signature"),
        }
    }

    pub(super) fn again(&self, now: Timestamp) -> Self {
        let again = self.clone();
        match self.kind {
            ForgeKind::Gitlab if self.header("webhook-signature").is_some() => {
                again.with("webhook-timestamp", &now.as_second().to_string()).signed()
            }
            ForgeKind::Github | ForgeKind::Gitlab | ForgeKind::Local => again,
        }
    }

    /// Signs what is there now.
    fn signed(self) -> Self {
        match self.kind {
            ForgeKind::Github => {
                let signature = hex::encode(hmac(Keys::GITHUB.as_bytes(), &[&self.body]));
                self.with("x-hub-signature-256", &format!("sha256={signature}"))
            }
            ForgeKind::Gitlab => {
                let key = Keys::GITLAB_SIGNING.trim_start_matches("whsec_");
                let key = BASE64_STANDARD.decode(key).expect("the signing token is base64");
                let part = |name| self.header(name).expect("GitLab sends what it signs").as_bytes();
                let signed = hmac(&key, &[part("webhook-id"), b".", part("webhook-timestamp"), b".", &self.body]);
                let signature = format!("v1,{}", BASE64_STANDARD.encode(signed));
                self.with("webhook-signature", &signature)
            }
            ForgeKind::Local => {
                let signature = hex::encode(hmac(Keys::LOCAL.as_bytes(), &[&self.body]));
                self.with("x-pointsman-signature-256", &format!("sha256={signature}"))
            }
        }
    }

    /// As a request to `/webhooks/<kind>`, for a router.
    pub fn request(&self) -> Request<Body> {
        let mut request = Request::post(format!("/webhooks/{}", self.kind));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.clone())).expect("the world's headers can be sent")
    }

    /// Hands it to a router and gives what it answered.
    pub async fn knock(&self, door: axum::Router) -> (StatusCode, Value) {
        let answer = door.oneshot(self.request()).await.expect("a router always answers");
        let (code, body) = (answer.status(), answer.into_body().collect().await.expect("the answer ends").to_bytes());
        (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Sends it to a service over HTTP and gives what it answered.
    pub async fn send(&self, service_url: &str) -> (StatusCode, Value) {
        let answer = self.post_to(service_url).send().await.expect("the service can be reached");
        let code = answer.status();
        let body = answer.bytes().await.expect("the answer ends");
        (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Sends it to a service that may not be there. What it answers, when it does.
    pub async fn try_send(&self, service_url: &str) -> Option<StatusCode> {
        self.post_to(service_url).send().await.ok().map(|answer| answer.status())
    }

    fn post_to(&self, service_url: &str) -> reqwest::RequestBuilder {
        let address = format!("{}/webhooks/{}", service_url.trim_end_matches('/'), self.kind);
        let mut request = reqwest::Client::new().post(address);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(self.body.clone())
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_githubs_documentation() {
        let signature = hex::encode(hmac(b"It's a Secret to Everybody", &[b"Hello, World!"]));
        assert_eq!(signature, "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }

    #[test]
    fn the_signature_is_the_one_of_the_standard_webhooks_documentation() {
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed: [&[u8]; 2] = [b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", br#"{"test": 2432232314}"#];
        assert_eq!(BASE64_STANDARD.encode(hmac(&key, &signed)), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_form_carries_every_byte() {
        let json = serde_json::json!({"a": "ü & =+% 100"});
        let form = Delivery::new(ForgeKind::Github, "push", "1", &json, Timestamp::UNIX_EPOCH).as_form();
        let expected = "payload=%7B%22a%22%3A%22%C3%BC+%26+%3D%2B%25+100%22%7D";
        assert_eq!(form.body(), &Bytes::from_static(expected.as_bytes()));
    }
}
