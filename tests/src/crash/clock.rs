//! The wall clock of the machine is set, to and fro, while deliveries come in: by Debian's `faketime`, for this process alone. What is
//! measured rather than read from the clock goes on as it does on a machine whose clock is set.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use super::bench::Bench;
use super::binary::{PATIENCE, Running, Service};
use super::kills::quiet;
use crate::world::{Pushed, World};

const RULES: &str = "
version: 1
repositories: [{github: acme/shop}]
pipelines:
  application:
    stages: [{name: test, buildspec: ci/ok.yml}]
    deploy: {buildspec: ci/ok.yml}
environments:
  - {name: stage}
  - {name: prod, approval: {by: [leads], within: 2h}}
people: {leads: ['user:lee']}
routes:
  - {name: gate, branch: 'gate/*', pipeline: application, to: [prod]}
  - {name: work, branch: '**', pipeline: application, to: [stage]}
  - {name: the-rest, any: true, pipeline: none}
";

/// Where it is set to, one after the other.
const JUMPS: [&str; 6] = ["+5h", "-26h", "+0h", "+26h", "-90m", "+40s"];

/// The clock of a service: a file says how far it is off.
struct Clock(PathBuf);

impl Clock {
    fn of(world: &World) -> Self {
        let clock = Self(world.folder("clock").join("off"));
        clock.set("+0h");
        clock
    }

    /// At once, for a service that lives too.
    fn set(&self, off: &str) {
        let written = self.0.with_extension("new");
        std::fs::write(&written, off).unwrap();
        std::fs::rename(&written, &self.0).unwrap();
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// Where Debian puts it, for whichever processor.
fn library() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = libraries.find(|library| library.exists());
    found.expect("`make test` installs Debian's faketime; without it, leave this test out").display().to_string()
}

async fn says(running: &Running, bench: &Bench, words: &str) {
    let said = tokio::task::block_in_place(|| running.says(words, PATIENCE));
    assert!(said, "it never says {words:?}:\n{}", bench.service.said());
}

/// A push that comes to its gate and that nobody says yes to.
async fn wait_at_gate(bench: &mut Bench, running: &Running, branch: &str) {
    let pushed = bench.push(branch);
    bench.ledger.expiring.push(pushed.commit.clone());
    bench.send_until_taken(running, &pushed).await;
    says(running, bench, "waits at prod").await;
}

fn count(service: &Service, table: &str) -> i64 {
    let database = Connection::open(service.data.join("pointsman.sqlite")).unwrap();
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_to_and_fro_loses_nothing_and_does_nothing_twice() {
    let mut bench = Bench::new(RULES).await;
    let clock = Clock::of(&bench.world);
    bench.service = bench.service.with(clock.variables()).with([("POINTSMAN_KEEP_DELIVERIES", "200h".to_owned())]);
    let mut running = bench.service.start().unwrap();
    // A gate's time is over when the clock says so, from wherever it is set.
    wait_at_gate(&mut bench, &running, "gate/a").await;
    clock.set("+3h");
    says(&running, &bench, "nobody said yes at prod in time").await;
    clock.set("-5h");
    wait_at_gate(&mut bench, &running, "gate/b").await;
    clock.set("-2h");
    says(&running, &bench, "nobody said yes at prod in time").await;
    let mut sent: Vec<Pushed> = Vec::new();
    for (nth, off) in JUMPS.iter().cycle().take(2 * JUMPS.len()).enumerate() {
        let pushed = bench.push(&format!("work/{}", nth % 4));
        bench.send_until_taken(&running, &pushed).await;
        clock.set(off);
        // The hook of the organisation tells it, too, at what is another time by now.
        bench
            .send_until_taken(
                &running,
                &Pushed {
                    delivery: pushed
                        .delivery
                        .clone()
                        .through_another_hook(&format!("{nth:08x}-1111-4000-8000-000000000000")),
                    ..pushed.clone()
                },
            )
            .await;
        sent.push(pushed);
        if nth % 4 == 3 {
            running.kill();
            running = bench.service.start().unwrap();
        }
    }
    quiet(&bench.service).await;
    assert!(running.end().success());
    bench.ledger.check(&bench.world, &bench.service.data).await;

    // What is kept for 200 hours is gone after 300; a clock that is set back brings none of it back, and what is told once more is known.
    let (runs, running) = (count(&bench.service, "runs"), bench.service.start().unwrap());
    clock.set("+300h");
    let gone = async {
        while count(&bench.service, "deliveries") > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the deliveries are forgotten");
    clock.set("+0h");
    bench.ledger.acknowledged.clear();
    bench.ledger.pushed.clear();
    for pushed in &sent {
        bench.send_until_taken(&running, pushed).await;
    }
    quiet(&bench.service).await;
    assert!(running.end().success());
    bench.ledger.check(&bench.world, &bench.service.data).await;
    assert_eq!(count(&bench.service, "runs"), runs, "what is told once more starts nothing");
}
