//! The first page: what waits for people, what runs, what ran.

use jiff::Timestamp;
use maud::{Markup, html};
use router::run::{Run, RunState};

use super::super::home::RECENT;
use super::super::visit::Visit;
use super::runs::{list, list_version};
use super::{Page, Tone, gate, version};

/// How many are shown of what waits and of what is under way; a storm of pushes must not make a page of megabytes.
const SHOWN: usize = 100;

/// The page, of the live runs and the newest ones.
pub(crate) fn page(visit: &Visit, live: &[Run], recent: &[Run], now: Timestamp) -> Page {
    let waiting: Vec<Markup> = live
        .iter()
        .flat_map(|run| gate::waiting(run).map(move |(place, approval)| (run, place, approval)))
        .map(|(run, place, approval)| gate::card(visit, run, place, approval, true, now))
        .collect();
    let mut at_work: Vec<&Run> = live.iter().filter(|run| gate::waiting(run).next().is_none()).collect();
    at_work.reverse();
    let over: Vec<&Run> = recent.iter().filter(|run| run.state.is_terminal()).collect();
    let main = html! {
        h1.hidden { "Runs" }
        @if !waiting.is_empty() {
            section.waiting aria-labelledby="waiting" {
                h2 id="waiting" { "Waiting for you " span.count { (waiting.len()) } }
                @for card in waiting.iter().take(SHOWN) { (card) }
                (left_out(waiting.len()))
            }
        }
        @if !at_work.is_empty() {
            section aria-labelledby="live-runs" {
                h2 id="live-runs" { "Under way " span.count { (at_work.len()) } }
                (list(at_work.iter().copied().take(SHOWN), now))
                (left_out(at_work.len()))
            }
        }
        section aria-labelledby="recent" {
            h2 id="recent" { "Recent" }
            @if recent.is_empty() { (nothing_yet()) }
            @else if over.is_empty() { p.empty { "Nothing has come to its end yet." } }
            @else { (list(over.iter().copied(), now)) }
            @if let Some(last) = recent.last().filter(|_| recent.len() == RECENT) {
                nav.pager aria-label="More" { a href={ "/runs?before=" (last.id) } { "Older" } }
            }
        }
    };
    Page {
        live: live.iter().any(|run| matches!(run.state, RunState::Queued | RunState::Running)),
        version: version([list_version(live.iter()), list_version(recent.iter())]),
        ..Page::still(title(waiting.len(), at_work.len()), tone(waiting.len(), &at_work, &over), main)
    }
}

fn left_out(all: usize) -> Markup {
    html! { @if all > SHOWN { p.hint { "and " (all - SHOWN) " more" } } }
}

fn title(waiting: usize, at_work: usize) -> String {
    match (waiting, at_work) {
        (0, 0) => "Runs".to_owned(),
        (0, at_work) => format!("{at_work} under way"),
        (waiting, _) => format!("{waiting} waiting"),
    }
}

fn tone(waiting: usize, at_work: &[&Run], over: &[&Run]) -> Tone {
    match (waiting, at_work.is_empty()) {
        (1.., _) => Tone::Wait,
        (0, false) => Tone::Busy,
        (0, true) => over.first().map_or(Tone::Brand, |run| run.state.into()),
    }
}

fn nothing_yet() -> Markup {
    html! {
        div.empty {
            p { "No run yet. The first push that a route matches starts one." }
            p { "Pushes that start nothing have a receipt too: see " a href="/deliveries" { "the deliveries" } "." }
        }
    }
}
