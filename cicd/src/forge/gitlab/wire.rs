//! The HTTP client under the gitlab crate's endpoints.
//!
//! The crate's own client asks for `/user` before it exists, so a GitLab that is down would keep us from starting; it can
//! be given no timeout; and it would carry the token along a redirect to another host.

use async_trait::async_trait;
use axum::http::{HeaderValue, Response, request};
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, RestClient};
use url::Url;

use crate::forge::lazy::Lazy;
use crate::forge::{ANSWER_WITHIN, CONNECT_WITHIN, USER_AGENT};

/// Speaks with one GitLab.
pub(super) struct Wire {
    http: Lazy<reqwest::Client>,
    api: Url,
    token: HeaderValue,
}

/// The request did not get through, or its answer did not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("{0}")]
    Client(String),
    #[error("the request cannot be made")]
    Request(#[from] axum::http::Error),
    #[error("the request did not get through")]
    Transport(#[source] reqwest::Error),
}

impl Wire {
    pub(super) fn new(web_url: &str, token: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none());
        let mut token = HeaderValue::from_str(token)?;
        token.set_sensitive(true);
        Ok(Self { http: Lazy::new(|| Ok(http.build()?)), api: Url::parse(&format!("{web_url}/api/v4/"))?, token })
    }

    async fn send(&self, request: request::Builder, body: Vec<u8>) -> Result<Response<Bytes>, Unreachable> {
        let request = request.header("private-token", self.token.clone()).body(body)?;
        // The address is left out of the words: it is long, and the reader knows which GitLab.
        let transport = |error: reqwest::Error| Unreachable::Transport(error.without_url());
        let http = self.http.get().map_err(Unreachable::Client)?;
        let answer = http.execute(request.try_into().map_err(transport)?).await.map_err(transport)?;
        let mut read = Response::builder().status(answer.status());
        if let Some(headers) = read.headers_mut() {
            headers.clone_from(answer.headers());
        }
        Ok(read.body(answer.bytes().await.map_err(transport)?)?)
    }
}

impl RestClient for Wire {
    type Error = Unreachable;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Unreachable>> {
        Ok(self.api.join(endpoint)?)
    }
}

#[async_trait]
impl AsyncClient for Wire {
    async fn rest_async(
        &self,
        request: request::Builder,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, ApiError<Unreachable>> {
        self.send(request, body).await.map_err(ApiError::client)
    }
}
