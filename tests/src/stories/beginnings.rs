//! How a service begins, goes on after a stop, and takes new rules.

use std::sync::Arc;

use cicd::clock::SystemClock;
use cicd::config::{ForgeSettings, Settings};
use cicd::service::{Service, is_port_taken};
use router::id::ForgeKind;
use router::run::RunState;
use router::secret::Secret;
use tokio_util::sync::CancellationToken;

use super::house::{House, RULES};

fn settings(folder: &std::path::Path) -> Settings {
    let rules = folder.join("pointsman.yaml");
    std::fs::write(&rules, RULES).unwrap();
    let forge =
        ForgeSettings { webhook_secrets: vec![Secret::new("a secret")], ..ForgeSettings::of(ForgeKind::Github) };
    let listen = ([127, 0, 0, 1], 0).into();
    Settings { listen, rules: rules.into(), data: folder.join("data"), ..Settings::with_forges(vec![forge]) }
}

async fn refused(settings: &Settings) -> anyhow::Error {
    match Service::open(settings, Arc::new(SystemClock), &CancellationToken::new()).await {
        Ok(_) => panic!("it opened"),
        Err(trouble) => trouble,
    }
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = Settings { listen: taken.local_addr().unwrap(), ..settings(folder.path()) };
    let trouble = refused(&settings).await;
    assert!(is_port_taken(&trouble));
    assert!(format!("{trouble:#}").contains("choose another address with --listen"), "{trouble:#}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    std::fs::write(&settings.data, "a file where a folder should be").unwrap();
    let trouble = format!("{:#}", refused(&settings).await);
    assert!(trouble.contains("data folder") && trouble.contains("data"), "{trouble}");
}

#[tokio::test]
async fn two_services_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let stop = CancellationToken::new();
    let _first = Service::open(&settings, Arc::new(SystemClock), &stop).await.unwrap();
    let trouble = format!("{:#}", refused(&settings).await);
    assert!(trouble.contains("another pointsman"), "{trouble}");
}

#[tokio::test]
async fn a_service_does_not_begin_with_bad_rules() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    std::fs::write(folder.path().join("pointsman.yaml"), "version: 1\nruotes: []\n").unwrap();
    let trouble = format!("{:#}", refused(&settings).await);
    assert!(trouble.contains("pointsman.yaml:2:1") && trouble.contains("ruotes"), "{trouble}");
}

#[tokio::test]
async fn bad_rules_never_replace_good_ones() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let good = house.read_rules();
    house.write_rules("version: 1\nroutes: nonsense\n");
    house.until("the bad file is seen", async || house.app.rules.problem().is_some()).await;
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    house.run(&pushed.commit, RunState::Succeeded).await;
    let page = house.page("/").await;
    assert!(page.contains("pointsman.yaml:2"), "the page says so: {page}");

    house.write_rules(&good.replace("name: feature,", "name: renamed,"));
    house.until("the good file is seen", async || house.app.rules.problem().is_none()).await;
    let pushed = shop.push("feature/a", |work| work.write("src/c.rs", "fn c() {}\n"));
    assert_eq!(house.deliver(&pushed).await["route"], "renamed");
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let waits = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n").by("dana"));
    house.deliver(&waits).await;
    house.run(&waits.commit, RunState::Waiting).await;

    let (here, go) = (house.environments().join("here"), house.environments().join("go"));
    let test = format!("echo x >> '{}'\nwhile ! [ -e '{}' ]; do sleep 0.02; done\n", here.display(), go.display());
    let works = shop.push("feature/a", |work| work.write("ci/test.sh", test));
    house.deliver(&works).await;
    house.until("the stage is at work", async || here.exists()).await;

    let house = house.restart().await;
    house.until("the stage began again", async || std::fs::read_to_string(&here).unwrap().lines().count() == 2).await;
    std::fs::write(&go, "").unwrap();
    house.run(&works.commit, RunState::Succeeded).await;
    let run = house.run(&waits.commit, RunState::Waiting).await;
    house.decide(&run, "prod", cicd::control::Answer::Approve, "lee").await.unwrap();
    house.run(&waits.commit, RunState::Succeeded).await;
    house.close().await;
}
