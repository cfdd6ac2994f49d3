//! What changes under a run's feet: the table, the bucket, the pipeline, a secret.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use axum::http::StatusCode;
use router::id::ForgeKind;
use router::run::RunState;
use serde_json::{Value, json};

use super::bed::{Telling, story};
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::weather::Storm;
use crate::world::{Keys, Pushed};

#[test]
fn a_table_that_throttles_delays_and_loses_nothing() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "throttled");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.weather.worsen(Storm::Throttled, "acme/throttled");
        let (code, answer) = bed.bring(&pushed.delivery).await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "what is not kept is not taken: {answer}");
        assert!(bed.weather.clear("acme/throttled") > 0);
        bed.deliver(&bed.world.redeliver(&pushed.delivery)).await;
        bed.weather.worsen(Storm::Throttled, "acme/throttled");
        bed.until("the functions have met it", &pushed, async || bed.weather.hits("acme/throttled") >= 12).await;
        bed.weather.clear("acme/throttled");
        bed.until("it is through", &pushed, async || {
            bed.sweep().await;
            bed.runs(&pushed.commit).await.last().is_some_and(|run| run.state.is_terminal())
        })
        .await;
        bed.run(&pushed, RunState::Succeeded).await;
        let expected =
            ["pointsman success", "pointsman/application/lint success", "pointsman/application/test success"];
        bed.shows(ForgeKind::Github, "throttled", &pushed, &expected).await;
        assert_eq!(bed.executions(&pushed.commit).await.len(), 1);
        bed.settled(&pushed).await;
    });
}

#[test]
fn a_source_bucket_without_versions_ends_the_run_and_says_what_to_do() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "unversioned");
        bed.weather.worsen(Storm::Unversioned, "acme/unversioned");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        let run = bed.run(&pushed, RunState::Failed).await;
        assert!(
            run.because.contains("keeps no versions") && run.because.contains("put-bucket-versioning"),
            "{}",
            run.because
        );
        assert!(bed.weather.clear("acme/unversioned") > 0);
        let expected = ["pointsman failure", "pointsman/application/lint error", "pointsman/application/test error"];
        bed.shows(ForgeKind::Github, "unversioned", &pushed, &expected).await;
        assert_eq!(bed.executions(&pushed.commit).await, []);
        bed.settled(&pushed).await;
    });
}

/// Pushes a change of the infrastructure whose deploy does not come to its end, and waits until it is at work.
async fn deploying(bed: &Telling, name: &str) -> Pushed {
    let repo = bed.repo(ForgeKind::Github, name);
    let slow = "version: 0.2\nphases: {build: {commands: ['touch \"$DEPLOY_TO/here\"', 'sleep 600']}}\n";
    let pushed = repo.push("main", |work| work.write("infra/x.ts", "1\n").write("ci/ground.yml", slow));
    bed.deliver(&pushed.delivery).await;
    let here = bed.places(name).join("here");
    bed.until("the deploy is at work", &pushed, async || here.exists()).await;
    pushed
}

const INFRASTRUCTURE: &str = "pointsman-infrastructure";

/// What the pipeline of the infrastructure was made of.
fn declared(bed: &Telling) -> Value {
    let all = &bed.declared.pipelines;
    all.iter().find(|it| it["pipeline"]["name"] == INFRASTRUCTURE).expect("it is declared").clone()
}

#[test]
fn a_pipeline_that_is_deleted_under_way_ends_its_run() {
    story(async |bed| {
        let _alone = bed.ground.write().await;
        let pushed = deploying(&bed, "deleted").await;
        bed.ask("DeletePipeline", json!({"name": INFRASTRUCTURE})).await;
        bed.until("the sweep has found it", &pushed, async || {
            bed.sweep().await;
            bed.runs(&pushed.commit).await.last().is_some_and(|run| run.state.is_terminal())
        })
        .await;
        bed.ask("CreatePipeline", declared(&bed)).await;
        let run = bed.runs(&pushed.commit).await.pop().unwrap();
        assert_eq!(run.state, RunState::Failed);
        assert!(run.because.contains("pointsman-infrastructure, is not on AWS any more"), "{}", run.because);
        let expected = [
            "pointsman failure",
            "pointsman/infrastructure/deploy/test error",
            "pointsman/infrastructure/synth success",
        ];
        bed.shows(ForgeKind::Github, "deleted", &pushed, &expected).await;
        bed.settled(&pushed).await;
    });
}

