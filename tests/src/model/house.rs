//! The service of one case: its real use cases and its real store, and nothing that moves by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cicd::access::Access;
use cicd::app::{App, OnAws, Wake};
use cicd::aws::Aws;
use cicd::clock::{Clock, FakeClock};
use cicd::control::{self, Answer};
use cicd::dispatch::dispatch_one;
use cicd::logs::Logs;
use cicd::observe::observe;
use cicd::rules_file::RulesFile;
use cicd::store::sqlite::SqliteStore;
use cicd::store::{Delivery, RunFilter, Store};
use cicd::sweep::{Keep, Sweeper, alone};
use jiff::Timestamp;
use proptest::sample::Index;
use router::event::{Author, ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, GitRef, RepoPath, Repository, RunId};
use router::run::{Identity, Person, Run, RunState};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

use super::engine::{At, Puppet};
use super::forge::Board;
use super::{Hour, Lane, People, Step, World};

const RULES: &str = "
version: 1
repositories: [{github: acme/shop}]
pipelines:
  application:
    stages: [{name: test, buildspec: t.yml}, {name: build, buildspec: b.yml}]
    deploy: {buildspec: d.yml}
environments:
  - {name: stage, zone: UTC, freeze: 2023-11-14}
  - name: prod
    approval: {by: [leads], min: 2, not_author: true, within: 1h}
    zone: UTC
    window: {hours: '01:00-00:30'}
people: {leads: ['user:lee', 'user:kim', 'user:ann', 'user:dana']}
routes:
  - {name: latest, branch: 'latest/*', pipeline: application, to: [stage, prod]}
  - {name: queue, branch: 'queue/*', pipeline: application, to: [stage, prod], concurrency: queue}
  - {name: all, branch: 'all/*', pipeline: application, to: [stage, prod], concurrency: all}
  - {name: the-rest, any: true, pipeline: none}
";

/// Whoever may say yes, and one who may not. `dana` pushes everything; `kim` has made every other commit, `dana` the rest.
const PEOPLE: [&str; 5] = ["lee", "kim", "ann", "dana", "mallory"];

/// When the freeze of `stage` is over: the midnight after 2023-11-14.
const THAW: i64 = 1_700_006_400;

/// What the calendar of an environment says, in the model's own words.
pub(crate) fn is_open(environment: &str, at: Timestamp) -> bool {
    let minute_of_day = at.as_second().rem_euclid(86_400) / 60;
    match environment {
        "stage" => at.as_second() >= THAW,
        "prod" => !(30..60).contains(&minute_of_day),
        other => panic!("there is no {other}"),
    }
}

fn begins_at(hour: Hour) -> Timestamp {
    let second = match hour {
        Hour::Open => THAW + 12 * 3_600,
        Hour::Frozen => THAW - 120,
        Hour::Closing => THAW + 30 * 60 - 20,
    };
    Timestamp::from_second(second).unwrap()
}

pub(crate) struct House {
    runtime: Runtime,
    folder: TempDir,
    clock: FakeClock,
    pub(crate) engine: Puppet,
    pub(crate) board: Board,
    app: Option<App>,
    sweeper: Sweeper,
    pub(crate) timed: bool,
    people: People,
    /// While a case comes to its end, no deploy to the second environment succeeds.
    clumsy: bool,
    pushes: Vec<(Lane, Push)>,
    /// What was seen of each run after the last step.
    pub(crate) seen: BTreeMap<RunId, Run>,
    /// The artifact that the first yes at a gate was said to.
    pub(crate) approved: HashMap<RunId, Option<String>>,
    /// A newer push came between, so what a person started anew has no place among the others.
    pub(crate) asked_for: BTreeSet<RunId>,
}

/// Even commits are `kim`'s, under another name.
pub(crate) fn author_of(commit: &CommitId) -> Author {
    let is_kims = commit.as_str().ends_with(['0', '2', '4', '6', '8']);
    let (login, email) = if is_kims { ("Kim-K", "") } else { ("", "dana@example.org") };
    Author { login: login.to_owned(), email: email.to_owned() }
}

fn repository() -> Repository {
    Repository {
        forge: ForgeKind::Github.default_name(),
        kind: ForgeKind::Github,
        path: RepoPath::new("acme/shop").unwrap(),
    }
}

