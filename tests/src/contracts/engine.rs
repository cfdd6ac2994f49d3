//! What every engine must do, whatever it runs pipelines on.
//!
//! An engine is brought in as a [`Harness`]; [`holds`] puts it through every clause, each in a world of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cicd::engine::{Engine, EngineEvent, Sight};
use jiff::Timestamp;
use router::event::{ChangedFiles, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, GitRef, RepoPath, Repository, StageName};
use router::pipeline::{Buildspec, Compute, Concurrency, Environment, Plan, Planned, Stage, Step};
use router::run::{GateState, Outcome, Run, RunEvent, WorkState};
use tokio::sync::mpsc;

mod codepipeline;
mod local;

/// Longer than any clause takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A fresh engine and a repository that it can fetch.
#[async_trait]
trait Harness: Sized + Send {
    /// A world of its own: nothing in it is shared with another clause.
    async fn new() -> Self;

    /// The engine.
    fn engine(&self) -> Arc<dyn Engine>;

    /// What it tells.
    fn events(&mut self) -> &mut mpsc::Receiver<EngineEvent>;

    /// Makes what the engine must find before it is told a run, and what it may ask about it: a run as it stands now.
    async fn prepare(&mut self, run: &Run);

    /// What a start has told at once.
    async fn tell(&self, run: &Run, events: Vec<RunEvent>);

    /// The run as the engine's events have made it.
    async fn known(&self, run: &Run) -> Run;

    /// Adds a commit to the repository: it holds the file `a.txt` with the text `one`.
    async fn commit(&mut self) -> CommitId;

    /// What a step has printed so far.
    fn log(&self, run: &Run, step: &str) -> String;

    /// Returns when a step has printed a text.
    async fn printed(&self, run: &Run, step: &str, text: &str);

    /// Whether anything that it started for runs is still there: processes, folders.
    fn anything_left(&self) -> bool;
}

/// Every clause, one after the other.
async fn holds<H: Harness>() {
    a_run_goes_through_its_stages_and_lets_go_at_the_gate::<H>().await;
    an_open_gate_is_passed_and_the_next_one_is_not::<H>().await;
    what_has_succeeded_is_not_done_again::<H>().await;
    a_failed_stage_is_the_last::<H>().await;
    a_stage_that_takes_too_long_is_ended::<H>().await;
    a_run_at_work_is_left_alone::<H>().await;
    a_stop_leaves_nothing::<H>().await;
    what_is_not_at_work_is_stopped_already::<H>().await;
    a_vanished_commit_ends_the_run::<H>().await;
    a_run_that_is_over_stays_over::<H>().await;
    runs_do_not_wait_for_each_other_at_gates::<H>().await;
}

async fn a_run_goes_through_its_stages_and_lets_go_at_the_gate<H: Harness>() {
    let mut h = H::new().await;
    let first = "\
version: 0.2
env: {exported-variables: [TAG]}
phases: {build: {commands: ['TAG=v1; cat a.txt > made']}}
artifacts: {files: [made]}
";
    let second = build("echo \"<$TAG $(cat $CODEBUILD_SRC_DIR_one/made)>\"");
    let run = run(h.commit().await, &[("one", first), ("two", &second)], &["test"]);
    start(&mut h, &run).await;
    let events = until_gate(&mut h, &run).await;
    let expected = ["started", "one started", "one succeeded", "two started", "two succeeded", "at test"];
    assert_eq!(kinds(&events), expected);
    let ended = events.iter().find(|event| kind(event) == "one succeeded");
    let Some(RunEvent::StageEnded { artifact: Some(artifact), exports, .. }) = ended else { panic!("{events:?}") };
    assert_eq!((artifact.stage.as_str(), artifact.sha256.len()), ("one", 64));
    assert_eq!(exports, &BTreeMap::from([("TAG".to_owned(), "v1".to_owned())]));
    assert!(h.log(&run, "two").contains("<v1 one>"), "{}", h.log(&run, "two"));
    let run = heard(h.known(&run).await, &events);
    assert_eq!(h.engine().look(&run).await.unwrap().sight, Sight::Idle);
}

