//! What is wrong in a document, where, and what to write instead.

use serde::Serialize;

/// A place in a document. Lines and columns count from 1, columns in characters; `offset` and `len` count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset of the first byte.
    #[serde(skip)]
    pub offset: usize,
    /// Length in bytes.
    #[serde(skip)]
    pub len: usize,
}

/// One thing that is wrong. A reader gets all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong, naming the offending text.
    pub message: String,
    /// What to write instead, when it is known.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without advice.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The nearest of `known` to a misspelt `given`, as people confuse words: "did you mean `branch`?".
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| {
            (strsim::damerau_levenshtein(&given.to_lowercase().replace('_', "-"), &word.replace('_', "-")), word)
        })
        .filter(|(distance, word)| *distance <= 1 + word.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(nearest("brnach", ["tag", "branch", "paths"]), Some("branch"));
        assert_eq!(nearest("runtime_versions", ["commands", "runtime-versions"]), Some("runtime-versions"));
        assert_eq!(nearest("zzz", ["tag", "branch"]), None);
    }
}
