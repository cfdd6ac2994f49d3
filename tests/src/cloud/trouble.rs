//! What fails, gets lost, or is overtaken.

use router::id::ForgeKind;
use router::run::RunState;
use serde_json::{Value, json};

use super::bed::story;
use crate::world::Archives;

#[test]
fn a_stage_that_fails_ends_the_run_and_says_why() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "failing");
        let pushed = repo.push("release/1", |work| work.write("ci/test.sh", "exit 3\n"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Failed).await;
        assert!(run.because.contains("exit status 3"), "{}", run.because);
        let expected = [
            "pointsman failure",
            "pointsman/application/build error",
            "pointsman/application/deploy/perf error",
            "pointsman/application/deploy/stage error",
            "pointsman/application/lint success",
            "pointsman/application/test failure",
        ];
        bed.shows(ForgeKind::Github, "failing", &pushed, &expected).await;
        bed.ends(&pushed, "Failed").await;
    });
}

#[test]
fn a_success_that_is_told_after_the_failure_of_a_later_stage_is_shown_all_the_same() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "overtaken");
        bed.hold_events_of("acme/overtaken");
        let pushed = repo.push("feature/a", |work| work.write("ci/test.sh", "exit 3\n"));
        bed.deliver(&pushed.delivery).await;
        bed.ends(&pushed, "Failed").await;
        let of_actions = |event: &&Value| event["detail"]["action"].is_string();
        let held = bed.held_of("acme/overtaken");
        let failed = |event: &&Value| event["detail"]["stage"] == "test" && event["detail"]["state"] == "FAILED";
        bed.tell(held.iter().filter(of_actions).find(failed).expect("it has failed")).await;
        let run = bed.run(&pushed, RunState::Failed).await;
        assert!(run.because.contains("exit status 3"), "{}", run.because);
        for event in held.iter().filter(of_actions).rev() {
            bed.tell(event).await;
        }
        let expected =
            ["pointsman failure", "pointsman/application/lint success", "pointsman/application/test failure"];
        bed.shows(ForgeKind::Github, "overtaken", &pushed, &expected).await;
    });
}

#[test]
fn a_stage_out_of_memory_gets_a_larger_machine() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "memory");
        // The second build is enough for it.
        let test = "[ -e \"$DEPLOY_TO/tried\" ] || { touch \"$DEPLOY_TO/tried\"; exit 137; }\n";
        let pushed = repo.push("feature/a", |work| work.write("ci/test.sh", test));
        bed.deliver(&pushed.delivery).await;
        bed.run(&pushed, RunState::Succeeded).await;
        let told = bed.ask("BatchGetProjects", json!({"names": ["pointsman-application-test"]})).await;
        assert_eq!(told["projects"][0]["environment"]["computeType"], "BUILD_GENERAL1_MEDIUM");
        assert_eq!(bed.executions(&pushed.commit).await.len(), 1, "it is the same execution");
    });
}

#[test]
fn a_newer_push_takes_the_place_of_an_older_one() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "newer");
        let here = bed.places("newer").join("here");
        let slow = "touch \"$DEPLOY_TO/here\"; sleep 600\n";
        let older = repo.push("feature/a", |work| work.write("ci/test.sh", slow));
        bed.deliver(&older.delivery).await;
        bed.until("the older one is at work", &older, async || here.exists()).await;
        let newer = repo.push("feature/a", |work| work.write("ci/test.sh", "echo quick\n"));
        bed.deliver(&newer.delivery).await;
        bed.run(&newer, RunState::Succeeded).await;
        let run = bed.run(&older, RunState::Superseded).await;
        assert_eq!(run.because, format!("superseded by {}", newer.commit.short()));
        bed.ends(&older, "Stopped").await;
        let expected = ["pointsman error", "pointsman/application/lint success", "pointsman/application/test error"];
        bed.shows(ForgeKind::Github, "newer", &older, &expected).await;
    });
}

#[test]
fn a_commit_that_the_forge_does_not_know_yet_holds_up_nobody_else() {
    story(async |bed| {
        let (late, prompt) = (bed.repo(ForgeKind::Github, "late"), bed.repo(ForgeKind::Github, "prompt"));
        bed.world.hub.archives("acme/late", Archives::NotYet);
        let first = late.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&first.delivery).await;
        let asked = || bed.world.hub.calls().iter().any(|call| call.contains("/acme/late/tarball/"));
        bed.until("its archive was asked for", &first, async || asked()).await;
        let second = prompt.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&second.delivery).await;
        bed.run(&second, RunState::Succeeded).await;
        assert_eq!(bed.runs(&first.commit).await[0].state, RunState::Queued);
        bed.world.hub.archives("acme/late", Archives::OfGit);
        bed.until("the sweep has started it", &first, async || {
            bed.sweep().await;
            bed.runs(&first.commit).await[0].state != RunState::Queued
        })
        .await;
        bed.run(&first, RunState::Succeeded).await;
    });
}

#[test]
fn what_nobody_told_is_found_by_the_sweep() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "lost");
        bed.lose_events_of("acme/lost");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        bed.ends(&pushed, "Succeeded").await;
        bed.until("the sweep has found it", &pushed, async || {
            bed.sweep().await;
            bed.runs(&pushed.commit).await.last().is_some_and(|run| run.state == RunState::Succeeded)
        })
        .await;
        let expected =
            ["pointsman success", "pointsman/application/lint success", "pointsman/application/test success"];
        bed.shows(ForgeKind::Github, "lost", &pushed, &expected).await;
    });
}
