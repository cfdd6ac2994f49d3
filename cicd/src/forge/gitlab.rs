//! GitLab, gitlab.com or self-managed.
//!
//! The endpoints and the reading of errors are the gitlab crate's, the HTTP client under them is ours (see `wire`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gitlab::api::projects::repository::commits::{CommitStatusState, CompareCommits, CreateCommitStatus};
use gitlab::api::projects::repository::files::File;
use gitlab::api::{AsyncQuery, Endpoint};
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, Origin, Repository};
use router::run::Team;
use router::secret::Secret;
use router::status::{Status, StatusState};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::words::{at_most_bytes, header_token};
use super::{Archive, CloneFrom, Forge, NoArchive, Told, TryLater, archive, from_base64};
use crate::outbound::Outbound;
use crate::store::Commit;
use refused::Refused;
use wire::Wire;

mod asked;
mod refused;
mod wire;

/// GitLab's limit for a description, a ref and a link. It says characters, the crate counts bytes: bytes are fewer.
const FIELD_MAX: usize = 255;

/// GitLab compares at most so many files before it leaves some out.
const FILES_MAX: usize = 1000;

/// So many commits' pipelines are remembered: those that are being told about.
const PIPELINES_MAX: usize = 256;

/// How to reach one GitLab.
pub struct GitlabSettings {
    /// Its address: `https://gitlab.com`, `https://git.example.com/gitlab`.
    pub url: Url,
    /// A token with the scope `api`, of somebody who may push.
    pub token: Secret,
}

/// One GitLab.
pub struct Gitlab {
    wire: Wire,
    outbound: Outbound,
    web_url: String,
    token: Secret,
    /// GitLab shows a status in one of the commit's pipelines. The first answer says which; without telling it again, the
    /// next status of the same commit may land in a pipeline that nobody looks at.
    pipelines: Mutex<VecDeque<(Commit, u64)>>,
}

impl Gitlab {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the token or the address cannot be used.
    pub fn new(settings: GitlabSettings) -> anyhow::Result<Self> {
        let GitlabSettings { url, token } = settings;
        ensure!(matches!(url.scheme(), "http" | "https"), "the address of GitLab starts with https://");
        let web_url = url.as_str().trim_end_matches('/').to_owned();
        let header = header_token(&token).context("the GitLab token cannot be used")?;
        let outbound = super::outbound();
        let wire = Wire::new(outbound.clone(), &web_url, header).context("the GitLab client cannot be made")?;
        Ok(Self { wire, outbound, web_url, token, pipelines: Mutex::default() })
    }

    async fn ask<T: DeserializeOwned + 'static>(&self, endpoint: impl Endpoint + Sync) -> Result<T, Refused> {
        endpoint.query_async(&self.wire).await.map_err(|error| refused::read(error, &self.token))
    }

    async fn compare(&self, push: &Push, from: &str, straight: bool) -> Result<ChangedFiles, TryLater> {
        let endpoint = CompareCommits::builder()
            .project(push.repository.path.as_str())
            .from(from)
            .to(push.commit.as_str())
            .straight(straight)
            .build()
            .expect("project, from and to are all there is to give");
        match self.ask::<Comparison>(endpoint).await {
            Ok(comparison) => Ok(comparison.files()),
            Err(refused) => refused.refusal().files(),
        }
    }

    fn pipeline_of(&self, commit: &Commit) -> Option<u64> {
        let known = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == commit).map(|(_, pipeline)| *pipeline)
    }

    /// Remembers a commit's pipeline, or forgets it.
    fn learn(&self, commit: &Commit, pipeline: Option<u64>) {
        let mut known = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(of, _)| of != commit);
        known.extend(pipeline.map(|pipeline| (commit.clone(), pipeline)));
        if known.len() > PIPELINES_MAX {
            known.pop_front();
        }
    }
}

