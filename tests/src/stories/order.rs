//! One push after another on the same ref, and the same push twice.

use axum::http::StatusCode;
use cicd::engine::Sight;
use router::id::ForgeKind;
use router::run::{DELIVERIES_MAX, RunState};

use super::house::House;
use crate::contracts::samples;
use crate::world::{Pushed, Repo};

/// A push whose tests wait until the story lets them go.
fn slow(shop: &Repo, house: &House, branch: &str, name: &str) -> Pushed {
    let go = house.environments().join(format!("go-{name}"));
    let here = house.environments().join(format!("here-{name}"));
    let test = format!("touch '{}'\nwhile ! [ -e '{}' ]; do sleep 0.02; done\n", here.display(), go.display());
    shop.push(branch, |work| work.write("ci/test.sh", test))
}

async fn at_work(house: &House, name: &str) {
    let here = house.environments().join(format!("here-{name}"));
    house.until(&format!("{name} is at work"), async || here.exists()).await;
}

fn let_go(house: &House, name: &str) {
    std::fs::write(house.environments().join(format!("go-{name}")), "").unwrap();
}

async fn a_newer_push_takes_the_place(kind: ForgeKind) -> Vec<String> {
    let house = House::open().await;
    let shop = house.shop(kind);
    let older = slow(&shop, &house, "feature/a", "older");
    house.deliver(&older).await;
    at_work(&house, "older").await;
    let newer = shop.push("feature/a", |work| work.write("ci/test.sh", "echo quick\n"));
    house.deliver(&newer).await;
    house.run(&newer.commit, RunState::Succeeded).await;
    let run = house.run(&older.commit, RunState::Superseded).await;
    assert_eq!(run.because, format!("superseded by {}", newer.commit.short()));
    let shown = house.shown(kind, &older.commit);
    house.close().await;
    shown.into_iter().map(|line| line.replace(newer.commit.short(), "<newer>")).collect()
}

