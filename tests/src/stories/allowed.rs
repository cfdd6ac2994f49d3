//! What the platform allows: hours for environments, words for repositories.

use router::id::ForgeKind;
use router::run::RunState;

use super::house::{House, RULES};

#[tokio::test]
async fn a_frozen_environment_is_entered_when_the_freeze_is_over() {
    let today = jiff::Timestamp::from_second(crate::world::START).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    let frozen = format!("{{name: stage, zone: UTC, freeze: [{today}]}}");
    let house = House::with_rules(&RULES.replace("{name: stage}", &frozen)).await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n"));
    house.deliver(&pushed).await;
    let held = format!("{} 00:00 UTC, because {today} is frozen", today.tomorrow().unwrap());
    house
        .until("the gate of stage waits for the calendar", async || {
            house.runs(&pushed.commit).await.last().is_some_and(|run| run.because.ends_with(&held))
        })
        .await;
    house.everything_told().await;
    let shown = house.shown(ForgeKind::Github, &pushed.commit).join("\n");
    assert!(shown.contains("pointsman pending main: stage waits until "), "{shown}");
    assert!(!house.environments().join("stage.txt").exists());
    house.clock.advance_seconds(86400);
    house.app.wake.advance.notify_one();
    let run = house.run(&pushed.commit, RunState::Waiting).await;
    assert_eq!(run.because, "waits at prod for 1 of leads");
    assert!(house.environments().join("stage.txt").exists());
    house.close().await;
}

#[tokio::test]
async fn a_repository_speaks_for_itself_from_its_default_branch_only() {
    let house = House::with_rules(&format!("{RULES}\nallow_repo: [ignore, buildspecs]\n")).await;
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let shop = house.shop(kind);
        let own = "version: 1\nignore: [{name: generated, paths: {only: 'gen/**'}}]\nbuildspecs: {application: {test: ci/ok.yml}}\n";
        shop.push("main", |work| work.write(".pointsman.yaml", own));
        shop.push("feature/a", |work| work.write("src/a.rs", kind.as_str()));
        let pushed = shop.push("feature/a", |work| work.write("gen/a", kind.as_str()));
        let receipt = house.deliver(&pushed).await;
        assert_eq!(
            (&receipt["decision"], &receipt["ignored_by"]),
            (&"ignore".into(), &"generated".into()),
            "{receipt}"
        );
        let pushed = shop.push("feature/a", |work| work.write("src/b.rs", kind.as_str()));
        house.deliver(&pushed).await;
        let run = house.run(&pushed.commit, RunState::Succeeded).await;
        assert_eq!(run.plan.stages[0].step.buildspec.to_string(), "ci/ok.yml");

        // What the pushed commit itself says counts for nothing; a wrong file leaves the platform's rules alone.
        shop.push("main", |work| work.write(".pointsman.yaml", "version: 1\nroutes: []\n"));
        let pushed = shop.push("feature/a", |work| work.write("gen/c", kind.as_str()).write(".pointsman.yaml", own));
        let receipt = house.deliver(&pushed).await;
        assert_eq!(receipt["decision"], "start", "{receipt}");
        let why = receipt["because"].as_array().unwrap().last().unwrap().as_str().unwrap();
        assert!(why.contains("line 2: a repository's file has no key `routes`"), "{receipt}");
        let run = house.run(&pushed.commit, RunState::Succeeded).await;
        assert_eq!(run.plan.stages[0].step.buildspec.to_string(), "ci/test.yml");
    }
    house.close().await;
}
