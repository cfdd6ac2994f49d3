//! What is written for people: to the terminal, with colours only there.

use std::io::Write as _;

use console::{Style, style};
use router::run::RunState;

/// A line to standard output. Whoever read it may have gone (`| head`): that is no reason to fail.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// An error to standard error: the message and what caused it, each on its line.
#[expect(clippy::print_stderr, reason = "this is where the command complains")]
pub(crate) fn complain(trouble: &anyhow::Error) {
    eprintln!("{} {trouble}", style("error:").for_stderr().red().bold());
    for cause in trouble.chain().skip(1) {
        eprintln!("  {} {cause}", style("because").for_stderr().dim());
    }
}

/// How a state looks: never by colour alone, its sign and its word stand beside.
pub(crate) fn look(state: RunState) -> (&'static str, Style) {
    match state {
        RunState::Queued => ("·", Style::new().dim()),
        RunState::Running => ("▶", Style::new().blue()),
        RunState::Waiting => ("◆", Style::new().yellow()),
        RunState::Succeeded => ("✔", Style::new().green()),
        RunState::Failed | RunState::Rejected => ("✘", Style::new().red()),
        RunState::Stopped | RunState::Superseded | RunState::Expired => ("■", Style::new().magenta()),
    }
}

/// The text without what could move a terminal's cursor or change its colours: branch names and titles come from outside.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
