//! A team of a forge, as the rules name it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ForgeKind, ForgeName, Invalid, RepoPath, Repository};

/// People of whom a forge knows who they are: `github:acme/release-managers`, `gitlab:platform/release`.
///
/// Its path is safe in an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Team {
    kind: ForgeKind,
    path: RepoPath,
}

impl Team {
    /// Reads `github:ORG/TEAM` or `gitlab:GROUP`, which may have groups above it.
    ///
    /// # Errors
    /// [`Invalid`] when it is neither.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("team", text, "github:ORG/TEAM or gitlab:GROUP, in the words of their addresses");
        let (kind, path) = text.split_once(':').ok_or_else(invalid)?;
        let path = RepoPath::new(path).map_err(|_| invalid())?;
        let kind = match kind.parse() {
            Ok(ForgeKind::Github) if path.as_str().matches('/').count() == 1 => ForgeKind::Github,
            Ok(ForgeKind::Gitlab) => ForgeKind::Gitlab,
            Ok(ForgeKind::Github | ForgeKind::Local) | Err(_) => return Err(invalid()),
        };
        Ok(Self { kind, path })
    }

    /// What kind of forge knows it.
    pub fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// Its path there: organisation and team, or the groups down to it.
    pub fn path(&self) -> &RepoPath {
        &self.path
    }

    /// Which forge knows it: the repository's own when it is of that kind, or else the one that is called like its kind.
    pub fn forge(&self, repository: &Repository) -> ForgeName {
        if repository.kind == self.kind { repository.forge.clone() } else { self.kind.default_name() }
    }
}

impl fmt::Display for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.path)
    }
}

impl TryFrom<String> for Team {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl From<Team> for String {
    fn from(team: Team) -> Self {
        team.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_is_read_as_it_is_written() {
        for text in ["github:acme/release-managers", "gitlab:release", "gitlab:platform/teams/release_1.x"] {
            assert_eq!(Team::new(text).unwrap().to_string(), text);
        }
        for text in [
            "github:acme",
            "github:acme/a/b",
            "github:acme/Release Managers",
            "github:acme/..",
            "github:../acme",
            "github:acme/a?b",
            "github:acme/a%2fb",
            "gitlab:",
            "gitlab:/release",
            "gitlab:a//b",
            "gitlab:a#b",
            "local:a/b",
            "oidc:a/b",
            "acme/release",
        ] {
            assert!(Team::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_team_is_of_the_repositorys_own_forge_where_that_can_be() {
        let repository = |forge: &str, kind| Repository {
            forge: forge.parse().unwrap(),
            kind,
            path: RepoPath::new("acme/shop").unwrap(),
        };
        let team = Team::new("github:acme/release").unwrap();
        let asked = |forge: &str, kind| team.forge(&repository(forge, kind)).to_string();
        assert_eq!(asked("github", ForgeKind::Github), "github");
        assert_eq!(asked("work", ForgeKind::Github), "work");
        assert_eq!(asked("work", ForgeKind::Gitlab), "github");
    }
}
