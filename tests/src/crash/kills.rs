//! SIGKILL at random moments, right after chosen ones and at chosen points, again and again.
//!
//! The moments are those at which the service says something: between that and the next write lies the window that a kill
//! falls into. At the points of [`super::points`] it dies by itself. The seed is fixed, the scheduling of a machine is not, so two runs are alike and not the same.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cicd::clock::SystemClock;

use super::binary::{PATIENCE, Running, Service};
use super::ledger::{self, Ledger};
use super::points::POINTS;
use crate::world::{Delivery, Repo, World};

const RULES: &str = "
version: 1
repositories: [{github: 'acme/**'}]
pipelines:
  application:
    stages:
      - {name: test, buildspec: ci/ok.yml}
      - {name: build, buildspec: ci/ok.yml}
    deploy: {buildspec: ci/ok.yml}
environments: [{name: stage}]
routes:
  - {name: main, branch: main, pipeline: application, to: [stage]}
  - {name: queue, branch: 'queue/*', pipeline: application, stages: [test], concurrency: queue}
  - {name: work, branch: '**', pipeline: application, stages: [test]}
  - {name: the-rest, any: true, pipeline: none}
";

/// What the service says before it writes, or right after.
const MOMENTS: [&str; 8] = [
    "decided",
    "a run starts",
    "state=\"running\"",
    "state=\"waiting\"",
    "state=\"succeeded\"",
    "state=\"superseded\"",
    "going on",
    "deploying to",
];

/// Numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn one_of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[usize::try_from(self.throw(words.len() as u64)).unwrap()]
    }
}

/// Somebody who pushes to a repository of their own, and the forge that tells of it.
struct Client {
    path: String,
    repo: Repo,
    dice: Dice,
    pushes: usize,
}

impl Client {
    /// Pushes and tells until enough is told. What is not acknowledged is told again, as a person would redeliver it.
    async fn work(
        mut self,
        service: Arc<RwLock<String>>,
        ledger: Arc<Mutex<Ledger>>,
        told: tokio::sync::mpsc::Sender<()>,
    ) {
        let mut newest = std::collections::BTreeMap::new();
        for nth in 0..self.pushes {
            let branch = self.dice.one_of(&["main", "queue/a", "work/a", "work/b"]);
            let repo = self.repo.clone();
            let text = format!("{nth}\n");
            let pushed = tokio::task::spawn_blocking(move || repo.push(branch, |work| work.write("src/a.rs", text)));
            let pushed = pushed.await.unwrap();
            let mut deliveries = vec![pushed.delivery.clone()];
            match self.dice.throw(4) {
                0 => deliveries.push(pushed.delivery.clone()),
                1 => {
                    let id = format!("{:08x}-0000-4000-8000-{nth:012x}", self.dice.throw(1 << 31));
                    deliveries.push(pushed.delivery.clone().through_another_hook(&id));
                }
                _ => {}
            }
            for delivery in deliveries {
                tell(&service, &delivery).await;
                let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                ledger.acknowledged.insert(delivery.id().to_owned());
            }
            newest.insert(branch, pushed.commit.clone());
            ledger.lock().unwrap_or_else(PoisonError::into_inner).pushed.push((self.path.clone(), pushed.commit));
            let _nobody_counts = told.send(()).await;
        }
        let newest = newest.into_values().map(|commit| (self.path.clone(), commit));
        ledger.lock().unwrap_or_else(PoisonError::into_inner).newest.extend(newest);
    }
}

