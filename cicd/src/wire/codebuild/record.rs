//! What is known of a build, and how the API tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::shape::{Artifacts, Environment, Source};
use crate::engine::local::archive::Digested;
use crate::wire::shape::moment::Moment;

/// How a build stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    InProgress,
    Succeeded,
    Failed,
    /// Something of ours broke.
    Fault,
    /// It waited too long for its turn.
    TimedOut,
    Stopped,
}

impl Status {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Fault => "FAULT",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        }
    }
}

/// One phase of a build.
#[derive(Debug, Clone)]
pub(crate) struct PhaseRecord {
    /// `DOWNLOAD_SOURCE`, `BUILD`, ...
    pub(crate) name: String,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `STOPPED`; none while it lasts, and none of `COMPLETED` ever.
    pub(crate) status: Option<&'static str>,
    /// CodeBuild's status code and its message.
    pub(crate) context: Option<(String, String)>,
}

/// One artifact that a build left.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    /// The name of CodePipeline's artifact, or the secondary artifact's id; empty for the only one.
    pub(crate) name: String,
    pub(crate) zip: PathBuf,
    pub(crate) digested: Digested,
}

/// A build.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    pub(crate) uuid: String,
    pub(crate) number: u64,
    pub(crate) project: String,
    pub(crate) source: Source,
    pub(crate) source_version: Option<String>,
    pub(crate) resolved_source_version: Option<String>,
    pub(crate) artifacts: Artifacts,
    /// `arn:aws:s3:::bucket/key` of what was uploaded.
    pub(crate) artifacts_location: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) service_role: String,
    pub(crate) encryption_key: String,
    pub(crate) timeout_in_minutes: u64,
    pub(crate) queued_timeout_in_minutes: u64,
    pub(crate) initiator: String,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) status: Status,
    pub(crate) phases: Vec<PhaseRecord>,
    pub(crate) exported: BTreeMap<String, String>,
    pub(crate) left: Vec<Left>,
    /// What `StartBuild` was asked, for `RetryBuild`.
    pub(crate) asked: Value,
    /// Cancelled to stop it.
    pub(crate) stop: CancellationToken,
    /// Cancelled when it is over.
    pub(crate) over: CancellationToken,
}

/// What stands around a build: where it is, and where its log is shown.
pub(crate) struct Around<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) log_link: String,
}

impl Around<'_> {
    /// The ARN of something of CodeBuild's: `build/<id>`, `project/<name>`.
    pub(crate) fn arn(&self, what: &str) -> String {
        arn(self.region, self.account, what)
    }
}

/// The ARN of something of CodeBuild's.
pub(crate) fn arn(region: &str, account: &str, what: &str) -> String {
    format!("arn:aws:codebuild:{region}:{account}:{what}")
}

impl Build {
    /// `<project>:<uuid>`.
    pub(crate) fn id(&self) -> String {
        format!("{}:{}", self.project, self.uuid)
    }

    /// Its log group, as CodeBuild names it.
    pub(crate) fn log_group(&self) -> String {
        format!("/aws/codebuild/{}", self.project)
    }

    /// The first phase that did not end well.
    pub(crate) fn failing_phase(&self) -> Option<&PhaseRecord> {
        self.phases.iter().find(|phase| !matches!(phase.status, None | Some("SUCCEEDED")))
    }

    /// As `BatchGetBuilds` tells it.
    pub(crate) fn told(&self, around: &Around<'_>) -> Value {
        let id = self.id();
        let mut told = json!({
            "id": id,
            "arn": around.arn(&format!("build/{id}")),
            "buildNumber": self.number,
            "startTime": Moment(self.started),
            "currentPhase": self.phases.last().map_or("SUBMITTED", |phase| phase.name.as_str()),
            "buildStatus": self.status.as_str(),
            "projectName": self.project,
            "phases": self.phases.iter().map(PhaseRecord::told).collect::<Vec<_>>(),
            "source": self.source,
            "secondarySources": [],
            "secondarySourceVersions": [],
            "artifacts": self.artifacts_told(),
            "cache": {"type": "NO_CACHE"},
            "environment": self.environment,
            "serviceRole": self.service_role,
            "logs": self.logs_told(around),
            "timeoutInMinutes": self.timeout_in_minutes,
            "queuedTimeoutInMinutes": self.queued_timeout_in_minutes,
            "buildComplete": self.ended.is_some(),
            "initiator": self.initiator,
            "encryptionKey": self.encryption_key,
            "exportedEnvironmentVariables": self.exported.iter()
                .map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
        });
        let optional = [
            ("endTime", self.ended.map(|at| json!(Moment(at)))),
            ("sourceVersion", self.source_version.as_ref().map(|it| json!(it))),
            ("resolvedSourceVersion", self.resolved_source_version.as_ref().map(|it| json!(it))),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                told[key] = value;
            }
        }
        told
    }

    fn artifacts_told(&self) -> Value {
        let main = self.left.first();
        let mut told = Map::new();
        if self.artifacts.kind == "S3" {
            told.insert("overrideArtifactName".to_owned(), json!(false));
        }
        told.insert("location".to_owned(), json!(self.artifacts_location.clone().unwrap_or_default()));
        if let Some(left) = main {
            told.insert("sha256sum".to_owned(), json!(left.digested.sha256));
        }
        Value::Object(told)
    }

    fn logs_told(&self, around: &Around<'_>) -> Value {
        let (group, stream) = (self.log_group(), &self.uuid);
        let Around { region, account, log_link } = around;
        json!({
            "groupName": group,
            "streamName": stream,
            "deepLink": log_link,
            "cloudWatchLogsArn": format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"),
            "cloudWatchLogs": {"status": "ENABLED"},
            "s3Logs": {"status": "DISABLED"},
        })
    }
}

impl PhaseRecord {
    fn told(&self) -> Value {
        let mut told = json!({"phaseType": self.name, "startTime": Moment(self.started)});
        if let Some(status) = self.status {
            let (code, message) = self.context.clone().unwrap_or_default();
            told["phaseStatus"] = json!(status);
            told["contexts"] = json!([{"statusCode": code, "message": message}]);
        }
        if let Some(ended) = self.ended {
            told["endTime"] = json!(Moment(ended));
            told["durationInSeconds"] = json!(ended.as_second() - self.started.as_second());
        }
        told
    }
}