#[async_trait]
impl Forge for Gitlab {
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater> {
        let pipeline = self.pipeline_of(commit);
        let endpoint = match status_endpoint(commit, status, pipeline) {
            Ok(endpoint) => endpoint,
            Err(why) => return Ok(Told::Never(why)),
        };
        match self.ask::<Answer>(endpoint).await {
            Ok(answer) => {
                self.learn(commit, answer.pipeline_id);
                Ok(Told::Shown)
            }
            Err(refused) if refused.stays_at(status.state) => Ok(Told::Shown),
            Err(refused) if refused.code == 404 && pipeline.is_some() => {
                // The pipeline may be gone while the commit is not.
                self.learn(commit, None);
                Err(TryLater::new(refused.words))
            }
            Err(refused) => refused.refusal().told(),
        }
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        if let GitRef::Request(request) = &push.git_ref {
            // From where the two branches parted: what the merge request changes, and not what its target has got since.
            return self.compare(push, &request.target, false).await;
        }
        let before = match &push.before {
            None => return Ok(ChangedFiles::Unknown("it is new, so there is nothing to compare it with".to_owned())),
            Some(_) if push.forced => return Ok(ChangedFiles::Unknown("history was rewritten".to_owned())),
            Some(before) => before,
        };
        // Straight, from tree to tree: GitLab does not say whether history was rewritten, and so it does not matter.
        self.compare(push, before.as_str(), true).await
    }

    async fn archive(&self, repository: &Repository, commit: &CommitId) -> Result<Archive, NoArchive> {
        let unusable = || NoArchive::Never("the GitLab address or token cannot be used".to_owned());
        let project = repository.path.as_str().replace('/', "%2F");
        let url = format!("{}/api/v4/projects/{project}/repository/archive.tar.gz?sha={commit}", self.web_url);
        let url = Url::parse(&url).map_err(|_| unusable())?;
        let token = header_token(&self.token).map_err(|_| unusable())?;
        let mut value = HeaderValue::from_str(token).map_err(|_| unusable())?;
        value.set_sensitive(true);
        let what = format!("commit {} of {}", commit.short(), repository.path);
        archive::fetch(&self.outbound, url, (HeaderName::from_static("private-token"), value), &what).await
    }

    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        match &push.before {
            Some(before) => self.dropped(push, before).await,
            None => Ok(false),
        }
    }

    async fn tip(&self, repository: &Repository, git_ref: &GitRef) -> Result<Option<CommitId>, TryLater> {
        self.tip_of(repository, git_ref).await
    }

    async fn branches(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.all_branches(repository).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Option<Vec<(GitRef, CommitId)>>, TryLater> {
        self.all_tags(repository).await
    }

    async fn author(&self, repository: &Repository, commit: &CommitId) -> Result<Author, TryLater> {
        self.author_of(repository, commit).await
    }

    async fn missing(&self, commit: &Commit, wanted: &[Status]) -> Result<Vec<Status>, TryLater> {
        self.not_shown(commit, wanted).await
    }

    async fn own_file(&self, repository: &Repository, path: &str) -> Result<Option<String>, TryLater> {
        let endpoint = File::builder()
            .project(repository.path.as_str())
            .file_path(path)
            // The head of the default branch.
            .ref_("HEAD")
            .build()
            .expect("project, path and ref are all there is to give");
        match self.ask::<Content>(endpoint).await {
            Ok(file) => from_base64(&file.content).map(Some),
            Err(refused) if refused.code == 404 => Ok(None),
            Err(refused) => Err(TryLater::new(refused.words)),
        }
    }

    async fn is_member(&self, team: &Team, account: &str) -> Result<bool, TryLater> {
        self.has_member(team, account).await
    }

    fn fetch_from(&self, repository: &Repository) -> Option<CloneFrom> {
        let mut pair = b"oauth2:".to_vec();
        pair.extend_from_slice(self.token.expose());
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Some(CloneFrom {
            url: format!("{}/{}.git", self.web_url, repository.path),
            authorization: Some(Secret::new(authorization)),
        })
    }
}

