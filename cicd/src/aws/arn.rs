//! Names of AWS's own making.

use std::fmt;
use std::str::FromStr;

/// The name of an SNS topic: `arn:aws:sns:eu-central-1:123456789012:pointsman`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicArn(String);

impl TopicArn {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the topic is.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not the name of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the ARN of an SNS topic")]
pub struct NoTopic;

impl FromStr for TopicArn {
    type Err = NoTopic;

    fn from_str(text: &str) -> Result<Self, NoTopic> {
        let parts: Vec<_> = text.split(':').collect();
        let [scheme, partition, service, region, account, name] = parts[..] else { return Err(NoTopic) };
        let plain = |part: &str, more: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let is_topic = (scheme, service) == ("arn", "sns")
            && plain(partition, "-")
            && plain(region, "-")
            && plain(account, "")
            && plain(name, "-_.")
            && name.len() <= 256;
        if is_topic { Ok(Self(text.to_owned())) } else { Err(NoTopic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_topic_is_a_topic() {
        let topic: TopicArn = "arn:aws-cn:sns:cn-north-1:123456789012:point_s-man.fifo".parse().unwrap();
        assert_eq!((topic.region(), topic.to_string().len()), ("cn-north-1", 55));
        for other in [
            "",
            "arn:aws:sns:eu-central-1:123456789012",
            "arn:aws:sqs:eu-central-1:123456789012:a",
            "arn:aws:sns:eu-central-1:123456789012:a:subscription",
            "arn:aws:sns:eu-central-1:123456789012:",
            "arn:aws:sns:evil.example/:123456789012:a",
        ] {
            assert!(other.parse::<TopicArn>().is_err(), "{other}");
        }
    }
}
