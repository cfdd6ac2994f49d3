//! Runs in a list.

use jiff::Timestamp;
use maud::{Markup, html};
use router::run::Run;

use super::{Page, Tone, badge, parts, version};

/// One row for each run.
pub(crate) fn list<'a>(runs: impl IntoIterator<Item = &'a Run>, now: Timestamp) -> Markup {
    html! {
        ol.runs {
            @for run in runs {
                li class=(Tone::from(run.state).as_str()) {
                    (badge(run.state.into(), run.state.as_str()))
                    div.what {
                        a.title href={ "/runs/" (run.id) } { bdi { (parts::title(run)) } }
                        p.meta {
                            (parts::origin(run))
                            span { "route " b { (run.key.route) } }
                            @if !run.actor.is_empty() { span { "by " bdi { (run.actor) } } }
                            @if run.key.attempt > 1 { span { "attempt " (run.key.attempt) } }
                        }
                    }
                    (parts::small_track(run))
                    span.when { (parts::age(run.created_at, now)) }
                }
            }
        }
    }
}

/// What the list was made of.
pub(crate) fn list_version<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    version(runs.into_iter().map(|run| format!("{} {}", run.id, run.version)))
}

/// The page of older runs.
pub(crate) fn page(runs: &[Run], most: usize, now: Timestamp) -> Page {
    let older = runs.last().filter(|_| runs.len() == most);
    let main = html! {
        h1 { "Runs" }
        @if runs.is_empty() { p.empty { "No older runs." } } @else { (list(runs, now)) }
        nav.pager aria-label="More" {
            a href="/" { "Newest" }
            @if let Some(last) = older { a href={ "/runs?before=" (last.id) } { "Older" } }
        }
    };
    let live = runs.iter().any(|run| !run.state.is_terminal());
    Page { live, version: list_version(runs), ..Page::still("Runs", Tone::Brand, main) }
}
