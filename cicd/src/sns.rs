//! SNS over HTTPS: whether a message is genuine, and what is done with it.
//!
//! SNS signs with a key whose certificate lies at an address that the message itself names. So that address is believed only when it is
//! SNS's own, in the topic's region, of the shape that SNS uses; and a message of a topic that nobody configured is not even
//! verified. A subscription is confirmed by a call of our own, never by following the address in the message.
//!
//! A message may be sent again with its signature within an hour, which is how long SNS itself repeats. That does no harm: a run moves
//! forward only.

use std::collections::BTreeSet;

use aws_config::{Region, SdkConfig};
use aws_sdk_sns::error::DisplayErrorContext;
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::aws::TopicArn;
use crate::callback::{self, NotTaken};

mod certificate;
mod envelope;

pub use certificate::{Certificates, Fetch, Web};
use envelope::{Envelope, Kind};

/// SNS repeats for an hour at the most.
const AGE_MAX: SignedDuration = SignedDuration::from_mins(65);
/// How far clocks may differ.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The topics that are listened to, and what proves that they speak.
pub struct Topics {
    config: SdkConfig,
    arns: BTreeSet<TopicArn>,
    certificates: Certificates,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not what SNS sends.
    #[error("this is no message of SNS: {0}")]
    Unreadable(String),
    /// It is not from a topic that is listened to, or cannot be proved to be.
    #[error("not genuine: {0}")]
    NotGenuine(&'static str),
    /// Not now; SNS must send it again.
    #[error("{0}")]
    Later(String),
}

impl From<NotTaken> for Refused {
    fn from(trouble: NotTaken) -> Self {
        match trouble {
            NotTaken::Unreadable(why) => Self::Unreadable(why),
            NotTaken::Later(why) => Self::Later(why),
        }
    }
}

impl Topics {
    /// Listens to these topics.
    pub fn new(config: SdkConfig, arns: impl IntoIterator<Item = TopicArn>, fetch: Box<dyn Fetch>) -> Self {
        Self { config, arns: arns.into_iter().collect(), certificates: Certificates::new(fetch) }
    }

    /// Reads a message and proves it genuine.
    async fn verify(&self, body: &[u8], now: Timestamp) -> Result<Envelope, Refused> {
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|error| Refused::Unreadable(error.to_string()))?;
        if !self.arns.contains(&envelope.topic_arn) {
            return Err(Refused::NotGenuine("nobody listens to its topic (callback_topic_arns)"));
        }
        let age = now.duration_since(envelope.sent_at());
        if age > AGE_MAX || age < -AHEAD_MAX {
            return Err(Refused::NotGenuine("it is too old, or a clock is wrong"));
        }
        let url = certificate::address(&envelope.signing_cert_url, envelope.topic_arn.region())
            .ok_or(Refused::NotGenuine("its certificate does not lie with SNS"))?;
        let key = self.certificates.key(&url, now).await?;
        if envelope.is_signed_by(&key) { Ok(envelope) } else { Err(Refused::NotGenuine("its signature does not hold")) }
    }

    async fn confirm(&self, topic: &TopicArn, token: &str) -> Result<(), Refused> {
        let region = Region::new(topic.region().to_owned());
        let config = aws_sdk_sns::config::Builder::from(&self.config).region(region).build();
        let client = aws_sdk_sns::Client::from_conf(config);
        let asked = client.confirm_subscription().topic_arn(topic.as_str()).token(token);
        let answer = asked.authenticate_on_unsubscribe("true").send().await;
        answer.map_err(|error| Refused::Later(format!("not confirmed: {}", DisplayErrorContext(error))))?;
        tracing::info!(topic = %topic, "subscribed");
        Ok(())
    }
}

/// Takes one message as SNS sends it.
///
/// # Errors
/// [`Refused`]; only [`Refused::Later`] is worth sending again.
pub async fn take(app: &App, topics: &Topics, body: &[u8]) -> Result<(), Refused> {
    let envelope = topics.verify(body, app.clock.now()).await?;
    match envelope.kind {
        Kind::Notification => Ok(callback::take(app, &envelope.message).await?),
        Kind::SubscriptionConfirmation => topics.confirm(&envelope.topic_arn, envelope.token()?).await,
        Kind::UnsubscribeConfirmation => {
            tracing::warn!(topic = %envelope.topic_arn, "the subscription was ended; events of this topic come no more");
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
