//! Deliveries and their receipts.

use jiff::Timestamp;
use maud::{Markup, html};
use router::event::{ChangedFiles, Event};
use router::id::{CommitId, GitRef};
use router::rules::{Decision, Verdict};
use router::run::Run;

use super::{Page, Tone, badge, parts, runs, version};
use crate::store::DeliveryRecord;

/// The list, newest first.
pub(crate) fn list(records: &[DeliveryRecord], most: usize, now: Timestamp) -> Page {
    let older = records.last().filter(|_| records.len() == most);
    let main = html! {
        h1 { "Deliveries" }
        p.lead { "Every webhook leaves a receipt, also when nothing starts." }
        @if records.is_empty() { p.empty { "Nothing has been delivered yet." } }
        ol.runs.deliveries { @for record in records { (row(record, now)) } }
        nav.pager aria-label="More" {
            @if let Some(last) = older { a href={ "/deliveries?before=" (last.delivered.id) } { "Older" } }
        }
    };
    let live = records.iter().any(|record| record.decision.is_none());
    let made_of = records.iter().map(made_of);
    Page { live, version: version(made_of), ..Page::still("Deliveries", Tone::Brand, main) }
}

fn made_of(record: &DeliveryRecord) -> String {
    format!("{} {} {}", record.delivered.id, record.times, record.decision.is_some())
}

fn row(record: &DeliveryRecord, now: Timestamp) -> Markup {
    let (tone, word) = verdict(record.decision.as_ref());
    let event = &record.delivered.event;
    html! {
        li class=(tone.as_str()) {
            (badge(tone, word))
            div.what {
                a.title href={ "/deliveries/" (record.delivered.id) } { bdi { (headline(record)) } }
                p.meta {
                    span.kind { (record.forge) " " (event.word()) }
                    (subject(event))
                    @if record.times > 1 { span { "came " (record.times) " times" } }
                    @if let Some(first) = record.decision.as_ref().and_then(|decision| decision.because.first()) {
                        span { (first) }
                    }
                }
            }
            span.when { (parts::age(record.received_at, now)) }
        }
    }
}

/// What was decided, in few words.
fn headline(record: &DeliveryRecord) -> String {
    match record.decision.as_ref().map(|decision| &decision.verdict) {
        Some(Verdict::Start { chain, .. }) => {
            let routes: Vec<&str> = chain.iter().map(|planned| planned.route.as_str()).collect();
            format!("route {}", routes.join(", then "))
        }
        Some(Verdict::Ignore { rule }) => format!("ignored by {rule}"),
        Some(Verdict::Nothing { route: Some(route) }) => format!("nothing to do, says route {route}"),
        Some(Verdict::Nothing { route: None }) => "nothing to do".to_owned(),
        Some(Verdict::Refused) => "not acted on".to_owned(),
        None => "not decided yet".to_owned(),
    }
}

fn verdict(decision: Option<&Decision>) -> (Tone, &'static str) {
    match decision.map(|decision| &decision.verdict) {
        Some(Verdict::Start { manual: false, .. }) => (Tone::Good, "start"),
        Some(Verdict::Start { manual: true, .. }) => (Tone::Wait, "offered"),
        Some(Verdict::Ignore { .. }) => (Tone::Off, "ignore"),
        Some(Verdict::Nothing { .. }) => (Tone::Off, "nothing"),
        Some(Verdict::Refused) => (Tone::Bad, "refused"),
        None => (Tone::Busy, "deciding"),
    }
}

/// Repository, ref and commit of an event, as far as it has them.
fn subject(event: &Event) -> Markup {
    let (git_ref, commit, actor): (Option<&GitRef>, Option<&CommitId>, &str) = match event {
        Event::Push(push) => (Some(&push.git_ref), Some(&push.commit), &push.actor),
        Event::Deleted(deleted) => (Some(&deleted.git_ref), None, &deleted.actor),
        Event::ChangeRequest(request) => (None, request.commit.as_ref(), &request.actor),
        Event::Comment(about) | Event::Ping(about) | Event::Other(about) => (None, None, &about.actor),
        Event::Unreadable(_) => (None, None, ""),
    };
    html! {
        span.origin {
            @if let Some(repository) = event.repository() { span.repository { (repository.path) } }
            @if let Some(git_ref) = git_ref { (parts::git_ref(git_ref)) }
            @if let Some(commit) = commit { (parts::commit(commit)) }
        }
        @if let Event::ChangeRequest(request) = event {
            span { "#" (request.number) " " (request.action) ": " bdi { (request.source) } " into " bdi { (request.target) } }
        }
        @if !actor.is_empty() { span { "by " bdi { (actor) } } }
    }
}

