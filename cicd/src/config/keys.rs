//! The name of every setting.

use router::id::ForgeKind;

/// A setting of the service itself: one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// In `pointsman.toml`.
    pub file: &'static str,
    /// In the environment.
    pub variable: &'static str,
    /// On the command line.
    pub flag: &'static str,
}

/// Where to listen.
pub const LISTEN: Key = Key { file: "listen", variable: "POINTSMAN_LISTEN", flag: "--listen" };
/// The rule file.
pub const RULES: Key = Key { file: "rules", variable: "POINTSMAN_RULES", flag: "--rules" };
/// The folder of the state.
pub const DATA: Key = Key { file: "data", variable: "POINTSMAN_DATA", flag: "--data" };
/// What runs pipelines.
pub const ENGINE: Key = Key { file: "engine", variable: "POINTSMAN_ENGINE", flag: "--engine" };
/// The address for links.
pub const BASE_URL: Key = Key { file: "base_url", variable: "POINTSMAN_BASE_URL", flag: "--base-url" };
/// How many steps run at once.
pub const SLOTS: Key = Key { file: "slots", variable: "POINTSMAN_SLOTS", flag: "--slots" };

/// What remembers.
pub const STORE: Key = Key { file: "store", variable: "POINTSMAN_STORE", flag: "--store" };

/// How long deliveries and their receipts are kept.
pub const KEEP_DELIVERIES: Key =
    Key { file: "keep_deliveries", variable: "POINTSMAN_KEEP_DELIVERIES", flag: "--keep-deliveries" };
/// How long runs are kept after their end.
pub const KEEP_RUNS: Key = Key { file: "keep_runs", variable: "POINTSMAN_KEEP_RUNS", flag: "--keep-runs" };
/// How long logs and artifacts of runs are kept after their end.
pub const KEEP_FILES: Key = Key { file: "keep_files", variable: "POINTSMAN_KEEP_FILES", flag: "--keep-files" };

/// The settings of the service itself.
pub const PLAIN: [Key; 10] =
    [LISTEN, RULES, DATA, STORE, ENGINE, BASE_URL, SLOTS, KEEP_DELIVERIES, KEEP_RUNS, KEEP_FILES];

/// Another file than `pointsman.toml`.
pub const CONFIG_FLAG: &str = "--config";
/// The same in the environment.
pub const CONFIG_VARIABLE: &str = "POINTSMAN_CONFIG";

/// The table of people and their tokens: `[auth] tokens = [{name, token}]`.
pub const AUTH: &str = "auth";
/// Their list in it.
pub const AUTH_TOKENS: &str = "tokens";
/// The same in the environment: `name=token`, comma-separated.
pub const AUTH_VARIABLE: &str = "POINTSMAN_AUTH_TOKENS";
/// The keys of one person.
pub const PERSON: [&str; 2] = ["name", "token"];
/// The list of their other names: `[auth] people = [{name, is}]`.
pub const AUTH_PEOPLE: &str = "people";
/// The same in the environment: `name=identity`, comma-separated.
pub const AUTH_PEOPLE_VARIABLE: &str = "POINTSMAN_AUTH_PEOPLE";
/// The keys of one person there; the second is a list.
pub const IDENTITIES: [&str; 2] = ["name", "is"];

/// The table of the things on AWS.
pub const AWS: &str = "aws";

/// One of the service's things on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsKey {
    /// The bucket of source archives.
    SourceBucket,
    /// What names begin with.
    Prefix,
    /// The DynamoDB table.
    Table,
    /// The queue of deliveries.
    QueueUrl,
    /// The topic that is published to.
    NotificationTopic,
    /// The topics that are listened to.
    CallbackTopics,
}

impl AwsKey {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::SourceBucket, Self::Prefix, Self::Table, Self::QueueUrl, Self::NotificationTopic, Self::CallbackTopics];

    /// Its key in the table `[aws]`.
    pub fn file(self) -> &'static str {
        match self {
            Self::SourceBucket => "source_bucket",
            Self::Prefix => "prefix",
            Self::Table => "table",
            Self::QueueUrl => "queue_url",
            Self::NotificationTopic => "notification_topic_arn",
            Self::CallbackTopics => "callback_topic_arns",
        }
    }

    /// Its variable.
    pub fn variable(self) -> &'static str {
        match self {
            Self::SourceBucket => "POINTSMAN_AWS_SOURCE_BUCKET",
            Self::Prefix => "POINTSMAN_AWS_PREFIX",
            Self::Table => "POINTSMAN_AWS_TABLE",
            Self::QueueUrl => "POINTSMAN_AWS_QUEUE_URL",
            Self::NotificationTopic => "POINTSMAN_AWS_NOTIFICATION_TOPIC_ARN",
            Self::CallbackTopics => "POINTSMAN_AWS_CALLBACK_TOPIC_ARNS",
        }
    }

    /// More than one may be given.
    pub fn is_list(self) -> bool {
        self == Self::CallbackTopics
    }
}

