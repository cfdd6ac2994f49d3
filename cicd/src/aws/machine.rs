//! On a machine of one's own: wherever the SDK looks.

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::SharedHttpClient;

pub(super) async fn read(timeouts: TimeoutConfig, outbound: SharedHttpClient) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).http_client(outbound).load().await
}
