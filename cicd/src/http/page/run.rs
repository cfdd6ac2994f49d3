//! One run: where it stands, its track, its gates, what can be done, and where it came from.

use jiff::Timestamp;
use maud::{Markup, html};
use router::run::{EnvironmentRun, GateState, Run, StageRun, Work};
use router::status::Status;

use super::super::log::steps;
use super::super::visit::Visit;
use super::{Page, Tone, badge, gate, parts, version};

/// What a run's page is made of.
pub(crate) struct Seen<'a> {
    /// The run.
    pub(crate) run: &'a Run,
    /// The step whose log is shown.
    pub(crate) step: Option<&'a str>,
    /// What its commit shows at the forge.
    pub(crate) statuses: &'a [Status],
}

/// The page; the log is its tail.
pub(crate) fn page(visit: &Visit, seen: &Seen<'_>, log: Markup, log_length: u64, now: Timestamp) -> Page {
    let run = seen.run;
    let main = html! {
        (head(run, now))
        (track(seen, now))
        @for (place, approval) in gate::waiting(run) { (gate::card(visit, run, place, approval, false, now)) }
        (buttons(run))
        (facts(seen))
    };
    let statuses = seen.statuses.iter().map(|status| format!("{} {}", status.context, status.description));
    let made_of = [run.version.to_string(), log_length.to_string(), seen.step.unwrap_or_default().to_owned()];
    Page {
        title: format!("{}: {}", run.state.as_str(), parts::title(run)),
        tone: run.state.into(),
        live: !run.state.is_terminal(),
        version: version(made_of.into_iter().chain(statuses)),
        main,
        tail: log,
    }
}

fn head(run: &Run, now: Timestamp) -> Markup {
    let whole = Work { started_at: Some(run.created_at), ended_at: run.ended_at, ..Work::default() };
    html! {
        div.run-head {
            div.line { (badge(run.state.into(), run.state.as_str())) span.took { (parts::took(&whole, now)) } }
            h1 { bdi { (parts::title(run)) } }
            p.meta {
                (parts::origin(run))
                span { "route " b { (run.key.route) } }
                span { "pipeline " b { (run.plan.pipeline) } }
                @if !run.actor.is_empty() { span { "by " bdi { (run.actor) } } }
                @if run.key.attempt > 1 { span { "attempt " (run.key.attempt) } }
                (parts::age(run.created_at, now))
            }
            p.because { (run.because) }
        }
    }
}

fn track(seen: &Seen<'_>, now: Timestamp) -> Markup {
    let run = seen.run;
    html! {
        nav.track aria-label="Stages and environments" {
            ol {
                @for stage in &run.stages { (stage_stop(seen, stage, now)) }
                @for place in &run.environments {
                    (gate_stop(run, place))
                    (stop(seen, &format!("deploy-{}", place.name), place.name.as_str(), &place.deploy, "deploy", now))
                }
            }
        }
    }
}

fn stage_stop(seen: &Seen<'_>, stage: &StageRun, now: Timestamp) -> Markup {
    let planned = seen.run.plan.stages.iter().find(|planned| planned.name == stage.name);
    let compute = planned.map(|planned| planned.step.compute.to_string()).unwrap_or_default();
    stop(seen, stage.name.as_str(), stage.name.as_str(), &stage.work, &compute, now)
}

fn stop(seen: &Seen<'_>, step: &str, name: &str, work: &Work, kind: &str, now: Timestamp) -> Markup {
    let tone = Tone::from(work.state);
    let is_shown = (seen.step == Some(step)).then_some("true");
    let artifact = seen.run.artifact.as_ref();
    let made_here = artifact.filter(|artifact| artifact.stage.as_str() == step);
    let came_here = artifact.filter(|_| step.starts_with("deploy-") && work.started_at.is_some());
    html! {
        li class={ "stop " (tone.as_str()) } {
            a href={ "/runs/" (seen.run.id) "?step=" (step) "#log" } aria-current=[is_shown] {
                span.mark { (tone) }
                span.name { (name) }
                span.sub { span { (parts::word(work.state)) } @if work.started_at.is_some() { " " (parts::took(work, now)) } }
                span.sub { (kind) }
                @if let Some(artifact) = made_here.or(came_here) {
                    span.sub.artifact title={ "artifact sha256:" (artifact.sha256) } { "▣ " (gate::short(&artifact.sha256)) }
                }
            }
            @if !work.detail.is_empty() { p.detail { (work.detail) } }
        }
    }
}

