//! A repository of the world, and what people do in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use router::id::{CommitId, ForgeKind, RepoPath, Repository};

use super::delivery::Delivery;
use super::git;
use super::moved::{Made, Moved, Pushed};
use super::{FakeForge, Shared, Work, payload};

/// A repository: a bare one on disk that everybody pushes to, and a person's working tree.
///
/// Each verb does the thing with git and gives the delivery that the forge would send for it. Sending it is the test's
/// business: webhooks get lost, doubled and late.
#[derive(Clone)]
pub struct Repo {
    world: Arc<Shared>,
    kind: ForgeKind,
    path: String,
    bare: PathBuf,
    tree: PathBuf,
    forge: Option<FakeForge>,
}

impl Repo {
    pub(super) fn open(
        world: &Arc<Shared>,
        kind: ForgeKind,
        path: &str,
        bare: PathBuf,
        forge: Option<FakeForge>,
    ) -> Self {
        let tree = world.folder.path().join("trees").join(kind.as_str()).join(path);
        if !tree.exists() {
            std::fs::create_dir_all(&tree).expect("a folder can be made in the world's folder");
            git::run(git::command(&tree).args(["init", "--quiet"]));
            git::run(git::command(&tree).args(["remote", "add", "origin"]).arg(&bare));
        }
        Self { world: Arc::clone(world), kind, path: path.to_owned(), bare, tree, forge }
    }

    /// Where the bare repository is: git fetches from this path.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// The person's working tree, as the last push left it.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// How the service calls it, when its forge is called like its kind.
    pub fn repository(&self) -> Repository {
        Repository {
            forge: self.kind.default_name(),
            kind: self.kind,
            path: RepoPath::new(self.path.as_str()).expect("the test gave a repository's path"),
        }
    }

    /// What a branch or a tag points to now.
    pub fn tip(&self, name: &str) -> Option<CommitId> {
        git::commit_of(&self.bare, name).map(|id| CommitId::new(id).expect("git prints commits"))
    }

    /// Forgets the commits that no branch or tag leads to.
    pub fn collect_garbage(&self) {
        git::run(git::command(&self.bare).args(["prune", "--expire=now"]));
    }

    /// Makes one commit on a branch and pushes it. A branch that is not there yet starts where `main` is.
    pub fn push(&self, branch: &str, edit: impl FnOnce(Work) -> Work) -> Pushed {
        self.push_all(branch, [edit(Work::default())])
    }

    /// Makes several commits on a branch and pushes them at once.
    pub fn push_all(&self, branch: &str, works: impl IntoIterator<Item = Work>) -> Pushed {
        let start = self.tip(&format!("refs/heads/{branch}")).or_else(|| self.tip("refs/heads/main"));
        self.commit_and_push(branch, start.as_ref(), works)
    }

    /// Rewrites a branch: goes back to `onto`, makes one commit there and pushes with force.
    pub fn force_push(&self, branch: &str, onto: &CommitId, edit: impl FnOnce(Work) -> Work) -> Pushed {
        self.commit_and_push(branch, Some(onto), [edit(Work::default())])
    }

    /// Sets a branch to a commit that is there, with force.
    pub fn reset(&self, branch: &str, to: &CommitId) -> Pushed {
        self.know(to);
        self.move_ref(&format!("refs/heads/{branch}"), to.as_str(), |moved| moved)
    }

    /// Merges one branch into another with a merge commit and pushes that.
    pub fn merge(&self, from: &str, into: &str) -> Pushed {
        let (ours, theirs) = (self.tip(into), self.tip(from));
        let (ours, theirs) = ours.zip(theirs).expect("both branches are there");
        self.know(&theirs);
        self.stand_on(&ours);
        let mut merge = git::command_by(&self.tree, "dana", self.commits_so_far());
        let message = format!("Merge branch '{from}' into {into}");
        git::run(merge.args(["merge", "--quiet", "--no-ff", "-m", &message, theirs.as_str()]));
        let made = git::commit_of(&self.tree, "HEAD").expect("a commit was made");
        self.move_ref(&format!("refs/heads/{into}"), &made, |moved| moved)
    }

    /// Makes a branch where another one is, without a commit of its own.
    pub fn branch(&self, name: &str, from: &str) -> Pushed {
        let start = self.tip(from).expect("the branch to start from is there");
        self.know(&start);
        let base = Some(format!("refs/heads/{from}"));
        self.move_ref(&format!("refs/heads/{name}"), start.as_str(), |moved| Moved { base_ref: base, ..moved })
    }

    /// Sets a tag on what a branch points to.
    pub fn tag(&self, name: &str, on: &str) -> Pushed {
        let commit = self.tip(on).expect("what is to be tagged is there");
        self.know(&commit);
        let base = Some(format!("refs/heads/{on}")).filter(|full| git::object_of(&self.bare, full).is_some());
        self.move_ref(&format!("refs/tags/{name}"), commit.as_str(), |moved| Moved { base_ref: base, ..moved })
    }

    /// Sets an annotated tag, which is an object of its own, on what a branch points to.
    pub fn annotated_tag(&self, name: &str, on: &str, message: &str) -> Pushed {
        let commit = self.tip(on).expect("what is to be tagged is there");
        self.know(&commit);
        let mut tag = git::command_by(&self.tree, "dana", self.commits_so_far());
        git::run(tag.args(["tag", "--force", "--annotate", "--message", message, name, commit.as_str()]));
        let full_ref = format!("refs/tags/{name}");
        let object = git::object_of(&self.tree, &full_ref).expect("the tag was just made");
        self.move_ref(&full_ref, &object, |moved| Moved { tag_message: Some(message.to_owned()), ..moved })
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, name: &str) -> Pushed {
        self.delete(&format!("refs/heads/{name}"))
    }

