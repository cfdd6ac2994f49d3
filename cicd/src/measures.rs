//! What is counted and measured, all of it: `/metrics` tells it as Prometheus reads it, docs/operations.md says what to watch.
//!
//! * Labels hold words of ours and names of the settings and the rule file: forges, routes, pipelines, stages, environments. Nothing
//!   that a push says is a label, so no sender makes a series.
//! * What has happened is counted by a use case when it is durable. What waits is asked of the store at each look, because another
//!   process may have written it: see [`Store::backlog`](crate::store::Store::backlog).
//! * Times are the service's own clock's.

use std::sync::OnceLock;

use jiff::Timestamp;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use router::id::ForgeName;
use router::rules::Verdict;
use router::run::{Run, RunEvent, Work, WorkState};

use crate::store::{Backlog, Decided, Waiting};

/// One thing that is counted or measured.
struct Measure {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    /// It only grows.
    Counter,
    /// It is as it is now.
    Gauge,
    /// How long things took, by these upper bounds in seconds.
    Histogram(&'static [f64]),
}

/// From a quick lint to `CodeBuild`'s longest build.
const STAGE_BUCKETS: &[f64] =
    &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 28_800.0, 129_600.0];
/// From a feature's tests to a release that waited a week at its gate.
const RUN_BUCKETS: &[f64] =
    &[30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0];

/// Webhooks, by `forge`, `outcome` (`received`, `repeated`, `rejected`, `unread`, `unavailable`) and the `reason` of a rejection.
const DELIVERIES: &str = "pointsman_deliveries_total";
/// Messages of topics, by `outcome`.
const CALLBACKS: &str = "pointsman_callbacks_total";
/// Decisions, by `decision` (`start`, `ignore`, `nothing`, `refused`) and `route` (`ignore:<name>` for an `ignore` entry, empty for none).
const DECISIONS: &str = "pointsman_decisions_total";
/// Runs that came to their end, by `pipeline` and `state`.
const RUN_SECONDS: &str = "pointsman_run_duration_seconds";
/// Stages and deploys that came to their end, by `pipeline`, `stage` (`deploy/<environment>` for a deploy) and `outcome`.
const STAGE_SECONDS: &str = "pointsman_stage_duration_seconds";
/// What the sweep put right, by `what`.
const REPAIRS: &str = "pointsman_sweep_repairs_total";
/// Sweeps, by `outcome` (`done`, `failed`).
const SWEEPS: &str = "pointsman_sweeps_total";
/// Stored things that could not be read, by `what`.
const UNREADABLE: &str = "pointsman_unreadable_total";
/// What waits, by `queue` (`decisions`, `starts`, `statuses`).
const QUEUE_LENGTH: &str = "pointsman_queue_length";
/// How long the oldest of it waits, by `queue`.
const QUEUE_SECONDS: &str = "pointsman_queue_oldest_seconds";
/// 1 while the store answers.
const STORE_UP: &str = "pointsman_store_up";
/// 1 while the rule file as it stands is not the one in force.
const RULES_BAD: &str = "pointsman_rules_bad";

#[rustfmt::skip]
const ALL: [Measure; 12] = [
    Measure { name: DELIVERIES, kind: Kind::Counter, unit: Unit::Count, help: "Webhooks, by what became of them." },
    Measure { name: CALLBACKS, kind: Kind::Counter, unit: Unit::Count, help: "Messages of SNS topics, by what became of them." },
    Measure { name: DECISIONS, kind: Kind::Counter, unit: Unit::Count, help: "Decisions about deliveries, by what was decided and the route that decided it." },
    Measure { name: RUN_SECONDS, kind: Kind::Histogram(RUN_BUCKETS), unit: Unit::Seconds, help: "From a run's decision to its end, waits at gates included." },
    Measure { name: STAGE_SECONDS, kind: Kind::Histogram(STAGE_BUCKETS), unit: Unit::Seconds, help: "From the begin of a stage or deploy to its end." },
    Measure { name: REPAIRS, kind: Kind::Counter, unit: Unit::Count, help: "What the sweep found lost or wrong and put right." },
    Measure { name: SWEEPS, kind: Kind::Counter, unit: Unit::Count, help: "Sweeps of everything." },
    Measure { name: UNREADABLE, kind: Kind::Counter, unit: Unit::Count, help: "Stored things that could not be read." },
    Measure { name: QUEUE_LENGTH, kind: Kind::Gauge, unit: Unit::Count, help: "What waits: deliveries for a decision, runs for an engine, commits for their statuses; counted up to a limit." },
    Measure { name: QUEUE_SECONDS, kind: Kind::Gauge, unit: Unit::Seconds, help: "How long the oldest of what waits has waited; 0 when nothing does." },
    Measure { name: STORE_UP, kind: Kind::Gauge, unit: Unit::Count, help: "1 while the store can be read, else 0." },
    Measure { name: RULES_BAD, kind: Kind::Gauge, unit: Unit::Count, help: "1 while the rule file as it stands is bad and the last good one stays in force, else 0." },
];