/// One delivery with its receipt.
pub(crate) fn one(record: &DeliveryRecord, started: &[Run], now: Timestamp) -> Page {
    let decision = record.decision.as_ref();
    let (tone, word) = verdict(decision);
    let main = html! {
        div.run-head {
            div.line { (badge(tone, word)) }
            h1 { (headline(record)) }
            p.meta {
                span.kind { (record.forge) " " (record.delivered.event.word()) }
                (subject(&record.delivered.event))
                (parts::age(record.received_at, now))
                @if record.times > 1 { span { "came " (record.times) " times" } }
            }
        }
        @if started.is_empty() { (offer(record)) }
        @if let Some(decision) = decision { (because(decision)) }
        @if !started.is_empty() {
            section aria-labelledby="runs" { h2 id="runs" { "Runs" } (runs::list(started, now)) }
        }
        (details(record))
    };
    let title = format!("{word}: {}", headline(record));
    let made_of = [made_of(record), runs::list_version(started)];
    let live = decision.is_none() || started.iter().any(|run| !run.state.is_terminal());
    Page { live, version: version(made_of), ..Page::still(title, tone, main) }
}

/// The start that a `start: manual` route offers, until somebody takes it.
fn offer(record: &DeliveryRecord) -> Markup {
    let Some(Verdict::Start { route, manual: true, .. }) = record.decision.as_ref().map(|decision| &decision.verdict)
    else {
        return html! {};
    };
    html! {
        article.gate-card {
            div.what { p.into { "Route " strong { (route) } " waits for a person to start it." } }
            form.answers method="post" action={ "/deliveries/" (record.delivered.id) "/start" } {
                div.buttons { button.yes { "Start" } }
            }
        }
    }
}

fn because(decision: &Decision) -> Markup {
    html! {
        section.receipt aria-labelledby="because" {
            h2 id="because" { "Because" }
            ul { @for reason in &decision.because { li { (reason) } } }
            @if let Some(miss) = &decision.nearest_miss {
                div.miss {
                    p { "Nearest miss: route " b { (miss.route) } ", but " (miss.because) "." }
                    @if !miss.needed.is_empty() {
                        p { "It would have needed" }
                        ul { @for needed in &miss.needed { li { (needed) } } }
                    }
                }
            }
            @for shadow in &decision.shadows {
                p.shadow {
                    "Shadow route " b { (shadow.route) } " would have started "
                    @if shadow.chain.is_empty() { "nothing" }
                    @for (at, planned) in shadow.chain.iter().enumerate() {
                        @if at > 0 { ", then " }
                        b { (planned.route) } " (" (planned.plan.pipeline) ")"
                    }
                    ": " (shadow.because.join(", ")) "."
                }
            }
            @if let Verdict::Start { chain, .. } = &decision.verdict {
                ol.chain {
                    @for planned in chain {
                        li {
                            b { (planned.route) } " runs " b { (planned.plan.pipeline) } ": "
                            @for stage in &planned.plan.stages { span.chip { (stage.name) } }
                            @for place in &planned.plan.environments { span.chip.place { (place.name) } }
                        }
                    }
                }
            }
        }
    }
}

fn details(record: &DeliveryRecord) -> Markup {
    html! {
        section aria-labelledby="details" {
            h2 id="details" { "Delivery" }
            dl {
                dt { "Id" }
                dd { code { (record.delivered.id) } " " a href={ "/deliveries/" (record.delivered.id) ".json" } { "JSON" } }
                dt { "Received" }
                dd { (parts::time(record.received_at)) }
                @if let Some(decision) = &record.decision { dt { "Rules" } dd { code { (decision.rules) } } }
                @match &*record.delivered.event {
                    Event::Push(push) => {
                        dt { "Before" }
                        dd { @match &push.before { Some(before) => { code { (before) } } None => { "nothing: it is new" } } }
                        dt { "Commit" }
                        dd { code { (push.commit) } @if push.forced { " (history was rewritten)" } }
                        dt { "Changed" }
                        dd { (changed(&push.changed)) }
                    }
                    Event::Unreadable(unreadable) => { dt { "Unreadable" } dd { (unreadable.what) ": " (unreadable.why) } }
                    Event::Comment(about) | Event::Ping(about) | Event::Other(about) => { dt { "Event" } dd { (about.what) } }
                    Event::Deleted(_) | Event::ChangeRequest(_) => {}
                }
            }
        }
    }
}

/// Changed files; of thousands the first hundred.
fn changed(changed: &ChangedFiles) -> Markup {
    const SHOWN: usize = 100;
    match changed {
        ChangedFiles::Unknown(why) => html! { "unknown: " (why) },
        ChangedFiles::Known(files) => html! {
            ul.files {
                @for file in files.iter().take(SHOWN) { li { code { bdi { (file) } } } }
                @if files.len() > SHOWN { li { "and " (files.len() - SHOWN) " more" } }
                @if files.is_empty() { li { "nothing" } }
            }
        },
    }
}
