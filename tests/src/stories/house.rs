//! A whole service in a world: the real binary's parts, the real store, engine and door, fake forges and a clock that stands still.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use cicd::app::App;
use cicd::clock::FakeClock;
use cicd::config::{ForgeSettings, Settings};
use cicd::control::{self, Answer, Refusal};
use cicd::service::Service;
use cicd::store::RunFilter;
use jiff::Timestamp;
use router::id::{CommitId, ForgeKind};
use router::run::{Identity, Person, Run, RunState};
use router::secret::Secret;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{Delivery, FakeForge, Keys, Pushed, Repo, START, Work, World};

/// How long anything may take before a story is given up. Nothing is waited for by the clock; this is only the end of patience.
const PATIENCE: Duration = Duration::from_secs(60);

/// The service in its world.
pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) clock: FakeClock,
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    rules: PathBuf,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// The world without its service.
pub(crate) struct Stopped {
    pub(crate) world: World,
    pub(crate) clock: FakeClock,
}

impl Stopped {
    /// What GitHub shows on a commit.
    pub(crate) fn shown(&self, kind: ForgeKind, commit: &CommitId) -> Vec<String> {
        let forge = if kind == ForgeKind::Gitlab { &self.world.lab } else { &self.world.hub };
        let latest = forge.latest("acme/shop", commit).into_iter();
        latest.map(|(context, (state, description))| format!("{context} {state} {description}")).collect()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        cicd::clock::Clock::now(&self.clock)
    }
}

/// The rules of most stories. `DEPLOY` becomes a folder of the world's.
pub(crate) const RULES: &str = "
version: 1
repositories:
  - {github: acme/shop, variables: {DEPLOY_TO: DEPLOY}}
  - {gitlab: acme/shop, variables: {DEPLOY_TO: DEPLOY}}
pipelines:
  infrastructure:
    stages: [{name: synth, buildspec: ci/ok.yml}]
    deploy: {buildspec: ci/ok.yml}
  application:
    stages:
      - {name: test, buildspec: ci/test.yml}
      - {name: build, buildspec: ci/build.yml}
    deploy: {buildspec: ci/deploy.yml}
environments:
  - {name: stage}
  - {name: prod, approval: {by: [leads], not_author: true, within: 1h}}
people:
  leads: ['user:lee', 'user:octocat', 'user:dana']
ignore:
  - {name: docs-only, paths: {only: ['docs/**']}}
routes:
  - {name: infra, branch: main, paths: {any: ['infra/**']}, pipeline: infrastructure, to: [stage], then: main}
  - {name: release-tag, tag: 'v*', pipeline: application, to: [stage]}
  - {name: main, branch: main, pipeline: application, to: [stage, prod]}
  - {name: queue, branch: 'queue/*', pipeline: application, stages: [test], concurrency: queue}
  - {name: by-hand, branch: 'hand/*', pipeline: application, stages: [test], start: manual}
  - {name: feature, branch: '**', pipeline: application, stages: [test]}
  - {name: the-rest, any: true, pipeline: none}
";

impl House {
    /// A house with the usual rules.
    pub(crate) async fn open() -> Self {
        Self::with_rules(RULES).await
    }

    /// A house with other rules.
    pub(crate) async fn with_rules(rules: &str) -> Self {
        let clock = FakeClock::at(Timestamp::from_second(START).unwrap());
        let world = World::by(Arc::new(clock.clone())).await;
        let text = rules.replace("DEPLOY}", &format!("{}}}", world.folder("environments").display()));
        let rules = world.file("pointsman.yaml", &text);
        let settings = Self::settings(&world, rules.clone());
        let (app, url, stop, serving) = Self::start(settings, &clock).await;
        Self { world, clock, app, url, rules, stop, serving }
    }

