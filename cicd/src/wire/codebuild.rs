//! CodeBuild's part of the wire: projects, and builds that the local engine's own buildspec runner runs.
//!
//! * A build is what it is in CodeBuild: its phases and their contexts, its variables, its artifacts, its end. What it asks
//!   for and cannot have here (an image, compute) is recorded, and said at the top of its log.
//! * Projects and builds are kept in this process; logs lie in the data folder.
//! * `docs/wire.md` says what is not done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::error::AwsError;
use crate::clock::Clock;
use crate::logs::{Logs, Masks};

mod act;
pub mod api;
mod books;
mod check;
mod projects;
mod record;
mod run;
mod s3;
mod shape;
mod start;
mod variables;
mod vaults;

use books::Books;
use record::Around;
pub use vaults::Vaults;

/// How builds are run.
#[derive(Debug, Clone)]
pub struct CodeBuildConfig {
    /// The folder for work, logs and artifacts of builds.
    pub data: PathBuf,
    /// The region that ARNs name.
    pub region: String,
    /// The account that ARNs name.
    pub account: String,
    /// Where this service is reached, without a slash at its end; log links lead there.
    pub base_url: Option<String>,
    /// How many builds are at work at the same time; the others are `QUEUED`.
    pub slots: usize,
    /// How long processes may take to end when they are asked to, before they are killed.
    pub kill_grace: Duration,
    /// How long a minute of a timeout lasts: a minute, or less in a test.
    pub minute: Duration,
    /// What must not stand in a log.
    pub masks: Masks,
    /// What every build finds in its environment besides: where this wire's AWS is.
    pub variables: BTreeMap<String, String>,
    /// Where sources and artifacts of type `S3` are.
    pub s3: Option<aws_sdk_s3::Client>,
    /// Where variables of the types `PARAMETER_STORE` and `SECRETS_MANAGER` are.
    pub vaults: Vaults,
}

impl CodeBuildConfig {
    /// The usual settings, two builds at a time.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            base_url: None,
            slots: 2,
            kill_grace: Duration::from_secs(5),
            minute: Duration::from_secs(60),
            masks: Masks::default(),
            variables: BTreeMap::new(),
            s3: None,
            vaults: Vaults::default(),
        }
    }
}

/// CodeBuild on this machine.
pub struct CodeBuild {
    config: CodeBuildConfig,
    clock: Arc<dyn Clock>,
    logs: Logs,
    slots: Arc<Semaphore>,
    books: Mutex<Books>,
    stop: CancellationToken,
}

impl CodeBuild {
    /// Opens it, and removes the work folders of a process that died.
    pub fn open(config: CodeBuildConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let data = std::path::absolute(&config.data).unwrap_or(config.data);
        let config = CodeBuildConfig { data, slots: config.slots.max(1), ..config };
        for left in ["work", "artifacts"] {
            let _none_left = std::fs::remove_dir_all(config.data.join(left));
        }
        Arc::new(Self {
            logs: Logs::new(config.data.join("logs")),
            slots: Arc::new(Semaphore::new(config.slots)),
            books: Mutex::default(),
            stop: CancellationToken::new(),
            config,
            clock,
        })
    }

    /// Ends every build, and returns when no process of one is left.
    pub async fn close(&self) {
        self.stop.cancel();
        let open: Vec<_> = self.books().builds.values().map(|build| build.over.clone()).collect();
        for over in open {
            over.cancelled().await;
        }
    }

    /// The log of a build by its id's second half, as far as it is written; none when there is no such build.
    ///
    /// # Errors
    /// What the disk says.
    pub fn log(&self, uuid: &str) -> std::io::Result<Option<String>> {
        if !self.books().builds.values().any(|build| build.uuid == uuid) {
            return Ok(None);
        }
        match std::fs::read(self.logs.file(&run::log_of(uuid), run::STEP)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some(String::new())),
            Err(error) => Err(error),
        }
    }

    fn around(&self, uuid: &str) -> Around<'_> {
        Around { region: &self.config.region, account: &self.config.account, log_link: self.log_link(uuid) }
    }

    fn arn(&self, what: &str) -> String {
        record::arn(&self.config.region, &self.config.account, what)
    }

    /// Where a build's log is shown: our own page, or the file.
    fn log_link(&self, uuid: &str) -> String {
        match &self.config.base_url {
            Some(base) => format!("{base}/wire/builds/{uuid}/log"),
            None => format!("file://{}", self.logs.file(&run::log_of(uuid), run::STEP).display()),
        }
    }

    fn work_folder(&self, uuid: &str) -> PathBuf {
        self.config.data.join("work").join(uuid)
    }

    fn artifacts_folder(&self, uuid: &str) -> PathBuf {
        self.config.data.join("artifacts").join(uuid)
    }

    fn minutes(&self, minutes: u64) -> Duration {
        self.config.minute.saturating_mul(u32::try_from(minutes).unwrap_or(u32::MAX))
    }
}

/// Reads an operation's input.
///
/// # Errors
/// `SerializationException` for a value of the wrong type, `InvalidInputException` for one that is missing.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, AwsError> {
    serde_json::from_value(input).map_err(|error| {
        let words = error.to_string();
        if words.starts_with("missing field") {
            return check::invalid(words);
        }
        AwsError::refused("SerializationException", words)
    })
}

#[cfg(test)]
mod tests;
