//! What SNS sends around a message, and what of it is signed: "Verifying the signatures of Amazon SNS messages" in its guide.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::Refused;
use crate::aws::TopicArn;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// A message in its envelope.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    message_id: String,
    #[serde(deserialize_with = "topic")]
    pub(super) topic_arn: TopicArn,
    subject: Option<String>,
    pub(super) message: String,
    #[serde(deserialize_with = "as_written")]
    #[serde(rename = "Timestamp")]
    time: (Timestamp, String),
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    pub(super) signing_cert_url: String,
}

fn topic<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TopicArn, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The time, and its text, which is what was signed.
fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Timestamp, String), D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((text.parse().map_err(serde::de::Error::custom)?, text))
}

impl Envelope {
    /// When it was sent first.
    pub(super) fn sent_at(&self) -> Timestamp {
        self.time.0
    }

    /// What a subscription is confirmed with.
    pub(super) fn token(&self) -> Result<&str, Refused> {
        self.token.as_deref().ok_or_else(|| Refused::Unreadable("it has no token".to_owned()))
    }

    /// Whether the signature holds. Version 1 is with SHA-1, version 2 with SHA-256; there are no others.
    pub(super) fn is_signed_by(&self, key: &[u8]) -> bool {
        let algorithm = match self.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        let Ok(signature) = BASE64_STANDARD.decode(&self.signature) else { return false };
        UnparsedPublicKey::new(algorithm, key).verify(self.signed_text().as_bytes(), &signature).is_ok()
    }

    /// Names and values, each on a line, in the order of the names' bytes; a subject only when there is one.
    fn signed_text(&self) -> String {
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let confirms = self.kind != Kind::Notification;
        let pairs = [
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(self.message_id.as_str())),
            ("Subject", self.subject.as_deref().filter(|_| !confirms)),
            ("SubscribeURL", self.subscribe_url.as_deref().filter(|_| confirms)),
            ("Timestamp", Some(self.time.1.as_str())),
            ("Token", self.token.as_deref().filter(|_| confirms)),
            ("TopicArn", Some(self.topic_arn.as_str())),
            ("Type", Some(kind)),
        ];
        let given = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", value?)));
        given.collect()
    }
}