    fn settings(world: &World, rules: PathBuf) -> Settings {
        let secret = |text: &str| vec![Secret::new(text)];
        let github = ForgeSettings {
            api_url: Some(world.hub.api_url()),
            webhook_secrets: secret(Keys::GITHUB),
            token: Some(Secret::new(FakeForge::TOKEN)),
            ..ForgeSettings::of(ForgeKind::Github)
        };
        let gitlab = ForgeSettings {
            api_url: Some(world.lab.api_url()),
            signing_keys: secret(Keys::GITLAB_SIGNING),
            token: Some(Secret::new(FakeForge::TOKEN)),
            ..ForgeSettings::of(ForgeKind::Gitlab)
        };
        let listen = ([127, 0, 0, 1], 0).into();
        let also = |name: &str, is: &[&str]| {
            (Person::new(name).unwrap(), is.iter().map(|is| Identity::new(is).unwrap()).collect::<Vec<_>>())
        };
        Settings {
            listen,
            rules: rules.into(),
            data: world.folder("data"),
            identities: [
                also("lee", &["Octo@example.com"]),
                also("octocat", &["github:OCTO"]),
                also("kim", &["github:kim-k", "gitlab:kim-k"]),
                also("zoe", &["github:zoe-z", "gitlab:zoe-z"]),
            ]
            .into(),
            ..Settings::with_forges(vec![github, gitlab])
        }
    }

    async fn start(
        settings: Settings,
        clock: &FakeClock,
    ) -> (Arc<App>, String, CancellationToken, JoinHandle<anyhow::Result<()>>) {
        let stop = CancellationToken::new();
        let service = Service::open(&settings, Arc::new(clock.clone()), &stop).await.unwrap();
        let app = Arc::clone(&service.app);
        let url = app.base_url.clone();
        (app, url, stop, tokio::spawn(service.run()))
    }

    /// The repository of most stories on one forge, with its buildspecs on `main`. Nobody was told of that first push.
    pub(crate) fn shop(&self, kind: ForgeKind) -> Repo {
        let repo = match kind {
            ForgeKind::Github => self.world.github("acme/shop"),
            ForgeKind::Gitlab => self.world.gitlab("acme/shop"),
            ForgeKind::Local => self.world.local("shop"),
        };
        repo.push("main", first);
        repo
    }

    /// Sends a push and waits until it is decided; gives the receipt.
    pub(crate) async fn deliver(&self, pushed: &Pushed) -> Value {
        let (code, answer) = self.send(&pushed.delivery).await;
        assert_eq!(code, StatusCode::ACCEPTED, "{answer}");
        let id = answer["delivery"].as_str().unwrap().parse().unwrap();
        self.until("the delivery is decided", async || {
            self.app.store.delivery(&id).await.unwrap().is_some_and(|record| record.decision.is_some())
        })
        .await;
        self.json(&format!("/deliveries/{id}.json")).await
    }

    /// Sends a delivery over HTTP.
    pub(crate) async fn send(&self, delivery: &Delivery) -> (StatusCode, Value) {
        self.world.send(delivery, &self.url).await
    }

    /// Reads a page's JSON twin.
    pub(crate) async fn json(&self, path: &str) -> Value {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap().json().await.unwrap()
    }

    /// Reads a page.
    pub(crate) async fn page(&self, path: &str) -> String {
        let asked = reqwest::Client::new().get(format!("{}{path}", self.url)).header("accept", "text/html");
        asked.send().await.unwrap().text().await.unwrap()
    }

    /// The newest run for a commit, once it is in this state and the forge has heard so.
    pub(crate) async fn run(&self, commit: &CommitId, state: RunState) -> Run {
        self.until(&format!("a run for {} is {}", commit.short(), state.as_str()), async || {
            self.runs(commit).await.last().is_some_and(|run| run.state == state && !passes_at_once(run))
        })
        .await;
        self.everything_told().await;
        self.runs(commit).await.pop().unwrap()
    }

    /// All runs for a commit, oldest first.
    pub(crate) async fn runs(&self, commit: &CommitId) -> Vec<Run> {
        let mut runs = self.app.store.runs(RunFilter::Recent(1000, None)).await.unwrap();
        runs.reverse();
        runs.into_iter().filter(|run| run.key.commit == *commit).collect()
    }

    /// Waits until no status is owed.
    pub(crate) async fn everything_told(&self) {
        self.until("every status is told", async || {
            self.app.store.owed(self.app.clock.now(), 1).await.unwrap().is_empty()
        })
        .await;
    }

    /// What a forge shows on a commit: the newest of each context, `context state description`.
    pub(crate) fn shown(&self, kind: ForgeKind, commit: &CommitId) -> Vec<String> {
        let latest = self.forge(kind).latest("acme/shop", commit);
        latest.into_iter().map(|(context, (state, description))| format!("{context} {state} {description}")).collect()
    }

