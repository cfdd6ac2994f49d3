//! Deploy actions that this machine cannot do: ECS, `CloudFormation`, `CodeDeploy`, `CodeDeployToECS`.
//!
//! * What an action is configured with and what its artifacts hold is checked as AWS checks it.
//! * Where an endpoint is configured, the action is done there, over plain requests that carry the form of a signature and
//!   no real one: an emulator takes them, AWS itself does not.
//! * Without an endpoint it is written down, one JSON object per line in a file, and has succeeded. The log says so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::action::{Act, ActionEnd, ActionFailure, ActionWork, Taken};
use crate::clock::Clock;

mod artifact;
mod client;
mod cloudformation;
mod codedeploy;
mod ecs;
mod to_ecs;

use client::Client;

/// How deploy actions are done.
#[derive(Debug, Clone)]
pub struct DeployConfig {
    /// Where ECS answers; none when its actions are only written down.
    pub ecs: Option<String>,
    /// Where `CloudFormation` answers.
    pub cloudformation: Option<String>,
    /// Where `CodeDeploy` answers.
    pub codedeploy: Option<String>,
    /// The region that requests name.
    pub region: String,
    /// The access key id that requests name; emulators make an account of it.
    pub access_key: String,
    /// Where what was not done is written down.
    pub record: PathBuf,
    /// How often a deployment is looked at.
    pub look_every: Duration,
    /// How long one may take.
    pub patience: Duration,
}

impl DeployConfig {
    /// Writes everything down in a file.
    pub fn recording(record: impl Into<PathBuf>) -> Self {
        Self {
            ecs: None,
            cloudformation: None,
            codedeploy: None,
            region: "us-east-1".to_owned(),
            access_key: "wire".to_owned(),
            record: record.into(),
            look_every: Duration::from_secs(1),
            patience: Duration::from_secs(60 * 60),
        }
    }
}

/// Does deploy actions.
pub struct Deploys {
    config: DeployConfig,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    /// Held while a line is written.
    record: Mutex<()>,
}

/// The providers whose actions are done here.
pub const PROVIDERS: [&str; 4] = ["ECS", "CloudFormation", "CodeDeploy", "CodeDeployToECS"];

impl Deploys {
    /// Deploys as configured.
    pub fn new(config: DeployConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, http: reqwest::Client::new(), clock, record: Mutex::default() }
    }

    fn client(&self, service: &'static str, endpoint: Option<&String>) -> Option<Client<'_>> {
        Some(Client { http: &self.http, endpoint: endpoint?.clone(), service, config: &self.config })
    }

    /// Writes down what would have been done.
    fn write_down(&self, work: &ActionWork, what: &Value) -> Result<ActionEnd, ActionFailure> {
        let line = json!({
            "time": self.clock.now().to_string(),
            "pipeline": work.pipeline,
            "execution": work.execution,
            "stage": work.stage,
            "action": work.action,
            "provider": work.kind.provider,
            "configuration": work.configuration,
            "would": what,
        });
        let path = &self.config.record;
        self.append(path, &line).map_err(|error| ActionFailure {
            code: "SystemUnavailable".to_owned(),
            message: format!("{} cannot be written: {error}", path.display()),
        })?;
        let words = "not done: no endpoint is configured; written down instead";
        tracing::warn!(
            pipeline = work.pipeline, action = work.action, provider = work.kind.provider, record = %path.display(), "{words}"
        );
        Ok(ActionEnd { summary: Some(format!("{words} in {}", path.display())), ..ActionEnd::done() })
    }

    fn append(&self, path: &Path, line: &Value) -> std::io::Result<()> {
        let _alone = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

#[async_trait]
impl Act for Deploys {
    async fn act(&self, work: ActionWork, taken: Taken) -> ActionEnd {
        let done = async {
            match work.kind.provider.as_str() {
                "ECS" => self.ecs(&work, taken).await,
                "CloudFormation" => self.cloudformation(&work, taken).await,
                "CodeDeploy" => self.codedeploy(&work, taken).await,
                "CodeDeployToECS" => self.codedeploy_to_ecs(&work, taken).await,
                other => Err(misconfigured(format!("the wire has no deploy provider {other}"))),
            }
        };
        let ended = tokio::select! {
            biased;
            ended = done => ended,
            () = work.stop.cancelled() => Err(failed("SystemUnavailable", "the wire was closed")),
        };
        ended.unwrap_or_else(|failure| ActionEnd { result: Err(failure), ..ActionEnd::done() })
    }
}

/// What is configured wrongly, or an artifact that does not hold what it must.
fn misconfigured(message: impl Into<String>) -> ActionFailure {
    failed("ConfigurationError", message)
}

fn failed(code: &str, message: impl Into<String>) -> ActionFailure {
    ActionFailure { code: code.to_owned(), message: message.into() }
}

/// A configuration value; none when it is empty.
fn said<'w>(work: &'w ActionWork, key: &str) -> Option<&'w str> {
    work.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

/// A configuration value that must be there.
fn required<'w>(work: &'w ActionWork, key: &str) -> Result<&'w str, ActionFailure> {
    said(work, key).ok_or_else(|| misconfigured(format!("the {} action has no {key}", work.kind.provider)))
}

/// Refuses configuration that the provider does not know.
fn only(work: &ActionWork, known: &[&str]) -> Result<(), ActionFailure> {
    match work.configuration.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(misconfigured(format!(
            "the {} action has no configuration {unknown}; it has {}",
            work.kind.provider,
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
