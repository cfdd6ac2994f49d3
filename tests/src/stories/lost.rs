//! What got lost on the way is found again, by looking alone.

use cicd::app;
use cicd::store::{Before, RunFilter};
use cicd::sweep::{Sweeper, alone};
use jiff::SignedDuration;
use router::id::ForgeKind;
use router::run::RunState;

use super::house::House;
use crate::world::{Failure, Pushed};

/// A look at everything, whenever the last one was.
async fn look(house: &House) {
    Sweeper::default().sweep(&house.app).await.unwrap();
}

async fn a_push_is_lost(kind: ForgeKind) {
    let house = House::open().await;
    let shop = house.shop(kind);
    let known = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    house.deliver(&known).await;
    house.run(&known.commit, RunState::Succeeded).await;
    look(&house).await;
    assert_eq!(house.app.store.runs(RunFilter::Recent(9, None)).await.unwrap().len(), 1, "main is where it is");

    let on_known = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let on_new = shop.push("feature/new", |work| work.write("src/c.rs", "fn c() {}\n"));
    look(&house).await;
    look(&house).await;
    assert!(house.runs(&on_known.commit).await.is_empty(), "its webhook may be on its way");
    house.clock.advance_seconds(120);
    look(&house).await;
    for lost in [&on_known, &on_new] {
        house.run(&lost.commit, RunState::Succeeded).await;
        assert!(house.shown(kind, &lost.commit).iter().any(|line| line.starts_with("pointsman success")));
    }
    house.clock.advance_seconds(600);
    look(&house).await;
    for late in [&on_known, &on_new] {
        house.deliver(&Pushed { delivery: house.world.redeliver(&late.delivery), ..late.clone() }).await;
        let runs = house.runs(&late.commit).await;
        assert_eq!((runs.len(), runs[0].deliveries.len()), (1, 2), "told late, it is the same push");
    }
    house.close().await;
}

#[tokio::test]
async fn a_push_that_nobody_told_of_is_found_on_github() {
    a_push_is_lost(ForgeKind::Github).await;
}

#[tokio::test]
async fn a_push_that_nobody_told_of_is_found_on_gitlab() {
    a_push_is_lost(ForgeKind::Gitlab).await;
}

async fn a_tag_is_lost(kind: ForgeKind) {
    let house = House::open().await;
    let shop = house.shop(kind);
    shop.tag("v1", "main");
    look(&house).await;
    let lost = shop.tag("v2", "main");
    let annotated = shop.annotated_tag("v3", "main", "the third");
    look(&house).await;
    house.clock.advance_seconds(120);
    look(&house).await;
    house
        .until("both are deployed", async || {
            let runs = house.runs(&lost.commit).await;
            runs.len() == 2 && runs.iter().all(|run| run.state == RunState::Succeeded)
        })
        .await;
    let mut tags: Vec<_> = house.runs(&lost.commit).await.iter().map(|run| run.key.git_ref.to_string()).collect();
    tags.sort();
    assert_eq!(tags, ["refs/tags/v2", "refs/tags/v3"], "v1 was there when its repository was looked at first");
    for late in [&lost, &annotated] {
        house.deliver(late).await;
    }
    let told: Vec<_> = house.runs(&lost.commit).await.iter().map(|run| run.deliveries.len()).collect();
    assert_eq!(told, [2, 2], "told late, it is the same push");
    house.everything_told().await;
    house.close().await;
}

#[tokio::test]
async fn a_tag_that_nobody_told_of_is_found_on_github() {
    a_tag_is_lost(ForgeKind::Github).await;
}

#[tokio::test]
async fn a_tag_that_nobody_told_of_is_found_on_gitlab() {
    a_tag_is_lost(ForgeKind::Gitlab).await;
}

async fn a_status_is_overwritten(kind: ForgeKind, wrong: &str) {
    let house = House::open().await;
    let shop = house.shop(kind);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    house.deliver(&pushed).await;
    house.run(&pushed.commit, RunState::Succeeded).await;
    let right = house.shown(kind, &pushed.commit);
    house.forge(kind).overwrite("acme/shop", &pushed.commit, "pointsman", wrong);
    assert_ne!(house.shown(kind, &pushed.commit), right);
    look(&house).await;
    house.until("it is told again", async || house.shown(kind, &pushed.commit) == right).await;
    let calls = house.forge(kind).calls().len();
    look(&house).await;
    house.everything_told().await;
    let told = house.forge(kind).calls().split_off(calls).into_iter().filter(|call| call.starts_with("POST")).count();
    assert_eq!(told, 0, "what is right is left alone");
    house.close().await;
}