async fn an_open_gate_is_passed_and_the_next_one_is_not<H: Harness>() {
    let mut h = H::new().await;
    let mut run = run(h.commit().await, &[], &["test", "prod"]);
    open(&mut run, "test");
    start(&mut h, &run).await;
    let events = until_gate(&mut h, &run).await;
    assert_eq!(kinds(&events), ["started", "deploy to test started", "deploy to test succeeded", "at prod"]);
    assert!(h.log(&run, "deploy-test").contains("deployed to test"));

    // The gate may be opened as soon as it is told of: the engine has let go of the run by then.
    run = heard(h.known(&run).await, &events);
    open(&mut run, "prod");
    start(&mut h, &run).await;
    let events = until(&mut h, &run, |event| matches!(event, RunEvent::DeployEnded { .. })).await;
    assert_eq!(events.last().map(kind).as_deref(), Some("deploy to prod succeeded"));
}

async fn what_has_succeeded_is_not_done_again<H: Harness>() {
    let mut h = H::new().await;
    let mut run = run(h.commit().await, &[("one", &build("false")), ("two", &build("true"))], &["test"]);
    run.state = router::run::RunState::Running;
    run.stages[0].work.state = WorkState::Succeeded;
    run.stages[1].work.state = WorkState::Running;
    start(&mut h, &run).await;
    let events = until_gate(&mut h, &run).await;
    // That the second has started is nothing new to the run.
    let kinds: Vec<_> = kinds(&events).into_iter().filter(|kind| !kind.ends_with("started")).collect();
    assert_eq!(kinds, ["two succeeded", "at test"]);
}

