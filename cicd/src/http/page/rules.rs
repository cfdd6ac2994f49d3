//! The rules in force.

use jiff::Timestamp;
use maud::{Markup, html};
use router::rules::{Finding, Proof, Rules, TooTangled};

use super::{Page, Tone, parts, playground};
use crate::hits::Hits;

/// How many entries are listed; a file may have a hundred thousand.
const SHOWN: usize = 500;

/// One entry with what is known of it.
struct Entry {
    name: String,
    words: String,
    hits: u64,
    shadow_hits: u64,
}

/// The page: the routes in the order in which they are tried, how often each was taken, and what is wrong with it.
pub(crate) fn page(rules: &Rules, (since, hits): &(Timestamp, Hits), proof: &Result<Proof, TooTangled>) -> Page {
    let of = |counts: &std::collections::BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
    let ignored = rules.ignored().map(|(name, words)| {
        let hits = of(&hits.ignored, name);
        Entry { name: name.to_owned(), words, hits, shadow_hits: 0 }
    });
    let routes = rules.routes().map(|(name, words)| {
        let (owned, shadow_hits) = (of(&hits.routes, name.as_str()), of(&hits.shadows, name.as_str()));
        Entry { name: name.to_string(), words, hits: owned, shadow_hits }
    });
    let findings = proof.as_ref().map_or(&[][..], |proof| &proof.findings);
    let main = html! {
        h1 { "Rules" }
        p.lead { "In force: " code { (rules.hash()) } }
        p.hint { "Hits are counted since " (parts::time(*since)) ", in UTC." }
        @if let Err(tangled) = proof { p.hint { "Not proved: " (tangled) "." } }
        @if rules.ignored().next().is_some() {
            section aria-labelledby="ignored" {
                h2 id="ignored" { "Ignored, looked at first" }
                (entries(ignored, findings))
            }
        }
        section aria-labelledby="routes" {
            h2 id="routes" { "Routes, the first match owns the push" }
            (entries(routes, findings))
        }
        (elsewhere(rules, findings))
        (playground::forms())
    };
    let made_of = (rules.hash(), since, &hits.routes, &hits.shadows, &hits.ignored);
    Page { version: super::version([format!("{made_of:?}")]), ..Page::still("Rules", Tone::Brand, main) }
}

fn entries(mut all: impl Iterator<Item = Entry>, findings: &[Finding]) -> Markup {
    let shown: Vec<_> = all.by_ref().take(SHOWN).collect();
    let left = all.count();
    html! {
        ol.routes {
            @for entry in shown {
                li {
                    b { (entry.name) }
                    div {
                        p { (entry.words) }
                        p.hits {
                            @if entry.hits + entry.shadow_hits == 0 { "dead: " }
                            @match entry.hits { 0 => "no hit", 1 => "1 hit", hits => { (hits) " hits" } }
                            @if entry.shadow_hits > 0 { ", " (entry.shadow_hits) " in the shadow" }
                        }
                        @for found in findings.iter().filter(|found| found.about == entry.name && found.kind.is_problem()) {
                            (problem(found))
                        }
                    }
                }
            }
        }
        @if left > 0 { p.hint { "and " (left) " more: see " a href="/rules.json" { "the whole list" } } }
    }
}

/// Problems of what is no entry: an environment that nobody reaches.
fn elsewhere(rules: &Rules, findings: &[Finding]) -> Markup {
    let is_entry = |name: &str| {
        rules.routes().any(|(route, _)| route.as_str() == name) || rules.ignored().any(|(entry, _)| entry == name)
    };
    let others = findings.iter().filter(|found| found.kind.is_problem()).take(SHOWN);
    let others: Vec<&Finding> = others.filter(|found| !is_entry(&found.about)).collect();
    html! {
        @if !others.is_empty() {
            section aria-labelledby="problems" {
                h2 id="problems" { "Problems" }
                @for found in others { (problem(found)) }
            }
        }
    }
}

/// What is wrong, where, and a push that shows it.
fn problem(found: &Finding) -> Markup {
    html! {
        p.problem { "Line " (found.place.line) ": " (found.message) }
        @if let Some(witness) = &found.witness { p.hint { "For example " (witness) "." } }
    }
}
