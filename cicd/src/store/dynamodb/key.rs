//! Where things stand in the table. Nothing else spells a key.
//!
//! What comes from outside stands in a key as it is where its check leaves out `#`, and as a digest where it may be long:
//! a sort key has at most 1024 bytes, and a ref alone may have a thousand.

use aws_sdk_dynamodb::types::AttributeValue;
use router::id::{CommitId, DeliveryId, ForgeName, GitRef, Repository, RunId};
use sha2::{Digest, Sha256};

use super::item::{Item, s, text};
use crate::store::{Claim, Commit, StoreError};

/// An item's two keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// What is known of a delivery.
    pub(super) fn delivery(id: &DeliveryId, forge: &ForgeName) -> Self {
        Self::new(deliveries_of(id), forge.as_str())
    }

    /// That nothing is decided about a delivery yet.
    pub(super) fn undecided(place: &str) -> Self {
        Self::new(UNDECIDED, place)
    }

    /// A part of a text that stands outside of its delivery, or a body's.
    pub(super) fn part(id: &DeliveryId, forge: &ForgeName, digest: &str, part: usize) -> Self {
        Self::new(format!("parts#{id}#{forge}"), format!("{digest}#{part:04}"))
    }

    /// A run.
    pub(super) fn run(id: &RunId) -> Self {
        Self::new(format!("run#{id}"), "run")
    }

    /// That a run has not reached its end.
    pub(super) fn live(repository: &Repository, git_ref: &GitRef, id: &RunId) -> Self {
        Self::new(LIVE, format!("{}{id}", live_on_ref(repository, git_ref)))
    }

    /// That a commit has a run.
    pub(super) fn run_of_commit(repository: &Repository, commit: &CommitId, id: &RunId) -> Self {
        Self::new(of_commit(repository, commit), format!("{RUNS_OF_COMMIT}{id}"))
    }

    /// That a delivery was decided for a commit.
    pub(super) fn decided(commit: &Commit, place: &str) -> Self {
        let sk = format!("{}{place}", decided_under(&commit.git_ref));
        Self::new(of_commit(&commit.repository, &commit.commit), sk)
    }

    /// What is owed for a commit, and what the forge was told about it.
    pub(super) fn debt(commit: &Commit) -> Self {
        let sk = format!("debt#{}", digest(&[&commit.git_ref.to_string()]));
        Self::new(of_commit(&commit.repository, &commit.commit), sk)
    }

    /// What leads to the run that the engine calls so.
    pub(super) fn execution(execution: &str) -> Self {
        Self::new(execution_of(execution), EXECUTION)
    }

    /// Where a ref has been.
    pub(super) fn track(repository: &Repository, git_ref: &GitRef) -> Self {
        Self::new(tracks_of(repository), digest(&[&git_ref.to_string()]))
    }

    /// Who holds an environment.
    pub(super) fn claim(claim: &Claim) -> Self {
        Self::new(format!("claim#{}", repository(&claim.repository)), claim.environment.as_str())
    }

    /// What subscribers are to be told, by its time.
    pub(super) fn notice(partition: &str, at: &str, id: &str) -> Self {
        Self::new(partition, format!("{at}#{id}"))
    }

    /// How often routes were hit on a day, in one of several items.
    pub(super) fn hits(day: i64, shard: usize) -> Self {
        Self::new(hits_of(day), format!("{shard:04}"))
    }

    /// Written when somebody asks whether the table can be written to.
    pub(super) fn heartbeat() -> Self {
        Self::new("heartbeat", "heartbeat")
    }

    /// An item's keys.
    pub(super) fn of(item: &Item) -> Result<Self, StoreError> {
        Ok(Self::new(text(item, "pk")?, text(item, "sk")?))
    }

    /// The keys as requests have them: an item with nothing else.
    pub(super) fn item(&self) -> Item {
        self.with([])
    }

    /// An item that holds this.
    pub(super) fn with<const N: usize>(&self, attributes: [(&str, AttributeValue); N]) -> Item {
        let keys = [("pk", s(&self.pk)), ("sk", s(&self.sk))];
        keys.into_iter().chain(attributes).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The partition of what nothing is decided about; its sort keys are places.
pub(super) const UNDECIDED: &str = "undecided";
/// The partition of the runs that have not reached their end.
pub(super) const LIVE: &str = "live";
/// How the sort keys of a commit's runs begin.
pub(super) const RUNS_OF_COMMIT: &str = "run#";

/// The one sort key of an execution's partition.
const EXECUTION: &str = "run";

/// The partition of what the engine calls so.
pub(super) fn execution_of(execution: &str) -> String {
    format!("execution#{execution}")
}

/// The partition of the deliveries of an id, one for each forge that used it.
pub(super) fn deliveries_of(id: &DeliveryId) -> String {
    format!("delivery#{id}")
}

/// The partition of what is known of a commit.
pub(super) fn of_commit(of: &Repository, commit: &CommitId) -> String {
    format!("commit#{}#{commit}", repository(of))
}

/// The partition of what is known of a repository's refs.
pub(super) fn tracks_of(of: &Repository) -> String {
    format!("track#{}", repository(of))
}

/// The partition of a day's hits.
pub(super) fn hits_of(day: i64) -> String {
    format!("hits#{day}")
}

/// How the sort keys of the live runs of a ref begin.
pub(super) fn live_on_ref(of: &Repository, git_ref: &GitRef) -> String {
    format!("{}#", digest(&[&repository(of), &git_ref.to_string()]))
}

/// How the sort keys of a commit's decisions under a ref begin; places follow.
pub(super) fn decided_under(git_ref: &GitRef) -> String {
    format!("decided#{}#", digest(&[&git_ref.to_string()]))
}

/// `kind:forge:path`; none of the three may hold a colon.
fn repository(of: &Repository) -> String {
    format!("{}:{}:{}", of.kind, of.forge, of.path)
}

/// Stands for texts in a key; none of them holds a line's end.
fn digest(of: &[&str]) -> String {
    hex::encode(&Sha256::digest(of.join("\n"))[..16])
}

#[cfg(test)]
mod tests {
    use router::id::{EnvironmentName, ForgeKind, RepoPath};

    use super::*;

    #[test]
    fn the_longest_names_fit_into_their_keys() {
        let repository = Repository {
            forge: ForgeName::new("f".repeat(100)).unwrap(),
            kind: ForgeKind::Gitlab,
            path: RepoPath::new("p".repeat(255)).unwrap(),
        };
        let git_ref = GitRef::Branch("b".repeat(1000));
        let commit = CommitId::new("a".repeat(64)).unwrap();
        let of = Commit { repository: repository.clone(), git_ref: git_ref.clone(), commit: commit.clone() };
        let (id, run) = (DeliveryId::new("i".repeat(200)).unwrap(), RunId::new("0".repeat(16)).unwrap());
        let place = format!("{:019}#{:08x}#{id}#{}", i64::MAX, u32::MAX, repository.forge);
        let environment = EnvironmentName::new("e".repeat(100)).unwrap();
        for key in [
            Key::delivery(&id, &repository.forge),
            Key::undecided(&place),
            Key::part(&id, &repository.forge, &"0".repeat(64), 9999),
            Key::run(&run),
            Key::live(&repository, &git_ref, &run),
            Key::run_of_commit(&repository, &commit, &run),
            Key::decided(&of, &place),
            Key::debt(&of),
            Key::track(&of.repository, &of.git_ref),
            Key::claim(&Claim { repository, environment, run }),
            Key::execution(&"e".repeat(100)),
        ] {
            assert!(key.pk.len() <= 2048 && key.sk.len() <= 1024, "{key:?}");
        }
    }

    #[test]
    fn a_tag_and_a_branch_of_one_name_stand_apart() {
        let refs = [GitRef::Branch("v1".to_owned()), GitRef::Tag("v1".to_owned())];
        assert_ne!(decided_under(&refs[0]), decided_under(&refs[1]));
    }
}
