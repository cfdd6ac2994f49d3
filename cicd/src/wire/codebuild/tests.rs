//! Builds at work: real processes in temporary folders.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::*;
use crate::clock::SystemClock;
use crate::wire::action::{Act, ActionEnd, ActionFailure, ActionTypeId, ActionWork, ArtifactIn};

mod actions;
mod builds;
mod projects;

/// CodeBuild in a folder of its own.
struct World {
    data: tempfile::TempDir,
    wire: Arc<CodeBuild>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut CodeBuildConfig)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = CodeBuildConfig::new(data.path());
        config.kill_grace = Duration::from_millis(200);
        change(&mut config);
        Self { wire: CodeBuild::open(config, Arc::new(SystemClock)), data }
    }

    async fn ask(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        api::answer(&self.wire, operation, input)
    }

    /// Asks for what must be answered.
    async fn get(&self, operation: &str, input: Value) -> Value {
        self.ask(operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// A project whose builds do what a buildspec says.
    async fn project(&self, name: &str, buildspec: &str) {
        let mut project = declared(name);
        project["source"]["buildspec"] = json!(buildspec);
        self.get("CreateProject", project).await;
    }

    /// Starts a build and waits for its end.
    async fn build(&self, input: Value) -> Value {
        let id = self.get("StartBuild", input).await["build"]["id"].as_str().unwrap().to_owned();
        self.over(&id).await
    }

    async fn over(&self, id: &str) -> Value {
        let over = self.wire.books().builds[id].over.clone();
        over.cancelled().await;
        self.get("BatchGetBuilds", json!({"ids": [id]})).await["builds"][0].clone()
    }

    fn log(&self, build: &Value) -> String {
        self.wire.log(build["logs"]["streamName"].as_str().unwrap()).unwrap().unwrap()
    }
}

/// The smallest project that `CreateProject` takes.
fn declared(name: &str) -> Value {
    json!({
        "name": name,
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: [true]}}\n"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        "serviceRole": "arn:aws:iam::000000000000:role/build",
    })
}

/// A buildspec whose build phase runs these commands.
fn spec(commands: &[&str]) -> String {
    json!({"version": "0.2", "phases": {"build": {"commands": commands}}}).to_string()
}

/// The phases and their statuses, as `PHASE=STATUS`.
fn phases(build: &Value) -> Vec<String> {
    let phases = build["phases"].as_array().unwrap();
    let told = phases.iter().map(|phase| {
        let status = phase["phaseStatus"].as_str().unwrap_or("-");
        format!("{}={status}", phase["phaseType"].as_str().unwrap())
    });
    told.collect()
}

/// The context of a phase: its code and its message.
fn context(build: &Value, phase: &str) -> (String, String) {
    let phases = build["phases"].as_array().unwrap();
    let context = &phases.iter().find(|it| it["phaseType"] == phase).unwrap()["contexts"][0];
    let text = |key: &str| context[key].as_str().unwrap().to_owned();
    (text("statusCode"), text("message"))
}
