//! The log of one step, in parts that can be appended to each other.

use jiff::Timestamp;
use maud::{Markup, html};
use router::id::RunId;
use router::run::{Work, WorkState};

use super::{Tone, ansi, badge, parts};

/// A part of a log.
pub(crate) struct Part<'a> {
    /// Whose.
    pub(crate) run: &'a RunId,
    /// Of which step.
    pub(crate) step: &'a str,
    /// How that step stands.
    pub(crate) work: &'a Work,
    /// The reader has chosen this step, so that it is not left for another one.
    pub(crate) chosen: bool,
    /// The number of its first line.
    pub(crate) first_line: u64,
    /// The text: whole lines, unless it is the end.
    pub(crate) text: &'a str,
    /// Where the next part begins.
    pub(crate) next: u64,
    /// There is more already.
    pub(crate) full: bool,
}

impl Part<'_> {
    /// The step may write more, or there is more than this part holds.
    fn goes_on(&self) -> bool {
        self.full || self.work.ended_at.is_none()
    }

    fn address_of_next(&self) -> String {
        let line = self.first_line + self.text.lines().count() as u64;
        let chosen = if self.chosen { "" } else { "&auto=yes" };
        format!("/runs/{}?step={}&from={}&line={line}{chosen}", self.run, self.step, self.next)
    }

    /// Why there is nothing to read.
    fn silence(&self) -> &'static str {
        match (self.work.started_at, self.work.ended_at) {
            (None, _) => "This step has not begun.",
            (Some(_), None) => "Nothing written yet.",
            (Some(_), Some(_)) => "It wrote nothing.",
        }
    }

    /// The end is what counts: it is being written, or tells why the step failed.
    fn starts_at_its_end(&self) -> bool {
        matches!(self.work.state, WorkState::Running | WorkState::Failed)
    }

    /// As a section of the run's page.
    pub(crate) fn show(&self, now: Timestamp) -> Markup {
        let more = if self.goes_on() { "yes" } else { "no" };
        html! {
            section.log id="log" data-step=(self.step) data-next=(self.address_of_next()) data-more=(more)
                aria-labelledby="log-title" {
                div.bar {
                    h2 id="log-title" { "Log of " (self.step) }
                    (badge(self.work.state.into(), parts::word(self.work.state)))
                    span.took { (parts::took(self.work, now)) }
                    span.spring {}
                    label.follow hidden { input type="checkbox" id="follow" checked[self.starts_at_its_end()]; " Follow" }
                    @if let Some(url) = self.work.log.as_deref().filter(|url| url.starts_with("https://")) {
                        a href=(url) rel="noreferrer" { "Log on AWS" }
                    }
                    a href="#log-end" { "Jump to end" }
                    a href={ "/runs/" (self.run) "/logs/" (self.step) } { "Raw" }
                }
                @if self.first_line > 1 {
                    p.earlier { a href={ "/runs/" (self.run) "?step=" (self.step) "#log" } { "From its beginning" } }
                }
                @if self.text.is_empty() && self.first_line == 1 { p.empty { (self.silence()) } }
                div.box tabindex="0" role="region" aria-labelledby="log-title" {
                    ol.lines {
                        @for (number, line) in (self.first_line..).zip(self.text.lines()) {
                            li id={ "L" (number) } {
                                a.n href={ "#L" (number) } data-n=(number) aria-label={ "line " (number) } {}
                                span { (ansi::line(line)) }
                            }
                        }
                    }
                    div id="log-end" {}
                }
                @if self.full { p.more { a href={ (self.address_of_next()) "#log" } { "The log goes on" } } }
                @if !self.work.detail.is_empty() && Tone::from(self.work.state) == Tone::Bad {
                    p.detail { (badge(Tone::Bad, parts::word(self.work.state))) " " (self.work.detail) }
                }
            }
        }
    }
}
