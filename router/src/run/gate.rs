//! The permission to enter an environment.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Author;
use crate::id::{ForgeName, Invalid, Repository};
use crate::pipeline::Approval;

use super::Team;

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
    /// The one of the rules' people that lets it count: `user:dana`, `github:acme/release-managers`. None for a yes that was given
    /// past us, or kept before this was.
    #[serde(default)]
    pub entry: Option<String>,
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
    /// On whose forge the accounts are.
    pub repository: &'r Repository,
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
            Identity::Account(forge, login) => *forge == self.repository.forge && is(login),
            Identity::Email(address) => is(address),
        };
        is(person.as_str()) || also.iter().any(is_also)
    }
}

/// Somebody who would decide.
#[derive(Debug, Clone, Copy)]
pub struct Voter<'r> {
    /// Who.
    pub person: &'r Person,
    /// Their other names.
    pub also: &'r [Identity],
    /// The gate's teams that they are in, as a forge has just said.
    pub teams: &'r [Team],
}

/// Why a person may not decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The rules do not name them.
    #[error("{person} is not among those who may decide here: {by}{}", in_brackets(.because))]
    NotNamed {
        /// Who asked.
        person: Person,
        /// Who may.
        by: String,
        /// Of each team and group that may too, why it does not let them.
        because: Vec<String>,
    },
    /// They made or pushed the commit, and the rules want somebody else.
    #[error("{0} made or pushed this commit; somebody else must decide (not_author)")]
    Author(Person),
}

impl Approval {
    /// Whether somebody may decide about a commit that others made: the one of the rules' people that lets them.
    ///
    /// # Errors
    /// [`NotAllowed`], in words for that person.
    pub fn allows(&self, voter: Voter<'_>, makers: &Makers<'_>) -> Result<&str, NotAllowed> {
        let Voter { person, also, teams } = voter;
        let is_theirs = |entry: &&String| match entry.strip_prefix("user:") {
            Some(user) => user == "*" || user == person.as_str(),
            None => teams.iter().any(|team| team.to_string() == **entry),
        };
        let Some(entry) = self.people.iter().find(is_theirs) else {
            let others = self.people.iter().filter(|entry| !entry.starts_with("user:"));
            let because = others.map(|entry| why_not(entry, person, also, makers.repository)).collect();
            return Err(NotAllowed::NotNamed { person: person.clone(), by: self.by.join(", "), because });
        };
        if self.not_author && makers.include(person, also) {
            return Err(NotAllowed::Author(person.clone()));
        }
        Ok(entry)
    }

    /// What forges can be asked about somebody with these other names: whether a team there has an account of theirs.
    pub fn asks<'i>(&self, also: &'i [Identity], repository: &Repository) -> Vec<(Team, ForgeName, &'i str)> {
        let teams = self.people.iter().filter_map(|entry| Team::new(entry).ok());
        let asks = |team: Team| {
            let forge = team.forge(repository);
            let accounts: Vec<_> = accounts(also, &forge).collect();
            accounts.into_iter().map(move |account| (team.clone(), forge.clone(), account))
        };
        teams.flat_map(asks).collect()
    }

    /// How many different people must say yes. Where nobody knows who made the commit it is one more, for one of them may
    /// have.
    pub fn wanted(&self, makers: &Makers<'_>) -> usize {
        self.min as usize + usize::from(self.not_author && makers.are_unknown())
    }
}

/// Somebody's accounts on a forge. A name that a token proves is none.
fn accounts<'i>(also: &'i [Identity], forge: &ForgeName) -> impl Iterator<Item = &'i str> {
    also.iter().filter_map(move |identity| match identity {
        Identity::Account(on, login) if on == forge => Some(login.as_str()),
        Identity::Account(..) | Identity::Email(_) => None,
    })
}

fn why_not(entry: &str, person: &Person, also: &[Identity], repository: &Repository) -> String {
    let Ok(team) = Team::new(entry) else { return format!("who is in {entry} is not looked up") };
    let forge = team.forge(repository);
    let known: Vec<_> = accounts(also, &forge).collect();
    if known.is_empty() {
        return format!("{person} has no account on {forge} under [auth] people, so nobody is asked about {entry}");
    }
    format!("{forge} does not count {} in {entry}", known.join(", "))
}

fn in_brackets(notes: &[String]) -> String {
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
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
