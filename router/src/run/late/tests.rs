use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::sample::{at, deployed, opened, planned, reached, run};
use super::*;
use crate::id::GitRef;
use crate::run::{Artifact, Person, RunState, Stop};
use crate::status::{Known, StatusState, desired};

fn started(stage: &str) -> RunEvent {
    RunEvent::StageStarted { stage: stage.parse().unwrap() }
}

/// A stage that succeeds leaves an artifact.
fn ended(stage: &str, outcome: Outcome) -> RunEvent {
    let stage: crate::id::StageName = stage.parse().unwrap();
    let artifact = Artifact { stage: stage.clone(), sha256: stage.to_string(), bytes: 1 };
    let artifact = (outcome == Outcome::Succeeded).then_some(artifact);
    RunEvent::StageEnded { stage, outcome, artifact, exports: BTreeMap::new() }
}

fn failed() -> Outcome {
    Outcome::Failed("exit status 3".to_owned())
}

fn deploying(environment: &str) -> RunEvent {
    RunEvent::DeployStarted { environment: environment.parse().unwrap() }
}

fn dana(answer: &str) -> RunEvent {
    let (environment, by, comment) = ("prod".parse().unwrap(), Person::new("dana").unwrap(), String::new());
    match answer {
        "yes" => RunEvent::Approved { environment, by, also: Vec::new(), teams: Vec::new(), comment },
        _ => RunEvent::Rejected { environment, by, comment },
    }
}

fn stopped_on_aws() -> RunEvent {
    RunEvent::StopAsked { stop: Stop::By(Person::new("somebody on AWS").unwrap()) }
}

fn sample() -> Run {
    run(&[planned("main", &["lint", "test"], &["test", "prod"])])
}

/// Applies all, each of which must move the run.
fn after(events: &[RunEvent]) -> Run {
    let mut run = sample();
    for (second, event) in events.iter().enumerate() {
        assert_eq!(run.apply(event, at(second as i64)), Applied::Moved, "{event:?} on {}", run.because);
    }
    run
}

/// What the commit shows, but for how long it took.
fn shown(run: &Run) -> Vec<(String, StatusState)> {
    let runs = std::slice::from_ref(run);
    let git_ref = GitRef::Branch("main".to_owned());
    let known = Known { git_ref: &git_ref, runs, all_runs: runs, decision: None, base_url: "http://here" };
    desired(&known).into_iter().map(|status| (status.context, status.state)).collect()
}

#[test]
fn a_success_that_a_failure_has_overtaken_is_taken_all_the_same() {
    let mut run = after(&[RunEvent::Started, started("lint"), ended("test", failed())]);
    assert_eq!((run.state, run.stages[0].work.state), (RunState::Failed, WorkState::Stopped));
    assert!(run.lacks_verdicts());
    let before = run.clone();
    assert_eq!(run.apply(&ended("lint", Outcome::Succeeded), at(60)), Applied::Moved);
    assert_eq!((run.stages[0].work.state, run.stages[0].work.ended_at), (WorkState::Succeeded, Some(at(2))));
    assert_eq!((run.state, &run.because, run.ended_at), (RunState::Failed, &before.because, before.ended_at));
    assert!(shown(&run).contains(&("pointsman/application/lint".to_owned(), StatusState::Success)));
    assert_eq!(run.apply(&ended("lint", failed()), at(61)), Applied::Stale("it is over"));
    assert_eq!(run.apply(&started("lint"), at(61)), Applied::Stale("it has started"));
    assert_eq!(run.apply(&RunEvent::Started, at(61)), Applied::Stale("the run is over"));
}

#[test]
fn a_failure_that_the_end_has_overtaken_is_taken_all_the_same() {
    let mut run = after(&[RunEvent::Failed { why: "the execution failed on AWS".to_owned() }]);
    assert_eq!(run.apply(&started("lint"), at(3)), Applied::Moved);
    assert_eq!(run.stages[0].work.state, WorkState::Stopped, "it was at work, and how it ended is not known yet");
    assert_eq!(run.apply(&ended("lint", failed()), at(4)), Applied::Moved);
    assert_eq!((run.stages[0].work.state, run.stages[0].work.detail.as_str()), (WorkState::Failed, "exit status 3"));
    assert_eq!(run.because, "the execution failed on AWS");
    assert_eq!(run.apply(&ended("other", failed()), at(5)), Applied::Stale("the run is over, and had no such step"));
}

#[test]
fn a_deploy_under_way_at_the_end_gets_its_verdict_and_one_behind_a_closed_gate_has_none() {
    let mut events = vec![ended("lint", Outcome::Succeeded), ended("test", Outcome::Succeeded)];
    events.extend([reached("test"), opened("test"), deploying("test"), stopped_on_aws()]);
    let mut run = after(&events);
    assert_eq!(run.environments[0].deploy.state, WorkState::Stopped);
    assert_eq!(run.apply(&deployed("test", Outcome::Stopped), at(7)), Applied::Stale("it was stopped with the run"));
    assert_eq!(run.apply(&deployed("test", Outcome::Succeeded), at(8)), Applied::Moved);
    assert_eq!(run.environments[0].deploy.state, WorkState::Succeeded);
    for event in [deploying("prod"), deployed("prod", Outcome::Succeeded), reached("prod"), opened("prod")] {
        assert!(matches!(run.apply(&event, at(9)), Applied::Stale(_)), "{event:?}");
    }
}