fn person(name: &str) -> Person {
    Person::new(name).unwrap()
}

impl House {
    pub(crate) fn open(world: &World) -> Self {
        // What survives a power cut is tested elsewhere: here nothing need reach a disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        std::fs::write(folder.path().join("pointsman.yaml"), RULES).unwrap();
        let mut house = Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            folder,
            clock: FakeClock::at(begins_at(world.hour)),
            engine: Puppet::new(world.embedded),
            timed: world.timed,
            people: world.people,
            clumsy: world.clumsy,
            board: Board::default(),
            app: None,
            sweeper: Sweeper::default(),
            pushes: Vec::new(),
            seen: BTreeMap::new(),
            approved: HashMap::new(),
            asked_for: BTreeSet::new(),
        };
        house.app = Some(house.runtime.block_on(house.begin()));
        house
    }

    /// The last process may still be ending: it gives its folder back when the last of its tasks is over.
    async fn opened(&self, clock: Arc<FakeClock>) -> SqliteStore {
        let data = self.folder.path().join("data");
        for _ in 0..1_000 {
            match SqliteStore::open(&data, clock.clone()) {
                Ok(store) => return store,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        SqliteStore::open(&data, clock).unwrap()
    }

    async fn begin(&self) -> App {
        let folder = self.folder.path();
        let clock = Arc::new(self.clock.clone());
        let known = [("kim", "github:kim-k"), ("dana", "dana@example.org")];
        let known = known.map(|(name, also)| (person(name), vec![Identity::new(also).unwrap()]));
        App {
            store: Arc::new(self.opened(clock.clone()).await),
            clock,
            engine: Arc::new(self.engine.clone()),
            forges: BTreeMap::from([(ForgeKind::Github.default_name(), Arc::new(self.board.clone()) as _)]),
            doors: BTreeMap::new(),
            rules: Arc::new(RulesFile::open(&folder.join("pointsman.yaml").into(), &Aws::new()).await.unwrap()),
            logs: Logs::new(folder.join("logs")),
            keep: Keep::default(),
            access: Access::new(Vec::new()).knowing(known.into()),
            base_url: "http://ci".to_owned(),
            wake: Wake::default(),
            beside: TaskTracker::new(),
            on_aws: OnAws::default(),
        }
    }

    fn app(&self) -> &App {
        self.app.as_ref().expect("it is open")
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.app().store.as_ref()
    }

    pub(crate) fn wait<T>(&self, of: impl Future<Output = T>) -> T {
        self.runtime.block_on(of)
    }

    /// Which run holds which environment.
    pub(crate) fn claims(&self) -> Vec<(String, RunId)> {
        let database = Connection::open(self.folder.path().join("data/pointsman.sqlite")).unwrap();
        let mut claims = database.prepare("SELECT environment, run FROM claims").unwrap();
        let claims = claims.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        claims.map(Result::unwrap).map(|(place, run)| (place, RunId::new(run).unwrap())).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pushed(&self) -> usize {
        self.pushes.len()
    }

    /// The pushes of a ref in their order.
    pub(crate) fn order(&self, lane: Lane) -> Vec<&CommitId> {
        self.pushes.iter().filter(|(of, _)| *of == lane).map(|(_, push)| &push.commit).collect()
    }

    /// Every run there is, the oldest first.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut runs = self.wait(self.store().runs(RunFilter::Recent(10_000, None))).unwrap();
        runs.reverse();
        runs
    }

    pub(crate) fn step(&mut self, step: &Step) {
        self.remember();
        match step {
            Step::Push { lane, told } => {
                self.push(*lane);
                if *told {
                    self.tell(self.pushes.len() - 1, 0);
                }
            }
            Step::Tell { push, hook } => {
                if let Some(push) = pick(push, self.pushes.len()) {
                    self.tell(push, *hook);
                }
            }
            Step::Work { execution, well } => self.work(execution, *well),
            Step::Hear { event, twice } => self.hear(event, 1 + usize::from(*twice)),
            Step::Lose { event } => self.hear(event, usize::from(self.engine.lives_here())),
            Step::Approve { run, by, twice } => {
                let by = PEOPLE[by.index(PEOPLE.len())];
                self.decide(run, Answer::Approve, by, 1 + usize::from(*twice));
            }
            Step::Reject { run } => self.decide(run, Answer::Reject, "lee", 1),
            Step::Cancel { run } => self.ask(run, false),
            Step::Retry { run } => self.ask(run, true),
            Step::Look => {
                let free = self.free_to_begin();
                self.wait(cicd::advance::advance(self.app())).unwrap();
                self.have_begun(&free);
            }
            Step::Sweep => self.sweep(),
            Step::Wait { seconds } => self.clock.advance_seconds(*seconds),
            Step::Restart => self.restart(),
            Step::Forge { answers } => self.board.shows().silent = !answers,
        }
        self.settle();
    }

    fn remember(&mut self) {
        self.seen = self.runs().into_iter().map(|run| (run.id.clone(), run)).collect();
    }

    fn push(&mut self, lane: Lane) {
        let nth = self.pushes.len() + 1;
        let git_ref = GitRef::Branch(lane.branch().to_owned());
        let before = self.board.shows().tips.get(&git_ref).cloned();
        let commit = CommitId::new(format!("{nth:040x}")).unwrap();
        self.board.shows().tips.insert(git_ref.clone(), commit.clone());
        let push = Push {
            repository: repository(),
            git_ref,
            created: before.is_none(),
            before,
            actor: "dana".to_owned(),
            author: author_of(&commit),
            commit,
            forced: false,
            changed: ChangedFiles::known(["a"]),
            message: String::new(),
            pushed_at: self.timed.then(|| self.clock.now()),
        };
        self.pushes.push((lane, push));
        self.clock.advance_seconds(1);
    }

    pub(crate) fn tell(&self, push: usize, hook: u8) {
        let id = DeliveryId::new(format!("d-{push}-{hook}")).unwrap();
        let delivered = Delivered { id: id.clone(), event: Event::Push(self.pushes[push].1.clone()).into() };
        let (forge, received_at) = (ForgeKind::Github.default_name(), self.clock.now());
        let delivery = Delivery { forge: forge.clone(), received_at, delivered, headers: vec![], body: "{}".into() };
        self.wait(async {
            self.store().remember(&delivery).await.unwrap();
            dispatch_one(self.app(), &forge, &id).await.unwrap();
        });
    }

    fn work(&self, execution: &Index, well: bool) {
        let at_work: Vec<usize> = {
            let works = self.engine.works();
            let at_work = |at: At| matches!(at, At::Stage { .. } | At::Deploy { .. });
            (0..works.executions.len()).filter(|nth| at_work(works.executions[*nth].at)).collect()
        };
        if let Some(nth) = pick(execution, at_work.len()) {
            self.engine.work(at_work[nth], well);
        }
    }

    fn hear(&self, event: &Index, times: usize) {
        let told = {
            let mut works = self.engine.works();
            let Some(nth) = pick(event, works.told.len()) else { return };
            let nth = if self.engine.lives_here() { 0 } else { nth };
            works.told.remove(nth)
        };
        for _ in 0..times {
            self.wait(observe(self.app(), &told.run, &told.event)).unwrap();
        }
    }

    pub(crate) fn hear_what_is_not_lost(&self) {
        let told = std::mem::take(&mut self.engine.works().told);
        for event in told.into_iter().filter(|_| self.engine.lives_here()) {
            self.wait(observe(self.app(), &event.run, &event.event)).unwrap();
        }
    }

    fn decide(&mut self, run: &Index, answer: Answer, by: &str, times: usize) {
        let waiting: Vec<Run> = self.runs().into_iter().filter(|run| run.state == RunState::Waiting).collect();
        let Some(nth) = pick(run, waiting.len()) else { return };
        for _ in 0..times {
            self.say(&waiting[nth], answer, by);
        }
    }

    fn say(&mut self, run: &Run, answer: Answer, by: &str) {
        let Some((place, _)) = run.waiting_at() else { return };
        let answered = self.wait(control::decide_gate(self.app(), &run.id, &place.name, answer, person(by), ""));
        if let (Ok(run), Answer::Approve) = (answered, answer) {
            let artifact = run.artifact.map(|artifact| artifact.sha256);
            self.approved.entry(run.id).or_insert(artifact);
        }
    }

    /// Wherever a run waits everybody says yes, and says it again, those first who may not.
    fn everybody_says_yes(&mut self) {
        for run in self.runs().into_iter().filter(|run| run.state == RunState::Waiting) {
            for by in PEOPLE.iter().rev() {
                self.say(&run, Answer::Approve, by);
                self.say(&run, Answer::Approve, by);
            }
        }
    }

    fn ask(&mut self, run: &Index, retry: bool) {
        let runs = self.runs();
        let Some(nth) = pick(run, runs.len()) else { return };
        if retry {
            self.retry(&runs[nth].id);
        } else {
            drop(self.wait(control::cancel(self.app(), &runs[nth].id, person("lee"))));
        }
    }

    pub(crate) fn retry(&mut self, run: &RunId) {
        if let Ok(again) = self.wait(control::retry(self.app(), run, person("lee"))) {
            self.asked_for.insert(again.id);
        }
    }

    fn sweep(&mut self) {
        let Self { runtime, app, sweeper, .. } = self;
        let app = app.as_ref().expect("it is open");
        runtime.block_on(alone(app, sweeper)).unwrap();
    }

    fn restart(&mut self) {
        let waiting = self.seen.values().filter(|run| run.state == RunState::Queued);
        self.engine.die(&waiting.map(|run| run.id.clone()).collect::<Vec<_>>());
        self.app = None;
        self.sweeper = Sweeper::default();
        self.app = Some(self.runtime.block_on(self.begin()));
        self.wait(cicd::advance::resume(self.app())).unwrap();
    }

    /// Whatever goes on beside comes to its end.
    fn settle(&self) {
        let beside = &self.app().beside;
        beside.close();
        self.wait(beside.wait());
        beside.reopen();
    }

    /// Only the clock goes on, the engine does its work, and somebody looks: then nothing is left.
    pub(crate) fn comes_to_its_end(mut self) {
        self.board.shows().silent = false;
        self.come_to_rest();
        self.holds();
        self.nothing_is_left();
        self.clumsy = false;
        while ["stage", "prod"].iter().any(|place| !is_open(place, self.now())) {
            self.clock.advance_seconds(60);
        }
        self.push(Lane::All);
        self.tell(self.pushes.len() - 1, 0);
        let last = self.pushes[self.pushes.len() - 1].1.commit.clone();
        for _ in 0..100 {
            self.round();
            if self.runs().iter().any(|run| run.key.commit == last && run.state.is_terminal()) {
                break;
            }
            self.everybody_says_yes();
        }
        let last = self.runs().into_iter().find(|run| run.key.commit == last).expect("it has a run");
        assert_eq!(last.state, RunState::Succeeded, "something is still held: {}", last.because);
        self.holds();
    }

    fn come_to_rest(&mut self) {
        for _ in 0..300 {
            self.clock.advance_seconds(if self.people == People::ComeLate { 3_700 } else { 60 });
            if self.people != People::Stay {
                self.everybody_says_yes();
            }
            self.round();
            let live = self.wait(self.store().runs(RunFilter::Live)).unwrap();
            let owed = self.wait(self.store().owed(self.clock.now(), 1)).unwrap();
            let put_off = self.wait(self.store().backlog()).unwrap().statuses.count;
            if live.is_empty() && owed.is_empty() && put_off == 0 {
                return;
            }
        }
        let live: Vec<_> = self.wait(self.store().runs(RunFilter::Live)).unwrap();
        let live: Vec<_> = live.iter().map(|run| (&run.id, run.state, &run.because)).collect();
        panic!("it never comes to its end: {live:?}; backlog {:?}", self.wait(self.store().backlog()));
    }

    /// The engine does one thing of each execution. One that lives in the process is heard; of any other all is lost.
    fn round(&mut self) {
        self.remember();
        let many = self.engine.works().executions.len();
        for nth in (0..many).rev() {
            let at = self.engine.works().executions[nth].at;
            self.engine.work(nth, !(self.clumsy && matches!(at, At::Deploy { index: 1, .. })));
        }
        self.hear_what_is_not_lost();
        self.sweep();
        self.settle();
        self.holds();
    }
}

fn pick(index: &Index, of: usize) -> Option<usize> {
    (of > 0).then(|| index.index(of))
}
