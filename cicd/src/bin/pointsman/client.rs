//! Speaks to a running service.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

/// Which service, and as whom.
#[derive(Args)]
pub(crate) struct Server {
    /// The service's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8700", env = "POINTSMAN_SERVER")]
    server: String,
    /// Your token, when the service asks for one.
    #[arg(long, value_name = "TOKEN", env = "POINTSMAN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Server {
    /// Reads a JSON page.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send(self.client()?.get(self.url(path))).await?;
        answer.json().await.context("the service answered something that is not JSON")
    }

    /// Reads a piece of a log and where the next begins.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<(String, u64)> {
        let answer = self.send(self.client()?.get(self.url(path))).await?;
        let next = answer.headers().get("x-next-offset").and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
        Ok((answer.text().await?, next))
    }

    /// Asks for something to be done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.send(self.client()?.post(self.url(path)).json(body)).await?;
        answer.json().await.context("the service answered something that is not JSON")
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.trim_end_matches('/'))
    }

    fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::builder().timeout(Duration::from_secs(30)).user_agent("pointsman").build()?)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let request = request.header("x-pointsman-client", "cli").header("accept", "application/json");
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.map_err(|e| {
            let hint = if e.is_connect() {
                "no service answers there; start one with `pointsman serve`"
            } else {
                "the service did not answer well"
            };
            anyhow!(e.without_url()).context(format!("{}: {hint}", self.server))
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let said: Value = answer.json().await.unwrap_or_default();
        match said["error"].as_str() {
            // The service tells of headers; whoever types commands needs other words.
            _ if status == StatusCode::UNAUTHORIZED && self.token.is_some() => {
                bail!("the service does not know this token")
            }
            _ if status == StatusCode::UNAUTHORIZED => bail!("the service asks for a token: set POINTSMAN_TOKEN"),
            Some(words) => bail!("{words}"),
            None => bail!("the service answered {status}"),
        }
    }
}

/// Runs one command's future.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