#[tokio::test]
async fn a_superseded_run_ends_on_github() {
    insta::assert_snapshot!(a_newer_push_takes_the_place(ForgeKind::Github).await.join("\n"), @r"
    pointsman error feature: superseded by <newer>
    pointsman/application/test error superseded by <newer>
    ");
}

#[tokio::test]
async fn a_superseded_run_ends_on_gitlab() {
    insta::assert_snapshot!(a_newer_push_takes_the_place(ForgeKind::Gitlab).await.join("\n"), @r"
    pointsman canceled feature: superseded by <newer>
    pointsman/application/test canceled superseded by <newer>
    ");
}

#[tokio::test]
async fn a_push_that_is_told_late_does_not_take_the_place_of_a_newer_one() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    shop.push("feature/a", |work| work.write("src/a.rs", "fn first() {}\n"));
    let older = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let newer = slow(&shop, &house, "feature/a", "newer");
    house.deliver(&newer).await;
    at_work(&house, "newer").await;
    house.deliver(&older).await;
    let run = house.run(&older.commit, RunState::Superseded).await;
    assert_eq!(run.because, format!("superseded by {}", newer.commit.short()));
    let_go(&house, "newer");
    house.run(&newer.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn with_queue_the_newer_push_waits_its_turn() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let first = slow(&shop, &house, "queue/a", "first");
    house.deliver(&first).await;
    at_work(&house, "first").await;
    let second = shop.push("queue/a", |work| work.write("ci/test.sh", "echo quick\n"));
    house.deliver(&second).await;
    cicd::advance::advance(&house.app).await.unwrap();
    assert_eq!(house.runs(&second.commit).await[0].state, RunState::Queued);
    let_go(&house, "first");
    house.run(&second.commit, RunState::Succeeded).await;
    house.run(&first.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn with_queue_a_push_that_is_told_late_has_its_turn_before_newer_ones_that_wait() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let first = slow(&shop, &house, "queue/a", "first");
    house.deliver(&first).await;
    at_work(&house, "first").await;
    let second = slow(&shop, &house, "queue/a", "second");
    let third = shop.push("queue/a", |work| work.write("ci/test.sh", "echo quick\n"));
    house.deliver(&third).await;
    house.deliver(&second).await;
    let_go(&house, "first");
    at_work(&house, "second").await;
    assert_eq!(house.runs(&third.commit).await[0].state, RunState::Queued, "it was pushed after the second");
    let_go(&house, "second");
    house.run(&third.commit, RunState::Succeeded).await;
    house.run(&second.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn with_queue_a_push_that_is_told_when_a_newer_one_has_begun_comes_too_late() {
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let house = House::open().await;
        let shop = house.shop(kind);
        let first = shop.push("queue/a", |work| work.write("src/a.rs", "fn first() {}\n"));
        house.deliver(&first).await;
        house.run(&first.commit, RunState::Succeeded).await;
        let late = shop.push("queue/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        let newer = slow(&shop, &house, "queue/a", "newer");
        house.deliver(&newer).await;
        at_work(&house, "newer").await;
        house.deliver(&late).await;
        let run = house.run(&late.commit, RunState::Superseded).await;
        assert_eq!(run.because, format!("superseded by {}", newer.commit.short()));
        let_go(&house, "newer");
        house.run(&newer.commit, RunState::Succeeded).await;
        let by = router::run::Person::new("lee").unwrap();
        cicd::control::retry(&house.app, &run.id, by).await.unwrap();
        house.run(&late.commit, RunState::Succeeded).await;
        house.close().await;
    }
}

#[tokio::test]
async fn the_same_push_is_the_same_run_however_it_comes() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    house.run(&pushed.commit, RunState::Succeeded).await;

    let again = house.world.redeliver(&pushed.delivery);
    assert_eq!(house.send(&again).await.0, StatusCode::ACCEPTED);
    let other = Pushed {
        delivery: pushed.delivery.clone().through_another_hook("11111111-2222-3333-4444-555555555555"),
        ..pushed.clone()
    };
    house.deliver(&other).await;
    let runs = house.runs(&pushed.commit).await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].deliveries.len(), 2, "the run knows both hooks");
    house.close().await;
}

/// Whoever has seen one delivery can send it again under other ids: GitHub's signature does not cover them.
#[tokio::test]
async fn one_push_under_many_ids_is_one_run_that_stays_small() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let ids: Vec<String> = (0..2 * DELIVERIES_MAX).map(|n| format!("again-{n}")).collect();
    for id in &ids {
        assert_eq!(house.send(&pushed.delivery.clone().through_another_hook(id)).await.0, StatusCode::ACCEPTED);
    }
    let run = house.run(&pushed.commit, RunState::Succeeded).await;
    for id in &ids {
        let path = format!("/deliveries/{id}.json");
        house.until("it is decided", async || house.json(&path).await["decision"].is_string()).await;
        assert_eq!(
            house.app.store.delivery(&id.parse().unwrap()).await.unwrap().unwrap().runs,
            std::slice::from_ref(&run.id)
        );
        assert!(house.page(&format!("/deliveries/{id}")).await.contains(run.id.as_str()), "its receipt shows the run");
    }
    let runs = house.runs(&pushed.commit).await;
    assert_eq!((runs.len(), runs[0].deliveries.len()), (1, DELIVERIES_MAX));
    house.close().await;
}

#[tokio::test]
async fn ten_at_once_are_still_one() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Gitlab);
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let sent: Vec<_> = (0..10).map(|_| house.send(&pushed.delivery)).collect();
    for send in sent {
        assert_eq!(send.await.0, StatusCode::ACCEPTED);
    }
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert_eq!(house.runs(&pushed.commit).await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_cancelled_run_ends_and_can_be_run_again() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = slow(&shop, &house, "feature/a", "slow");
    house.deliver(&pushed).await;
    at_work(&house, "slow").await;
    let by = router::run::Person::new("lee").unwrap();
    let run = house.runs(&pushed.commit).await.pop().unwrap();
    cicd::control::cancel(&house.app, &run.id, by.clone()).await.unwrap();
    let run = house.run(&pushed.commit, RunState::Stopped).await;
    assert_eq!(run.because, "stopped by lee");
    assert!(
        house.shown(ForgeKind::Github, &pushed.commit).contains(&"pointsman error feature: stopped by lee".to_owned())
    );

    let rules = house.read_rules();
    house.write_rules(&rules.replace("name: feature,", "name: renamed,"));
    house
        .until("the new rules are seen", async || {
            house.app.rules.current().routes().any(|(name, _)| name.as_str() == "renamed")
        })
        .await;
    let refused = cicd::control::retry(&house.app, &run.id, by.clone()).await.unwrap_err().to_string();
    assert!(refused.starts_with("the rules in force now do not send this push to feature"), "{refused}");
    house.write_rules(&rules);
    house
        .until("the old rules are back", async || {
            house.app.rules.current().routes().any(|(name, _)| name.as_str() == "feature")
        })
        .await;

    let_go(&house, "slow");
    let again = cicd::control::retry(&house.app, &run.id, by).await.unwrap();
    assert_eq!(again.key.attempt, 2);
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert!(house.shown(ForgeKind::Github, &pushed.commit).iter().any(|line| line.starts_with("pointsman success")));
    house.close().await;
}

#[tokio::test]
async fn a_run_that_ended_just_before_the_engine_got_it_is_stopped_there() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = slow(&shop, &house, "feature/a", "slow");
    house.deliver(&pushed).await;
    at_work(&house, "slow").await;
    let as_read_before = house.runs(&pushed.commit).await.pop().unwrap();
    let by = router::run::Person::new("lee").unwrap();
    cicd::control::cancel(&house.app, &as_read_before.id, by).await.unwrap();
    let idle = async || house.app.engine.look(&as_read_before).await.unwrap().sight == Sight::Idle;
    house.until("the engine has let go", idle).await;

    house.app.engine.start(&as_read_before).await.unwrap();
    house.until("the engine has let go again", idle).await;
    house.close().await;
}

