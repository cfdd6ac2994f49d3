//! What comes in and is not as it should be: nothing of it disturbs a run, and nothing is stuck behind it.

use router::id::ForgeKind;
use router::run::{Run, RunState, WorkState};
use serde_json::{Value, json};

use super::bed::story;
use crate::world::weather::Storm;

/// What a feature branch shows in the end.
const FINE: [&str; 3] =
    ["pointsman success", "pointsman/application/lint success", "pointsman/application/test success"];

#[test]
fn events_in_the_wrong_order_and_twice_end_a_run_all_the_same() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "disorder");
        bed.hold_events_of("acme/disorder");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        bed.ends(&pushed, "Succeeded").await;
        // The sweep is not waited for: the last event is told first.
        for event in bed.held_of("acme/disorder").iter().rev() {
            bed.tell(event).await;
            bed.tell(event).await;
        }
        bed.run(&pushed, RunState::Succeeded).await;
        bed.shows(ForgeKind::Github, "disorder", &pushed, &FINE).await;
        bed.settled(&pushed).await;
    });
}

#[test]
fn an_event_before_the_start_has_answered_is_not_lost() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "early");
        let pushed = repo.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        // Only an event can have brought the execution: the start has not answered.
        bed.until("an event has come", &pushed, async || {
            bed.runs(&pushed.commit).await.last().is_some_and(|run| run.execution.is_some())
        })
        .await;
        bed.answer_now.notify_one();
        bed.run(&pushed, RunState::Succeeded).await;
        bed.settled(&pushed).await;
        let run = bed.run(&pushed, RunState::Succeeded).await;
        let executions = bed.executions(&pushed.commit).await;
        assert_eq!(
            executions.iter().map(|(_, id, _)| Some(id.as_str())).collect::<Vec<_>>(),
            [run.execution.as_deref()]
        );
        bed.shows(ForgeKind::Github, "early", &pushed, &FINE).await;
    });
}

/// Whose a run is and how far it is; late events of its own may still say where a log is.
fn stands(run: &Run) -> (Option<&str>, Vec<WorkState>) {
    let stages = run.stages.iter().map(|it| it.work.state);
    (run.execution.as_deref(), stages.chain(run.environments.iter().map(|it| it.deploy.state)).collect())
}

#[test]
fn an_execution_that_is_not_ours_moves_no_run_even_when_it_says_it_is() {
    story(async |bed| {
        let repo = bed.repo(ForgeKind::Github, "foreign");
        let pushed = repo.push("main", |work| work.write("src/b.rs", "fn b() {}\n"));
        bed.deliver(&pushed.delivery).await;
        // An event of its own may come after that of the gate.
        bed.until("all before the gate is told", &pushed, async || {
            let runs = bed.runs(&pushed.commit).await;
            runs.last().is_some_and(|run| run.environments[0].deploy.state == WorkState::Succeeded)
        })
        .await;
        let before = bed.run(&pushed, RunState::Waiting).await;
        let [(pipeline, ours, _)] = &bed.executions(&pushed.commit).await[..] else { panic!("one execution") };
        let told =
            bed.ask("GetPipelineExecution", json!({"pipelineName": pipeline, "pipelineExecutionId": ours})).await;
        let named = |it: &Value| json!({"name": it["name"], "value": it["resolvedValue"]});
        let variables: Vec<_> = told["pipelineExecution"]["variables"].as_array().unwrap().iter().map(named).collect();
        // Without a revision of its own it fails at its source; somebody who names the object may go further.
        let started = bed.ask("StartPipelineExecution", json!({"name": pipeline, "variables": variables})).await;
        let foreign = started["pipelineExecutionId"].as_str().unwrap();
        bed.logged(&["an execution that is not ours", foreign]).await;
        bed.until("it has failed", &pushed, async || {
            bed.executions(&pushed.commit).await.iter().any(|(_, id, status)| id == foreign && status == "Failed")
        })
        .await;
        bed.sweep().await;
        let after = bed.run(&pushed, RunState::Waiting).await;
        assert_eq!(stands(&after), stands(&before), "nothing has moved");
        bed.decide(&after, "prod", "approve").await;
        bed.run(&pushed, RunState::Succeeded).await;
        bed.settled(&pushed).await;
    });
}