#[test]
fn what_an_earlier_stage_left_does_not_take_the_place_of_what_a_later_one_left() {
    let run = after(&[ended("test", Outcome::Succeeded), ended("lint", Outcome::Succeeded)]);
    assert_eq!(run.artifact.unwrap().stage.as_str(), "test");
}

#[test]
fn a_gate_waits_until_all_that_is_before_it_is_told() {
    let mut run = after(&[ended("test", Outcome::Succeeded), reached("test")]);
    assert_eq!(run.because, "waits at test: how lint ended is not known yet");
    assert_eq!(run.apply(&opened("test"), at(3)), Applied::Stale("what is before it is not over yet"));
    assert_eq!(run.apply(&ended("lint", Outcome::Succeeded), at(4)), Applied::Moved);
    assert_eq!(run.because, "waits until test is free");
    assert_eq!(run.apply(&opened("test"), at(5)), Applied::Moved);
    for event in [reached("prod"), dana("yes")] {
        assert_eq!(run.apply(&event, at(6)), Applied::Moved);
    }
    assert_eq!(run.because, "waits at prod: how the deploy to test ended is not known yet");
    assert_eq!(run.apply(&opened("prod"), at(7)), Applied::Stale("what is before it is not over yet"));
    assert_eq!(run.apply(&deployed("test", Outcome::Succeeded), at(8)), Applied::Moved);
    assert_eq!(run.apply(&opened("prod"), at(9)), Applied::Moved);
}

#[test]
fn an_early_gate_of_a_run_whose_stage_turns_out_to_have_failed_never_opens() {
    let mut run = after(&[reached("test"), ended("lint", Outcome::Succeeded)]);
    assert_eq!(run.apply(&opened("test"), at(3)), Applied::Stale("what is before it is not over yet"));
    assert_eq!(run.apply(&ended("test", failed()), at(4)), Applied::Moved);
    assert_eq!((run.state, run.environments[0].gate.state), (RunState::Failed, GateState::Closed));
}

/// What happens in an engine, in its order, up to a gate of ours and behind it.
struct Story {
    happens: Vec<Vec<RunEvent>>,
    dana: &'static str,
}

/// The stories differ in the step that is the last, and in how it ends: by itself, well or not, or stopped by somebody there.
fn story(last: usize, outcome: &Outcome, dana: &'static str) -> Story {
    let well = *outcome == Outcome::Succeeded;
    let last = if well { last.max(1) } else { last };
    let mut happens = vec![Vec::new()];
    for step in 0..=last {
        let outcome = if step == last { outcome.clone() } else { Outcome::Succeeded };
        let name = ["lint", "test", "test", "prod"][step];
        if step < 2 {
            happens[0].extend([started(name), ended(name, outcome)]);
        } else {
            happens.last_mut().unwrap().push(reached(name));
            happens.push(vec![deploying(name), deployed(name, outcome)]);
        }
    }
    happens.last_mut().unwrap().extend(match outcome {
        // The execution goes on to the next gate.
        Outcome::Succeeded => (last < 3).then(|| reached(["test", "prod"][last - 1])),
        Outcome::Stopped => Some(stopped_on_aws()),
        Outcome::Failed(_) | Outcome::TimedOut(_) => Some(RunEvent::Failed { why: "failed on AWS".to_owned() }),
    });
    Story { happens, dana }
}

impl Story {
    /// Tells it in this order, some of it twice; gates open when they may.
    fn told(self, order: &[(usize, bool)]) -> Run {
        let mut run = sample();
        let mut happens = self.happens.into_iter();
        let mut untold = happens.next().unwrap_or_default();
        let mut order = order.iter().cycle();
        while !untold.is_empty() {
            let (index, twice) = order.next().unwrap();
            let at_index = index % untold.len();
            let event = if *twice { untold[at_index].clone() } else { untold.remove(at_index) };
            run.apply(&event, at(0));
            run.apply(&dana(self.dana), at(0));
            for environment in ["test", "prod"] {
                if run.apply(&opened(environment), at(0)) == Applied::Moved {
                    untold.extend(happens.next().unwrap_or_default());
                }
            }
        }
        run
    }
}

type Verdicts = (RunState, Vec<WorkState>, Vec<(String, StatusState)>);

fn verdicts(run: &Run) -> Verdicts {
    let stages = run.stages.iter().map(|stage| stage.work.state);
    let parts = stages.chain(run.environments.iter().map(|place| place.deploy.state)).collect();
    (run.state, parts, shown(run))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// In whatever order one run's events come, and however often, its parts end the same and its commit shows the same.
    #[test]
    fn every_order_of_events_ends_the_same(
        last in 0usize..4,
        outcome in prop_oneof![Just(Outcome::Succeeded), Just(failed()), Just(Outcome::TimedOut(3)), Just(Outcome::Stopped)],
        answer in prop_oneof![Just("yes"), Just("no")],
        order in prop::collection::vec((any::<usize>(), prop::bool::weighted(0.3)), 1..40)
            .prop_filter("all is told some day", |order| order.iter().any(|(_, twice)| !twice)),
    ) {
        let first = [(0, false)];
        let in_order = story(last, &outcome, answer).told(&first);
        let disordered = story(last, &outcome, answer).told(&order);
        prop_assert_eq!(verdicts(&disordered), verdicts(&in_order));
    }
}