async fn a_failed_stage_is_the_last<H: Harness>() {
    let mut h = H::new().await;
    let run = run(h.commit().await, &[("one", &build("exit 7")), ("two", &build("true"))], &["test"]);
    start(&mut h, &run).await;
    let events = until(&mut h, &run, |event| matches!(event, RunEvent::StageEnded { .. })).await;
    match events.last() {
        Some(RunEvent::StageEnded { outcome: Outcome::Failed(why), .. }) => {
            assert!(why.contains("exit status 7"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    settled(&mut h, &run).await;
}

async fn a_stage_that_takes_too_long_is_ended<H: Harness>() {
    let mut h = H::new().await;
    let mut run = run(h.commit().await, &[("one", &build("sleep 1000 & sleep 1000"))], &[]);
    run.plan.stages[0].step.timeout_seconds = 1;
    start(&mut h, &run).await;
    let events = until(&mut h, &run, |event| matches!(event, RunEvent::StageEnded { .. })).await;
    assert!(matches!(events.last(), Some(RunEvent::StageEnded { outcome: Outcome::TimedOut(1), .. })), "{events:?}");
    settled(&mut h, &run).await;
    assert!(!h.anything_left());
}

async fn a_run_at_work_is_left_alone<H: Harness>() {
    let mut h = H::new().await;
    let run = run(h.commit().await, &[("one", &build("echo ready; sleep 1000"))], &[]);
    start(&mut h, &run).await;
    h.printed(&run, "one", "ready").await;
    let told = h.engine().start(&h.known(&run).await).await.unwrap();
    h.tell(&run, told).await;
    let run = h.known(&run).await;
    assert_eq!(h.engine().look(&run).await.unwrap().sight, Sight::AtWork);
    h.engine().stop(&run).await.unwrap();
    let events = until(&mut h, &run, |event| matches!(event, RunEvent::StageEnded { .. })).await;
    assert_eq!(kinds(&events), ["started", "one started", "one stopped"]);
    settled(&mut h, &run).await;
}

async fn a_stop_leaves_nothing<H: Harness>() {
    let mut h = H::new().await;
    let commands = "trap '' TERM; sleep 1000 & setsid sleep 1000 & echo ready; wait; wait";
    let run = run(h.commit().await, &[("one", &build(commands)), ("two", &build("true"))], &[]);
    start(&mut h, &run).await;
    h.printed(&run, "one", "ready").await;
    assert!(h.anything_left());
    let run = h.known(&run).await;
    tokio::time::timeout(PATIENCE, h.engine().stop(&run)).await.expect("a stop in time").unwrap();
    assert!(!h.anything_left());
    assert_eq!(h.engine().look(&run).await.unwrap().sight, Sight::Idle);
    until(&mut h, &run, |event| matches!(event, RunEvent::StageEnded { outcome: Outcome::Stopped, .. })).await;
    settled(&mut h, &run).await;
}

async fn what_is_not_at_work_is_stopped_already<H: Harness>() {
    let mut h = H::new().await;
    let run = run(h.commit().await, &[("one", &build("true"))], &[]);
    h.prepare(&run).await;
    h.engine().stop(&run).await.unwrap();
    assert_eq!(h.engine().look(&run).await.unwrap().sight, Sight::Idle);
}

async fn a_vanished_commit_ends_the_run<H: Harness>() {
    let mut h = H::new().await;
    h.commit().await;
    let gone = CommitId::new("1".repeat(40)).unwrap();
    let run = run(gone, &[("one", &build("true")), ("two", &build("true"))], &[]);
    start(&mut h, &run).await;
    let events = until(&mut h, &run, |event| matches!(event, RunEvent::Failed { .. })).await;
    let Some(RunEvent::Failed { why }) = events.last() else { panic!("{events:?}") };
    assert!(why.contains("11111111") && why.contains("gone"), "{why}");
    settled(&mut h, &run).await;
}

async fn a_run_that_is_over_stays_over<H: Harness>() {
    let mut h = H::new().await;
    let mut run = run(h.commit().await, &[("one", &build("true"))], &["test"]);
    run.state = router::run::RunState::Stopped;
    start(&mut h, &run).await;
    settled(&mut h, &run).await;
}

async fn runs_do_not_wait_for_each_other_at_gates<H: Harness>() {
    let mut h = H::new().await;
    let mut waiting = Vec::new();
    for stage in ["a", "b", "c", "d"] {
        let run = run(h.commit().await, &[(stage, &build("true"))], &["test"]);
        start(&mut h, &run).await;
        waiting.push(run.id);
    }
    while !waiting.is_empty() {
        let event = next(&mut h, &[]).await;
        if matches!(event.event, RunEvent::GateReached { .. }) {
            waiting.retain(|run| *run != event.run);
        }
    }
}

/// Hands a run to the engine.
async fn start<H: Harness>(h: &mut H, run: &Run) {
    h.prepare(run).await;
    let told = h.engine().start(run).await.unwrap();
    h.tell(run, told).await;
}

async fn next<H: Harness>(h: &mut H, before: &[RunEvent]) -> EngineEvent {
    match tokio::time::timeout(PATIENCE, h.events().recv()).await {
        Ok(told) => told.expect("the engine is there"),
        Err(_elapsed) => panic!("nothing more is told after {:?}", kinds(before)),
    }
}

/// The events of a run up to the first that fits.
async fn until<H: Harness>(h: &mut H, run: &Run, fits: impl Fn(&RunEvent) -> bool) -> Vec<RunEvent> {
    let mut events = Vec::new();
    loop {
        let EngineEvent { run: of, event } = next(h, &events).await;
        assert_eq!(of, run.id);
        let last = fits(&event);
        events.push(event);
        if last {
            return events;
        }
    }
}

async fn until_gate<H: Harness>(h: &mut H, run: &Run) -> Vec<RunEvent> {
    until(h, run, |event| matches!(event, RunEvent::GateReached { .. })).await
}

/// A run as it is when these events have been heard.
fn heard(mut run: Run, events: &[RunEvent]) -> Run {
    for event in events {
        run.apply(event, run.created_at);
    }
    run
}

/// The engine has let go of the run and tells nothing more of it. A stop returns when nothing is left, so what follows
/// it is no matter of luck.
async fn settled<H: Harness>(h: &mut H, run: &Run) {
    let run = h.known(run).await;
    h.engine().stop(&run).await.unwrap();
    assert_eq!(h.engine().look(&run).await.unwrap().sight, Sight::Idle);
    let more = h.events().try_recv();
    assert!(more.is_err(), "{more:?}");
}

/// Events in a few words, without where their logs are.
fn kinds(events: &[RunEvent]) -> Vec<String> {
    let is_log = |event: &RunEvent| matches!(event, RunEvent::StageLog { .. } | RunEvent::DeployLog { .. });
    events.iter().filter(|event| !is_log(event)).map(kind).collect()
}

/// An event in a few words.
fn kind(event: &RunEvent) -> String {
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Succeeded => "succeeded".to_owned(),
        Outcome::Failed(why) => format!("failed: {why}"),
        Outcome::TimedOut(after) => format!("timed out after {after}"),
        Outcome::Stopped => "stopped".to_owned(),
    };
    match event {
        RunEvent::Started | RunEvent::Executing { .. } => "started".to_owned(),
        RunEvent::StageStarted { stage } => format!("{stage} started"),
        RunEvent::StageEnded { stage, outcome: it, .. } => format!("{stage} {}", outcome(it)),
        RunEvent::GateReached { environment } => format!("at {environment}"),
        RunEvent::DeployStarted { environment } => format!("deploy to {environment} started"),
        RunEvent::DeployEnded { environment, outcome: it } => format!("deploy to {environment} {}", outcome(it)),
        other => format!("{other:?}"),
    }
}

fn open(run: &mut Run, environment: &str) {
    for place in run.environments.iter_mut().filter(|place| place.name.as_str() == environment) {
        place.gate.state = GateState::Open;
    }
}

/// The repository of every harness.
fn repository() -> Repository {
    Repository {
        forge: ForgeKind::Local.default_name(),
        kind: ForgeKind::Local,
        path: RepoPath::new("acme/demo").unwrap(),
    }
}

/// A buildspec that only builds.
fn build(command: &str) -> String {
    format!("version: 0.2\nphases:\n  build:\n    commands:\n      - |\n        {command}\n")
}

fn step(buildspec: String) -> Step {
    let buildspec = Buildspec::Inline(buildspec);
    Step { buildspec, compute: Compute::default(), image: None, privileged: false, timeout_seconds: 100 }
}

fn run(commit: CommitId, stages: &[(&str, &str)], environments: &[&str]) -> Run {
    let names: Vec<_> = stages.iter().map(|(name, _)| *name).chain(environments.iter().copied()).collect();
    let stages = stages
        .iter()
        .map(|(name, text)| Stage { name: StageName::new(*name).unwrap(), step: step((*text).to_owned()) })
        .collect();
    let names: Vec<_> = ["application"].into_iter().chain(names).collect();
    let environments = environments
        .iter()
        .map(|name| Environment { name: name.parse().unwrap(), approval: None, calendar: None, cleanup: None })
        .collect();
    let plan = Plan {
        // An engine may have the pipeline as it is declared, so each has a name of its own.
        pipeline: names.join("-").parse().unwrap(),
        stages,
        deploy: Some(step(build("echo deployed to $ENVIRONMENT")).into()),
        environments,
        variables: BTreeMap::new(),
        clone: None,
        concurrency: Concurrency::Latest,
    };
    let push = Push {
        repository: repository(),
        git_ref: GitRef::new("refs/heads/main").unwrap(),
        before: None,
        commit,
        actor: "dana".to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed: ChangedFiles::Unknown(String::new()),
        message: String::new(),
        pushed_at: None,
    };
    let planned = Planned { route: "main".parse().unwrap(), plan };
    let delivery = DeliveryId::new("delivery").unwrap();
    Run::new(&push, &delivery, "sha256:0", &[planned], Timestamp::UNIX_EPOCH).unwrap()
}
