//! How our types stand in columns.

use jiff::Timestamp;
use router::event::Push;
use router::id::{ForgeKind, ForgeName, GitRef, RepoPath, Repository};

use crate::store::{Commit, StoreError};

/// Nanoseconds since 1970. What lies beyond the year 2262 (a debt that is never due) is held there.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

/// A time from its column.
pub(super) fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).expect("64 bits of nanoseconds lie within the years that jiff knows")
}

/// `kind:forge:path`; none of the three may hold a colon.
pub(super) fn repository(of: &Repository) -> String {
    format!("{}:{}:{}", of.kind, of.forge, of.path)
}

/// A repository from its column.
pub(super) fn read_repository(text: &str) -> Result<Repository, StoreError> {
    let mut parts = text.splitn(3, ':');
    let mut part = || parts.next().unwrap_or_default();
    let (kind, forge, path) = (part(), part(), part());
    Ok(Repository { kind: kind.parse::<ForgeKind>()?, forge: ForgeName::new(forge)?, path: RepoPath::new(path)? })
}

/// A commit as the three columns that every table names it with.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct CommitKey {
    pub(super) commit_id: String,
    pub(super) git_ref: String,
    pub(super) repository: String,
}

impl From<&Commit> for CommitKey {
    fn from(commit: &Commit) -> Self {
        Self {
            commit_id: commit.commit.to_string(),
            git_ref: commit.git_ref.to_string(),
            repository: repository(&commit.repository),
        }
    }
}

impl CommitKey {
    /// The commit that a push is about.
    pub(super) fn of_push(push: &Push) -> Self {
        Self {
            commit_id: push.commit.to_string(),
            git_ref: push.git_ref.to_string(),
            repository: repository(&push.repository),
        }
    }

    /// The commit that the columns name.
    pub(super) fn read(&self) -> Result<Commit, StoreError> {
        Ok(Commit {
            repository: read_repository(&self.repository)?,
            git_ref: GitRef::new(&self.git_ref)?,
            commit: self.commit_id.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_comes_back_as_it_was() {
        for (kind, forge, path) in [
            (ForgeKind::Github, "github", "acme/shop"),
            (ForgeKind::Gitlab, "work.eu_1", "a/b/c"),
            (ForgeKind::Local, "local", "demo"),
        ] {
            let repository =
                Repository { kind, forge: ForgeName::new(forge).unwrap(), path: RepoPath::new(path).unwrap() };
            assert_eq!(read_repository(&super::repository(&repository)).unwrap(), repository);
        }
        assert!(read_repository("github:acme").is_err());
    }

    #[test]
    fn a_time_comes_back_to_the_nanosecond() {
        let at: Timestamp = "2026-11-20T10:30:00.123456789Z".parse().unwrap();
        assert_eq!(time(nanoseconds(at)), at);
        assert!(time(nanoseconds(Timestamp::MAX)) > at);
        assert!(time(nanoseconds(Timestamp::MIN)) < Timestamp::UNIX_EPOCH);
    }
}
