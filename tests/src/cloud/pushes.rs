//! What a push comes to.

use router::id::ForgeKind;
use router::run::RunState;
use serde_json::json;

use super::bed::story;

#[test]
fn a_push_to_github_goes_through_to_final_statuses() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "push");
        let pushed = repo.push("release/1.2", |work| work.write("src/ü.rs", "fn b() {}\n").message("größer 🚂"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Succeeded).await;
        assert_eq!(run.key.route.as_str(), "release");
        let expected = [
            "pointsman success",
            "pointsman/application/build success",
            "pointsman/application/deploy/perf success",
            "pointsman/application/deploy/stage success",
            "pointsman/application/lint success",
            "pointsman/application/test success",
        ];
        bed.shows(ForgeKind::Github, "push", &pushed, &expected).await;
    });
}

#[test]
fn a_push_to_gitlab_goes_through_to_final_statuses() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Gitlab, "push");
        let pushed = repo.push("release/1.2", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        bed.run(&pushed, RunState::Succeeded).await;
        let expected = [
            "pointsman success",
            "pointsman/application/build success",
            "pointsman/application/deploy/perf success",
            "pointsman/application/deploy/stage success",
            "pointsman/application/lint success",
            "pointsman/application/test success",
        ];
        bed.shows(ForgeKind::Gitlab, "push", &pushed, &expected).await;
    });
}

#[test]
fn a_feature_branch_is_only_linted_and_tested() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "feature");
        let pushed = repo.push("feature/a/b", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        bed.run(&pushed, RunState::Succeeded).await;
        let expected =
            ["pointsman success", "pointsman/application/lint success", "pointsman/application/test success"];
        bed.shows(ForgeKind::Github, "feature", &pushed, &expected).await;
        let [(pipeline, id, status)] = &bed.executions(&pushed.commit).await[..] else { panic!("one execution") };
        assert_eq!(status, "Succeeded");
        let asked = json!({"pipelineName": pipeline, "filter": {"pipelineExecutionId": id}});
        let listed = bed.ask("ListActionExecutions", asked).await;
        let mut ran: Vec<_> = listed["actionExecutionDetails"].as_array().unwrap().iter().collect();
        ran.sort_by_key(|action| action["startTime"].to_string());
        let ran: Vec<_> = ran.iter().map(|action| action["stageName"].as_str().unwrap()).collect();
        assert_eq!(ran, ["source", "lint", "test"], "the other stages were skipped");
    });
}

#[test]
fn a_webhook_that_comes_twice_starts_one_execution() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "again");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        bed.deliver(&bed.world.redeliver(&pushed.delivery)).await;
        bed.run(&pushed, RunState::Succeeded).await;
        bed.deliver(&bed.world.redeliver(&pushed.delivery)).await;
        bed.sweep().await;
        assert_eq!(bed.runs(&pushed.commit).await.len(), 1);
        assert_eq!(bed.executions(&pushed.commit).await.len(), 1);
    });
}

#[test]
fn infrastructure_goes_before_the_application_that_was_pushed_with_it() {
    story(async |bed| {
        let _the_pipeline_is_there = bed.ground.read().await;
        let repo = bed.repo(ForgeKind::Github, "ground");
        let pushed = repo.push("main", |work| work.write("infra/x.ts", "1\n").write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Waiting).await;
        assert_eq!(run.key.route.as_str(), "main");
        let runs = bed.runs(&pushed.commit).await;
        let told: Vec<_> = runs.iter().map(|run| (run.key.route.as_str(), run.state)).collect();
        assert_eq!(told, [("infra", RunState::Succeeded), ("main", RunState::Waiting)]);
        let at = |text: Option<String>| text.expect("it was deployed").trim().parse::<u128>().expect("a time");
        let ground = at(bed.deployed("ground", "ground-test"));
        assert!(ground < at(bed.deployed("ground", "test")), "the application was built on the new ground");
        bed.decide(&run, "prod", "reject").await;
        bed.run(&pushed, RunState::Rejected).await;
    });
}

#[test]
fn seven_environments_and_three_branches_are_two_pipelines() {
    story(async |bed| {
        let _the_pipeline_is_there = bed.ground.read().await;
        let repo = bed.repo(ForgeKind::Github, "seven");
        let feature = repo.push("feature/a", |work| work.write("src/b.rs", "1\n"));
        let release = repo.push("release/1", |work| work.write("src/b.rs", "2\n"));
        let main = repo.push("main", |work| work.write("src/b.rs", "3\n"));
        for pushed in [&feature, &release, &main] {
            bed.deliver(&pushed.delivery).await;
        }
        bed.run(&feature, RunState::Succeeded).await;
        bed.run(&release, RunState::Succeeded).await;
        let waits = bed.run(&main, RunState::Waiting).await;
        assert_eq!(bed.pipelines().await, ["pointsman-application", "pointsman-infrastructure"]);
        for pushed in [&feature, &release, &main] {
            let [(pipeline, ..)] = &bed.executions(&pushed.commit).await[..] else { panic!("one execution each") };
            assert_eq!(pipeline, "pointsman-application");
        }
        let told = bed.ask("GetPipeline", json!({"name": "pointsman-application"})).await;
        let stages = told["pipeline"]["stages"].as_array().unwrap();
        let places = stages.iter().filter(|stage| stage["name"].as_str().unwrap().starts_with("to-"));
        assert_eq!(places.count(), 7);
        bed.decide(&waits, "prod", "reject").await;
        bed.run(&main, RunState::Rejected).await;
    });
}
