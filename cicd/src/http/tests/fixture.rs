//! A service with a store in a temporary folder, an engine that does nothing and a clock that stands still.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use router::event::{ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, ForgeName, GitRef, RepoPath, Repository};
use router::pipeline::{Approval, Buildspec, Compute, Concurrency, Environment, Plan, Planned, Stage, Step};
use router::rules::{Decision, NearestMiss, Verdict};
use router::run::{Artifact, Outcome, Person, Run, RunEvent};
use router::secret::Secret;
use router::verify::Guard;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::access::Access;
use crate::app::{App, Door, OnAws, Wake};
use crate::aws::Aws;
use crate::clock::FakeClock;
use crate::engine::{Engine, EngineError, EngineEvent, Look, Sight};
use crate::forge::Forges;
use crate::logs::Logs;
use crate::receive::Heard;
use crate::rules_file::RulesFile;
use crate::sns::Topics;
use crate::store::sqlite::SqliteStore;
use crate::store::{Change, Committed, Decided, Delivery};

pub(super) const SECRET: &str = "a-webhook-secret-of-some-length";

const RULES: &str = "version: 1
repositories:
  - github: acme/shop
pipelines:
  application:
    stages:
      - {name: test, buildspec: test.yml}
routes:
  - {name: main, branch: main, pipeline: application}
  - {name: the-rest, any: true, pipeline: none}
";

/// Does nothing, well.
struct Idle;

#[async_trait]
impl Engine for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }
    async fn start(&self, _: &Run) -> Result<Vec<RunEvent>, EngineError> {
        Ok(Vec::new())
    }
    async fn stop(&self, _: &Run) -> Result<(), EngineError> {
        Ok(())
    }
    async fn leave(&self) {}

    async fn look(&self, _: &Run) -> Result<Look, EngineError> {
        Ok(Look::only(Sight::Idle))
    }

    async fn hear(&self, message: &str) -> Result<Vec<EngineEvent>, EngineError> {
        match message {
            "unreadable" => Err(EngineError::Refused("this is no event".to_owned())),
            "later" => Err(EngineError::Unavailable("throttled".to_owned())),
            _ => Ok(Vec::new()),
        }
    }
}

/// The service.
pub(super) struct World {
    pub(super) app: Arc<App>,
    router: Router,
    pub(super) folder: TempDir,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

impl World {
    pub(super) async fn open() -> Self {
        Self::with(&[]).await
    }

    /// A service that asks for these people's tokens.
    pub(super) async fn with(people: &[(&str, &str)]) -> Self {
        Self::made(people, OnAws::default()).await
    }

    /// A service that listens to topics.
    pub(super) async fn listening(topics: Topics) -> Self {
        Self::made(&[], OnAws { topics: Some(topics), ..OnAws::default() }).await
    }

