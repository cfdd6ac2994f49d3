//! Which repository, and on which forge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ForgeName, Invalid};

/// The kinds of forge that Pointsman speaks with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// github.com or a GitHub Enterprise Server.
    Github,
    /// gitlab.com or a self-managed GitLab.
    Gitlab,
    /// A git repository on this machine, whose hook calls us.
    Local,
}

impl ForgeKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Local];

    /// The word for it in addresses, settings and the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Local => "local",
        }
    }

    /// The name of the one forge of this kind when the settings name no other.
    pub fn default_name(self) -> ForgeName {
        ForgeName::new(self.as_str()).expect("a kind's word is a name")
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ForgeKind {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("forge kind", text, "one of github, gitlab, local"))
    }
}

/// A repository's path on its forge: `acme/shop`, `platform/teams/web`, `demo`.
///
/// Its parts are safe as folder names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(String);

impl RepoPath {
    /// Checks `text` and takes it.
    ///
    /// # Errors
    /// [`Invalid`] unless it is parts of `A-Z a-z 0-9 . _ -`, joined by `/`, at most 255 bytes, none `.` or `..`.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let part_is_well = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && !part.starts_with('-')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if text.len() <= 255 && text.split('/').all(part_is_well) {
            Ok(Self(text))
        } else {
            Err(Invalid::new("repository", &text, "parts of A-Z a-z 0-9 . _ - joined by /, at most 255 bytes"))
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything before the last `/` and what follows it: `("acme", "shop")`; the owner of `demo` is empty.
    pub fn owner_and_name(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for RepoPath {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// A repository on a configured forge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Repository {
    /// The configured forge it lives on.
    pub forge: ForgeName,
    /// What kind of forge that is.
    pub kind: ForgeKind,
    /// Its path there.
    pub path: RepoPath,
}

/// `github:acme/shop`
impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.forge, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_climb() {
        for bad in ["", "/", "a/", "/a", "a/../b", ".", "a//b", "a b", "-rf/x", "ü/x"] {
            assert!(RepoPath::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(RepoPath::new("g/sub/p").unwrap().owner_and_name(), ("g/sub", "p"));
        assert_eq!(RepoPath::new("demo").unwrap().owner_and_name(), ("", "demo"));
    }
}
