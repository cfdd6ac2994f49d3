//! The rules in force.

use maud::{Markup, html};
use router::rules::Rules;

use super::{Page, Tone};

/// How many entries are listed; a file may have a hundred thousand.
const SHOWN: usize = 500;

/// The page: the routes in the order in which they are tried.
pub(crate) fn page(rules: &Rules) -> Page {
    let ignored = entries(rules.ignored().map(|(name, words)| (name.to_owned(), words)));
    let routes = entries(rules.routes().map(|(name, words)| (name.to_string(), words)));
    let main = html! {
        h1 { "Rules" }
        p.lead { "In force: " code { (rules.hash()) } }
        @if rules.ignored().next().is_some() {
            section aria-labelledby="ignored" {
                h2 id="ignored" { "Ignored, looked at first" }
                (ignored)
            }
        }
        section aria-labelledby="routes" {
            h2 id="routes" { "Routes, the first match owns the push" }
            (routes)
        }
    };
    Page { version: rules.hash().to_owned(), ..Page::still("Rules", Tone::Brand, main) }
}

fn entries(mut all: impl Iterator<Item = (String, String)>) -> Markup {
    let shown: Vec<_> = all.by_ref().take(SHOWN).collect();
    let left = all.count();
    html! {
        ol.routes { @for (name, words) in shown { li { b { (name) } p { (words) } } } }
        @if left > 0 { p.hint { "and " (left) " more: see " a href="/rules.json" { "the whole list" } } }
    }
}
