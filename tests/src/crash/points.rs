//! It dies between one write and the next, each time at the same place: `cicd/src/points.rs` says how.

use rusqlite::Connection;

use super::bench::Bench;
use super::binary::PATIENCE;
use super::kills::quiet;

const RULES: &str = "
version: 1
repositories: [{github: acme/shop}]
pipelines:
  application:
    stages: [{name: test, buildspec: ci/ok.yml}]
    deploy: {buildspec: ci/ok.yml}
environments: [{name: stage}]
routes:
  - {name: work, branch: '**', pipeline: application, to: [stage]}
  - {name: the-rest, any: true, pipeline: none}
";

/// Every point that one push comes by.
pub(super) const POINTS: [&str; 10] = [
    // A delivery is stored and not answered; taken to be decided, and decided, and nothing of that is written.
    "stored",
    "taken",
    "decided",
    // Its run is written and the engine has not heard of it; the engine has it and that is not written; something happened to
    // it, and that is not written.
    "begun",
    "handed-over",
    "heard",
    // A step is over and nobody was told; a gate is open and nobody goes through it.
    "stage-ended",
    "gate-opened",
    "deploy-ended",
    // The forge knows a status, and that is not written.
    "told",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(debug_assertions), ignore = "an optimised build has no points")]
async fn wherever_it_dies_the_next_process_goes_on() {
    let mut bench = Bench::new(RULES).await;
    for point in POINTS {
        let mut dying = bench.service.dying_at(point, 1).start().unwrap();
        let pushed = bench.push(&format!("work/{point}"));
        bench.send_to_one_that_dies(&dying, &pushed).await;
        assert!(dying.dies(PATIENCE), "it never came by {point}:\n{}", bench.service.said());
        let running = bench.service.start().unwrap();
        if !bench.ledger.acknowledged.contains(pushed.delivery.id()) {
            bench.send_until_taken(&running, &pushed).await;
        }
        quiet(&bench.service).await;
        assert!(running.end().success());
        bench.ledger.check(&bench.world, &bench.service.data).await;
    }
    assert_eq!(bench.ledger.pushed.len(), POINTS.len());
}

/// What is old is forgotten a batch at a time, and in the database first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(debug_assertions), ignore = "an optimised build has no points")]
async fn when_it_dies_while_it_forgets_only_what_is_old_is_gone() {
    let mut bench = Bench::new(RULES).await;
    let running = bench.service.start().unwrap();
    for branch in ["work/a", "work/b", "work/c"] {
        let pushed = bench.push(branch);
        bench.send_until_taken(&running, &pushed).await;
    }
    quiet(&bench.service).await;
    assert!(running.end().success());
    let database = Connection::open(bench.service.data.join("pointsman.sqlite")).unwrap();
    let aged =
        database.execute("UPDATE deliveries SET received_at = 1 WHERE seq < (SELECT max(seq) FROM deliveries)", []);
    assert_eq!(aged.unwrap(), 2);
    let mut dying = bench.service.dying_at("pruned", 1).start().unwrap();
    assert!(dying.dies(PATIENCE), "it never forgot anything:\n{}", bench.service.said());
    let left: i64 = database.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1, "those are forgotten that are old");
    drop(database);
    let newest = bench.ledger.acknowledged.iter().max().cloned();
    bench.ledger.acknowledged = newest.into_iter().collect();
    let running = bench.service.start().unwrap();
    let pushed = bench.push("work/d");
    bench.send_until_taken(&running, &pushed).await;
    bench.finish(running).await;
}
