//! Takes secrets out of what is written.

use std::sync::Arc;

use router::secret::Secret;

/// The shortest value that is masked: a shorter one would blot out every other word.
const SHORTEST: usize = 4;

/// Values that must not stand in a log. Only the exact value is found: a secret that a command transforms is not.
#[derive(Clone, Default)]
pub struct Masks(Arc<Vec<Secret>>);

impl Masks {
    /// Masks these values. Of one with several lines each line is masked, for a log is written line by line.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut lines: Vec<Secret> = Vec::new();
        for secret in secrets {
            let Some(text) = secret.expose_str() else { continue };
            lines.extend(text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST).map(Secret::new));
        }
        // A value that holds another is looked for first, so that no rest of it is left.
        lines.sort_by_key(|line| std::cmp::Reverse(line.expose().len()));
        Self(Arc::new(lines))
    }

    /// These and more.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Secret>) -> Self {
        Self::new(self.0.iter().cloned().chain(more))
    }

    /// The text with `***` for each secret.
    pub fn hide(&self, text: &str) -> String {
        let hidden = |text: String, secret: &Secret| match secret.expose_str() {
            Some(value) if text.contains(value) => text.replace(value, "***"),
            _ => text,
        };
        self.0.iter().fold(text.to_owned(), hidden)
    }
}

/// How many there are, and nothing more.
impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_secret_is_hidden_and_the_longest_first() {
        let masks = Masks::new(["hunter", "hunter22", "-----BEGIN\nabcdef\n", "x"].map(Secret::new));
        assert_eq!(masks.hide("a hunter22 b hunter x abcdef"), "a *** b *** x ***");
        assert_eq!(format!("{masks:?}"), "Masks(4)");
    }
}