/// The tables of forges.
pub const FORGES: &str = "forges";
/// A forge's name here.
pub const NAME: &str = "name";
/// A forge's kind.
pub const KIND: &str = "kind";

/// What a forge is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForgeKey {
    /// The address of its API.
    ApiUrl,
    /// The secrets of signed webhooks.
    WebhookSecrets,
    /// GitLab's signing tokens.
    SigningKeys,
    /// GitLab's plain tokens.
    WebhookTokens,
    /// The token that statuses are set with.
    Token,
}

impl ForgeKey {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ApiUrl, Self::WebhookSecrets, Self::SigningKeys, Self::WebhookTokens, Self::Token];

    /// Its key in a `[[forges]]` table.
    pub fn file(self) -> &'static str {
        match self {
            Self::ApiUrl => "api_url",
            Self::WebhookSecrets => "webhook_secrets",
            Self::SigningKeys => "signing_keys",
            Self::WebhookTokens => "webhook_tokens",
            Self::Token => "token",
        }
    }

    /// Its variable for the one forge of a kind that is named like its kind; none when such a forge has no such setting.
    pub fn variable(self, kind: ForgeKind) -> Option<&'static str> {
        match (kind, self) {
            (ForgeKind::Github, Self::ApiUrl) => Some("POINTSMAN_GITHUB_API_URL"),
            (ForgeKind::Github, Self::WebhookSecrets) => Some("POINTSMAN_GITHUB_WEBHOOK_SECRET"),
            (ForgeKind::Github, Self::Token) => Some("POINTSMAN_GITHUB_TOKEN"),
            (ForgeKind::Gitlab, Self::ApiUrl) => Some("POINTSMAN_GITLAB_URL"),
            (ForgeKind::Gitlab, Self::SigningKeys) => Some("POINTSMAN_GITLAB_SIGNING_TOKEN"),
            (ForgeKind::Gitlab, Self::WebhookTokens) => Some("POINTSMAN_GITLAB_WEBHOOK_TOKEN"),
            (ForgeKind::Gitlab, Self::Token) => Some("POINTSMAN_GITLAB_TOKEN"),
            (ForgeKind::Local, Self::WebhookSecrets) => Some("POINTSMAN_LOCAL_WEBHOOK_SECRET"),
            (ForgeKind::Github, Self::SigningKeys | Self::WebhookTokens)
            | (ForgeKind::Gitlab, Self::WebhookSecrets)
            | (ForgeKind::Local, Self::ApiUrl | Self::SigningKeys | Self::WebhookTokens | Self::Token) => None,
        }
    }

    /// More than one may be given, while they are exchanged.
    pub fn is_list(self) -> bool {
        matches!(self, Self::WebhookSecrets | Self::SigningKeys | Self::WebhookTokens)
    }

    /// It must not stand in the file as it is.
    pub fn is_secret(self) -> bool {
        self != Self::ApiUrl
    }

    /// What a kind of forge can be configured with.
    pub fn of(kind: ForgeKind) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |key| key.variable(kind).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described() {
        let described = include_str!("../../../docs/configuration.md");
        let kinds = ForgeKind::ALL.into_iter();
        let variables = kinds.flat_map(|kind| ForgeKey::ALL.into_iter().filter_map(move |key| key.variable(kind)));
        let words = PLAIN
            .into_iter()
            .flat_map(|key| [key.file, key.variable, key.flag])
            .chain(variables)
            .chain(ForgeKey::ALL.into_iter().map(ForgeKey::file))
            .chain(AwsKey::ALL.into_iter().flat_map(|key| [key.file(), key.variable()]))
            .chain([
                "[aws]",
                CONFIG_FLAG,
                CONFIG_VARIABLE,
                AUTH_VARIABLE,
                NAME,
                KIND,
                "[[forges]]",
                "[auth]",
                AUTH_TOKENS,
                AUTH_PEOPLE,
                AUTH_PEOPLE_VARIABLE,
            ])
            .chain(PERSON)
            .chain(IDENTITIES);
        for word in words {
            assert!(described.contains(&format!("`{word}`")), "docs/configuration.md does not name `{word}`");
        }
    }
}
