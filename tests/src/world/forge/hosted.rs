//! What a fake forge knows of one repository.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;

use super::git;

pub(super) struct Hosted {
    pub(super) id: u64,
    pub(super) bare: PathBuf,
    pub(super) archives: Archives,
    /// Every ref that ever was.
    pub(super) refs: BTreeSet<String>,
    /// Every status that was taken, in the order of arrival.
    pub(super) told: Vec<Shown>,
    /// GitLab's jobs: each status name of a commit is one, until it has ended.
    pub(super) jobs: Vec<Job>,
    /// GitLab's pipelines by commit and ref.
    pub(super) pipelines: BTreeMap<(String, String), u64>,
}

/// What archives a forge gives of a repository's commits.
#[derive(Clone)]
pub enum Archives {
    /// What git packs.
    OfGit,
    /// None: right after a push a forge may not have them yet.
    NotYet,
    /// What this makes.
    Made(Arc<dyn Fn() -> Body + Send + Sync>),
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
    /// A file of the default branch, in Base64.
    pub(super) fn file(&self, path: &str) -> Option<String> {
        let text = git::try_run(git::command(&self.bare).arg("show").arg(format!("refs/heads/main:{path}"))).ok()?;
        Some(BASE64_STANDARD.encode(text))
    }

    pub(super) fn new(id: u64, bare: PathBuf) -> Self {
        let (refs, told, jobs, pipelines) = (BTreeSet::new(), Vec::new(), Vec::new(), BTreeMap::new());
        Self { id, bare, archives: Archives::OfGit, refs, told, jobs, pipelines }
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

    pub(super) fn overwrite(&mut self, id: u64, commit: &str, context: &str, state: &str) {
        let last = self.told.iter().rev().find(|told| told.commit == commit && told.context == context).cloned();
        let Some(last) = last else { return };
        let git_ref = last.git_ref.clone().unwrap_or_default();
        self.jobs.push(Job {
            id,
            commit: commit.to_owned(),
            git_ref,
            name: context.to_owned(),
            state: state.to_owned(),
        });
        self.told.push(Shown { state: state.to_owned(), ..last });
    }

    /// Every branch and tag with the object that it points to.
    pub(super) fn all_refs(&self) -> Vec<(String, String)> {
        let format = "--format=%(refname) %(objectname)";
        let listed = git::run(git::command(&self.bare).args(["for-each-ref", format, "refs/heads", "refs/tags"]));
        let refs = listed.lines().filter_map(|line| line.split_once(' '));
        refs.map(|(name, object)| (name.to_owned(), object.to_owned())).collect()
    }

    /// Every branch by its short name.
    pub(super) fn branches(&self) -> Vec<(String, String)> {
        let short = |(full, commit): (String, String)| Some((full.strip_prefix("refs/heads/")?.to_owned(), commit));
        self.all_refs().into_iter().filter_map(short).collect()
    }

    /// Every tag by its short name, with the commit that it is or is the tag of.
    pub(super) fn tags(&self) -> Vec<(String, String)> {
        let commit = |(full, _): (String, String)| {
            let name = full.strip_prefix("refs/tags/")?.to_owned();
            Some((name, git::commit_of(&self.bare, &full)?))
        };
        self.all_refs().into_iter().filter_map(commit).collect()
    }

    /// Whether a full commit id is a commit here; the id of a tag object is none.
    pub(super) fn has_commit(&self, id: &str) -> bool {
        let is_id = id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_id && git::try_run(git::command(&self.bare).args(["cat-file", "-t", id])).is_ok_and(|kind| kind == "commit")
    }
}