    /// Deletes a tag.
    pub fn delete_tag(&self, name: &str) -> Pushed {
        self.delete(&format!("refs/tags/{name}"))
    }

    /// What the forge sends to try whether somebody is there. GitLab and local repositories have no ping: there it is an
    /// event of a kind that nobody asked for.
    pub fn ping(&self) -> Delivery {
        let (event, body) = payload::ping(self.kind, &self.path);
        self.delivery(event, &body)
    }

    /// A pull request or merge request of a branch of this repository, or of a fork, was opened.
    ///
    /// # Panics
    /// For a local repository, which has none.
    pub fn change_request(&self, number: u64, source: &str, target: &str, fork: bool) -> Pushed {
        let commit = self.tip(source).expect("the branch that asks is there");
        if self.kind == ForgeKind::Github {
            // GitHub keeps the head of every request there.
            let head = format!("refs/pull/{number}/head");
            git::run(git::command(&self.bare).args(["update-ref", &head, commit.as_str()]));
        }
        let request = payload::Asked { number, source, target, fork, commit: commit.as_str() };
        let (event, body) = payload::change_request(self.kind, &self.path, &request);
        Pushed { commit, before: None, delivery: self.delivery(event, &body) }
    }

    fn commit_and_push(&self, branch: &str, start: Option<&CommitId>, works: impl IntoIterator<Item = Work>) -> Pushed {
        if let Some(start) = start {
            self.stand_on(start);
        }
        let mut actor = String::new();
        for (nth, work) in (self.commits_so_far()..).zip(works) {
            work.apply(&self.tree);
            work.person().clone_into(&mut actor);
            git::run(git::command(&self.tree).args(["add", "--all"]));
            let mut commit = git::command_by(&self.tree, work.person(), nth);
            git::run(commit.args(["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m"]).arg(work.words()));
        }
        let made = git::commit_of(&self.tree, "HEAD").expect("a commit was made");
        self.move_ref(&format!("refs/heads/{branch}"), &made, |moved| Moved { actor, ..moved })
    }

    /// Pushes an object to a ref and reads back what that moved.
    fn move_ref(&self, full_ref: &str, object: &str, also: impl FnOnce(Moved) -> Moved) -> Pushed {
        let before = git::object_of(&self.bare, full_ref);
        git::run(git::command(&self.tree).args(["push", "--quiet", "origin"]).arg(format!("+{object}:{full_ref}")));
        let commit = git::commit_of(&self.bare, full_ref).expect("what was pushed is a commit");
        let forced = before.as_deref().is_some_and(|before| {
            git::try_run(git::command(&self.bare).args(["merge-base", "--is-ancestor", before, &commit])).is_err()
        });
        let is_branch = full_ref.starts_with("refs/heads/");
        let brought = || Made::brought(&self.bare, full_ref, before.as_deref(), &commit);
        let moved = Moved {
            full_ref: full_ref.to_owned(),
            before: before.clone(),
            after: Some(object.to_owned()),
            forced,
            actor: "dana".to_owned(),
            commits: if is_branch { brought() } else { Vec::new() },
            head: Some(Made::read(&self.bare, &commit)),
            base_ref: None,
            tag_message: None,
            at: self.world.clock.now(),
        };
        self.tell(also(moved), &commit)
    }

    fn delete(&self, full_ref: &str) -> Pushed {
        let before = git::object_of(&self.bare, full_ref).expect("what is to be deleted is there");
        let commit = git::commit_of(&self.bare, full_ref).expect("a ref points to a commit");
        git::run(git::command(&self.tree).args(["push", "--quiet", "origin"]).arg(format!(":{full_ref}")));
        let moved = Moved {
            full_ref: full_ref.to_owned(),
            before: Some(before),
            after: None,
            head: None,
            forced: false,
            actor: "dana".to_owned(),
            commits: Vec::new(),
            base_ref: None,
            tag_message: None,
            at: self.world.clock.now(),
        };
        self.tell(moved, &commit)
    }

    fn tell(&self, moved: Moved, commit: &str) -> Pushed {
        if let Some(forge) = &self.forge {
            forge.saw(&self.path, &moved.full_ref);
        }
        let (event, body) = payload::push(self.kind, &self.path, &self.bare, &moved);
        let id = |text: &str| CommitId::new(text).expect("git prints commits");
        Pushed { commit: id(commit), before: moved.before.as_deref().map(id), delivery: self.delivery(event, &body) }
    }

    fn delivery(&self, event: &str, body: &serde_json::Value) -> Delivery {
        let now: Timestamp = self.world.clock.now();
        Delivery::new(self.kind, event, &self.world.next_delivery(), body, now)
    }

    /// Sees to it that the working tree knows a commit that somebody else may have pushed.
    fn know(&self, commit: &CommitId) {
        if git::commit_of(&self.tree, commit.as_str()).is_none() {
            git::run(git::command(&self.tree).args(["fetch", "--quiet", "origin"]));
        }
    }

    fn stand_on(&self, commit: &CommitId) {
        self.know(commit);
        git::run(git::command(&self.tree).args(["checkout", "--quiet", "--force", "--detach", commit.as_str()]));
    }

    fn commits_so_far(&self) -> i64 {
        let all = git::run(git::command(&self.tree).args(["rev-list", "--all", "--reflog", "--count"]));
        all.parse().expect("git counts in numbers")
    }
}
