//! The rules in force.

use maud::html;
use router::rules::Rules;

use super::{Page, Tone};

/// The page: the routes in the order in which they are tried.
pub(crate) fn page(rules: &Rules) -> Page {
    let ignored: Vec<_> = rules.ignored().collect();
    let main = html! {
        h1 { "Rules" }
        p.lead { "In force: " code { (rules.hash()) } }
        @if !ignored.is_empty() {
            section aria-labelledby="ignored" {
                h2 id="ignored" { "Ignored, looked at first" }
                ol.routes { @for (name, words) in ignored { li { b { (name) } p { (words) } } } }
            }
        }
        section aria-labelledby="routes" {
            h2 id="routes" { "Routes, the first match owns the push" }
            ol.routes { @for (name, words) in rules.routes() { li { b { (name) } p { (words) } } } }
        }
    };
    Page { version: rules.hash().to_owned(), ..Page::still("Rules", Tone::Brand, main) }
}