#[tokio::test]
async fn a_status_that_somebody_overwrote_is_told_again_on_github() {
    a_status_is_overwritten(ForgeKind::Github, "failure").await;
}

#[tokio::test]
async fn a_status_that_somebody_overwrote_is_told_again_on_gitlab() {
    a_status_is_overwritten(ForgeKind::Gitlab, "failed").await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_debt_for_ever() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    house.clock.advance_seconds(40 * 86_400);
    house.world.hub.fail_next(1000, Failure::Status(503));
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.clock.advance_seconds(-40 * 86_400);
    house.world.hub.recover();
    house
        .until("the forge heard", async || {
            let shown = house.shown(ForgeKind::Github, &pushed.commit);
            shown.iter().any(|line| line.starts_with("pointsman success"))
        })
        .await;
    house.close().await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_its_files_with_it() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let old = shop.push("main", |work| work.write("infra/a.tf", "a\n"));
    house.deliver(&old).await;
    let run = house.run(&old.commit, RunState::Succeeded).await;
    assert!(!house.log(&run, "synth").is_empty());
    house.clock.advance_seconds(31 * 86_400);
    let young = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&young).await;
    house.run(&young.commit, RunState::Succeeded).await;
    look(&house).await;
    assert!(house.log(&run, "synth").is_empty(), "logs are kept for 30 days");
    assert_eq!(house.runs(&old.commit).await.len(), 1, "runs for 90");
    let mirror = house.world.folder("data").join("mirrors/github/acme/shop.git");
    assert!(mirror.is_dir(), "it was used by the young push");

    house.clock.advance_seconds(60 * 86_400);
    look(&house).await;
    assert!(house.runs(&old.commit).await.is_empty());
    assert!(!mirror.exists(), "nobody has used it for 60 days");
    assert_eq!(house.runs(&young.commit).await.len(), 1);
    let ids: Vec<_> = house.app.store.deliveries(9, None).await.unwrap();
    assert_eq!(ids.iter().map(|record| record.delivered.id.as_str()).collect::<Vec<_>>(), [young.delivery.id()]);
    house.close().await;
}

/// No worker is at work, nobody is woken, nobody hears the engine while it is at work on the run for the first time, and the
/// webhook of the second push never comes: only the clock goes on, and somebody looks.
#[tokio::test]
async fn looking_alone_brings_everything_to_the_truth() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let (house, settings) = house.stop().await;
    let (app, mut events) =
        app::open(&settings, "http://here".to_owned(), std::sync::Arc::new(house.clock.clone())).await.unwrap();
    let mut sweeper = Sweeper::default();
    alone(&app, &mut sweeper).await.unwrap();

    let Pushed { delivery, commit, .. } = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    let headers = router::verify::Headers::new(delivery.headers().iter().map(|(n, v)| (n.as_str(), v.as_str())));
    cicd::receive::receive(&app, &ForgeKind::Github.default_name(), &headers, delivery.body().clone()).await.unwrap();
    let lost = shop.push("feature/b", |work| work.write("src/b.rs", "fn b() {}\n")).commit;

    let mut heard_nothing_for = 0;
    let mut looks = 0;
    let shows = |commit| house.shown(ForgeKind::Github, commit).iter().any(|l| l.starts_with("pointsman success"));
    while !(shows(&commit) && shows(&lost)) {
        looks += 1;
        assert!(looks < 2000, "it never comes to the truth");
        house.clock.advance_seconds(15);
        while let Ok(told) = events.try_recv() {
            // The first run of the engine is heard by nobody.
            if heard_nothing_for >= 40 {
                cicd::observe::observe(&app, &told.run, &told.event).await.unwrap();
            }
        }
        heard_nothing_for += 1;
        alone(&app, &mut sweeper).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(app.store.runs(RunFilter::Live).await.unwrap().is_empty());
    let far = house.clock_now() + SignedDuration::from_hours(24 * 400);
    let pruned = app.store.prune(&Before { deliveries: far, runs: far }, 100).await.unwrap();
    assert_eq!((pruned.deliveries, pruned.runs), (2, 2), "each push has one delivery and one run");
}
