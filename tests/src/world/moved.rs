//! What a push moved, read back from the repository: what every payload is made of.

use std::path::Path;

use jiff::Timestamp;
use router::id::CommitId;

use super::Delivery;
use super::git::{self, Changed};

/// A push that has happened, and the webhook that tells of it.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The commit that the ref points to now; for an annotated tag the commit, for a deleted ref the one it pointed to.
    pub commit: CommitId,
    /// Where it pointed before; none when it is new.
    pub before: Option<CommitId>,
    /// What the forge sends.
    pub delivery: Delivery,
}

/// A ref that moved.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    pub(super) full_ref: String,
    /// The objects, which for an annotated tag are tag objects.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// The commit that `after` is, or is the tag of.
    pub(super) head: Option<Made>,
    pub(super) forced: bool,
    pub(super) actor: String,
    /// The commits that came with it, oldest first.
    pub(super) commits: Vec<Made>,
    /// The branch that a new ref without new commits was made from.
    pub(super) base_ref: Option<String>,
    /// When it moved.
    pub(super) at: Timestamp,
    /// An annotated tag's own message.
    pub(super) tag_message: Option<String>,
}

/// One commit.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) tree: String,
    pub(super) author: String,
    pub(super) at: Timestamp,
    pub(super) message: String,
    pub(super) added: Vec<String>,
    pub(super) modified: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Moved {
    /// Whether the ref is a tag.
    pub(super) fn is_tag(&self) -> bool {
        self.full_ref.starts_with("refs/tags/")
    }

    /// `main`, `v1.0.0`
    pub(super) fn short(&self) -> &str {
        let full = self.full_ref.as_str();
        full.strip_prefix("refs/heads/").or_else(|| full.strip_prefix("refs/tags/")).unwrap_or(full)
    }

    /// The id of the commit it points to.
    pub(super) fn commit(&self) -> Option<&str> {
        self.head.as_ref().map(|head| head.id.as_str())
    }

    /// Where it points, as a webhook writes it: zeros for nowhere.
    pub(super) fn after_or_zeros(&self) -> String {
        self.after.clone().unwrap_or_else(|| "0".repeat(40))
    }

    /// Where it pointed, as a webhook writes it: zeros for nowhere.
    pub(super) fn before_or_zeros(&self) -> String {
        self.before.clone().unwrap_or_else(|| "0".repeat(40))
    }
}

impl Made {
    /// Reads one commit. What a merge changed is what it changed to its first parent, as forges tell it.
    pub(super) fn read(repo: &Path, id: &str) -> Self {
        let format = "--format=%T%x00%an%x00%ct%x00%B";
        let shown = git::run(git::command(repo).args(["show", "--no-patch", format, id]));
        let mut fields = shown.splitn(4, '\0');
        let mut next = || fields.next().expect("git show prints four fields").to_owned();
        let (tree, author, seconds, message) = (next(), next(), next(), next());
        let at = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let parent = format!("{id}^1");
        let changes = match git::commit_of(repo, &parent) {
            Some(_) => git::changes(repo, &["diff", "--no-renames", &parent, id]),
            None => git::changes(repo, &["diff-tree", "--root", "--no-commit-id", "-r", id]),
        };
        let changes = changes.expect("a commit can be compared with its parent");
        let paths = |how: fn(char) -> bool| {
            changes.iter().filter(|change| how(change.how)).map(|Changed { path, .. }| path.clone()).collect()
        };
        Self {
            id: id.to_owned(),
            tree,
            author,
            at: at.expect("git prints a commit's time in seconds"),
            message,
            added: paths(|how| how == 'A'),
            modified: paths(|how| matches!(how, 'M' | 'T')),
            removed: paths(|how| how == 'D'),
        }
    }

    /// The commits that a push brought, oldest first: for a new ref those that no other branch has.
    pub(super) fn brought(repo: &Path, full_ref: &str, before: Option<&str>, commit: &str) -> Vec<Self> {
        let mut list = git::command(repo);
        list.args(["rev-list", "--reverse", "--topo-order", commit]);
        match before {
            Some(before) => list.arg(format!("^{before}")),
            None => list.arg("--not").arg(format!("--exclude={full_ref}")).arg("--glob=refs/heads/*"),
        };
        git::run(&mut list).lines().map(|id| Self::read(repo, id)).collect()
    }
}
