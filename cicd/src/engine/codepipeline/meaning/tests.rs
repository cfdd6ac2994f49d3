use std::collections::BTreeMap;

use router::id::GitRef;
use router::run::{RunState, WorkState};

use super::super::build::Build;
use super::super::sample::{main_run, run};
use super::super::seen::Kind;
use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn action(stage: &str, name: &str, state: ActionState) -> Action {
    let kind = if name == "gate" { Kind::Approval } else { Kind::CodeBuild };
    let (id, by, external, url, words, build) = (format!("{stage}-{name}"), None, None, None, None, None);
    Action { stage: stage.to_owned(), name: name.to_owned(), id, kind, state, by, external, url, words, build }
}

fn execution(state: ExecutionState, actions: Vec<Action>) -> Execution {
    Execution { state, summary: None, variables: BTreeMap::new(), actions, attempts: BTreeMap::new() }
}

fn all() -> Vec<Action> {
    use ActionState::Succeeded;
    [("source", "source"), ("lint", "lint"), ("test", "test"), ("to-prod", "gate"), ("to-prod", "deploy")]
        .map(|(stage, name)| action(stage, name, Succeeded))
        .into()
}

/// The run after all that an execution means.
fn after(run: &Run, execution: &Execution) -> Run {
    let mut run = run.clone();
    for event in news(&run, of_execution(&run, execution), NOW) {
        assert_eq!(run.apply(&event, NOW), Applied::Moved, "{event:?}");
    }
    run
}

fn started() -> Run {
    let mut run = main_run();
    run.apply(&RunEvent::Executing { execution: "e".to_owned() }, NOW);
    run
}

#[test]
fn a_look_brings_everything_that_was_missed() {
    let run = after(&started(), &execution(ExecutionState::Succeeded, all()));
    assert_eq!((run.state, run.because.as_str()), (RunState::Succeeded, "deployed to prod"));
    assert_eq!(news(&run, of_execution(&run, &execution(ExecutionState::Succeeded, all())), NOW), []);
}

#[test]
fn every_end_of_an_execution_is_an_end_of_its_run() {
    use ExecutionState::{Cancelled, Failed, InProgress, Stopped, Stopping, Succeeded, Superseded};
    for (state, expected, words) in [
        (Failed, RunState::Failed, "the execution failed on AWS: why"),
        (Stopped, RunState::Stopped, "stopped by somebody on AWS"),
        (Superseded, RunState::Stopped, "let a newer execution pass it"),
        (Cancelled, RunState::Stopped, "its pipeline was changed"),
        (Succeeded, RunState::Failed, "without all that was decided"),
        (InProgress, RunState::Running, "running"),
        (Stopping, RunState::Running, "running"),
    ] {
        let run = after(&started(), &Execution { summary: Some("why".to_owned()), ..execution(state, vec![]) });
        assert_eq!(run.state, expected, "{state:?}");
        assert!(run.because.contains(words), "{}", run.because);
        assert_eq!(state.is_final(), run.state.is_terminal());
    }
}

#[test]
fn every_end_of_an_action_is_an_end_of_its_stage() {
    for (state, expected) in [
        (ActionState::Failed, (RunState::Failed, WorkState::Failed)),
        (ActionState::Abandoned, (RunState::Stopped, WorkState::Stopped)),
        (ActionState::Cancelled, (RunState::Stopped, WorkState::Stopped)),
        (ActionState::InProgress, (RunState::Running, WorkState::Running)),
        (ActionState::Succeeded, (RunState::Running, WorkState::Succeeded)),
    ] {
        let run = after(&started(), &execution(ExecutionState::InProgress, vec![action("lint", "lint", state)]));
        assert_eq!((run.state, run.stages[0].work.state), expected, "{state:?}");
    }
}

#[test]
fn a_build_says_how_its_stage_ended() {
    let ended = |build: Build| {
        let failed = Action { build: Some(build), ..action("lint", "lint", ActionState::Failed) };
        after(&started(), &execution(ExecutionState::InProgress, vec![failed])).stages[0].work.clone()
    };
    let log = Some("https://console.aws.amazon.com/x".to_owned());
    let failed = ended(Build { detail: "BUILD: make: exit status 7".to_owned(), log: log.clone(), ..Build::default() });
    assert_eq!((failed.detail.as_str(), &failed.log), ("BUILD: make: exit status 7", &log));
    assert_eq!(ended(Build { timed_out: true, ..Build::default() }).detail, "ended after its timeout of 3600 s");
    assert_eq!(ended(Build { stopped: true, ..Build::default() }).state, WorkState::Stopped);
    assert_eq!(ended(Build { log: Some("javascript:alert(1)".to_owned()), ..Build::default() }).log, None);
}