    /// The fake forge of a kind.
    pub(crate) fn forge(&self, kind: ForgeKind) -> &FakeForge {
        if kind == ForgeKind::Gitlab { &self.world.lab } else { &self.world.hub }
    }

    /// Says yes or no at a gate.
    pub(crate) async fn decide(&self, run: &Run, environment: &str, answer: Answer, who: &str) -> Result<Run, Refusal> {
        let by = Person::new(who).unwrap();
        control::decide_gate(&self.app, &run.id, &environment.parse().unwrap(), answer, by, "because").await
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let runs = self.app.store.runs(RunFilter::Recent(20, None)).await.unwrap();
            let runs: Vec<_> =
                runs.iter().map(|run| format!("{} {} {}", run.key.route, run.state.as_str(), run.because)).collect();
            let told = self.app.store.deliveries(20, None).await.unwrap();
            let told: Vec<_> = told.iter().map(|told| (&told.delivered.event, &told.decision, &told.runs)).collect();
            panic!("never came true: {what}; runs: {runs:#?}; deliveries: {told:#?}");
        }
    }

    /// Writes the rule file anew.
    pub(crate) fn write_rules(&self, text: &str) {
        std::fs::write(&self.rules, text).unwrap();
    }

    /// The rule file as it is.
    pub(crate) fn read_rules(&self) -> String {
        std::fs::read_to_string(&self.rules).unwrap()
    }

    /// Where deploys put what they deploy.
    pub(crate) fn environments(&self) -> PathBuf {
        self.world.folder("environments")
    }

    /// The log of a step.
    pub(crate) fn log(&self, run: &Run, step: &str) -> String {
        std::fs::read_to_string(self.app.logs.file(&run.id, step)).unwrap_or_default()
    }

    /// Ends the service, and gives the settings to open its parts again without workers.
    pub(crate) async fn stop(self) -> (Stopped, Settings) {
        let Self { world, clock, app, url: _, rules, stop, serving } = self;
        stop.cancel();
        serving.await.unwrap().unwrap();
        drop(app);
        let settings = Self::settings(&world, rules);
        (Stopped { world, clock }, settings)
    }

    /// Ends the service and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        let Self { world, clock, app, url: _, rules, stop, serving } = self;
        stop.cancel();
        serving.await.unwrap().unwrap();
        drop(app);
        let settings = Self::settings(&world, rules.clone());
        let (app, url, stop, serving) = Self::start(settings, &clock).await;
        Self { world, clock, app, url, rules, stop, serving }
    }

    /// The end of every story: everything was decided, told and cleaned up.
    pub(crate) async fn close(self) {
        self.everything_told().await;
        assert!(self.app.store.undecided(1).await.unwrap().is_empty(), "a delivery was left undecided");
        let live = self.app.store.runs(RunFilter::Live).await.unwrap();
        let at_work: Vec<_> = live.iter().filter(|run| run.state != RunState::Waiting).collect();
        assert!(at_work.is_empty(), "runs were left at work: {at_work:?}");
        let work = self.world.folder("data").join("work");
        self.until("every workspace is removed", async || {
            std::fs::read_dir(&work).map_or(true, |mut entries| entries.next().is_none())
        })
        .await;
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

/// At a gate where nobody is needed: it opens by itself, so nothing waits for it there.
fn passes_at_once(run: &Run) -> bool {
    run.waiting_at().is_some_and(|(place, _)| run.missing_at(&place.name) == 0)
}

/// What the repository begins with.
pub(crate) fn first(work: Work) -> Work {
    work.write("ci/ok.yml", "version: 0.2\nphases: {build: {commands: ['true']}}\n")
        .write("ci/test.yml", "version: 0.2\nphases: {build: {commands: ['sh ci/test.sh']}}\n")
        .write("ci/test.sh", "echo tests pass\n")
        .write(
            "ci/build.yml",
            "version: 0.2\nphases: {build: {commands: ['date +%s%N > app.txt', 'cat src/* >> app.txt']}}\n\
             artifacts: {files: [app.txt]}\n",
        )
        .write(
            "ci/deploy.yml",
            "version: 0.2\nphases: {build: {commands: ['cp \"$CODEBUILD_SRC_DIR_build/app.txt\" \"$DEPLOY_TO/$POINTSMAN_ENVIRONMENT.txt\"']}}\n",
        )
        .write("src/a.rs", "fn main() {}\n")
        .write("docs/a.md", "# A\n")
}
