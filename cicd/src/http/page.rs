//! The page people read: pure functions from what is known to HTML.
//!
//! All text from outside goes through maud, which escapes it. There is no inline script and no inline style, so the
//! content security policy can forbid both.

use std::fmt::Write as _;

use maud::{DOCTYPE, Markup, Render, html};
use router::run::Person;
use sha2::{Digest, Sha256};

use super::assets;
use super::error::Failure;
use super::visit::Visit;

pub(super) mod ansi;
pub(super) mod deliveries;
pub(super) mod gate;
pub(super) mod home;
pub(super) mod log;
pub(super) mod parts;
pub(super) mod playground;
pub(super) mod rules;
pub(super) mod run;
pub(super) mod runs;
mod tone;

pub(super) use tone::Tone;

/// What one page shows.
pub(super) struct Page {
    /// The words in the browser's tab.
    pub(super) title: String,
    /// The colour of the browser's tab.
    pub(super) tone: Tone,
    /// Something on it moves, so it is looked at often.
    pub(super) live: bool,
    /// What it was made of, see [`version`].
    pub(super) version: String,
    /// The part that changes.
    pub(super) main: Markup,
    /// The part below, which grows by itself: a log.
    pub(super) tail: Markup,
}

impl Page {
    /// A page that does not move.
    pub(super) fn still(title: impl Into<String>, tone: Tone, main: Markup) -> Self {
        Self { title: title.into(), tone, live: false, version: String::new(), main, tail: html! {} }
    }

    /// Makes the version tell apart whatever the frame shows too.
    #[must_use]
    pub(super) fn seen_by(mut self, visit: &Visit) -> Self {
        let problem = visit.problem.as_ref().map(|problem| problem.text.as_str()).unwrap_or_default();
        let who = visit.who.as_ref().map(Person::as_str).unwrap_or_default();
        self.version = version([&self.version, problem, who]);
        self
    }

    /// The whole document.
    pub(super) fn dress(self, visit: &Visit) -> Markup {
        let pace = match (self.live, self.version.is_empty()) {
            (_, true) => "never",
            (true, false) => "fast",
            (false, false) => "slow",
        };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Pointsman" }
                    link rel="stylesheet" href=(assets::style());
                    link rel="icon" type="image/svg+xml" href=(assets::icon(self.tone));
                    script defer src=(assets::script()) {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (head(visit))
                    main id="main" tabindex="-1" {
                        div id="live" data-version=(self.version) data-pace=(pace) data-icon=(assets::icon(self.tone)) {
                            (banner(visit))
                            (self.main)
                        }
                        (self.tail)
                    }
                    footer { "Pointsman sets the points, so that every push takes its track." }
                }
            }
        }
    }
}

fn banner(visit: &Visit) -> Markup {
    html! {
        @if let Some(problem) = &visit.problem {
            section.banner role="alert" {
                p {
                    strong { "The rule file has a problem." }
                    " The last good rules stay in force. Noticed " (parts::time(problem.at)) "."
                }
                pre { (problem.text) }
            }
        }
    }
}

fn head(visit: &Visit) -> Markup {
    let path = visit.address.split('?').next().unwrap_or_default();
    let places = [("/", "Runs"), ("/deliveries", "Deliveries"), ("/rules", "Rules")];
    let is_here = |place: &str| match place {
        "/" => path == "/" || path.starts_with("/runs"),
        _ => path.starts_with(place),
    };
    html! {
        header.top {
            a.brand href="/" { img src=(assets::icon(Tone::Brand)) alt="" width="26" height="26"; span { "Pointsman" } }
            nav aria-label="Pages" {
                @for (address, name) in places {
                    a href=(address) aria-current=[is_here(address).then_some("page")] { (name) }
                }
            }
            (you(visit))
        }
    }
}

/// Who the reader is, and how that is changed.
fn you(visit: &Visit) -> Markup {
    html! {
        @match (&visit.who, visit.proof_needed) {
            (Some(who), true) => {
                form.you method="post" action="/logout" {
                    span { "You are " strong { bdi { (who) } } }
                    button.quiet { "Log out" }
                }
            }
            (Some(who), false) => {
                form.you method="post" action="/me" {
                    input type="hidden" name="to" value=(visit.address);
                    label for="me" { "You are" }
                    input id="me" name="as" value=(who) maxlength="100" required autocomplete="username" spellcheck="false";
                    button.quiet { "Save" }
                }
            }
            (None, _) => {}
        }
    }
}

/// A failure in the same dress as everything else.
pub(super) fn failure(visit: &Visit, failure: &Failure) -> Markup {
    let status = failure.status();
    let asks_for_login = failure.asks_for_login();
    let title = if asks_for_login { "Log in" } else { status.canonical_reason().unwrap_or("Failure") };
    let main = html! {
        section.failure {
            @if !asks_for_login { p.code { (status.as_str()) } }
            h1 { (title) }
            p { (failure.words()) "." }
            @if asks_for_login { (login(visit)) } @else { p { a href=(way_back(visit)) { "Back" } } }
        }
    };
    Page::still(title, if status.is_server_error() { Tone::Bad } else { Tone::Idle }, main).dress(visit)
}

/// From what could not be done about a run or a delivery back to it, and from anywhere else to the first page.
fn way_back(visit: &Visit) -> String {
    let path = visit.address.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["", kind @ ("runs" | "deliveries"), id, _, ..] => format!("/{kind}/{id}"),
        _ => "/".to_owned(),
    }
}

/// The token is sent to `/login`, which sends the browser back here.
fn login(visit: &Visit) -> Markup {
    let to = if visit.address.starts_with("/log") { "/" } else { &visit.address };
    html! {
        form.login method="post" action="/login" {
            input type="hidden" name="to" value=(to);
            label for="token" { "Token" }
            input id="token" name="token" type="password" required autocomplete="current-password";
            button.yes { "Log in" }
        }
    }
}

/// A short text that changes when any of these does.
pub(super) fn version<T: ToString>(of: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in of {
        hash.update(part.to_string());
        hash.update([0]);
    }
    hash.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Something that is shown as a word with an icon and a colour.
pub(super) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.as_str()) } { (tone.render()) span { (word) } } }
}
