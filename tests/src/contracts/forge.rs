//! What every forge keeps, whichever it is.

use std::time::Duration;

use cicd::forge::github::{Github, GithubSettings};
use cicd::forge::gitlab::{Gitlab, GitlabSettings};
use cicd::forge::local::Local;
use cicd::forge::{Forge, Told, TryLater};
use cicd::store::Commit;
use router::event::{ChangedFiles, Push};
use router::id::{CommitId, ForgeKind, GitRef};
use router::secret::Secret;
use router::status::{Status, StatusState};

use crate::world::{Failure, FakeForge, Pushed, Repo, World};

mod answers;
mod files;
mod members;
mod refusals;

const EACH_STATE: [StatusState; 5] =
    [StatusState::Pending, StatusState::Running, StatusState::Success, StatusState::Failure, StatusState::Stopped];

/// One implementation in a world of its own.
struct Subject {
    kind: ForgeKind,
    world: World,
    repo: Repo,
    path: &'static str,
    forge: Box<dyn Forge>,
}

impl Subject {
    async fn github() -> Self {
        let world = World::new().await;
        let settings =
            GithubSettings { api_url: Some(world.hub.api_url()), web_url: None, token: Secret::new(FakeForge::TOKEN) };
        let forge = Box::new(Github::new(settings).unwrap());
        Self { kind: ForgeKind::Github, repo: world.github("acme/shop"), world, path: "acme/shop", forge }
    }

    async fn gitlab() -> Self {
        let world = World::new().await;
        let settings = GitlabSettings { url: world.lab.api_url(), token: Secret::new(FakeForge::TOKEN) };
        let forge = Box::new(Gitlab::new(settings).unwrap());
        let path = "platform/teams/web";
        Self { kind: ForgeKind::Gitlab, repo: world.gitlab(path), world, path, forge }
    }

    async fn local() -> Self {
        let world = World::new().await;
        let repo = world.local("demo");
        let folder = repo.bare().to_str().unwrap().to_owned();
        let forge = Box::new(Local::new(move |path| (path.as_str() == "demo").then(|| folder.clone())));
        Self { kind: ForgeKind::Local, repo, world, path: "demo", forge }
    }

    /// All of them.
    async fn every() -> [Self; 3] {
        [Self::github().await, Self::gitlab().await, Self::local().await]
    }

    /// Those that are somewhere else.
    async fn far() -> [Self; 2] {
        [Self::github().await, Self::gitlab().await]
    }

    /// The fake behind it.
    fn fake(&self) -> &FakeForge {
        match self.kind {
            ForgeKind::Github => &self.world.hub,
            ForgeKind::Gitlab => &self.world.lab,
            ForgeKind::Local => panic!("behind a local repository there is nobody"),
        }
    }

    fn commit(&self, pushed: &Pushed, full_ref: &str) -> Commit {
        let git_ref = GitRef::new(full_ref).unwrap();
        Commit { repository: self.repo.repository(), git_ref, commit: pushed.commit.clone() }
    }

    /// A first push to main.
    fn first(&self) -> Commit {
        let pushed = self.repo.push("main", |work| work.write("README.md", "hello"));
        self.commit(&pushed, "refs/heads/main")
    }

    async fn tell(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater> {
        let told = self.forge.set_status(commit, status).await;
        let words = format!("{told:?}");
        assert!(!words.contains(FakeForge::TOKEN), "{words}");
        told
    }

    fn push(&self, pushed: &Pushed, branch: &str) -> Push {
        Push {
            repository: self.repo.repository(),
            git_ref: GitRef::new(&format!("refs/heads/{branch}")).unwrap(),
            before: pushed.before.clone(),
            commit: pushed.commit.clone(),
            actor: "dana".to_owned(),
            author: Default::default(),
            created: pushed.before.is_none(),
            forced: false,
            changed: ChangedFiles::Unknown("the event could not say".to_owned()),
            message: String::new(),
            pushed_at: None,
        }
    }
}

fn status(state: StatusState, description: &str) -> Status {
    Status {
        context: "pointsman/application/test".to_owned(),
        state,
        description: description.to_owned(),
        url: "https://ci.example.com/runs/0123456789abcdef".to_owned(),
    }
}

fn nobodys_commit() -> CommitId {
    CommitId::new("deadbeef".repeat(5)).unwrap()
}

/// The forge's word for a state.
fn word(kind: ForgeKind, state: StatusState) -> &'static str {
    match (kind, state) {
        (ForgeKind::Github, StatusState::Pending | StatusState::Running) | (_, StatusState::Pending) => "pending",
        (_, StatusState::Running) => "running",
        (_, StatusState::Success) => "success",
        (ForgeKind::Github, StatusState::Failure) => "failure",
        (_, StatusState::Failure) => "failed",
        (ForgeKind::Github, StatusState::Stopped) => "error",
        (_, StatusState::Stopped) => "canceled",
    }
}

fn seconds(later: &TryLater) -> Option<u64> {
    later.wait.as_ref().map(Duration::as_secs)
}
