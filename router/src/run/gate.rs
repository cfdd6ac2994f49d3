//! The permission to enter an environment.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Author;
use crate::id::{ForgeName, Invalid};
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

/// Another name of a person: an account on a forge, `github:dana-d`, or an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Identity {
    /// An account on the forge of this name.
    Account(ForgeName, String),
    /// An e-mail address, as commits have it.
    Email(String),
}

impl Identity {
    /// Reads `<forge>:<login>` or an e-mail address.
    ///
    /// # Errors
    /// [`Invalid`] when it is neither.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("identity", text, "<forge>:<login>, such as github:dana-d, or an e-mail address");
        let is_plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || c.is_whitespace());
        match text.split_once(':') {
            Some((forge, login)) if is_plain(login) => {
                Ok(Self::Account(ForgeName::new(forge).map_err(|_| invalid())?, login.to_owned()))
            }
            None if is_plain(text) && text.contains('@') => Ok(Self::Email(text.to_owned())),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Identity {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Account(forge, login) => format!("{forge}:{login}"),
            Identity::Email(address) => address,
        }
    }
}

/// Who made a commit, as far as its forge has told: whoever pushed it, and its author.
#[derive(Debug, Clone, Copy)]
pub struct Makers<'r> {
    /// Where the accounts are.
    pub forge: &'r ForgeName,
    /// Who pushed.
    pub actor: &'r str,
    /// Who made the commit.
    pub author: &'r Author,
}

impl Makers<'_> {
    /// Nobody can be told to be somebody else.
    pub fn are_unknown(&self) -> bool {
        self.actor.is_empty() && self.author.is_unknown()
    }

    /// Whether a person is one of them: by the name they decide under, or by any other of theirs.
    fn include(&self, person: &Person, also: &[Identity]) -> bool {
        let is = |name: &str| {
            let theirs = [self.actor, &self.author.login, &self.author.email];
            theirs.iter().any(|known| !known.is_empty() && known.eq_ignore_ascii_case(name))
        };
        let is_also = |identity: &Identity| match identity {
            Identity::Account(forge, login) => forge == self.forge && is(login),
            Identity::Email(address) => is(address),
        };
        is(person.as_str()) || also.iter().any(is_also)
    }
}

/// Why a person may not decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The rules do not name them.
    #[error("{person} is not among those who may decide here: {by}{}", not_looked_up(.teams))]
    NotNamed {
        /// Who asked.
        person: Person,
        /// Who may.
        by: String,
        /// Teams and groups that may too, and whose members are not known here.
        teams: Vec<String>,
    },
    /// They made or pushed the commit, and the rules want somebody else.
    #[error("{0} made or pushed this commit; somebody else must decide (not_author)")]
    Author(Person),
}

impl Approval {
    /// Whether `person`, who has these other names too, may decide about a commit that others made.
    ///
    /// # Errors
    /// [`NotAllowed`], in words for that person.
    pub fn allows(&self, person: &Person, also: &[Identity], makers: &Makers<'_>) -> Result<(), NotAllowed> {
        let named = self
            .people
            .iter()
            .any(|entry| entry.strip_prefix("user:").is_some_and(|user| user == "*" || user == person.as_str()));
        if !named {
            let teams = self.people.iter().filter(|entry| !entry.starts_with("user:")).cloned().collect();
            return Err(NotAllowed::NotNamed { person: person.clone(), by: self.by.join(", "), teams });
        }
        if self.not_author && makers.include(person, also) {
            return Err(NotAllowed::Author(person.clone()));
        }
        Ok(())
    }

    /// How many different people must say yes. Where nobody knows who made the commit it is one more, for one of them may
    /// have.
    pub fn wanted(&self, makers: &Makers<'_>) -> usize {
        self.min as usize + usize::from(self.not_author && makers.are_unknown())
    }
}

fn not_looked_up(teams: &[String]) -> String {
    if teams.is_empty() { String::new() } else { format!(" (who is in {} is not looked up)", teams.join(", ")) }
}

impl Gate {
    /// Its time is over.
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// How many more people must say yes.
    pub fn missing(&self, approval: Option<&Approval>, makers: &Makers<'_>) -> usize {
        approval.map_or(0, |approval| approval.wanted(makers)).saturating_sub(self.approvals.len())
    }
}
