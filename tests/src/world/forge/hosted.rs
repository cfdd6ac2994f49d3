//! What a fake forge knows of one repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::git;

pub(super) struct Hosted {
    pub(super) id: u64,
    pub(super) bare: PathBuf,
    /// Every ref that ever was.
    pub(super) refs: BTreeSet<String>,
    /// Every status that was taken, in the order of arrival.
    pub(super) told: Vec<Shown>,
    /// GitLab's jobs: each status name of a commit is one, until it has ended.
    pub(super) jobs: Vec<Job>,
    /// GitLab's pipelines by commit and ref.
    pub(super) pipelines: BTreeMap<(String, String), u64>,
}

/// A status that a forge took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// On which commit.
    pub commit: String,
    /// Under which ref, when the forge asks for one.
    pub git_ref: Option<String>,
    /// Its name.
    pub context: String,
    /// The forge's word for its state.
    pub state: String,
    /// Its sentence.
    pub description: String,
    /// Its link, empty when it has none.
    pub url: String,
}

pub(super) struct Job {
    pub(super) id: u64,
    pub(super) commit: String,
    pub(super) git_ref: String,
    pub(super) name: String,
    pub(super) state: String,
}

impl Hosted {
    pub(super) fn new(id: u64, bare: PathBuf) -> Self {
        Self { id, bare, refs: BTreeSet::new(), told: Vec::new(), jobs: Vec::new(), pipelines: BTreeMap::new() }
    }

    pub(super) fn fill_up(&mut self, commit: &str, context: &str, count: usize) {
        let shown = Shown {
            commit: commit.to_owned(),
            git_ref: None,
            context: context.to_owned(),
            state: "pending".to_owned(),
            description: String::new(),
            url: String::new(),
        };
        self.told.extend(std::iter::repeat_n(shown, count));
    }

    /// Whether a full commit id is a commit here; the id of a tag object is none.
    pub(super) fn has_commit(&self, id: &str) -> bool {
        let is_id = id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_id && git::try_run(git::command(&self.bare).args(["cat-file", "-t", id])).is_ok_and(|kind| kind == "commit")
    }
}
