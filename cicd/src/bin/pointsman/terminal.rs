//! What is written for people: to the terminal, with colours only there.

use std::io::Write as _;

use console::{Style, style};
use router::run::RunState;

/// A line to standard output. Whoever read it may have gone (`| head`): that is no reason to fail.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// Whether it is that nobody reads our output any more.
pub(crate) fn is_nobody_reading(trouble: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    trouble.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
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

/// A piece of a log without what a terminal would obey but colours: builds write what their authors like.
pub(crate) fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !['\n', '\t'].contains(&c)) {
        let (before, control) = rest.split_at(at);
        shown.push_str(before);
        let (kept, taken) = match colour(control) {
            Some(length) => (&control[..length], length),
            None if control.starts_with('\r') => ("\n", 1),
            None => ("\u{fffd}", control.chars().next().map_or(0, char::len_utf8)),
        };
        shown.push_str(kept);
        rest = &control[taken..];
    }
    shown.push_str(rest);
    shown
}

/// The length of the sequence that sets a colour, when the text begins with one.
fn colour(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inner[end..].starts_with('m').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_colours_and_moves_no_cursor() {
        assert_eq!(coloured("\u{1b}[1;31mred\u{1b}[m\tü\n"), "\u{1b}[1;31mred\u{1b}[m\tü\n");
        assert_eq!(coloured("50%\r100%\n"), "50%\n100%\n");
        for command in
            ["\u{1b}[2J", "\u{1b}]0;title\u{7}", "\u{1b}]52;c;aGk=\u{1b}\\", "\u{9b}2J", "\u{8}", "\u{1b}[31"]
        {
            assert!(!coloured(command).contains(|c: char| c.is_control()), "{command:?}");
        }
    }
}
