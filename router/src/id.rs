//! Names and ids, each with one checked constructor.
//!
//! Everything here may have come from outside. A value that exists has passed its check, so a path, a file name
//! or a column can be made of it where the type says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod git_ref;
mod repository;

pub use git_ref::{GitRef, Origin, RequestRef};
pub use repository::{ForgeKind, RepoPath, Repository};

/// Why a text is not what it should be. The message names the rule, never more than 80 characters of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown}: {rule}")]
pub struct Invalid {
    what: &'static str,
    shown: String,
    rule: &'static str,
}

impl Invalid {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        let shown: String = text.chars().take(80).collect();
        Self { what, shown: format!("{shown:?}"), rule }
    }
}

/// A new string type with one checked constructor, shown and serialised as its text.
macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it.
            ///
            /// # Errors
            /// [`Invalid`], with the rule that was broken.
            pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
                let text = text.into();
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(rule) => Err(Invalid::new($what, &text, rule)),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A name people write in the rule file or the settings: safe in a path, a status context, an address.
fn plain_name(text: &str) -> Result<(), &'static str> {
    let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest_well = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if starts_well && rest_well && text.len() <= 100 {
        Ok(())
    } else {
        Err("1 to 100 of A-Z a-z 0-9 . _ -, starting with a letter or digit")
    }
}

fn hex_of(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

checked!(
    /// The name of a route in the rule file.
    RouteName, "route", plain_name
);
checked!(
    /// The name of a pipeline in the rule file.
    PipelineName, "pipeline", plain_name
);
checked!(
    /// The name of a stage of a pipeline.
    StageName, "stage", plain_name
);
checked!(
    /// The name of an environment a commit can be promoted to.
    EnvironmentName, "environment", plain_name
);
checked!(
    /// The name of a configured forge; one of each kind is called like its kind.
    ForgeName, "forge", plain_name
);
checked!(
    /// A commit: 40 or 64 lower-case hexadecimal digits, not all zero (git's "no commit").
    CommitId, "commit", |text| {
        if hex_of(text, &[40, 64]) && text.bytes().any(|b| b != b'0') {
            Ok(())
        } else {
            Err("40 or 64 lower-case hexadecimal digits, not all zero")
        }
    }
);
checked!(
    /// A delivery's id: the forge's own (`X-GitHub-Delivery`, `webhook-id`, `Idempotency-Key`) or one made of the body.
    DeliveryId, "delivery id", |text| {
        if (1..=200).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && !b"/\\?#%".contains(&b)) {
            Ok(())
        } else {
            Err("1 to 200 visible ASCII characters without / \\ ? # %")
        }
    }
);
checked!(
    /// Our id of one run: 16 lower-case hexadecimal digits, made of what the run is (see [`crate::run::RunKey`]).
    RunId, "run", |text| {
        if hex_of(text, &[16]) { Ok(()) } else { Err("16 lower-case hexadecimal digits") }
    }
);

impl CommitId {
    /// Reads a forge's commit field, where all zeros mean "none".
    ///
    /// # Errors
    /// [`Invalid`] when the text is neither a commit nor all zeros.
    pub fn or_zero(text: &str) -> Result<Option<Self>, Invalid> {
        if hex_of(text, &[40, 64]) && text.bytes().all(|b| b == b'0') { Ok(None) } else { Self::new(text).map(Some) }
    }

    /// The first eight digits, as people write a commit.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_hex_and_not_zero() {
        assert!(CommitId::new("a".repeat(40)).is_ok());
        assert!(CommitId::new("a".repeat(64)).is_ok());
        assert!(CommitId::new("A".repeat(40)).is_err());
        assert!(CommitId::new("0".repeat(40)).is_err());
        assert_eq!(CommitId::or_zero(&"0".repeat(64)), Ok(None));
        assert!(CommitId::or_zero("0").is_err());
    }

    #[test]
    fn an_id_that_came_from_outside_cannot_leave_its_folder() {
        for bad in ["", "..", "a/b", "a b", "ü", "-x", "a\n"] {
            assert!(StageName::new(bad).is_err(), "{bad:?}");
        }
        assert!(DeliveryId::new("../x").is_err());
        assert!(RunId::new("0123456789abcdef").is_ok());
    }

    #[test]
    fn a_refusal_shows_no_more_than_eighty_characters() {
        let refused = StageName::new("/".repeat(5000)).unwrap_err().to_string();
        assert!(refused.len() < 200, "{refused}");
    }
}