#[tokio::test]
async fn a_push_behind_a_backlog_has_its_turn() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    for n in 0..600 {
        house.app.store.remember(&samples::ping(n)).await.unwrap();
    }
    let pushed = shop.push("feature/a", |work| work.write("a.txt", "a"));
    let receipt = house.deliver(&pushed).await;
    assert_eq!(receipt["decision"], "start", "{receipt}");
    house.run(&pushed.commit, RunState::Succeeded).await;
    for n in [0, 300, 599] {
        let ping = house.app.store.delivery(&samples::delivery_id(n)).await.unwrap().unwrap();
        assert!(ping.decision.is_some(), "delivery {n} came before the push");
    }
    house.close().await;
}

/// `latest` runs of a branch that goes A, B, A, B by force.
async fn back_and_forth(kind: ForgeKind) {
    let house = House::open().await;
    let shop = house.shop(kind);
    let a = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    house.deliver(&a).await;
    house.run(&a.commit, RunState::Succeeded).await;
    let b = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&b).await;
    house.run(&b.commit, RunState::Succeeded).await;
    let back = shop.reset("feature/a", &a.commit);
    house.deliver(&back).await;
    house.until("A runs again", async || house.runs(&a.commit).await.len() == 2).await;
    house.run(&a.commit, RunState::Succeeded).await;
    // The first push of B is told once more while the branch is at A: that is no new push.
    let again = b.delivery.clone().through_another_hook("11111111-2222-3333-4444-555555555555");
    house.deliver(&Pushed { delivery: again, ..b.clone() }).await;
    assert_eq!(house.runs(&b.commit).await.len(), 1);
    let forth = shop.reset("feature/a", &b.commit);
    assert_eq!(forth.before.as_ref(), Some(&a.commit));
    house.deliver(&forth).await;
    house.until("B runs again", async || house.runs(&b.commit).await.len() == 2).await;
    let run = house.run(&b.commit, RunState::Succeeded).await;
    assert_eq!(run.key.visit, 2);
    house.close().await;
}

#[tokio::test]
async fn a_push_back_by_force_is_a_new_push_each_time_on_github() {
    back_and_forth(ForgeKind::Github).await;
}

#[tokio::test]
async fn a_push_back_by_force_is_a_new_push_each_time_on_gitlab() {
    back_and_forth(ForgeKind::Gitlab).await;
}

#[tokio::test]
async fn a_push_that_is_told_late_is_superseded_by_one_whose_run_is_over() {
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let house = House::open().await;
        let shop = house.shop(kind);
        let first = shop.push("feature/a", |work| work.write("src/a.rs", "fn first() {}\n"));
        house.deliver(&first).await;
        house.run(&first.commit, RunState::Succeeded).await;
        let late = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        shop.push("feature/a", |work| work.write("src/c.rs", "fn c() {}\n"));
        let newer = shop.push("feature/a", |work| work.write("src/d.rs", "fn d() {}\n"));
        house.deliver(&newer).await;
        house.run(&newer.commit, RunState::Succeeded).await;
        house.deliver(&late).await;
        let run = house.run(&late.commit, RunState::Superseded).await;
        assert_eq!(run.because, format!("superseded by {}", newer.commit.short()));
        house.close().await;
    }
}

#[tokio::test]
async fn a_push_that_starts_nothing_takes_no_place() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Gitlab);
    let late = shop.push("queue/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let docs = shop.push("queue/a", |work| work.write("docs/b.md", "# B\n"));
    assert_eq!(house.deliver(&docs).await["decision"], "ignore");
    house.deliver(&late).await;
    house.run(&late.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn a_rewritten_history_is_seen_on_gitlab_too() {
    let rules = super::house::RULES.replace(
        "  - {name: feature,",
        "  - {name: rewritten, branch: '**', forced: true, pipeline: application, stages: [test]}\n  - {name: feature,",
    );
    let house = House::with_rules(&rules).await;
    let shop = house.shop(ForgeKind::Gitlab);
    let first = shop.push("feature/a", |work| work.write("src/a.rs", "fn first() {}\n"));
    let receipt = house.deliver(&first).await;
    assert_eq!(receipt["route"], "feature", "{receipt}");
    let onto = shop.tip("main").unwrap();
    let rewritten = shop.force_push("feature/a", &onto, |work| work.write("docs/z.md", "# Z\n"));
    let receipt = house.deliver(&rewritten).await;
    assert_eq!((receipt["route"].as_str(), receipt["forced"].as_bool()), (Some("rewritten"), Some(true)), "{receipt}");
    house.run(&rewritten.commit, RunState::Succeeded).await;
    house.close().await;
}