/// Sends until it is acknowledged.
async fn tell(service: &RwLock<String>, delivery: &Delivery) {
    let end = Instant::now() + PATIENCE * 4;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    while Instant::now() < end {
        let url = service.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = client.post(format!("{url}/webhooks/github"));
        for (name, value) in delivery.headers() {
            request = request.header(name, value);
        }
        if request.body(delivery.body().clone()).send().await.is_ok_and(|answer| answer.status() == 202) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a delivery was never acknowledged");
}

/// How often it was killed, and where.
#[derive(Default)]
struct Kills {
    all: usize,
    at_moments: usize,
    at_points: usize,
}

/// What happened, for whoever wants figures.
struct Figures {
    kills: Kills,
    deliveries: usize,
    pushes: usize,
    took: Duration,
}

async fn kill_again_and_again(kills: usize, clients: usize, pushes: usize, seed: u64) -> Figures {
    let begun = Instant::now();
    let world = World::by(Arc::new(SystemClock)).await;
    let rules = world.file("pointsman.yaml", RULES);
    let service = Service::new(&world, &rules, world.folder("served").join("data"));
    let running = service.start().expect("it starts");
    let address = Arc::new(RwLock::new(running.url.clone()));
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (told, mut counted) = tokio::sync::mpsc::channel(1024);
    let mut working = tokio::task::JoinSet::new();
    for n in 0..clients {
        let path = format!("acme/shop-{n}");
        let repo = world.github(&path);
        repo.push("main", |work| work.write("ci/ok.yml", "version: 0.2\nphases: {build: {commands: ['true']}}\n"));
        let dice = Dice(seed.wrapping_add(n as u64 + 1));
        let client = Client { path, repo, dice, pushes };
        working.spawn(client.work(Arc::clone(&address), Arc::clone(&ledger), told.clone()));
    }
    drop(told);
    let killer = {
        let (service, address) = (service.clone(), Arc::clone(&address));
        tokio::task::spawn_blocking(move || kill(&service, running, &address, kills, seed))
    };
    while counted.recv().await.is_some() {}
    while let Some(worked) = working.join_next().await {
        worked.unwrap();
    }
    let (running, kills) = killer.await.unwrap();
    quiet(&service).await;
    let ended = running.end();
    assert!(ended.success(), "asked to end, it says {ended}");
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ledger.check(&world, &service.data).await;
    Figures { kills, deliveries: ledger.acknowledged.len(), pushes: ledger.pushed.len(), took: begun.elapsed() }
}

/// Kills it so often; the last life is left.
fn kill(
    service: &Service,
    mut running: Running,
    address: &RwLock<String>,
    kills: usize,
    seed: u64,
) -> (Running, Kills) {
    let mut dice = Dice(seed);
    let mut done = Kills::default();
    let patience = Duration::from_millis(700);
    while done.all < kills {
        match done.all % 3 {
            0 => std::thread::sleep(Duration::from_millis(dice.throw(400))),
            1 => {
                done.at_moments += usize::from(running.says(dice.one_of(&MOMENTS), patience));
                std::thread::sleep(Duration::from_micros(dice.throw(3000)));
            }
            _ => done.at_points += usize::from(running.dies(patience)),
        }
        running.kill();
        done.all += 1;
        let is_to_die = done.all % 3 == 2 && done.all < kills;
        let next = if is_to_die { service.dying_at(dice.one_of(&POINTS), 1 + dice.throw(4)) } else { service.clone() };
        let gone = || panic!("after kill {} it does not start:\n{}", done.all, service.said());
        // What is to die may do so before it says where it listens.
        running = next.start().or_else(|| service.start()).unwrap_or_else(gone);
        running.url.clone_into(&mut address.write().unwrap_or_else(PoisonError::into_inner));
    }
    (running, done)
}

/// Waits until everything is done.
pub(super) async fn quiet(service: &Service) {
    let end = Instant::now() + PATIENCE * 5;
    while !ledger::is_quiet(&service.data) {
        assert!(Instant::now() < end, "it never comes to rest:\n{}", service.said());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_done_once_whatever_is_killed() {
    kill_again_and_again(10, 3, 6, 20_261_120).await;
}

/// `make crash`: as many kills as `POINTSMAN_KILLS` says, or five hundred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: make crash"]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "it is asked for by hand, and tells its figures")]
async fn five_hundred_kills() {
    let kills = std::env::var("POINTSMAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    let seed = std::env::var("POINTSMAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_120);
    let Figures { kills: Kills { all, at_moments, at_points }, deliveries, pushes, took } =
        kill_again_and_again(kills, 4, kills.div_ceil(3), seed).await;
    eprintln!(
        "{all} kills ({at_moments} right after a chosen moment, {at_points} at a chosen point), {pushes} pushes, {deliveries} deliveries acknowledged, \
         in {} s: each push one run, each run final, each status final, nothing left",
        took.as_secs()
    );
}