fn status_endpoint<'a>(
    commit: &'a Commit,
    status: &'a Status,
    pipeline: Option<u64>,
) -> Result<CreateCommitStatus<'a>, String> {
    // GitLab shows the pipelines of a merge request that comes from a fork in that fork.
    let project = match commit.git_ref.request().map(|request| &request.origin) {
        Some(Origin::Fork(path)) => path,
        Some(Origin::Unnamed) => {
            return Err("the merge request comes from a project that GitLab does not name".to_owned());
        }
        Some(Origin::Same) | None => &commit.repository.path,
    };
    let mut builder = CreateCommitStatus::builder();
    builder
        .project(project.as_str())
        .commit(commit.commit.as_str())
        .state(state(status.state))
        .name(status.context.as_str())
        // Without it GitLab takes the first branch that holds the commit.
        .ref_(commit.git_ref.short())
        .description(at_most_bytes(&status.description, FIELD_MAX));
    if !status.url.is_empty() && status.url.len() <= FIELD_MAX {
        builder.target_url(status.url.as_str());
    }
    if let Some(pipeline) = pipeline {
        builder.pipeline_id(pipeline);
    }
    builder.build().map_err(|refused| format!("GitLab cannot show this: {refused}"))
}

fn state(state: StatusState) -> CommitStatusState {
    match state {
        StatusState::Pending => CommitStatusState::Pending,
        StatusState::Running => CommitStatusState::Running,
        StatusState::Success => CommitStatusState::Success,
        StatusState::Failure => CommitStatusState::Failed,
        StatusState::Stopped => CommitStatusState::Canceled,
    }
}

/// What we read of the answer to a status.
#[derive(Deserialize)]
struct Answer {
    pipeline_id: Option<u64>,
}

/// What we read of a file.
#[derive(Deserialize)]
struct Content {
    content: String,
}

/// What we read of a comparison.
#[derive(Deserialize)]
struct Comparison {
    #[serde(default)]
    diffs: Vec<Diff>,
    #[serde(default)]
    compare_timeout: bool,
}

#[derive(Deserialize)]
struct Diff {
    old_path: String,
    new_path: String,
    #[serde(default)]
    too_large: bool,
    #[serde(default)]
    collapsed: bool,
}

impl Comparison {
    fn files(self) -> ChangedFiles {
        let left_out = self.diffs.iter().any(|diff| diff.too_large || diff.collapsed);
        if self.compare_timeout || left_out || self.diffs.len() >= FILES_MAX {
            return ChangedFiles::Unknown("the push is too large for GitLab to list its files".to_owned());
        }
        let both_places = |diff: Diff| [diff.old_path, diff.new_path];
        ChangedFiles::Known(self.diffs.into_iter().flat_map(both_places).collect::<BTreeSet<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(json: &str) -> ChangedFiles {
        serde_json::from_str::<Comparison>(json).unwrap().files()
    }

    #[test]
    fn a_moved_file_changed_in_both_places() {
        let known =
            comparison(r#"{"diffs": [{"old_path": "a", "new_path": "b"}, {"old_path": "c", "new_path": "c"}]}"#);
        assert_eq!(known, ChangedFiles::known(["a", "b", "c"]));
    }

    #[test]
    fn whatever_gitlab_leaves_out_makes_the_files_unknown() {
        for incomplete in [
            r#"{"diffs": [], "compare_timeout": true}"#.to_owned(),
            r#"{"diffs": [{"old_path": "a", "new_path": "a", "too_large": true}]}"#.to_owned(),
            r#"{"diffs": [{"old_path": "a", "new_path": "a", "collapsed": true}]}"#.to_owned(),
            format!(r#"{{"diffs": [{}]}}"#, vec![r#"{"old_path": "a", "new_path": "a"}"#; FILES_MAX].join(",")),
        ] {
            assert!(matches!(comparison(&incomplete), ChangedFiles::Unknown(_)));
        }
    }
}
