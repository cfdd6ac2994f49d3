//! The way to AWS: its settings are read once, where the SDK looks for them (environment, profile, the machine's own role); a function
//! has them in its environment.
//!
//! Endpoints other than AWS's own are the SDK's settings too: `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_SQS` and so on.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use tokio::sync::OnceCell;

use crate::outbound;

mod arn;
#[cfg(not(feature = "machine"))]
mod function;
#[cfg(feature = "machine")]
mod machine;
mod s3_object;

pub use arn::{NoTopic, TopicArn};
#[cfg(not(feature = "machine"))]
use function as settings;
#[cfg(feature = "machine")]
use machine as settings;
pub use s3_object::{NoObject, S3Object};

pub(crate) use s3_object::is_bucket;

/// How long one try may take, the body aside.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What every client of AWS is made of, read when it is asked for first.
#[derive(Debug, Default)]
pub struct Aws {
    config: OnceCell<SdkConfig>,
}

impl Aws {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With settings that are known already.
    pub fn with(config: SdkConfig) -> Self {
        Self { config: OnceCell::new_with(Some(config)) }
    }

    /// The settings. The first call reads them; without any, clients fail at their first request and say what is missing.
    pub async fn config(&self) -> &SdkConfig {
        self.config
            .get_or_init(async || {
                let timeouts = TimeoutConfig::builder().read_timeout(ANSWER_WITHIN).build();
                settings::read(timeouts, outbound::for_aws()).await
            })
            .await
    }
}
