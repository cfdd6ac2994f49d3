//! In a function: the environment is all there is. To look for credentials in files, in roles and at addresses is a tenth of a megabyte.

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::{ProcessVars, Vars as _};

pub(super) async fn read(timeouts: TimeoutConfig, outbound: SharedHttpClient) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Endpoints)
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
        .http_client(outbound);
    builder.set_endpoint_url(ProcessVars.get("AWS_ENDPOINT_URL"));
    builder.build()
}

/// `AWS_ENDPOINT_URL_SQS` and so on.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        ProcessVars.get(&format!("{}_{service}", key.env()))
    }
}