/// There is one recorder of what happens for the whole process.
static RECORDED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Counts from now on. Where somebody else counts already, `/metrics` tells only what waits.
pub(crate) fn record() {
    RECORDED.get_or_init(|| {
        let recorder = recorder();
        let handle = recorder.handle();
        with_local_recorder(&recorder, || describe(|kind| !matches!(kind, Kind::Gauge)));
        let installed = metrics::set_global_recorder(recorder);
        installed.inspect_err(|error| tracing::warn!(%error, "metrics are not counted")).ok().map(|()| handle)
    });
}

fn recorder() -> PrometheusRecorder {
    let all = ALL.iter().filter_map(|measure| match measure.kind {
        Kind::Histogram(buckets) => Some((measure.name, buckets)),
        Kind::Counter | Kind::Gauge => None,
    });
    let builder = all.fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets).expect("there are buckets")
    });
    builder.build_recorder()
}

fn describe(which: impl Fn(Kind) -> bool) {
    for Measure { name, kind, unit, help } in ALL.iter().filter(|measure| which(measure.kind)) {
        match kind {
            Kind::Counter => describe_counter!(*name, *unit, *help),
            Kind::Gauge => describe_gauge!(*name, *unit, *help),
            Kind::Histogram(_) => describe_histogram!(*name, *unit, *help),
        }
    }
}

/// All of it as Prometheus reads it.
pub(crate) fn render(backlog: Option<&Backlog>, rules_are_bad: bool, now: Timestamp) -> String {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        describe(|kind| matches!(kind, Kind::Gauge));
        gauge!(STORE_UP).set(f64::from(u8::from(backlog.is_some())));
        gauge!(RULES_BAD).set(f64::from(u8::from(rules_are_bad)));
        let queues = |of: &Backlog| [("decisions", of.decisions), ("starts", of.starts), ("statuses", of.statuses)];
        for (queue, Waiting { count, since }) in backlog.into_iter().flat_map(queues) {
            let age = since.map_or(0.0, |since| seconds(since, now));
            gauge!(QUEUE_LENGTH, "queue" => queue).set(f64::from(count));
            gauge!(QUEUE_SECONDS, "queue" => queue).set(age);
        }
    });
    let counted = RECORDED.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    counted + &recorder.handle().render()
}

/// Puts what was measured into its buckets, which else grows until somebody looks.
#[cfg(feature = "machine")]
pub(crate) fn tidy() {
    if let Some(recorded) = RECORDED.get().and_then(Option::as_ref) {
        recorded.run_upkeep();
    }
}

/// A webhook was answered.
pub(crate) fn delivery(forge: &ForgeName, outcome: &'static str, reason: &'static str) {
    counter!(DELIVERIES, "forge" => forge.to_string(), "outcome" => outcome, "reason" => reason).increment(1);
}

/// A message of a topic was answered.
#[cfg(feature = "machine")]
pub(crate) fn callback(outcome: &'static str) {
    counter!(CALLBACKS, "outcome" => outcome).increment(1);
}

/// A delivery is decided.
pub(crate) fn decided(decided: &Decided) {
    let verdict = &decided.decision.verdict;
    let route = match verdict {
        Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => route.to_string(),
        Verdict::Ignore { rule } => format!("ignore:{rule}"),
        Verdict::Nothing { route: None } | Verdict::Refused => String::new(),
    };
    counter!(DECISIONS, "decision" => verdict.word(), "route" => route).increment(1);
}

/// A run has moved: what came to its end by that is measured. One that was over before was measured then.
pub(crate) fn moved(run: &Run, event: &RunEvent, was_over: bool) {
    match event {
        RunEvent::StageEnded { stage, .. } => {
            let ended = run.stages.iter().find(|known| known.name == *stage);
            ended.into_iter().for_each(|known| step(run, stage.to_string(), &known.work));
        }
        RunEvent::DeployEnded { environment, .. } => {
            let ended = run.environments.iter().find(|place| place.name == *environment);
            ended.into_iter().for_each(|place| step(run, format!("deploy/{environment}"), &place.deploy));
        }
        _ => {}
    }
    if !was_over {
        ended(run);
    }
}

