//! What goes wrong outside, and what people hear of it.

use router::id::ForgeKind;
use router::run::RunState;

use super::house::House;
use crate::world::{Failure, FakeForge, Keys};

/// Pushes a change of `ci/` to a feature branch and gives why the run failed.
async fn fails_with(path: &str, text: Option<&str>) -> String {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/a", |work| match text {
        Some(text) => work.write(path, text),
        None => work.remove(path),
    });
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Failed).await;
    house.close().await;
    run.because.replace(pushed.commit.short(), "<commit>")
}

#[tokio::test]
async fn a_missing_buildspec_is_named() {
    insta::assert_snapshot!(fails_with("ci/test.yml", None).await, @"test failed: ci/test.yml is not in commit <commit>");
}

#[tokio::test]
async fn a_broken_buildspec_is_named_with_its_line() {
    insta::assert_snapshot!(fails_with("ci/test.yml", Some("version: 0.2\nphases:\n\tbuild: 1\n")).await, @"test failed: ci/test.yml:3:2: this is not YAML: tabs disallowed within this context (block indentation); indent with spaces; YAML allows no tab there");
}

#[tokio::test]
async fn a_command_that_yaml_reads_as_a_map_is_named_with_its_line() {
    let text = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo one\n      - echo status: fine\n";
    insta::assert_snapshot!(fails_with("ci/test.yml", Some(text)).await, @"test failed: ci/test.yml:6:9: build.commands[1] is a command, and YAML reads `echo status: fine` as a key and its value; quote the whole command: - 'echo status: fine'");
}

#[tokio::test]
async fn a_commit_that_has_vanished_ends_the_run() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let first = shop.tip("main").unwrap();
    let gone = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    // Pushed away before anybody fetched it, and swept up by the forge.
    shop.force_push("feature/a", &first, |work| work.write("src/c.rs", "fn c() {}\n"));
    shop.collect_garbage();
    house.deliver(&gone).await;
    let run = house.run(&gone.commit, RunState::Failed).await;
    assert_eq!(run.because, format!("commit {} is gone from the repository", gone.commit.short()));
    house.close().await;
}

#[tokio::test]
async fn a_forge_that_is_away_hears_later() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    house.world.hub.fail_next(1000, Failure::Status(503));
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert!(house.shown(ForgeKind::Github, &pushed.commit).is_empty(), "nothing could be told");
    house.world.hub.recover();
    house.clock.advance_seconds(7200);
    house
        .until("the forge heard", async || {
            let shown = house.shown(ForgeKind::Github, &pushed.commit);
            shown.iter().any(|line| line.starts_with("pointsman success"))
        })
        .await;
    house.close().await;
}

#[tokio::test]
async fn a_build_that_got_hold_of_our_secrets_does_not_show_them() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let secrets = [FakeForge::TOKEN, Keys::GITHUB, Keys::GITLAB_SIGNING];
    let found = secrets.map(|secret| format!("found {secret}\n")).concat();
    let pushed = shop.push("feature/a", |work| work.write("found", found).write("ci/test.sh", "cat found\n"));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Succeeded).await;
    let log = house.log(&run, "test");
    assert_eq!(log.matches("found ***").count(), 3, "{log}");
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
    house.close().await;
}
