//! Colours in a log: the few escape sequences that build tools write become classes, all others vanish.

use maud::{Markup, html};

/// How a piece of a line looks. Classes are made of it, so nothing of the log's text gets into an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Look {
    colour: Option<u8>,
    bold: bool,
    dim: bool,
}

impl Look {
    /// Takes over one SGR sequence: `1;31` is bold and red. 256 and true colours are skipped with their arguments.
    fn take(&mut self, parameters: &str) {
        let mut codes =
            parameters.split([';', ':']).map(|code| if code.is_empty() { Some(0) } else { code.parse().ok() });
        while let Some(code) = codes.next() {
            match code {
                Some(0) => *self = Self::default(),
                Some(1) => self.bold = true,
                Some(2) => self.dim = true,
                Some(22) => (self.bold, self.dim) = (false, false),
                Some(code @ 30..=37) => self.colour = Some(code - 30),
                Some(code @ 90..=97) => self.colour = Some(code - 90),
                Some(39) => self.colour = None,
                Some(38 | 48) => {
                    let arguments = if codes.next() == Some(Some(5)) { 1 } else { 3 };
                    codes.by_ref().take(arguments).for_each(drop);
                }
                _ => {}
            }
        }
    }

    fn class(self) -> String {
        const COLOURS: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
        let colour = self.colour.and_then(|colour| COLOURS.get(usize::from(colour))).map(|name| format!("c-{name}"));
        let marks = [self.bold.then(|| "c-bold".to_owned()), self.dim.then(|| "c-dim".to_owned()), colour];
        marks.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// One line of a log. Of a line that was written over with carriage returns the last state counts.
pub(crate) fn line(text: &str) -> Markup {
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or_default();
    html! {
        @for (look, piece) in pieces(text) {
            @if look == Look::default() { (piece) } @else { span class=(look.class()) { (piece) } }
        }
    }
}

fn pieces(text: &str) -> Vec<(Look, String)> {
    let mut look = Look::default();
    let mut pieces: Vec<(Look, String)> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        push(&mut pieces, look, before);
        rest = escape(after, &mut look);
    }
    push(&mut pieces, look, rest);
    pieces
}

fn push(pieces: &mut Vec<(Look, String)>, look: Look, text: &str) {
    let visible: String = text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    if !visible.is_empty() {
        pieces.push((look, visible));
    }
}

/// Reads one escape sequence, of which the escape itself is gone, and gives what follows it.
fn escape<'a>(after: &'a str, look: &mut Look) -> &'a str {
    if let Some(sequence) = after.strip_prefix('[') {
        let Some(end) = sequence.find(|c: char| ('@'..='~').contains(&c)) else { return "" };
        if sequence[end..].starts_with('m') {
            look.take(&sequence[..end]);
        }
        return &sequence[end + 1..];
    }
    if let Some(sequence) = after.strip_prefix(']') {
        // A title or a link; it ends with a bell or with another escape and a backslash.
        let end = sequence.find(['\u{7}', '\u{1b}']).unwrap_or(sequence.len());
        return sequence[end..].trim_start_matches(['\u{7}', '\u{1b}', '\\']);
    }
    let mut rest = after.chars();
    rest.next();
    rest.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        line(text).into_string()
    }

    #[test]
    fn colours_become_classes() {
        assert_eq!(shown("a \u{1b}[1;31mred\u{1b}[0m b"), r#"a <span class="c-bold c-red">red</span> b"#);
        assert_eq!(shown("\u{1b}[38;5;196mx\u{1b}[mx"), "xx");
        assert_eq!(shown("\u{1b}[38;2;1;2;3;32mgreen"), r#"<span class="c-green">green</span>"#);
        assert_eq!(shown("\u{1b}[92mok\u{1b}[39m."), r#"<span class="c-green">ok</span>."#);
    }

    #[test]
    fn what_is_no_colour_vanishes() {
        assert_eq!(shown("\u{1b}[2Ka\u{1b}[1Ab\u{1b}]0;title\u{7}c\u{1b}(Bd\u{8}"), "abcBd");
        assert_eq!(shown("\u{1b}[31"), "");
        assert_eq!(shown("\u{1b}"), "");
        assert_eq!(shown("10%\r50%\r100%\r"), "100%");
    }

    #[test]
    fn hostile_text_is_only_text() {
        assert_eq!(shown("\u{1b}[31m<script>\u{1b}[0m&"), r#"<span class="c-red">&lt;script&gt;</span>&amp;"#);
        assert_eq!(shown("\u{1b}[31;\"<b>m"), "&gt;m");
    }
}