fn gate_stop(run: &Run, place: &EnvironmentRun) -> Markup {
    let tone = Tone::from(place.gate.state);
    let people = run.plan.environments.iter().find(|planned| planned.name == place.name);
    let people = people.and_then(|planned| planned.approval.as_ref());
    let is_met = run.missing_at(&place.name) == 0;
    html! {
        li class={ "stop gate " (tone.as_str()) } {
            span.station {
                span.mark { span { (tone) } }
                span.name { "gate" }
                span.sub { span { (parts::gate_word(place.gate.state)) } }
                @if let Some(approval) = people { span.sub { (place.gate.approvals.len()) " of " (approval.wanted(&run.makers())) " yes" } }
                @if place.gate.state == GateState::Waiting && is_met { span.sub { "until " (place.name) " is free" } }
            }
        }
    }
}

/// What can be done about the run. A stop is asked for twice: it cannot be taken back.
fn buttons(run: &Run) -> Markup {
    let retry = html! {
        form method="post" action={ "/runs/" (run.id) "/retry" } { button { "Run again" } }
    };
    html! {
        div.actions {
            @if run.state.is_terminal() { (retry) }
            @else if run.stopping.is_some() { p.hint { "Stops when the deploy under way is over." } }
            @else {
                details.confirm {
                    summary { "Stop" }
                    form method="post" action={ "/runs/" (run.id) "/cancel" } {
                        span { "Stop this run for good?" }
                        button.no { "Yes, stop it" }
                    }
                }
            }
        }
    }
}

fn facts(seen: &Seen<'_>) -> Markup {
    let run = seen.run;
    html! {
        details.facts {
            summary { "Decision, artifact and statuses" }
            dl {
                dt { "Decision" }
                dd { @for delivery in &run.deliveries { a href={ "/deliveries/" (delivery) } { "receipt " (delivery) } " " } }
                dt { "Rules" }
                dd { code { (run.rules) } }
                dt { "Commit" }
                dd { code { (run.key.commit) } }
                @if let Some(artifact) = &run.artifact {
                    dt { "Artifact" }
                    dd { code { "sha256:" (artifact.sha256) } " of " (artifact.stage) ", " (artifact.bytes) " bytes" }
                }
                @if let Some(next) = run.then.first() { dt { "Then" } dd { "route " (next.route) } }
                @for place in run.environments.iter().filter(|place| !place.gate.approvals.is_empty()) {
                    dt { "Yes for " (place.name) }
                    dd { @for vote in &place.gate.approvals {
                        span.vote { bdi { (vote.by) } (gate::by_team(vote)) ", " (parts::time(vote.at)) @if !vote.comment.is_empty() { ": " q { (vote.comment) } } } " "
                    } }
                }
                dt { "Run" }
                dd { code { (run.id) } " " a href={ "/runs/" (run.id) ".json" } { "JSON" } }
            }
            @if !seen.statuses.is_empty() { (statuses(seen.statuses)) }
        }
    }
}

fn statuses(statuses: &[Status]) -> Markup {
    html! {
        h2 { "On the commit" }
        ul.statuses {
            @for status in statuses {
                li class=(Tone::from(status.state).as_str()) { (Tone::from(status.state)) b { (status.context) } span { (status.description) } }
            }
        }
    }
}

/// The step to show when the reader has chosen none: what is at work, else what failed, else what came last.
pub(crate) fn current_step(run: &Run) -> Option<String> {
    let all: Vec<_> = steps(run).collect();
    let with = |tone: Tone| all.iter().find(|(_, work)| Tone::from(work.state) == tone);
    let last = || all.iter().rev().find(|(_, work)| work.started_at.is_some());
    with(Tone::Busy).or_else(|| with(Tone::Bad)).or_else(last).or(all.first()).map(|(name, _)| name.clone())
}