#[test]
fn a_source_that_fails_ends_the_run_in_words() {
    let failed = Action { words: Some("no such key".to_owned()), ..action("source", "source", ActionState::Failed) };
    let run = after(&started(), &execution(ExecutionState::Failed, vec![failed]));
    assert_eq!(run.because, "CodePipeline cannot take the commit's files: no such key");
}

#[test]
fn what_somebody_answers_on_aws_is_what_it_is() {
    let arn = Some("arn:aws:sts::111122223333:assumed-role/Admin/lee".to_owned());
    let gate = |state, by: &Option<String>, words: &str| Action {
        by: by.clone(),
        words: Some(words.to_owned()),
        ..action("to-prod", "gate", state)
    };
    let at = |gate: Action, state| {
        let mut actions = all();
        actions.truncate(3);
        actions.push(gate);
        after(&started(), &execution(state, actions))
    };
    let passed = at(gate(ActionState::Succeeded, &arn, "fine"), ExecutionState::InProgress);
    assert_eq!(passed.because, "deploying to prod");
    assert_eq!(passed.environments[0].gate.approvals[0].by.as_str(), "assumed-role/Admin/lee on AWS");
    let rejected = at(gate(ActionState::Failed, &arn, "not today"), ExecutionState::Failed);
    assert_eq!(rejected.state, RunState::Rejected);
    assert_eq!(rejected.because, "assumed-role/Admin/lee on AWS said no at prod: not today");
    let late = at(gate(ActionState::Failed, &arn, "The approval timed out"), ExecutionState::Failed);
    assert_eq!((late.state, late.because.contains("timed out")), (RunState::Failed, true));
    let changed = at(gate(ActionState::Failed, &None, ""), ExecutionState::InProgress);
    assert_eq!((changed.state, changed.because.contains("closed on AWS")), (RunState::Failed, true));
    let abandoned = at(gate(ActionState::Abandoned, &None, ""), ExecutionState::Stopped);
    assert_eq!((abandoned.state, abandoned.because.as_str()), (RunState::Stopped, "stopped by somebody on AWS"));
}

#[test]
fn a_deploy_behind_a_closed_gate_is_no_news_and_unknown_actions_mean_nothing() {
    let run = started();
    let deploy = action("to-prod", "deploy", ActionState::InProgress);
    assert_eq!(news(&run, of_action(&run, &deploy), NOW), []);
    for (stage, name) in [("other", "other"), ("lint", "another"), ("to-nowhere", "gate"), ("to-prod", "other")] {
        for state in [ActionState::InProgress, ActionState::Failed, ActionState::Succeeded, ActionState::Cancelled] {
            assert_eq!(news(&run, of_action(&run, &action(stage, name, state)), NOW), [], "{stage} {name} {state:?}");
        }
    }
}

#[test]
fn a_deploy_in_steps_is_over_with_the_last_or_with_a_failure() {
    let mut before = started();
    for event in news(&before, of_execution(&before, &execution(ExecutionState::InProgress, all()[..3].to_vec())), NOW)
    {
        before.apply(&event, NOW);
    }
    before.environments[0].gate.state = GateState::Open;
    let step = |name, state| execution(ExecutionState::InProgress, vec![action("to-prod", name, state)]);
    let first = after(&before, &step("deploy-1-prepare", ActionState::Succeeded));
    assert_eq!(first.environments[0].deploy.state, WorkState::Running);
    assert_eq!(after(&first, &step("deploy-1", ActionState::Succeeded)), first);
    assert_eq!(after(&first, &step("deploy", ActionState::Succeeded)).state, RunState::Succeeded);
    assert_eq!(after(&first, &step("deploy-1", ActionState::Failed)).state, RunState::Failed);
}

#[test]
fn events_in_any_order_and_twice_end_where_the_truth_does() {
    let truth = execution(ExecutionState::Succeeded, all());
    // A small deterministic shuffle: every rotation, forwards and backwards, all twice, and the truth at the end.
    let mut whole: Vec<Action> = all();
    whole.extend(all().into_iter().map(|action| Action { state: ActionState::InProgress, ..action }));
    for turn in 0..whole.len() {
        whole.rotate_left(1);
        for order in [whole.clone(), whole.iter().rev().cloned().collect()] {
            let mut run = started();
            for action in order.iter().chain(&order) {
                for event in news(&run, of_action(&run, action), NOW) {
                    run.apply(&event, NOW);
                }
            }
            let run = if run.state.is_terminal() { run } else { after(&run, &truth) };
            assert_eq!(run.state, RunState::Succeeded, "turn {turn}: {}", run.because);
        }
    }
}

#[test]
fn a_run_of_nothing_but_stages_ends_with_the_last() {
    let run = run(GitRef::Branch("feature".to_owned()), &["lint"], &[]);
    let truth = execution(ExecutionState::InProgress, vec![action("lint", "lint", ActionState::Succeeded)]);
    assert_eq!(after(&run, &truth).state, RunState::Succeeded);
}
