//! The engine at work: real repositories, real processes, in temporary folders.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use router::event::{ChangedFiles, Push};
use router::id::{CommitId, DeliveryId, GitRef};
use router::pipeline::{Buildspec, Compute, Concurrency, Environment, Plan, Planned, Stage, Step};
use router::run::{GateState, Outcome, RunEvent, WorkState};
use router::secret::Secret;
use tokio::sync::mpsc;

use super::*;
use crate::clock::SystemClock;
use crate::git::tests::{Source, repository};

mod artifacts;
mod endings;
mod semantics;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine, a repository, and a run to be put together.
struct World {
    source: Source,
    data: tempfile::TempDir,
    engine: Arc<LocalEngine>,
    events: mpsc::Receiver<EngineEvent>,
    logs: Logs,
    commit: CommitId,
}

impl World {
    async fn new() -> Self {
        let source = Source::new().await;
        let commit = source.commit("a.txt", "one").await;
        let data = tempfile::tempdir().unwrap();
        let (engine, events, logs) = engine(data.path(), source.fetch_from());
        Self { source, data, engine, events, logs, commit }
    }

    /// A run of these stages, each an inline buildspec.
    fn run(&self, stages: &[(&str, &str)]) -> Run {
        run_of(self.commit.clone(), stages, &[])
    }

    /// Starts a run as it stands here, whatever was told of it before, and takes its events until the engine has let go.
    async fn go(&mut self, run: &Run) -> Vec<RunEvent> {
        self.engine.stop(run).await.unwrap();
        self.engine.start(run).await.unwrap();
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let over = match &event {
                RunEvent::StageEnded { outcome, stage, .. } => {
                    let last = run.plan.stages.last().is_some_and(|it| it.name == *stage);
                    *outcome != Outcome::Succeeded || (last && run.environments.is_empty())
                }
                RunEvent::DeployEnded { outcome, environment } => {
                    let last = run.environments.last().is_some_and(|it| it.name == *environment);
                    *outcome != Outcome::Succeeded || last
                }
                RunEvent::GateReached { .. } | RunEvent::Failed { .. } => true,
                _ => false,
            };
            events.push(event);
            if over {
                return events;
            }
        }
    }

    /// Runs one stage and returns how it ended.
    async fn stage(&mut self, buildspec: &str) -> Outcome {
        let run = self.run(&[("test", buildspec)]);
        match self.go(&run).await.pop() {
            Some(RunEvent::StageEnded { outcome, .. }) => outcome,
            other => panic!("{other:?}"),
        }
    }

    async fn next(&mut self) -> RunEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("an engine").event
    }

    /// A step's log, without the times.
    fn log(&self, step: &str) -> String {
        let text = std::fs::read_to_string(self.logs.file(&self.run(&[]).id, step)).unwrap();
        let plain = |line: &str| match line.strip_prefix("[Container] ") {
            Some(rest) => rest[20..].to_owned(),
            None => format!("> {line}"),
        };
        text.lines().map(plain).collect::<Vec<_>>().join("\n")
    }

    fn work_is_empty(&self) -> bool {
        std::fs::read_dir(self.data.path().join("work")).map_or(true, |mut entries| entries.next().is_none())
    }
}

fn engine(data: &Path, from: CloneFrom) -> (Arc<LocalEngine>, mpsc::Receiver<EngineEvent>, Logs) {
    let (events, receiver) = mpsc::channel(64);
    let logs = Logs::new(data.join("logs"));
    let config = LocalConfig {
        kill_grace: Duration::from_secs(2),
        fetch_again_after: vec![Duration::ZERO],
        masks: Masks::new([Secret::new("hunter2")]),
        ..LocalConfig::new(data, data.join("rules"))
    };
    let clone: CloneAddress = Arc::new(move |_| Some(from.clone()));
    (LocalEngine::new(config, clone, Arc::new(SystemClock), logs.clone(), events), receiver, logs)
}

fn step(buildspec: Buildspec) -> Step {
    Step { buildspec, compute: Compute::default(), image: None, privileged: false, timeout_seconds: 60 }
}

fn run_of(commit: CommitId, stages: &[(&str, &str)], environments: &[&str]) -> Run {
    let stages = stages
        .iter()
        .map(|(name, text)| Stage { name: name.parse().unwrap(), step: step(Buildspec::Inline((*text).to_owned())) });
    let environments = environments.iter().map(|name| Environment {
        name: name.parse().unwrap(),
        approval: None,
        calendar: None,
        cleanup: None,
    });
    let plan = Plan {
        pipeline: "application".parse().unwrap(),
        stages: stages.collect(),
        deploy: None,
        environments: environments.collect(),
        variables: BTreeMap::from([("IMAGE".to_owned(), "shop".to_owned())]),
        clone: None,
        concurrency: Concurrency::Latest,
    };
    let push = Push {
        repository: repository(),
        git_ref: GitRef::new("refs/heads/x;echo${IFS}hi|sh").unwrap(),
        before: None,
        commit,
        actor: "$(id)`id`".to_owned(),
        author: Default::default(),
        created: true,
        forced: false,
        changed: ChangedFiles::Unknown(String::new()),
        message: String::new(),
        pushed_at: None,
    };
    let planned = Planned { route: "main".parse().unwrap(), plan };
    Run::new(&push, &DeliveryId::new("d").unwrap(), "sha256:0", &[planned], Timestamp::UNIX_EPOCH).unwrap()
}

/// A buildspec that only builds.
fn build(command: &str) -> String {
    let lines: Vec<_> = command.lines().map(|line| format!("        {line}")).collect();
    format!("version: 0.2\nphases:\n  build:\n    commands:\n      - |\n{}\n", lines.join("\n"))
}
