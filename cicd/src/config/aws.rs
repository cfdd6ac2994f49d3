//! What is known of the service's things on AWS.

use std::collections::BTreeMap;

use url::Url;

use super::file::Table;
use super::gather::{Gather, Given};
use super::keys::AwsKey;
use super::{EngineChoice, Origin, StoreChoice};
use crate::aws::{TopicArn, is_bucket};

/// What the names of pipelines and projects begin with when nothing else is said.
pub const DEFAULT_PREFIX: &str = "pointsman";
/// So much of a pipeline's hundred characters is left to its own name.
const PREFIX_MAX: usize = 40;

/// The service's things on AWS; none of them is needed by a service that uses none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// The versioned bucket that the source archives are put in.
    pub source_bucket: Option<String>,
    /// What the names of pipelines and projects begin with.
    pub prefix: String,
    /// The DynamoDB table.
    pub table: Option<String>,
    /// The address of the SQS FIFO queue that deliveries wait in for their decision.
    pub queue_url: Option<Url>,
    /// The topic that decisions and gates are published to.
    pub notification_topic: Option<TopicArn>,
    /// The topics whose messages are taken at `/callbacks/sns`.
    pub callback_topics: Vec<TopicArn>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            source_bucket: None,
            prefix: DEFAULT_PREFIX.to_owned(),
            table: None,
            queue_url: None,
            notification_topic: None,
            callback_topics: Vec::new(),
        }
    }
}

/// Reads them: each from the environment, or else from the file's table `[aws]`.
pub(super) fn read(table: Option<&Table>, gather: &mut Gather<'_>) -> AwsSettings {
    let mut values: BTreeMap<AwsKey, Vec<Given>> = BTreeMap::new();
    for key in AwsKey::ALL {
        let by_variable = if key.is_list() {
            gather.variable_list(key.variable())
        } else {
            gather.variable(key.variable()).into_iter().collect()
        };
        let in_file = || table.and_then(|table| table.values.get(key.file()).cloned()).unwrap_or_default();
        let given = if by_variable.is_empty() { in_file() } else { by_variable };
        let followed: Vec<_> = given
            .into_iter()
            .filter_map(|given| Some(Given { text: gather.text(&given)?, origin: given.origin }))
            .collect();
        values.insert(key, followed);
    }
    let one = |key| values[&key].first();
    AwsSettings {
        source_bucket: one(AwsKey::SourceBucket).and_then(|given| bucket(given, gather)),
        prefix: one(AwsKey::Prefix).and_then(|given| prefix(given, gather)).unwrap_or(DEFAULT_PREFIX.to_owned()),
        table: one(AwsKey::Table).and_then(|given| table_name(given, gather)),
        queue_url: one(AwsKey::QueueUrl).and_then(|given| queue(given, gather)),
        notification_topic: one(AwsKey::NotificationTopic).and_then(|given| topic(given, gather)),
        callback_topics: values[&AwsKey::CallbackTopics].iter().filter_map(|given| topic(given, gather)).collect(),
    }
}

/// What the choices need must be there.
pub(super) fn check(aws: &AwsSettings, store: StoreChoice, engine: EngineChoice, gather: &mut Gather<'_>) {
    let mut need = |key: AwsKey, has: bool, what: &str| {
        if !has {
            let help = format!("set {} under [aws], or {}", key.file(), key.variable());
            gather.wrong(&Origin::Variable(key.variable().to_owned()), format!("{what} needs it"), help);
        }
    };
    if store == StoreChoice::Dynamodb {
        need(AwsKey::Table, aws.table.is_some(), "the store dynamodb");
    }
    if engine == EngineChoice::CodePipeline {
        need(AwsKey::SourceBucket, aws.source_bucket.is_some(), "the engine codepipeline");
    }
}

fn bucket(given: &Given, gather: &mut Gather<'_>) -> Option<String> {
    let fits = is_bucket(&given.text);
    named(given, fits, "a bucket", "write its plain name: acme-pointsman-source", gather)
}

fn prefix(given: &Given, gather: &mut Gather<'_>) -> Option<String> {
    let first = given.text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let rest = given.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let fits = first && rest && given.text.len() <= PREFIX_MAX;
    named(given, fits, "a prefix of names", "write up to 40 letters, digits, - and _", gather)
}

fn table_name(given: &Given, gather: &mut Gather<'_>) -> Option<String> {
    let plain = given.text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let fits = plain && (3..=255).contains(&given.text.len());
    named(given, fits, "a table", "write its plain name: pointsman", gather)
}

fn named(given: &Given, fits: bool, what: &str, help: &str, gather: &mut Gather<'_>) -> Option<String> {
    if fits {
        return Some(given.text.clone());
    }
    gather.wrong(&given.origin, format!("{:?} cannot be {what}", given.text), help);
    None
}

fn queue(given: &Given, gather: &mut Gather<'_>) -> Option<Url> {
    let url = super::plain::web_address(given, gather)?;
    if url.path().ends_with(".fifo") {
        return Some(url);
    }
    gather.wrong(
        &given.origin,
        "this is not the address of a FIFO queue",
        "pushes of one ref must keep their order: write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.fifo",
    );
    None
}

fn topic(given: &Given, gather: &mut Gather<'_>) -> Option<TopicArn> {
    match given.text.parse() {
        Ok(topic) => Some(topic),
        Err(error) => {
            let error: crate::aws::NoTopic = error;
            gather.wrong(&given.origin, error.to_string(), "write arn:aws:sns:REGION:ACCOUNT:NAME");
            None
        }
    }
}
