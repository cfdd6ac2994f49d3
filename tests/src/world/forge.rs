//! A forge with state, over real HTTP.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::{Json, Router};
use reqwest::Url;
use router::id::{CommitId, ForgeKind};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::git;

mod door;
mod fetch;
mod github;
mod gitlab;
mod hosted;

pub use door::Failure;
use hosted::Hosted;
pub use hosted::{Archives, Shown};

/// A fake GitHub or GitLab. Clones are the same forge; it is gone with the last of them.
#[derive(Clone)]
pub struct FakeForge {
    shared: Arc<Shared>,
    served: Arc<Served>,
}

struct Served {
    address: String,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared {
    kind: ForgeKind,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: String,
    hosted: BTreeMap<String, Hosted>,
    failures: VecDeque<Failure>,
    calls: Vec<String>,
    last_id: u64,
    no_authors: bool,
    /// Members of teams: account and state, by the team's path.
    teams: BTreeMap<String, BTreeMap<String, String>>,
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A commit's files below one folder; none when it gives none.
    async fn archive(&self, path: &str, sha: &str, around: &str) -> Option<Body> {
        let (bare, archives) = {
            let state = self.state();
            let hosted = state.hosted.get(path).filter(|hosted| hosted.has_commit(sha))?;
            (hosted.bare.clone(), hosted.archives.clone())
        };
        match archives {
            Archives::OfGit => Some(git::packed(&bare, sha, around).await.into()),
            Archives::NotYet => None,
            Archives::Made(make) => Some(make()),
        }
    }
}

/// The page of a list that was asked for, each as the forge shows it.
fn listed<T>(all: Vec<T>, query: &BTreeMap<String, String>, shown: impl Fn(T) -> Value) -> Json<Value> {
    let number = |name: &str, usual: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (size, page) = (number("per_page", 20), number("page", 1).max(1));
    Json(all.into_iter().skip((page - 1) * size).take(size).map(shown).collect())
}

impl FakeForge {
    /// The token that it knows at first.
    pub const TOKEN: &str = "forge-token-0123456789abcdef";

    pub(super) async fn start(kind: ForgeKind, folder: PathBuf) -> Self {
        let state = State { token: Self::TOKEN.to_owned(), ..State::default() };
        let shared = Arc::new(Shared { kind, folder, state: Mutex::new(state) });
        let api = match kind {
            ForgeKind::Github => Router::new().nest("/api/v3", github::routes()),
            ForgeKind::Gitlab => Router::new().nest("/api/v4", gitlab::routes()),
            ForgeKind::Local => panic!("a local repository has no API"),
        };
        let app = api.fallback(fetch::serve);
        let app = app.layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), door::pass));
        let app = app.with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it has an address"));
        let serve = async move { axum::serve(listener, app).await.expect("the fake forge serves until it is dropped") };
        let served = Arc::new(Served { address, task: tokio::spawn(serve) });
        Self { shared, served }
    }

    /// Where people look at it and where git fetches from.
    pub fn web_url(&self) -> Url {
        self.served.address.parse().expect("it is an address")
    }

    /// What the settings say for its API: GitHub's has a path, GitLab's is found by the client.
    pub fn api_url(&self) -> Url {
        let path = match self.shared.kind {
            ForgeKind::Github => "api/v3",
            ForgeKind::Gitlab | ForgeKind::Local => "",
        };
        self.web_url().join(path).expect("the path is one")
    }

    /// The token that it knows now.
    pub fn token(&self) -> String {
        self.shared.state().token.clone()
    }

    /// From now on it knows another token, and no longer the old one.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.shared.state().token);
    }

    /// Fails the next calls of its API, whatever they ask for.
    pub fn fail_next(&self, calls: usize, failure: Failure) {
        self.shared.state().failures.extend(std::iter::repeat_n(failure, calls));
    }

    /// Takes back the failures that have not happened yet, and says how many.
    pub fn recover(&self) -> usize {
        std::mem::take(&mut self.shared.state().failures).len()
    }

    /// The calls of its API so far: `POST /repos/acme/shop/statuses/<commit>`.
    pub fn calls(&self) -> Vec<String> {
        self.shared.state().calls.clone()
    }

    /// Loses a repository with everything in it.
    pub fn lose(&self, path: &str) {
        self.shared.state().hosted.remove(path);
    }

    /// From now on it gives these archives of a repository's commits.
    pub fn archives(&self, path: &str, archives: Archives) {
        if let Some(hosted) = self.shared.state().hosted.get_mut(path) {
            hosted.archives = archives;
        }
    }

    /// All that it was told of a commit and took, in the order of arrival.
    pub fn shown(&self, path: &str, commit: &CommitId) -> Vec<Shown> {
        let state = self.shared.state();
        let all = state.hosted.get(path).map(|hosted| hosted.told.as_slice()).unwrap_or_default();
        all.iter().filter(|shown| shown.commit == commit.as_str()).cloned().collect()
    }

    /// The same as (context, state, description).
    pub fn statuses(&self, path: &str, commit: &CommitId) -> Vec<(String, String, String)> {
        self.shown(path, commit).into_iter().map(|shown| (shown.context, shown.state, shown.description)).collect()
    }

    /// What it shows of a commit now: (state, description) for each context.
    pub fn latest(&self, path: &str, commit: &CommitId) -> BTreeMap<String, (String, String)> {
        let all = self.statuses(path, commit).into_iter();
        all.map(|(context, state, description)| (context, (state, description))).collect()
    }

    /// Somebody else, or an accident, shows another state.
    pub fn overwrite(&self, path: &str, commit: &CommitId, context: &str, state: &str) {
        let mut guard = self.shared.state();
        let id = guard.next_id();
        if let Some(hosted) = guard.hosted.get_mut(path) {
            hosted.overwrite(id, commit.as_str(), context, state);
        }
    }

    /// Lets a commit's pipelines go, as GitLab does with old ones: the next status is shown in a new one.
    pub fn forget_pipelines(&self, path: &str) {
        if let Some(hosted) = self.shared.state().hosted.get_mut(path) {
            hosted.pipelines.clear();
        }
    }

    /// It does not say who made a commit any more.
    pub fn forget_authors(&self) {
        self.shared.state().no_authors = true;
    }

    /// Takes an account into a team, in the forge's word for its state: `active`, `pending`, `blocked`.
    pub fn join(&self, team: &str, account: &str, state: &str) {
        let mut guard = self.shared.state();
        guard.teams.entry(team.to_owned()).or_default().insert(account.to_owned(), state.to_owned());
    }

    /// Shows so many statuses of one context of a commit that GitHub takes no more.
    pub fn fill_up(&self, path: &str, commit: &CommitId, context: &str) {
        if let Some(hosted) = self.shared.state().hosted.get_mut(path) {
            hosted.fill_up(commit.as_str(), context, github::STATUSES_MAX);
        }
    }

    pub(super) fn create(&self, path: &str) {
        let bare = self.bare(path);
        let mut state = self.shared.state();
        if !state.hosted.contains_key(path) {
            git::init_bare(&bare);
            let id = state.next_id();
            state.hosted.insert(path.to_owned(), Hosted::new(id, bare));
        }
    }

    pub(super) fn bare(&self, path: &str) -> PathBuf {
        self.shared.folder.join(format!("{path}.git"))
    }

    /// A ref moved. Statuses of a deleted branch are still taken, of one that never was they are not.
    pub(super) fn saw(&self, path: &str, full_ref: &str) {
        if let Some(hosted) = self.shared.state().hosted.get_mut(path) {
            hosted.refs.insert(full_ref.to_owned());
        }
    }
}