/// An event of CodePipeline, whatever its detail is.
fn event(detail: &Value) -> Value {
    json!({
        "version": "0", "id": "e", "source": "aws.codepipeline", "region": "eu-central-1", "account": "123456789012",
        "detail-type": "CodePipeline Pipeline Execution State Change", "time": "2026-11-20T12:00:00Z", "resources": [],
        "detail": detail,
    })
}

/// An execution of our pipeline has come to a state.
fn of_execution(id: &str, state: &str) -> Value {
    event(&json!({"pipeline": "pointsman-application", "execution-id": id, "state": state, "version": 1.0}))
}

#[test]
fn what_is_no_event_is_logged_and_dropped_and_what_is_no_message_is_a_dead_letter() {
    story(async |bed| {
        let sns = aws_sdk_sns::Client::new(&bed.here());
        let publish = async |message: String| {
            sns.publish().topic_arn(bed.router.named("Callbacks")).message(message).send().await.unwrap();
        };
        publish("{not json".to_owned()).await;
        bed.logged(&["can never be read and is dropped", "no event of EventBridge"]).await;
        publish(event(&json!({"pipeline": {"no": "name"}})).to_string()).await;
        bed.logged(&["can never be read and is dropped", "an event of CodePipeline that cannot be read"]).await;
        let deep = ["[".repeat(60_000), "]".repeat(60_000)].concat();
        publish(event(&Value::Null).to_string().replace("null", &deep)).await;
        bed.logged(&["can never be read and is dropped", "recursion limit"]).await;
        bed.tell(&of_execution("0b0b0b0b-0000-4000-8000-000000000000", "ODD")).await;
        bed.logged(&["can never be read and is dropped", "in the state \\\"ODD"]).await;
        // As large as SNS takes them: in what nobody reads, and in what is looked up.
        let mut huge = of_execution("0b0b0b0b-0000-4000-8000-000000000001", "FAILED");
        huge["detail"]["padding"] = json!("x".repeat(250_000));
        bed.tell(&huge).await;
        bed.tell(&of_execution(&"0b".repeat(100_000), "FAILED")).await;
        bed.logged(&["can never be read and is dropped", "no execution's id"]).await;

        let sqs = aws_sdk_sqs::Client::new(&bed.here());
        let sent = sqs.send_message().queue_url(bed.router.named("Deliveries")).message_body("{\"not\": \"ours\"}");
        sent.message_group_id("nobody's").message_deduplication_id("not ours").send().await.unwrap();
        bed.logged(&["a message of the queue cannot be read"]).await;
        bed.comes("it is a dead letter", async || {
            bed.waiting("DeadDeliveries").await.iter().any(|body| body.contains("\"not\": \"ours\""))
        })
        .await;
        let lost = bed.waiting("LostEvents").await;
        assert!(!lost.iter().any(|body| body.contains("ODD")), "what can never be read is not told again: {lost:#?}");
    });
}

#[test]
fn an_event_that_cannot_be_taken_three_times_is_put_aside() {
    story(async |bed| {
        let execution = "0b0b0b0b-0000-4000-8000-000000000002";
        bed.weather.worsen(Storm::Throttled, execution);
        bed.tell(&of_execution(execution, "FAILED")).await;
        bed.logged(&["it must be told again", "the table is throttled"]).await;
        bed.comes("it lies with the lost events", async || {
            bed.waiting("LostEvents").await.iter().any(|body| body.contains(execution))
        })
        .await;
        assert!(bed.weather.clear(execution) >= 3);
    });
}
