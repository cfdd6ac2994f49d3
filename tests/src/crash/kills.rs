//! SIGKILL at random moments and right after chosen ones, again and again.
//!
//! The moments are those at which the service says something: between that and the next write lies the window that a kill
//! falls into. The seed is fixed, the scheduling of a machine is not, so two runs are alike and not the same.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cicd::clock::SystemClock;

use super::binary::{PATIENCE, Running, Service};
use super::ledger::{self, Ledger};
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
            let branch = ["main", "queue/a", "work/a", "work/b"][usize::try_from(self.dice.throw(4)).unwrap()];
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

/// What happened, for whoever wants figures.
struct Figures {
    kills: usize,
    at_moments: usize,
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
    let (running, at_moments) = killer.await.unwrap();
    quiet(&service).await;
    let ended = running.end();
    assert!(ended.success(), "asked to end, it says {ended}");
    let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ledger.check(&world, &service.data).await;
    Figures {
        kills,
        at_moments,
        deliveries: ledger.acknowledged.len(),
        pushes: ledger.pushed.len(),
        took: begun.elapsed(),
    }
}

/// Kills it so often; the last life is left.
fn kill(
    service: &Service,
    mut running: Running,
    address: &RwLock<String>,
    kills: usize,
    seed: u64,
) -> (Running, usize) {
    let mut dice = Dice(seed);
    let mut at_moments = 0;
    for nth in 0..kills {
        if nth % 2 == 0 {
            std::thread::sleep(Duration::from_millis(dice.throw(400)));
        } else {
            let moment = MOMENTS[usize::try_from(dice.throw(MOMENTS.len() as u64)).unwrap()];
            at_moments += usize::from(running.says(moment, Duration::from_millis(700)));
            std::thread::sleep(Duration::from_micros(dice.throw(3000)));
        }
        running.kill();
        running = service.start().unwrap_or_else(|| panic!("after kill {nth} it does not start:\n{}", service.said()));
        running.url.clone_into(&mut address.write().unwrap_or_else(PoisonError::into_inner));
    }
    (running, at_moments)
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
#[ignore = "takes half an hour: make crash"]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "it is asked for by hand, and tells its figures")]
async fn five_hundred_kills() {
    let kills = std::env::var("POINTSMAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(500);
    let seed = std::env::var("POINTSMAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_120);
    let Figures { kills, at_moments, deliveries, pushes, took } =
        kill_again_and_again(kills, 4, kills.div_ceil(3), seed).await;
    eprintln!(
        "{kills} kills ({at_moments} right after a chosen moment), {pushes} pushes, {deliveries} deliveries acknowledged, \
         in {} s: each push one run, each run final, each status final, nothing left",
        took.as_secs()
    );
}
