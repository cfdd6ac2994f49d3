//! A git reference a push can move: a branch or a tag.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

/// A branch or a tag, with its short name. Serialised as the full ref (`refs/heads/main`).
///
/// The name keeps git's own rules (git-check-ref-format), which allow ``x;echo${IFS}hi|sh``: it is safe neither in a
/// shell nor in HTML nor, because of its slashes and its length, in a file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GitRef {
    /// `refs/heads/<name>`
    Branch(String),
    /// `refs/tags/<name>`
    Tag(String),
}

impl GitRef {
    /// Reads a full ref.
    ///
    /// # Errors
    /// [`Invalid`] when it is neither a branch nor a tag, or git itself would refuse the name.
    pub fn new(full: &str) -> Result<Self, Invalid> {
        let (make, name): (fn(String) -> Self, &str) = if let Some(name) = full.strip_prefix("refs/heads/") {
            (Self::Branch, name)
        } else if let Some(name) = full.strip_prefix("refs/tags/") {
            (Self::Tag, name)
        } else {
            return Err(Invalid::new("ref", full, "neither refs/heads/<branch> nor refs/tags/<tag>"));
        };
        check(name).map_err(|rule| Invalid::new("ref", full, rule))?;
        Ok(make(name.to_owned()))
    }

    /// The short name: `main`, `v1.0.0`.
    pub fn short(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }

    /// The branch's name, when it is one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) => Some(name),
            Self::Tag(_) => None,
        }
    }

    /// The tag's name, when it is one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(name) => Some(name),
            Self::Branch(_) => None,
        }
    }
}

fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 1000 {
        return Err("a name has 1 to 1000 bytes");
    }
    if name.chars().any(|c| c.is_ascii_control() || " ~^:?*[\\".contains(c)) {
        return Err("git allows no control character, space or any of ~ ^ : ? * [ \\ in a name");
    }
    if name.contains("..") || name.contains("@{") || name == "@" || name.ends_with('.') {
        return Err("git allows no '..', '@{', lone '@' or final '.' in a name");
    }
    if name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock")) {
        return Err("git allows no empty part, no part that starts with '.' or ends with '.lock'");
    }
    Ok(())
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "refs/heads/{name}"),
            Self::Tag(name) => write!(f, "refs/tags/{name}"),
        }
    }
}

impl FromStr for GitRef {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl Serialize for GitRef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GitRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_allows_is_allowed() {
        for name in ["main", "feature/a/b", "x;echo${IFS}hi|sh", "feat/$(id)", "a'b\"c", "ü-🚀", "<script>", "-x"] {
            let full = format!("refs/heads/{name}");
            let read = GitRef::new(&full).unwrap();
            assert_eq!(read.branch(), Some(name));
            assert_eq!(read.to_string(), full);
        }
    }

    #[test]
    fn what_git_refuses_is_refused() {
        for name in [
            "",
            "../../etc",
            "a b",
            "a..b",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "@",
            "a@{1}",
            "a\u{7f}",
            "a\nb",
            "/a",
            "a/",
        ] {
            assert!(GitRef::new(&format!("refs/heads/{name}")).is_err(), "{name:?}");
        }
        assert!(GitRef::new("main").is_err());
        assert!(GitRef::new("refs/notes/x").is_err());
    }
}
