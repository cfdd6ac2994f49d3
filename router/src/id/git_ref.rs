//! What a run is about: a branch, a tag, or the head of a change request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Invalid, RepoPath};

/// A branch, a tag or a change request, with its short name. Serialised as the full ref (`refs/heads/main`).
///
/// The name keeps git's own rules (git-check-ref-format), which allow ``x;echo${IFS}hi|sh``: it is safe neither in a
/// shell nor in HTML nor, because of its slashes and its length, in a file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GitRef {
    /// `refs/heads/<name>`
    Branch(String),
    /// `refs/tags/<name>`
    Tag(String),
    /// `refs/requests/<number>/<target>:<source>`: our own name, because each forge has another one.
    Request(Box<RequestRef>),
}

/// The head of a pull request or merge request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestRef {
    /// Its number in the repository that it asks to change.
    pub number: u64,
    /// The branch it asks to change.
    pub target: String,
    /// The branch it comes from.
    pub source: String,
    /// Whose branch that is.
    pub origin: Origin,
}

/// Whose branch a change request comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The repository's own.
    Same,
    /// Another repository's.
    Fork(RepoPath),
    /// Another repository's that is gone, or that the forge does not name.
    Unnamed,
}

impl GitRef {
    /// Reads a full ref.
    ///
    /// # Errors
    /// [`Invalid`] when it is neither a branch nor a tag, or git itself would refuse the name.
    pub fn new(full: &str) -> Result<Self, Invalid> {
        if let Some(rest) = full.strip_prefix("refs/requests/") {
            return RequestRef::read(full, rest).map(|request| Self::Request(Box::new(request)));
        }
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

    /// The short name: `main`, `v1.0.0`; of a change request the branch it comes from.
    pub fn short(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
            Self::Request(request) => &request.source,
        }
    }

    /// The branch's name, when it is one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) => Some(name),
            Self::Tag(_) | Self::Request(_) => None,
        }
    }

    /// The tag's name, when it is one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(name) => Some(name),
            Self::Branch(_) | Self::Request(_) => None,
        }
    }

    /// The change request, when it is one.
    pub fn request(&self) -> Option<&RequestRef> {
        match self {
            Self::Request(request) => Some(request),
            Self::Branch(_) | Self::Tag(_) => None,
        }
    }
}

/// Room for two names of branches and a path; a key of a store holds no more.
const REQUEST_BYTES_MAX: usize = 1000;

impl RequestRef {
    /// It comes from another repository.
    pub fn is_from_fork(&self) -> bool {
        self.origin != Origin::Same
    }

    fn read(full: &str, rest: &str) -> Result<Self, Invalid> {
        let shape = || Invalid::new("ref", full, "a change request is refs/requests/<number>/<target>:<source>");
        if full.len() > REQUEST_BYTES_MAX {
            return Err(Invalid::new("ref", full, "a change request's two branches have at most 1000 bytes together"));
        }
        let (number, names) = rest.split_once('/').ok_or_else(shape)?;
        // No name of a branch and no path holds a colon.
        let parts: Vec<&str> = names.split(':').collect();
        let (target, origin, source) = match parts[..] {
            [target, source] => (target, Origin::Same, source),
            [target, "", source] => (target, Origin::Unnamed, source),
            [target, path, source] => (target, Origin::Fork(RepoPath::new(path)?), source),
            _ => return Err(shape()),
        };
        for name in [target, source] {
            check(name).map_err(|rule| Invalid::new("ref", full, rule))?;
        }
        let number = number.parse().map_err(|_| shape())?;
        Ok(Self { number, target: target.to_owned(), source: source.to_owned(), origin })
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
            Self::Request(request) => {
                let RequestRef { number, target, source, origin } = request.as_ref();
                match origin {
                    Origin::Same => write!(f, "refs/requests/{number}/{target}:{source}"),
                    Origin::Fork(path) => write!(f, "refs/requests/{number}/{target}:{path}:{source}"),
                    Origin::Unnamed => write!(f, "refs/requests/{number}/{target}::{source}"),
                }
            }
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
    fn a_change_request_has_a_ref_of_ours() {
        for (full, from_fork) in [
            ("refs/requests/7/main:feature/a", false),
            ("refs/requests/7/release/1:mallory/shop:main", true),
            ("refs/requests/7/main::main", true),
        ] {
            let read = GitRef::new(full).unwrap();
            assert_eq!(read.to_string(), full);
            assert_eq!(read.request().unwrap().is_from_fork(), from_fork, "{full}");
            assert_eq!((read.branch(), read.tag()), (None, None));
        }
        let long = format!("refs/requests/7/main:{}", "x".repeat(1000));
        for wrong in ["refs/requests/7", "refs/requests/x/a:b", "refs/requests/7/a", "refs/requests/7/a:../b:c", &long]
        {
            assert!(GitRef::new(wrong).is_err(), "{wrong}");
        }
        assert!(GitRef::new("refs/requests/7/a:b c").is_err());
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
