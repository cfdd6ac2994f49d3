//! Trying rules: a push that never happened, and a file that is not in force. Forms only; no script is needed.

use maud::{Markup, html};
use router::rules::{Comparison, Receipt};

use super::{Page, Tone};
use crate::http::rules::Described;

/// Both forms, empty.
pub(super) fn forms() -> Markup {
    html! {
        section aria-labelledby="try" {
            h2 id="try" { "Try a push" }
            (push_form(&Described::default()))
        }
        section aria-labelledby="plan" {
            h2 id="plan" { "Try another rule file" }
            (file_form())
        }
    }
}

fn push_form(described: &Described) -> Markup {
    html! {
        form.try method="get" action="/rules/try" {
            label { "Branch " input name="branch" value=(described.branch); }
            label { "or tag " input name="tag" value=(described.tag); }
            label { "Repository " input name="repo" value=(described.repo) placeholder="the first that is named"; }
            label { "Who pushes " input name="actor" value=(described.actor); }
            label { "Message " input name="message" value=(described.message); }
            label { "Changed files, one a line, or the word unknown" textarea name="changed" rows="4" { (described.changed) } }
            div.buttons { button { "Where does it go?" } }
        }
    }
}

fn file_form() -> Markup {
    html! {
        form.try method="post" action="/rules/plan" {
            label { "The whole file" textarea name="file" rows="8" spellcheck="false" {} }
            div.buttons { button { "What would change?" } }
        }
    }
}

/// Where a push goes.
pub(crate) fn tried(described: &Described, receipt: &Receipt) -> Page {
    let main = html! {
        h1 { "Try a push" }
        section.receipt aria-label="Receipt" { pre { code { (receipt.to_text()) } } }
        (push_form(described))
        p { a href="/rules" { "The rules in force" } }
    };
    Page { version: super::version([receipt.to_text()]), ..Page::still("Try a push", Tone::Brand, main) }
}

/// What another file would change, or what is wrong with it.
pub(crate) fn planned(compared: &Result<Comparison, Vec<String>>) -> Page {
    let main = html! {
        h1 { "Try another rule file" }
        @match compared {
            Ok(compared) => {
                p.lead { (compared.summary()) }
                @if !compared.groups().is_empty() {
                    table.plan {
                        thead { tr { th { "Pushes" } th { "Today" } th { "Then" } th { "For example" } } }
                        tbody {
                            @for group in compared.groups() {
                                tr {
                                    td { (group.count) }
                                    td { (group.from) }
                                    td { (group.to) }
                                    td { @for example in &group.examples {
                                        p { a href={ "/deliveries/" (example.delivery) } { (example.event) } }
                                    } }
                                }
                            }
                        }
                    }
                }
            }
            Err(problems) => {
                p.lead { "This is no rule file that could be in force." }
                ul { @for problem in problems { li.problem { (problem) } } }
            }
        }
        (file_form())
        p { a href="/rules" { "The rules in force" } }
    };
    let words = match compared {
        Ok(compared) => compared.to_text(),
        Err(problems) => problems.join("\n"),
    };
    Page { version: super::version([words]), ..Page::still("Try another rule file", Tone::Brand, main) }
}
