//! Our words cut to a forge's limits, and a forge's words made fit to be shown.

use std::error::Error;

use anyhow::{Context, ensure};
use router::secret::Secret;

/// What stands for the rest of a text that was too long.
const CUT: char = '…';

/// No more of a forge's own words than this is repeated.
const HEARD_MAX: usize = 200;

/// At most so many characters.
pub(super) fn at_most_chars(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain([CUT]).collect()
}

/// At most so many bytes, never through the middle of a character.
pub(super) fn at_most_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(CUT.len_utf8());
    let kept = (0..=room).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    format!("{kept}{CUT}")
}

/// What a forge said, on one line, not too long, and without our token should it echo that.
pub(super) fn heard(text: &str, token: &Secret) -> String {
    let text = match token.expose_str() {
        Some(token) if !token.is_empty() => text.replace(token, "***"),
        Some(_) | None => text.to_owned(),
    };
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    at_most_chars(&one_line.split_whitespace().collect::<Vec<_>>().join(" "), HEARD_MAX)
}

/// An error with everything that caused it, which clients leave out of their own words.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words = format!("{words}: {inner_words}");
        }
        cause = inner.source();
    }
    words
}

/// A token as it goes into a header. The clients panic on what a header cannot hold, so that is found out here.
pub(super) fn header_token(token: &Secret) -> anyhow::Result<&str> {
    let text = token.expose_str().context("the token is not text")?;
    ensure!(!text.is_empty(), "the token is empty");
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    ensure!(visible, "the token holds a space, a line break or a character that no token has");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_at_the_limit_stays_as_it_is() {
        assert_eq!(at_most_chars(&"ü".repeat(140), 140), "ü".repeat(140));
        assert_eq!(at_most_bytes(&"x".repeat(255), 255), "x".repeat(255));
    }

    #[test]
    fn a_longer_one_is_cut_between_characters() {
        let cut = at_most_chars(&"🚀".repeat(141), 140);
        assert_eq!((cut.chars().count(), cut.chars().last()), (140, Some('…')));
        for filler in ["", "x", "xx", "xxx"] {
            let cut = at_most_bytes(&format!("{filler}{}", "🚀".repeat(80)), 255);
            assert!(cut.len() <= 255 && cut.len() > 247 && cut.ends_with("🚀…"), "{} bytes", cut.len());
        }
    }

    #[test]
    fn what_a_forge_said_is_one_short_line_without_our_token() {
        let said = heard("Bad token\r\n\tglpat-1234 \u{1b}[31m!", &Secret::new("glpat-1234"));
        assert_eq!(said, "Bad token *** [31m!");
        assert_eq!(heard(&"x".repeat(9000), &Secret::new("")).chars().count(), 200);
    }

    #[test]
    fn a_token_that_no_header_can_hold_is_refused_without_being_shown() {
        for bad in ["", "abc\n", "a b", "schlüssel"] {
            let refused = header_token(&Secret::new(bad)).unwrap_err().to_string();
            assert!(bad.is_empty() || !refused.contains(bad), "{refused}");
        }
        assert_eq!(header_token(&Secret::new("ghs_1_eyJ0.a-b")).unwrap(), "ghs_1_eyJ0.a-b");
    }
}
