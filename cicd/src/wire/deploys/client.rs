//! Requests to an emulator of AWS: the JSON and the query protocol, with the form of a signature.

use reqwest::Response;
use serde_json::Value;

use super::{DeployConfig, failed};
use crate::wire::action::ActionFailure;

/// One service at one endpoint.
pub(super) struct Client<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) endpoint: String,
    /// As credential scopes name it: emulators choose the service by it.
    pub(super) service: &'static str,
    pub(super) config: &'a DeployConfig,
}

/// How a service refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// The exception's name, as far as there is one.
    pub(super) code: String,
    pub(super) message: String,
}

impl From<Refused> for ActionFailure {
    fn from(refused: Refused) -> Self {
        let code = match refused.code.as_str() {
            "AccessDeniedException" | "AccessDenied" => "PermissionError",
            _ => "JobFailed",
        };
        failed(code, format!("{}: {}", refused.code, refused.message))
    }
}

impl Client<'_> {
    /// Asks in the JSON protocol; `target` is `<service>.<operation>`.
    pub(super) async fn json(&self, target: &str, input: &Value) -> Result<Value, Refused> {
        let request = self.http.post(&self.endpoint).header("x-amz-target", target).body(input.to_string());
        let answer = self.send(request.header("content-type", "application/x-amz-json-1.1")).await?;
        let (well, text) = whole(answer).await?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if well {
            return Ok(body);
        }
        let said = |keys: [&str; 2]| keys.iter().find_map(|key| body.get(key)?.as_str()).unwrap_or_default().to_owned();
        let code = said(["__type", "code"]);
        Err(Refused {
            code: code.rsplit('#').next().unwrap_or_default().to_owned(),
            message: said(["message", "Message"]),
        })
    }

    /// Asks in the query protocol; the answer is XML.
    pub(super) async fn query(
        &self,
        version: &str,
        action: &str,
        input: &[(String, String)],
    ) -> Result<String, Refused> {
        let named = [("Action", action), ("Version", version)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let form: Vec<_> = named.into_iter().chain(input.iter().cloned()).collect();
        let body = serde_urlencoded::to_string(form)
            .map_err(|error| Refused { code: "SerializationException".to_owned(), message: error.to_string() })?;
        let request = self.http.post(&self.endpoint).body(body);
        let answer =
            self.send(request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8")).await?;
        let (well, text) = whole(answer).await?;
        if well {
            return Ok(text);
        }
        let said = |name: &str| element(&text, name).unwrap_or_default();
        Err(Refused { code: said("Code"), message: said("Message") })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Refused> {
        let DeployConfig { region, access_key, .. } = self.config;
        let scope = format!("{access_key}/20260101/{region}/{}/aws4_request", self.service);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}", "0".repeat(64));
        request.header("authorization", authorization).send().await.map_err(unreachable)
    }
}

async fn whole(answer: Response) -> Result<(bool, String), Refused> {
    let well = answer.status().is_success();
    Ok((well, answer.text().await.map_err(unreachable)?))
}

fn unreachable(error: reqwest::Error) -> Refused {
    Refused { code: "ServiceUnavailable".to_owned(), message: error.without_url().to_string() }
}

/// The text of the first element of that name. Enough for answers whose shape is known; no XML reader.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let from = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let to = from + xml[from..].find(&format!("</{name}>"))?;
    Some(unescaped(&xml[from..to]))
}

fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_element_is_found() {
        let xml = "<A><Code>x</Code><Message>a &lt;b&gt; &amp;lt;</Message><Code>y</Code></A>";
        assert_eq!(element(xml, "Code").as_deref(), Some("x"));
        assert_eq!(element(xml, "Message").as_deref(), Some("a <b> &lt;"));
        assert_eq!(element(xml, "None"), None);
    }
}
