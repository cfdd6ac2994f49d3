//! The permission to enter an environment.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::Invalid;
use crate::pipeline::Approval;

/// A gate before an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gate {
    /// Where it stands.
    pub state: GateState,
    /// Who has said yes.
    pub approvals: Vec<Vote>,
    /// Since when it waits.
    pub since: Option<Timestamp>,
    /// When it closes for good.
    pub expires_at: Option<Timestamp>,
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// The run has not come to it.
    #[default]
    Pending,
    /// The run stands before it.
    Waiting,
    /// The run may pass.
    Open,
    /// A person said no.
    Rejected,
    /// Nobody said yes in time, or the run was stopped before it.
    Closed,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// What they said.
    pub comment: String,
}

/// A person who decides: a name as the authentication gave it, without its `user:` prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Person(String);

impl Person {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Invalid`] unless it is 1 to 100 characters without control characters or white space at its ends.
    pub fn new(name: impl Into<String>) -> Result<Self, Invalid> {
        let name = name.into();
        let well =
            (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) && name.trim() == name;
        if well {
            Ok(Self(name))
        } else {
            Err(Invalid::new("person", &name, "1 to 100 characters, no control characters"))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Person {
    type Error = Invalid;
    fn try_from(name: String) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl From<Person> for String {
    fn from(person: Person) -> Self {
        person.0
    }
}

/// Why a person may not decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The rules do not name them.
    #[error("{person} is not among those who may decide here: {by}")]
    NotNamed {
        /// Who asked.
        person: Person,
        /// Who may.
        by: String,
    },
    /// They pushed the commit, and the rules want somebody else.
    #[error("{0} pushed this commit; somebody else must decide (not_author)")]
    Author(Person),
}

impl Approval {
    /// Whether `person` may decide about a commit that `author` pushed.
    ///
    /// # Errors
    /// [`NotAllowed`], in words for that person.
    pub fn allows(&self, person: &Person, author: &str) -> Result<(), NotAllowed> {
        let named = self
            .people
            .iter()
            .any(|entry| entry.strip_prefix("user:").is_some_and(|user| user == "*" || user == person.as_str()));
        if !named {
            return Err(NotAllowed::NotNamed { person: person.clone(), by: self.by.join(", ") });
        }
        if self.not_author && person.as_str().eq_ignore_ascii_case(author) {
            return Err(NotAllowed::Author(person.clone()));
        }
        Ok(())
    }
}

impl Gate {
    /// Its time is over.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// How many more people must say yes.
    pub fn missing(&self, approval: Option<&Approval>) -> usize {
        let wanted = approval.map_or(0, |approval| approval.min as usize);
        wanted.saturating_sub(self.approvals.len())
    }
}
