use proptest::prelude::*;

use super::super::sample::{at, deployed, opened, planned, reached, run};
use super::*;
use crate::run::{Identity, Team};

fn stage_ended(stage: &str, outcome: Outcome) -> RunEvent {
    RunEvent::StageEnded { stage: stage.parse().unwrap(), outcome, artifact: None, exports: BTreeMap::new() }
}

fn person(name: &str) -> Person {
    Person::new(name).unwrap()
}

fn approved(environment: &str, by: &str) -> RunEvent {
    RunEvent::Approved {
        environment: environment.parse().unwrap(),
        by: person(by),
        also: Vec::new(),
        teams: Vec::new(),
        comment: String::new(),
    }
}

fn superseded() -> RunEvent {
    RunEvent::StopAsked { stop: Stop::SupersededBy("b".repeat(40).parse().unwrap()) }
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

fn to_prod() -> Vec<RunEvent> {
    vec![
        RunEvent::Started,
        stage_ended("lint", Outcome::Succeeded),
        stage_ended("test", Outcome::Succeeded),
        reached("test"),
        opened("test"),
        deployed("test", Outcome::Succeeded),
        reached("prod"),
    ]
}

#[test]
fn a_run_learns_what_the_engine_calls_it_once_even_when_it_is_over() {
    let named = |name: &str| RunEvent::Executing { execution: name.to_owned() };
    let mut run = after(&[named("e-1")]);
    assert_eq!((run.state, run.execution.as_deref()), (RunState::Running, Some("e-1")));
    assert!(matches!(run.apply(&named("e-2"), at(1)), Applied::Stale(_)));
    let mut over = after(&[RunEvent::StopAsked { stop: Stop::By(person("dana")) }]);
    assert_eq!(over.apply(&named("e-1"), at(2)), Applied::Moved);
    assert_eq!((over.state, over.execution.as_deref(), over.ended_at), (RunState::Stopped, Some("e-1"), Some(at(0))));
}

#[test]
fn a_yes_counts_by_a_team_that_a_forge_says_they_are_in_and_keeps_by_which() {
    let mut planned = planned("main", &["test"], &["prod"]);
    let approval = planned.plan.environments[0].approval.as_mut().unwrap();
    approval.people.extend(["github:acme/leads", "gitlab:acme/leads"].map(str::to_owned));
    let mut run = run(&[planned]);
    for event in [RunEvent::Started, stage_ended("test", Outcome::Succeeded), reached("prod")] {
        assert_eq!(run.apply(&event, at(0)), Applied::Moved);
    }
    let by = |name: &str, in_teams: &[&str]| RunEvent::Approved {
        environment: "prod".parse().unwrap(),
        by: person(name),
        also: vec![Identity::new("github:zoe-z").unwrap()],
        teams: in_teams.iter().map(|team| Team::new(team).unwrap()).collect(),
        comment: String::new(),
    };
    for stranger in [by("zoe", &[]), by("zoe", &["github:acme/others", "gitlab:acme"])] {
        assert_eq!(run.apply(&stranger, at(1)), Applied::Stale("they may not decide here"));
    }
    assert_eq!(run.apply(&by("zoe", &["gitlab:acme/leads"]), at(1)), Applied::Moved);
    assert_eq!(run.apply(&by("eli", &["gitlab:acme/leads"]), at(2)), Applied::Stale("they may not decide here"));
    assert_eq!(run.apply(&by("dana", &[]), at(2)), Applied::Moved);
    let entries: Vec<_> = run.environments[0].gate.approvals.iter().map(|vote| vote.entry.as_deref()).collect();
    assert_eq!(entries, [Some("gitlab:acme/leads"), Some("user:dana")]);
}

#[test]
fn a_gate_that_was_passed_in_the_engine_is_open_and_says_who() {
    let mut events = to_prod();
    events.push(RunEvent::GatePassed { environment: "prod".parse().unwrap(), by: person("aws") });
    let mut run = after(&events);
    assert_eq!(run.environments[1].gate.approvals[0].by, person("aws"));
    assert_eq!(run.because, "deploying to prod");
    assert_eq!(run.apply(&deployed("prod", Outcome::Succeeded), at(9)), Applied::Moved);
    assert_eq!(run.state, RunState::Succeeded);
}

#[test]
fn a_log_elsewhere_is_remembered() {
    let log = RunEvent::StageLog { stage: "lint".parse().unwrap(), url: "https://log".to_owned() };
    let run = after(&[RunEvent::Started, log, stage_ended("lint", Outcome::Failed("no".to_owned()))]);
    assert_eq!((run.stages[0].work.log.as_deref(), run.stages[0].work.detail.as_str()), (Some("https://log"), "no"));
}

#[test]
fn a_gate_waits_for_its_window_and_says_so() {
    use crate::pipeline::{Calendar, Window};
    use jiff::civil::time;
    let mut planned = planned("main", &["test"], &["prod"]);
    let place = &mut planned.plan.environments[0];
    place.approval = None;
    // `at(0)` is a Tuesday, 22:13:20 in UTC.
    let window = Window { days: vec![3], from: time(9, 0, 0, 0), to: time(16, 0, 0, 0) };
    place.calendar = Some(Calendar { zone: "UTC".to_owned(), windows: vec![window], freezes: vec![] });
    let mut run = run(&[planned]);
    let environment: EnvironmentName = "prod".parse().unwrap();
    let open = RunEvent::GateOpened { environment: environment.clone() };
    let held = RunEvent::GateHeld { environment: environment.clone() };
    run.apply(&RunEvent::Started, at(0));
    let stage = run.stages[0].name.clone();
    let ended = RunEvent::StageEnded { stage, outcome: Outcome::Succeeded, artifact: None, exports: BTreeMap::new() };
    run.apply(&ended, at(1));
    run.apply(&RunEvent::GateReached { environment }, at(2));
    assert_eq!(run.because, "prod waits until wed 2023-11-15 09:00 UTC, when its window opens");
    assert_eq!(run.apply(&open, at(3)), Applied::Stale("the environment takes nothing at this hour"));
    assert_eq!(run.apply(&held, at(3)), Applied::Stale("it says so already"));
    // Eleven hours later it is open; had nobody taken it until it closed again, the words would follow.
    assert_eq!(run.apply(&held, at(11 * 3600)), Applied::Stale("the calendar does not hold it"));
    assert_eq!(run.apply(&held, at(18 * 3600)), Applied::Moved);
    assert_eq!(run.because, "prod waits until wed 2023-11-22 09:00 UTC, when its window opens");
    assert_eq!(run.apply(&open, at(11 * 3600 + 7 * 86400)), Applied::Moved);
}

#[test]
fn the_whole_way_ends_in_success() {
    let mut events = to_prod();
    events.extend([approved("prod", "dana"), opened("prod"), deployed("prod", Outcome::Succeeded)]);
    let run = after(&events);
    assert_eq!((run.state, run.because.as_str()), (RunState::Succeeded, "deployed to prod"));
    assert_eq!(run.ended_at, Some(at(9)));
}

#[test]
fn a_waiting_run_says_for_whom() {
    let run = after(&to_prod());
    assert_eq!((run.state, run.because.as_str()), (RunState::Waiting, "waits at prod for 1 of release-managers"));
    let run = after(&to_prod()[..4]);
    assert_eq!(run.because, "waits until test is free");
}

#[test]
fn a_failing_stage_ends_the_run_with_its_words() {
    let run = after(&[RunEvent::Started, stage_ended("lint", Outcome::Failed("exit status 7".to_owned()))]);
    assert_eq!((run.state, run.because.as_str()), (RunState::Failed, "lint failed: exit status 7"));
    assert_eq!(run.stages[1].work.state, WorkState::Pending);
}

#[test]
fn a_gate_opens_only_when_enough_people_said_yes() {
    let mut run = after(&to_prod());
    assert_eq!(run.apply(&opened("prod"), at(20)), Applied::Stale("people are still needed"));
    assert_eq!(run.apply(&approved("prod", "eli"), at(20)), Applied::Stale("they may not decide here"), "the author");
    assert_eq!(run.apply(&approved("prod", "mallory"), at(20)), Applied::Stale("they may not decide here"));
    assert_eq!(run.apply(&approved("prod", "dana"), at(20)), Applied::Moved);
    assert_eq!(run.apply(&approved("prod", "dana"), at(21)), Applied::Stale("they said so before"));
    assert_eq!(run.apply(&opened("prod"), at(22)), Applied::Moved);
}

#[test]
fn a_gate_closes_when_its_time_is_over() {
    let mut run = after(&to_prod());
    let expired = RunEvent::GateExpired { environment: "prod".parse().unwrap() };
    assert_eq!(run.apply(&expired, at(3605)), Applied::Stale("the gate still has time"));
    assert_eq!(run.apply(&approved("prod", "dana"), at(3606)), Applied::Stale("the gate's time is over"));
    assert_eq!(run.apply(&expired, at(3606)), Applied::Moved);
    assert_eq!((run.state, run.environments[1].gate.state), (RunState::Expired, GateState::Closed));
}

#[test]
fn a_no_ends_the_run() {
    let mut run = after(&to_prod());
    let no = RunEvent::Rejected {
        environment: "prod".parse().unwrap(),
        by: person("dana"),
        comment: "not on a Friday".to_owned(),
    };
    assert_eq!(run.apply(&no, at(9)), Applied::Moved);
    assert_eq!((run.state, run.because.as_str()), (RunState::Rejected, "dana said no at prod: not on a Friday"));
}

#[test]
fn a_newer_push_stops_a_stage_but_never_a_deploy() {
    let run = after(&[RunEvent::Started, RunEvent::StageStarted { stage: "lint".parse().unwrap() }, superseded()]);
    assert_eq!((run.state, run.stages[0].work.state), (RunState::Superseded, WorkState::Stopped));

    let mut run = after(&to_prod()[..5]);
    assert_eq!(run.apply(&superseded(), at(9)), Applied::Moved);
    assert_eq!(run.state, RunState::Running, "the deploy to test goes on");
    assert_eq!(run.apply(&deployed("test", Outcome::Succeeded), at(10)), Applied::Moved);
    assert_eq!((run.state, run.because.as_str()), (RunState::Superseded, "superseded by bbbbbbbb"));
}

#[test]
fn a_newer_push_takes_the_place_of_what_was_to_follow_the_last_deploy() {
    let mut first = run(&[planned("infra", &["synth"], &["test"]), planned("main", &["lint"], &[])]);
    for event in [stage_ended("synth", Outcome::Succeeded), reached("test"), opened("test"), superseded()] {
        assert_eq!(first.apply(&event, at(1)), Applied::Moved);
    }
    assert_eq!(first.apply(&deployed("test", Outcome::Succeeded), at(2)), Applied::Moved);
    assert_eq!((first.state, first.because.as_str()), (RunState::Superseded, "superseded by bbbbbbbb"));
    assert!(first.successor(at(3)).is_none());

    let mut alone = run(&[planned("infra", &["synth"], &["test"])]);
    for event in [stage_ended("synth", Outcome::Succeeded), reached("test"), opened("test"), superseded()] {
        assert_eq!(alone.apply(&event, at(1)), Applied::Moved);
    }
    alone.apply(&deployed("test", Outcome::Succeeded), at(2));
    assert_eq!(alone.state, RunState::Succeeded, "all that it was asked for is done");
}

#[test]
fn a_person_stops_everything_at_once() {
    let mut run = after(&to_prod()[..5]);
    run.apply(&RunEvent::StopAsked { stop: Stop::By(person("dana")) }, at(9));
    assert_eq!((run.state, run.because.as_str()), (RunState::Stopped, "stopped by dana"));
}

#[test]
fn events_may_come_late_and_out_of_order() {
    let mut run = after(&[stage_ended("test", Outcome::Succeeded), stage_ended("lint", Outcome::Succeeded)]);
    assert_eq!(run.state, RunState::Running);
    let late = RunEvent::StageStarted { stage: "lint".parse().unwrap() };
    assert_eq!(run.apply(&late, at(5)), Applied::Stale("the stage has started"));
    assert_eq!(run.apply(&RunEvent::Started, at(5)), Applied::Stale("it has started"));
}

#[test]
fn a_chain_goes_on_only_after_success() {
    let chain = [planned("infra", &["synth"], &[]), planned("main", &["lint"], &[])];
    let mut first = run(&chain);
    assert!(first.successor(at(1)).is_none());
    first.apply(&stage_ended("synth", Outcome::Succeeded), at(1));
    let second = first.successor(at(2)).unwrap();
    assert_eq!((second.key.route.as_str(), second.state), ("main", RunState::Queued));
    assert_ne!(second.id, first.id);
    assert!(second.then.is_empty());
    let again = first.again("sha256:1", &chain, at(3)).unwrap();
    assert_eq!((again.key.attempt, again.rules.as_str(), again.state), (2, "sha256:1", RunState::Queued));
    assert!(first.again("sha256:1", &chain[1..], at(3)).is_none(), "another route's chain");
}

fn any_event() -> impl Strategy<Value = RunEvent> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Succeeded),
        1 => Just(Outcome::Failed("no".to_owned())),
        1 => Just(Outcome::TimedOut(3)),
        1 => Just(Outcome::Stopped),
    ];
    let stage = prop_oneof![Just("lint"), Just("test"), Just("other")];
    let place = prop_oneof![Just("test"), Just("prod"), Just("other")];
    let who = prop_oneof![Just("dana"), Just("eli"), Just("mallory")];
    prop_oneof![
        1 => Just(RunEvent::Started),
        2 => stage.clone().prop_map(|stage| RunEvent::StageStarted { stage: stage.parse().unwrap() }),
        4 => (stage, outcome.clone()).prop_map(|(stage, outcome)| stage_ended(stage, outcome)),
        4 => place.clone().prop_map(reached),
        4 => place.clone().prop_map(opened),
        3 => (place.clone(), who).prop_map(|(place, who)| approved(place, who)),
        1 => place.clone().prop_map(|place| RunEvent::Rejected { environment: place.parse().unwrap(), by: person("dana"), comment: String::new() }),
        1 => place.clone().prop_map(|place| RunEvent::GateExpired { environment: place.parse().unwrap() }),
        2 => place.clone().prop_map(|place| RunEvent::DeployStarted { environment: place.parse().unwrap() }),
        4 => (place.clone(), outcome).prop_map(|(place, outcome)| deployed(place, outcome)),
        1 => Just(RunEvent::Executing { execution: "e-1".to_owned() }),
        1 => place.clone().prop_map(|place| RunEvent::GatePassed { environment: place.parse().unwrap(), by: person("aws") }),
        1 => Just(RunEvent::StageLog { stage: "lint".parse().unwrap(), url: "https://log".to_owned() }),
        1 => Just(RunEvent::DeployLog { environment: "test".parse().unwrap(), url: "https://log".to_owned() }),
        1 => Just(RunEvent::Failed { why: "gone".to_owned() }),
        1 => Just(superseded()),
        1 => Just(RunEvent::StopAsked { stop: Stop::By(person("dana")) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes, in whatever order and however often.
    #[test]
    fn what_always_holds(events in prop::collection::vec((any_event(), 0i64..400), 0..60)) {
        let mut run = sample();
        let mut now = 0;
        for (event, later) in events {
            now += later;
            let before = run.clone();
            match run.apply(&event, at(now)) {
                Applied::Stale(_) => prop_assert_eq!(&run, &before, "a stale event changes nothing"),
                Applied::Moved if before.state.is_terminal() => {
                    let mut same = Run { execution: None, ..run.clone() };
                    for (now, then) in same.stages.iter_mut().zip(&before.stages) {
                        prop_assert!(!then.work.has_verdict() || now.work.state == then.work.state, "a verdict stands");
                        now.work = then.work.clone();
                    }
                    for (now, then) in same.environments.iter_mut().zip(&before.environments) {
                        prop_assert!(!then.deploy.has_verdict() || now.deploy.state == then.deploy.state, "a verdict stands");
                        now.deploy = then.deploy.clone();
                    }
                    let before = Run { execution: None, ..before };
                    prop_assert_eq!(&same, &before, "a run that is over learns its name, and how its parts ended");
                }
                Applied::Moved => {}
            }
            prop_assert_eq!(run.ended_at.is_some(), run.state.is_terminal());
            if run.state.is_terminal() {
                prop_assert!(run.deploy_under_way().is_none() || run.state != RunState::Superseded, "a newer push never stops a deploy");
                prop_assert!(run.waiting_at().is_none(), "no gate waits behind the end");
                prop_assert!(run.stages.iter().all(|stage| stage.work.state != WorkState::Running));
                prop_assert!(run.environments.iter().all(|place| place.deploy.state != WorkState::Running));
            }
            if run.environments[1].gate.state == GateState::Open {
                prop_assert!(!run.environments[1].gate.approvals.is_empty(), "prod opens only after a yes");
            }
            if run.state == RunState::Succeeded {
                prop_assert!(run.environments.iter().all(|place| place.deploy.state == WorkState::Succeeded));
            }
        }
    }

    /// Two equal events in a row are one.
    #[test]
    fn doubled_events_are_stale(events in prop::collection::vec(any_event(), 0..40)) {
        let mut run = sample();
        for (second, event) in events.iter().enumerate() {
            run.apply(event, at(second as i64));
            prop_assert!(matches!(run.apply(event, at(second as i64)), Applied::Stale(_)));
        }
    }
}