    async fn made(people: &[(&str, &str)], on_aws: OnAws) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("pointsman.yaml");
        std::fs::write(&rules, RULES).unwrap();
        let clock = Arc::new(FakeClock::at(at(600)));
        let guard = Guard::github(vec![Secret::new(SECRET)]).unwrap();
        let door = Door { kind: ForgeKind::Github, guard: ArcSwap::from_pointee(guard), heard: Heard::default() };
        let tokens = people.iter().map(|(name, token)| (Person::new(*name).unwrap(), Secret::new(*token))).collect();
        let app = Arc::new(App {
            store: Arc::new(SqliteStore::open(&folder.path().join("data"), clock.clone()).unwrap()),
            clock,
            engine: Arc::new(Idle),
            forges: Forges::new(),
            doors: BTreeMap::from([(ForgeKind::Github.default_name(), door)]),
            rules: Arc::new(RulesFile::open(&rules.into(), &Aws::new()).await.unwrap()),
            logs: Logs::new(folder.path().join("logs")),
            keep: crate::sweep::Keep::default(),
            access: Access::new(tokens),
            base_url: "http://127.0.0.1:8700".to_owned(),
            wake: Wake::default(),
            beside: TaskTracker::new(),
            on_aws,
        });
        Self { router: crate::http::router(app.clone()), app, folder }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// As a browser on this machine asks.
    pub(super) async fn get(&self, address: &str) -> Answer {
        let request = Request::get(address).header("host", "127.0.0.1:8700").header("accept", "text/html,*/*");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// As our own page on this machine sends a form.
    pub(super) async fn submit(&self, address: &str, form: &str) -> Answer {
        let request = Request::post(address)
            .header("host", "127.0.0.1:8700")
            .header("accept", "text/html")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// As the command line sends JSON.
    pub(super) async fn ask(&self, address: &str, body: &Value) -> Answer {
        let request = Request::post(address)
            .header("host", "127.0.0.1:8700")
            .header("x-pointsman-client", "cli")
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(super) async fn save(&self, run: &Run) {
        let change = Change { runs: vec![run.clone()], ..Change::default() };
        assert_eq!(self.app.store.commit(change).await.unwrap(), Committed::Yes);
    }

    /// A run that stands before the gate of prod.
    pub(super) async fn waiting_run(&self, push: &Push) -> Run {
        let run = waiting(push);
        self.save(&run).await;
        run
    }

    /// A delivery that was decided.
    pub(super) async fn decided(&self, push: &Push, manual: bool) -> DeliveryId {
        let delivered = Delivered { id: DeliveryId::new("d-1").unwrap(), event: Event::Push(push.clone()).into() };
        let forge: ForgeName = ForgeKind::Github.default_name();
        let body = bytes::Bytes::from_static(b"{}");
        let delivery =
            Delivery { forge: forge.clone(), received_at: at(0), delivered: delivered.clone(), headers: vec![], body };
        self.app.store.remember(&delivery).await.unwrap();
        let decision = Decision {
            verdict: Verdict::Start { route: "main".parse().unwrap(), chain: vec![planned()], manual },
            because: vec!["branch main matches main".to_owned()],
            nearest_miss: Some(NearestMiss {
                route: "infra".parse().unwrap(),
                because: "no changed file matches infra/**".to_owned(),
                needed: vec!["a changed file that matches infra/**, as infra/a does".to_owned()],
            }),
            shadows: Vec::new(),
            rules: "sha256:00".to_owned(),
        };
        let decided = Decided { forge, delivered: delivered.clone(), decision, runs: vec![] };
        self.app.store.commit(Change { decided: vec![decided], ..Change::default() }).await.unwrap();
        delivered.id
    }
}

pub(super) fn push(branch: &str) -> Push {
    Push {
        repository: Repository {
            forge: ForgeKind::Github.default_name(),
            kind: ForgeKind::Github,
            path: RepoPath::new("acme/shop").unwrap(),
        },
        git_ref: GitRef::Branch(branch.to_owned()),
        before: None,
        commit: CommitId::new("a".repeat(40)).unwrap(),
        actor: "eli".to_owned(),
        author: Default::default(),
        created: false,
        forced: false,
        changed: ChangedFiles::known(["src/a.rs"]),
        message: "add a thing\n\nand say why".to_owned(),
        pushed_at: None,
    }
}

pub(super) fn planned() -> Planned {
    let step = |buildspec: &str| Step {
        buildspec: Buildspec::Commit(buildspec.to_owned()),
        compute: Compute::default(),
        image: None,
        privileged: false,
        timeout_seconds: Step::TIMEOUT_SECONDS,
    };
    let approval = Approval {
        by: vec!["release-managers".to_owned()],
        people: vec!["user:dana".to_owned()],
        min: 1,
        not_author: true,
        within_seconds: Some(3600),
    };
    let stage = |name: &str| Stage { name: name.parse().unwrap(), step: step(&format!("{name}.yml")) };
    Planned {
        route: "main".parse().unwrap(),
        plan: Plan {
            pipeline: "application".parse().unwrap(),
            stages: vec![stage("lint"), stage("build")],
            deploy: Some(step("deploy.yml").into()),
            environments: vec![Environment {
                name: "prod".parse().unwrap(),
                approval: Some(approval),
                calendar: None,
                cleanup: None,
            }],
            variables: BTreeMap::new(),
            clone: None,
            concurrency: Concurrency::Latest,
        },
    }
}

pub(super) fn fresh(push: &Push) -> Run {
    let delivery = DeliveryId::new("d-1").unwrap();
    Run::new(push, &delivery, "sha256:00", &[planned()], at(0)).unwrap()
}

fn waiting(push: &Push) -> Run {
    let mut run = fresh(push);
    let ended = |name: &str, artifact| RunEvent::StageEnded {
        stage: name.parse().unwrap(),
        outcome: Outcome::Succeeded,
        artifact,
        exports: BTreeMap::new(),
    };
    let artifact = Artifact { stage: "build".parse().unwrap(), sha256: "c".repeat(64), bytes: 12 };
    let events = [
        RunEvent::Started,
        RunEvent::StageStarted { stage: "lint".parse().unwrap() },
        ended("lint", None),
        RunEvent::StageStarted { stage: "build".parse().unwrap() },
        ended("build", Some(artifact)),
        RunEvent::GateReached { environment: "prod".parse().unwrap() },
    ];
    for (second, event) in (1..).zip(events) {
        run.apply(&event, at(second * 10));
    }
    run
}
