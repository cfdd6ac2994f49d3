use super::*;
use crate::run::sample::{at, planned, run};
use crate::run::{Outcome, RunEvent, Stop};

const BASE: &str = "http://127.0.0.1:8700";

fn shown(runs: &[Run]) -> Vec<String> {
    let known = Known { git_ref: &runs[0].key.git_ref, runs, all_runs: runs, decision: None, base_url: BASE };
    desired(&known).iter().map(|s| format!("{} {:?} {}", s.context, s.state, s.description)).collect()
}

fn ended(stage: &str, outcome: Outcome) -> RunEvent {
    RunEvent::StageEnded { stage: stage.parse().unwrap(), outcome, artifact: None, exports: Default::default() }
}

#[test]
fn a_running_run_shows_where_it_stands() {
    let mut run = run(&[planned("main", &["lint", "test"], &["test"]), planned("next", &["lint"], &[])]);
    run.apply(&RunEvent::StageStarted { stage: "lint".parse().unwrap() }, at(1));
    assert_eq!(
        shown(&[run]),
        [
            "pointsman/application/lint Running at work",
            "pointsman/application/test Pending not begun",
            "pointsman/application/deploy/test Pending not begun",
            "pointsman Running main: running lint, then next",
        ]
    );
}

#[test]
fn every_status_of_a_run_that_ended_is_final() {
    let stop = RunEvent::StopAsked { stop: Stop::SupersededBy("b".repeat(40).parse().unwrap()) };
    for last in
        [ended("lint", Outcome::Failed("exit status 1".to_owned())), stop, RunEvent::Failed { why: "gone".into() }]
    {
        let mut run = run(&[planned("main", &["lint", "test"], &["test", "prod"])]);
        run.apply(&RunEvent::StageStarted { stage: "lint".parse().unwrap() }, at(1));
        run.apply(&last, at(13));
        let known = Known {
            git_ref: &run.key.git_ref,
            runs: std::slice::from_ref(&run),
            all_runs: std::slice::from_ref(&run),
            decision: None,
            base_url: BASE,
        };
        assert!(desired(&known).iter().all(|status| status.state.is_final()), "{:?}", desired(&known));
    }
}

#[test]
fn a_failure_is_told_with_its_time() {
    let mut run = run(&[planned("main", &["lint"], &[])]);
    run.apply(&RunEvent::StageStarted { stage: "lint".parse().unwrap() }, at(1));
    run.apply(&ended("lint", Outcome::Failed("exit status 1".to_owned())), at(131));
    assert_eq!(
        shown(&[run]),
        [
            "pointsman/application/lint Failure exit status 1, 2m10s",
            "pointsman Failure main: lint failed: exit status 1",
        ]
    );
}

#[test]
fn a_new_attempt_takes_the_old_ones_place() {
    let mut first = run(&[planned("main", &["lint"], &[])]);
    first.apply(&ended("lint", Outcome::Failed("exit status 1".to_owned())), at(1));
    let second = first.again("sha256:0", &[planned("main", &["lint"], &[])], at(2)).unwrap();
    assert_eq!(
        shown(&[first, second]),
        ["pointsman/application/lint Pending not begun", "pointsman Pending main: queued"]
    );
}

#[test]
fn the_verdict_is_about_all_routes_of_the_commit() {
    let mut infra = run(&[planned("infra", &["synth"], &[]), planned("main", &["lint"], &[])]);
    infra.apply(&ended("synth", Outcome::Succeeded), at(1));
    let main = infra.successor(at(2)).unwrap();
    let told = shown(&[infra, main]);
    assert_eq!(told.last().unwrap(), "pointsman Pending main: queued");
}

#[test]
fn long_words_are_cut_on_a_character() {
    let cut = cut(&"ü🚀\n".repeat(100));
    assert_eq!(cut.chars().count(), DESCRIPTION_MAX);
    assert!(cut.ends_with('…') && !cut.contains('\n'));
}

#[test]
fn times_read_as_people_say_them() {
    let took = |millis: i64| duration(at(0), Timestamp::from_millisecond(at(0).as_millisecond() + millis).unwrap());
    assert_eq!(
        [took(-5), took(450), took(12_300), took(130_000), took(3_780_000)],
        ["0.0s", "0.4s", "12s", "2m10s", "1h03m"]
    );
}
