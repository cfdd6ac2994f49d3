//! The way out: one HTTP client beneath AWS's clients, octocrab, the gitlab crate and the fetching of archives.
//!
//! * Each of them would bring a client, a store of certificates and a pool of its own; one is a third of the code, which a function on
//!   Lambda fetches before it begins.
//! * It speaks HTTP/1.1, over TLS with the machine's own certificates. These are read once, before the first connection that needs them.
//! * TLS is rustls with ring. aws-lc gathers its first random numbers from the jitter of the processor's clock, which takes a small
//!   function a fifth of a second.
//! * It follows no redirect and tries nothing again: whoever asks knows what may be asked twice, and where a token may go.

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service as _, service_fn};

mod aws;
#[cfg(test)]
mod tests;

pub use aws::for_aws;

/// What a connection is made of.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// One pool of connections.
#[derive(Debug, Clone)]
pub struct Outbound(Client<BoxCloneSyncService<Uri, Stream, BoxError>, Body>);

/// What kept an answer away.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// There was none in time.
    #[error("it took too long to answer")]
    Late,
    /// The request did not get through, or its answer did not.
    #[error(transparent)]
    Broken(BoxError),
}

impl Outbound {
    /// Nothing is connected yet. A connection that has not come about within this, TLS included, is given up.
    pub fn new(connect_within: Duration) -> Self {
        let connector = service_fn(move |to| async move {
            tokio::time::timeout(connect_within, connect(to)).await.map_err(|_elapsed| NoAnswer::Late)?
        });
        Self(Client::builder(TokioExecutor::new()).build(BoxCloneSyncService::new(connector)))
    }

    /// The answer, when it begins within this.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ask<B>(&self, request: Request<B>, within: Duration) -> Result<Response<Incoming>, NoAnswer>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match tokio::time::timeout(within, self.0.request(request.map(Body::new))).await {
            Ok(answer) => answer.map_err(|error| NoAnswer::Broken(error.into())),
            Err(_elapsed) => Err(NoAnswer::Late),
        }
    }

    /// The whole answer, when it ends within this.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ask_for_all<B>(&self, request: Request<B>, within: Duration) -> Result<Response<Bytes>, NoAnswer>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let whole = async {
            let (head, body) = self.ask(request, within).await?.into_parts();
            let body = body.collect().await.map_err(|error| NoAnswer::Broken(error.into()))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(within, whole).await.unwrap_or(Err(NoAnswer::Late))
    }
}

impl NoAnswer {
    /// Whether time ran out, while connecting or after it.
    pub fn is_late(&self) -> bool {
        caused_by(self, |cause| matches!(cause.downcast_ref(), Some(Self::Late)))
    }
}

fn caused_by<'e>(error: &'e (dyn Error + 'static), is: impl Fn(&'e (dyn Error + 'static)) -> bool) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(is)
}

/// Reads the machine's certificates now, and not before the first connection that needs them.
pub fn prepare() {
    LazyLock::force(&CONNECTOR);
}

static CONNECTOR: LazyLock<Result<HttpsConnector<HttpConnector>, String>> = LazyLock::new(|| {
    let mut tcp = HttpConnector::new();
    // What is not http is not refused here, but wrapped in TLS.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider());
    let builder = builder.map_err(|error| format!("the machine's certificates cannot be read: {error}"))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
});

async fn connect(to: Uri) -> Result<Stream, BoxError> {
    CONNECTOR.clone()?.call(to).await
}