/// A run that was written is measured when it is over.
pub(crate) fn ended(run: &Run) {
    let Some(at) = run.ended_at.filter(|_| run.state.is_terminal()) else { return };
    let pipeline = run.plan.pipeline.to_string();
    histogram!(RUN_SECONDS, "pipeline" => pipeline, "state" => run.state.as_str()).record(seconds(run.created_at, at));
}

fn step(run: &Run, stage: String, work: &Work) {
    let (Some(start), Some(end)) = (work.started_at, work.ended_at) else { return };
    let outcome = match work.state {
        WorkState::Succeeded => "succeeded",
        WorkState::Failed => "failed",
        WorkState::Pending | WorkState::Running | WorkState::Stopped => "stopped",
    };
    let pipeline = run.plan.pipeline.to_string();
    histogram!(STAGE_SECONDS, "pipeline" => pipeline, "stage" => stage, "outcome" => outcome)
        .record(seconds(start, end));
}

/// The sweep put something right.
pub(crate) fn repaired(what: &'static str) {
    counter!(REPAIRS, "what" => what).increment(1);
}

/// Everything was swept, or could not be.
#[cfg(feature = "machine")]
pub(crate) fn swept(well: bool) {
    counter!(SWEEPS, "outcome" => if well { "done" } else { "failed" }).increment(1);
}

/// Something stored could not be read.
pub(crate) fn unreadable(what: &'static str) {
    counter!(UNREADABLE, "what" => what).increment(1);
}

/// A clock that was set back makes nothing negative.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_measured_is_described_to_operators() {
        let described = include_str!("../../docs/operations.md");
        for Measure { name, .. } in &ALL {
            assert!(
                described.contains(&format!("`{name}`")),
                "docs/operations.md does not say what to do about {name}"
            );
        }
    }

    /// `docs/operations.md`: what to do about each metric, and about nothing else.
    #[test]
    fn every_metric_has_an_alert_that_says_what_to_do() {
        let described = include_str!("../../docs/operations.md");
        let (_, alerts) = described.split_once("groups:").expect("the alerts");
        let (alerts, _) = alerts.split_once("```").expect("their end");
        let words = |text: &str| -> Vec<String> {
            let name = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            text.split(name).filter(|word| word.starts_with("pointsman_")).map(str::to_owned).collect()
        };
        let series = |Measure { name, kind, .. }: &Measure| match kind {
            Kind::Counter | Kind::Gauge => vec![(*name).to_owned()],
            Kind::Histogram(_) => ["_sum", "_count", "_bucket"].map(|end| format!("{name}{end}")).to_vec(),
        };
        let expressions = alerts.lines().filter(|line| !line.contains("alert:")).collect::<Vec<_>>().join("\n");
        let watched = words(&expressions);
        for measure in &ALL {
            assert!(series(measure).iter().any(|name| watched.contains(name)), "no alert looks at {}", measure.name);
        }
        let all: Vec<_> = ALL.iter().flat_map(series).collect();
        for name in &watched {
            assert!(all.contains(name), "an alert looks at {name}, which nobody measures");
        }
        for alert in alerts.lines().filter(|line| line.contains("alert:")) {
            assert!(alert.split_once('#').is_some_and(|(_, does)| does.trim().len() > 20), "what to do? {alert}");
        }
    }

    #[test]
    fn what_waits_is_told_with_its_age_and_a_silent_store_too() {
        let now = Timestamp::from_second(1_000).unwrap();
        let since = |second| Some(Timestamp::from_second(second).unwrap());
        let backlog = Backlog {
            decisions: Waiting { count: 2, since: since(940) },
            starts: Waiting { count: 1, since: since(2_000) },
            statuses: Waiting::default(),
        };
        let told = render(Some(&backlog), false, now);
        for line in [
            "pointsman_queue_length{queue=\"decisions\"} 2",
            "pointsman_queue_oldest_seconds{queue=\"decisions\"} 60",
            "pointsman_queue_oldest_seconds{queue=\"starts\"} 0",
            "pointsman_queue_oldest_seconds{queue=\"statuses\"} 0",
            "pointsman_store_up 1",
            "# TYPE pointsman_queue_length gauge",
        ] {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
        let told = render(None, true, now);
        assert!(told.contains("pointsman_store_up 0") && told.contains("pointsman_rules_bad 1"), "{told}");
        assert!(!told.contains("pointsman_queue_length{"), "{told}");
    }

    #[test]
    fn a_name_of_any_letters_stays_one_label() {
        let recorder = recorder();
        with_local_recorder(&recorder, || repaired("a\"b\\c\nd{e=\"f\"} 1"));
        let told = recorder.handle().render();
        assert!(
            told.lines().any(|line| line == r#"pointsman_sweep_repairs_total{what="a\"b\\c\nd{e=\"f\"} 1"} 1"#),
            "{told}"
        );
    }
}