#[test]
fn a_pipeline_that_is_edited_under_way_ends_its_run() {
    story(async |bed| {
        let _alone = bed.ground.write().await;
        // Only executions that do not share their stages survive a change.
        let mut queued = declared(&bed);
        queued["pipeline"]["executionMode"] = json!("QUEUED");
        bed.ask("UpdatePipeline", json!({"pipeline": queued["pipeline"]})).await;
        let pushed = deploying(&bed, "edited").await;
        bed.ask("UpdatePipeline", json!({"pipeline": declared(&bed)["pipeline"]})).await;
        let run = bed.run(&pushed, RunState::Stopped).await;
        assert_eq!(run.because, "the deploy to test was stopped in the engine");
        let expected =
            ["pointsman error", "pointsman/infrastructure/deploy/test error", "pointsman/infrastructure/synth success"];
        bed.shows(ForgeKind::Github, "edited", &pushed, &expected).await;
        bed.ends(&pushed, "Cancelled").await;
        bed.settled(&pushed).await;
    });
}

#[test]
fn a_secret_that_vanished_stays_in_force_where_it_is_known_and_is_named_where_it_is_not() {
    story(async |bed| {
        let vault = aws_sdk_secretsmanager::Client::new(&bed.here());
        let made = vault.create_secret().name("pointsman/vanishes").secret_string(Keys::GITHUB).send().await.unwrap();
        let arn = made.arn.unwrap();
        let variables = bed.variables("webhook").await;
        let text = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
        let mut variables: BTreeMap<_, _> = variables.as_object().unwrap().iter().map(text).collect();
        variables.insert("POINTSMAN_GITHUB_WEBHOOK_SECRET".to_owned(), format!("secretsmanager:{arn}"));
        variables.insert("AWS_ENDPOINT_URL".to_owned(), bed.here().endpoint_url().unwrap().to_owned());
        let log = bed.world.folder("vanishes").join("log");
        let doors = bed.world.folder("doors").join("webhook/bootstrap");
        let script = std::fs::read_to_string(doors).unwrap().replace("doors/log", "vanishes/log");
        let bootstrap = bed.world.file("vanishes/bootstrap", &script);
        std::fs::set_permissions(&bootstrap, PermissionsExt::from_mode(0o755)).unwrap();

        // Its repository is in no rule file: what matters is whether a delivery is taken.
        let repo = bed.world.github("acme/vanishes");
        let pushed = repo.push("main", |work| work.write("README", "x\n"));
        let genuine = gateway_event(&pushed.delivery);
        let mut knows = Function::start(&bootstrap, "webhook", &variables).await;
        knows.ready().await;
        vault.delete_secret().secret_id(&arn).send().await.unwrap();
        // A doubt is a reason to look again.
        assert_eq!(knows.invoke(&gateway_event(&pushed.delivery.clone().forged("{}"))).await.0["statusCode"], 401);
        knows.ready().await;
        assert_eq!(knows.invoke(&genuine).await.0["statusCode"], 202, "the last good one is in force");
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let names_it =
            |line: &str| line.contains("\"ERROR\"") && line.contains(&arn) && line.contains("cannot be read");
        assert!(said().lines().any(names_it), "{}", said());

        let before = said().lines().count();
        assert!(!Function::start(&bootstrap, "webhook", &variables).await.ended().await, "it knows none");
        assert!(said().lines().skip(before).any(names_it), "{}", said());
        vault.restore_secret().secret_id(&arn).send().await.unwrap();
        let mut again = Function::start(&bootstrap, "webhook", &variables).await;
        again.ready().await;
        assert_eq!(again.invoke(&genuine).await.0["statusCode"], 202);
    });
}
