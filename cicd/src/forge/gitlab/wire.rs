//! The HTTP client under the gitlab crate's endpoints.
//!
//! The crate's own client asks for `/user` before it exists, so a GitLab that is down would keep us from starting; it can
//! be given no timeout; and it would carry the token along a redirect to another host.

use async_trait::async_trait;
use axum::http::{HeaderValue, Response, header, request};
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, RestClient};
use http_body_util::Full;
use url::Url;

use crate::forge::{ANSWER_WITHIN, USER_AGENT};
use crate::outbound::{NoAnswer, Outbound};

/// Speaks with one GitLab.
pub(super) struct Wire {
    outbound: Outbound,
    api: Url,
    token: HeaderValue,
}

/// The request did not get through, or its answer did not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("the request cannot be made")]
    Request(#[from] axum::http::Error),
    #[error("the request did not get through")]
    Transport(#[source] NoAnswer),
}

impl Wire {
    pub(super) fn new(outbound: Outbound, web_url: &str, token: &str) -> anyhow::Result<Self> {
        let mut token = HeaderValue::from_str(token)?;
        token.set_sensitive(true);
        Ok(Self { outbound, api: Url::parse(&format!("{web_url}/api/v4/"))?, token })
    }

    async fn send(&self, request: request::Builder, body: Vec<u8>) -> Result<Response<Bytes>, Unreachable> {
        let request = request.header("private-token", self.token.clone()).header(header::USER_AGENT, USER_AGENT);
        let request = request.body(Full::from(body))?;
        self.outbound.ask_for_all(request, ANSWER_WITHIN).await.map_err(Unreachable::Transport)
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
