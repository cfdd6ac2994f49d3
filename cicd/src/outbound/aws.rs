//! The client beneath the clients of AWS.

use std::time::Duration;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;

use super::{NoAnswer, Outbound, caused_by};

/// A service of AWS that cannot be connected to is not waited for longer.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long the beginning of an answer is waited for where nothing is set.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What AWS's clients are to go out by. How long it connects is its own affair, whatever their settings say.
pub fn for_aws() -> SharedHttpClient {
    SharedHttpClient::new(Way(Outbound::new(CONNECT_WITHIN)))
}

#[derive(Debug)]
struct Way(Outbound);

impl HttpClient for Way {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let within = settings.read_timeout().unwrap_or(ANSWER_WITHIN);
        SharedHttpConnector::new(Connector { outbound: self.0.clone(), within })
    }
}

#[derive(Debug)]
struct Connector {
    outbound: Outbound,
    within: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { outbound, within } = self;
        let (outbound, within) = (outbound.clone(), *within);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let answer = outbound.ask(request, within).await.map_err(read)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK is to make of it: it tries again what took too long or was cut off.
fn read(error: NoAnswer) -> ConnectorError {
    if error.is_late() {
        return ConnectorError::timeout(error.into());
    }
    let hyper = |is: fn(&hyper::Error) -> bool| caused_by(&error, |cause| cause.downcast_ref().is_some_and(is));
    if hyper(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else if hyper(hyper::Error::is_incomplete_message) {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else {
        ConnectorError::io(error.into())
    }
}
