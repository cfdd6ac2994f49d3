//! What whoever watches the service sees: its numbers, and whether it is ready.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use cicd::clock::SystemClock;
use cicd::config::Settings;
use cicd::control::Answer;
use cicd::service::Service;
use router::id::ForgeKind;
use router::run::RunState;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::house::{House, RULES};
use crate::world::{Failure, World};

/// The value of one line of `/metrics`; none when there is no such line.
async fn value(house: &House, line: &str) -> Option<f64> {
    let told = house.page("/metrics").await;
    let found = told.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
    found.map(|number| number.parse().unwrap())
}

/// The recorder is the whole process's, so these names are this story's own.
fn rules() -> String {
    RULES
        .replace("name: feature,", "name: watched,")
        .replace("name: docs-only", "name: watched-docs")
        .replace("pipeline: application", "pipeline: watched")
        .replace("  application:", "  watched:")
}

#[tokio::test]
async fn the_way_of_a_push_is_counted() {
    let house = House::with_rules(&rules()).await;
    let shop = house.shop(ForgeKind::Github);
    let received = "pointsman_deliveries_total{forge=\"github\",outcome=\"received\",reason=\"\"}";
    let repeated = received.replace("received", "repeated");
    let before = (value(&house, received).await, value(&house, &repeated).await);
    let new = shop.push("feature/a", |work| work.write("docs/b.md", "# B\n"));
    house.deliver(&new).await;
    house.run(&new.commit, RunState::Succeeded).await;
    let docs = shop.push("feature/a", |work| work.write("docs/c.md", "# C\n"));
    assert_eq!(house.deliver(&docs).await["decision"], "ignore");
    let main = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&main).await;
    assert_eq!(house.send(&house.world.redeliver(&main.delivery)).await.0, StatusCode::ACCEPTED);
    let run = house.run(&main.commit, RunState::Waiting).await;
    house.decide(&run, "prod", Answer::Approve, "lee").await.unwrap();
    house.run(&main.commit, RunState::Succeeded).await;

    assert!(value(&house, received).await > before.0, "others count there too, so it is only more");
    assert!(value(&house, &repeated).await > before.1);
    for (line, count) in [
        ("pointsman_decisions_total{decision=\"ignore\",route=\"ignore:watched-docs\"}", 1.0),
        ("pointsman_stage_duration_seconds_count{pipeline=\"watched\",stage=\"build\",outcome=\"succeeded\"}", 1.0),
        (
            "pointsman_stage_duration_seconds_count{pipeline=\"watched\",stage=\"deploy/prod\",outcome=\"succeeded\"}",
            1.0,
        ),
        ("pointsman_decisions_total{decision=\"start\",route=\"watched\"}", 1.0),
        ("pointsman_run_duration_seconds_count{pipeline=\"watched\",state=\"succeeded\"}", 2.0),
        ("pointsman_run_duration_seconds_bucket{pipeline=\"watched\",state=\"succeeded\",le=\"30\"}", 2.0),
        ("pointsman_store_up", 1.0),
        ("pointsman_rules_bad", 0.0),
    ] {
        assert_eq!(value(&house, line).await, Some(count), "{line}\n{}", house.page("/metrics").await);
    }
    house.close().await;
}

#[tokio::test]
async fn what_is_owed_to_a_silent_forge_grows_old_in_sight() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let (length, oldest) =
        ("pointsman_queue_length{queue=\"statuses\"}", "pointsman_queue_oldest_seconds{queue=\"statuses\"}");
    assert_eq!((value(&house, length).await, value(&house, oldest).await), (Some(0.0), Some(0.0)));
    house.world.hub.fail_next(1000, Failure::Status(503));
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    house.clock.advance_seconds(600);
    house.until("it is owed for ten minutes", async || value(&house, oldest).await >= Some(600.0)).await;
    assert_eq!(value(&house, length).await, Some(1.0));
    house.world.hub.recover();
    house.clock.advance_seconds(7200);
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert_eq!((value(&house, length).await, value(&house, oldest).await), (Some(0.0), Some(0.0)));
    house.close().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_is_not_ready() {
    let house = House::open().await;
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", house.url)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await.0, 200);
    let other = Connection::open(house.world.folder("data").join("pointsman.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (code, why) = ready().await;
    assert_eq!(code, 503);
    assert!(why.contains("not ready: the store"), "{why}");
    other.execute_batch("ROLLBACK").unwrap();
    house.until("it is ready again", async || ready().await.0 == 200).await;
    house.close().await;
}

/// The database is of an older version, and somebody holds it while it is to be brought forward.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_brought_forward_it_is_alive_and_not_ready() {
    let world = World::new().await;
    let data = world.folder("data");
    let older = Connection::open(data.join("pointsman.sqlite")).unwrap();
    older.execute_batch("PRAGMA journal_mode = WAL; PRAGMA user_version = 0; BEGIN IMMEDIATE").unwrap();
    // The port must be known before anything answers.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let settings = Settings {
        listen,
        rules: world.file("pointsman.yaml", RULES).into(),
        data,
        ..Settings::with_forges(Vec::new())
    };
    let stop = CancellationToken::new();
    let opening = {
        let stop = stop.clone();
        tokio::spawn(async move {
            let opened = Service::open(&settings, Arc::new(SystemClock), &stop).await;
            opened.unwrap_or_else(|why| panic!("{why:#}"))
        })
    };
    let client = reqwest::Client::new();
    let ask = async |path: &str| {
        for _ in 0..6000 {
            match client.get(format!("http://{listen}{path}")).send().await {
                Ok(answer) => return (answer.status().as_u16(), answer.text().await.unwrap()),
                Err(_nobody_listens_yet) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("nobody listens at {listen}");
    };
    let (code, why) = ask("/readyz").await;
    assert_eq!(code, 503);
    assert!(why.contains("not ready: what it remembers is being opened"), "{why}");
    assert_eq!(ask("/healthz").await.0, 200);
    assert_eq!(ask("/webhooks/github").await.0, 503);
    older.execute_batch("ROLLBACK").unwrap();
    drop(older);
    let serving = tokio::spawn(opening.await.unwrap().run());
    let until_ready = async {
        while ask("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), until_ready).await.expect("it is ready once it is open");
    stop.cancel();
    serving.await.unwrap().unwrap();
}
