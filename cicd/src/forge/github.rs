//! GitHub and GitHub Enterprise Server.
//!
//! octocrab carries the requests; the answers are read by structures of our own, because its models refuse an answer for
//! the lack of fields that we do not need, and a status that GitHub took must not be sent again for that.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use axum::http::header::{AUTHORIZATION, USER_AGENT as USER_AGENT_HEADER};
use axum::http::{HeaderValue, Request, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use router::event::{Author, ChangedFiles, Push};
use router::id::{CommitId, GitRef, Repository};
use router::run::Team;
use router::secret::Secret;
use router::status::{DESCRIPTION_MAX, Status, StatusState};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::service_fn;
use tower_http::follow_redirect::FollowRedirectLayer;
use url::Url;

use super::refusal::Refusal;
use super::words::{at_most_chars, header_token};
use super::{ANSWER_WITHIN, Archive, CloneFrom, Forge, NoArchive, Told, TryLater, USER_AGENT, archive, from_base64};
use crate::outbound::Outbound;
use crate::store::Commit;

mod asked;
mod refused;

/// GitHub's own API.
const API_URL: &str = "https://api.github.com";

/// GitHub names at most so many files of a comparison and says nothing of the rest.
const FILES_MAX: usize = 300;

/// GitHub lists at most 3000 files of a pull request, a hundred to a page.
const REQUEST_PAGES_MAX: usize = 30;

/// How to reach one GitHub.
pub struct GithubSettings {
    /// The API's address; none for github.com. `https://ghe.example.com/api/v3` for a server of one's own.
    pub api_url: Option<Url>,
    /// Where repositories are cloned from; none when that follows from the API's address.
    pub web_url: Option<Url>,
    /// A token that may write commit statuses and read contents, and read an organisation's members where its teams decide.
    pub token: Secret,
}

/// One GitHub.
pub struct Github {
    crab: Octocrab,
    outbound: Outbound,
    api_url: String,
    web_url: String,
    token: Secret,
}

impl Github {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the token or an address cannot be used.
    pub fn new(settings: GithubSettings) -> anyhow::Result<Self> {
        let GithubSettings { api_url, web_url, token } = settings;
        let written = header_token(&token).context("the GitHub token cannot be used")?.to_owned();
        let base = api_url.as_ref().map_or(API_URL, Url::as_str);
        let base: Uri = base.parse().context("the GitHub API's address cannot be used")?;
        let outbound = super::outbound();
        let crab = crab(base, &written, outbound.clone()).context("the GitHub client cannot be made")?;
        let own = api_url.as_ref().map_or(API_URL, |url| url.as_str().trim_end_matches('/')).to_owned();
        let web_url = web_url.unwrap_or_else(|| web_of(api_url.as_ref()));
        Ok(Self { crab, outbound, api_url: own, web_url: web_url.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// The compare API takes commits by their ids only: octocrab does not escape a branch's name.
    async fn compare(crab: &Octocrab, push: &Push, before: &CommitId) -> octocrab::Result<Comparison> {
        let Push { repository, commit, .. } = push;
        // The files come with the first page of commits, however short that is.
        let route = format!("/repos/{}/compare/{before}...{commit}?per_page=1", repository.path);
        crab.get(route, None::<&()>).await
    }

    /// The files that a pull request changes, which are those that its newest commit changes: GitHub lists at most 3000.
    async fn files_of_request(crab: &Octocrab, push: &Push, number: u64) -> octocrab::Result<ChangedFiles> {
        let mut all = BTreeSet::new();
        for page in 1..=REQUEST_PAGES_MAX {
            let route = format!("/repos/{}/pulls/{number}/files?per_page=100&page={page}", push.repository.path);
            let files: Vec<File> = crab.get(route, None::<&()>).await?;
            let is_last = files.len() < 100;
            all.extend(files.into_iter().flat_map(File::places));
            if is_last {
                // The list is of the pull request as it is now; asked last, so that nothing newer is in it.
                let route = format!("/repos/{}/pulls/{number}", push.repository.path);
                let now: PullRequest = crab.get(route, None::<&()>).await?;
                return Ok(match now.head.sha == push.commit.as_str() {
                    true => ChangedFiles::Known(all),
                    false => ChangedFiles::Unknown("the pull request has newer commits".to_owned()),
                });
            }
        }
        Ok(ChangedFiles::Unknown("the pull request changes more files than GitHub lists".to_owned()))
    }

    /// One call, answered in time or counted as unreachable.
    async fn in_time<'g, T, F>(&'g self, call: impl FnOnce(&'g Octocrab) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = octocrab::Result<T>>,
    {
        match timeout(ANSWER_WITHIN, call(&self.crab)).await {
            Ok(answer) => answer.map_err(|error| refused::read(&error, &self.token)),
            Err(_elapsed) => Err(Refusal::Later(TryLater::new("GitHub took too long to answer"))),
        }
    }
}

#[async_trait]
impl Forge for Github {
    async fn set_status(&self, commit: &Commit, status: &Status) -> Result<Told, TryLater> {
        let route = format!("/repos/{}/statuses/{}", commit.repository.path, commit.commit);
        let mut body = json!({
            "state": state(status.state),
            "context": status.context,
            "description": at_most_chars(&status.description, DESCRIPTION_MAX),
        });
        if !status.url.is_empty() {
            body["target_url"] = json!(status.url);
        }
        match self.in_time(|crab| post(crab, route, &body)).await {
            Ok(()) => Ok(Told::Shown),
            Err(refusal) => refusal.told(),
        }
    }

    async fn changed_files(&self, push: &Push) -> Result<ChangedFiles, TryLater> {
        if let GitRef::Request(request) = &push.git_ref {
            return match self.in_time(|crab| Self::files_of_request(crab, push, request.number)).await {
                Ok(files) => Ok(files),
                Err(refusal) => refusal.files(),
            };
        }
        let before = match &push.before {
            None => return Ok(ChangedFiles::Unknown("it is new, so there is nothing to compare it with".to_owned())),
            Some(_) if push.forced => return Ok(ChangedFiles::Unknown("history was rewritten".to_owned())),
            Some(before) => before,
        };
        match self.in_time(|crab| Self::compare(crab, push, before)).await {
            Ok(comparison) => Ok(comparison.files()),
            Err(refusal) => refusal.files(),
        }
    }

    async fn archive(&self, repository: &Repository, commit: &CommitId) -> Result<Archive, NoArchive> {
        let cannot = |_| NoArchive::Never("the address of GitHub cannot be used".to_owned());
        let url = format!("{}/repos/{}/tarball/{commit}", self.api_url, repository.path);
        let url = Url::parse(&url).map_err(cannot)?;
        let unusable = |()| NoArchive::Never("the GitHub token cannot be used".to_owned());
        let token = header_token(&self.token).map_err(|_| unusable(()))?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable(()))?;
        value.set_sensitive(true);
        let what = format!("commit {} of {}", commit.short(), repository.path);
        archive::fetch(&self.outbound, url, (AUTHORIZATION, value), &what).await
    }

    /// Its events say so.
    async fn rewrote(&self, push: &Push) -> Result<bool, TryLater> {
        Ok(push.forced)
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
        // Without a ref GitHub reads the default branch.
        let route = format!("/repos/{}/contents/{path}", repository.path);
        let asked = self.in_time(|crab| async move {
            match crab.get::<Content, _, ()>(route, None).await {
                Err(octocrab::Error::GitHub { source, .. }) if source.status_code.as_u16() == 404 => Ok(None),
                answer => answer.map(Some),
            }
        });
        match asked.await {
            Ok(file) => file.map(|file| from_base64(&file.content)).transpose(),
            Err(refusal) => Err(refusal.told().map_or_else(|later| later, given_up)),
        }
    }

    async fn is_member(&self, team: &Team, account: &str) -> Result<bool, TryLater> {
        self.has_member(team, account).await
    }

    fn fetch_from(&self, repository: &Repository) -> Option<CloneFrom> {
        let mut pair = b"x-access-token:".to_vec();
        pair.extend_from_slice(self.token.expose());
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Some(CloneFrom {
            url: format!("{}/{}.git", self.web_url, repository.path),
            authorization: Some(Secret::new(authorization)),
        })
    }
}

/// octocrab over our own client: with the layers that its own would have.
fn crab(base: Uri, token: &str, outbound: Outbound) -> anyhow::Result<Octocrab> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    bearer.set_sensitive(true);
    let ours = vec![(USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT))];
    let asked = service_fn(move |request: Request<OctoBody>| {
        let outbound = outbound.clone();
        async move { outbound.ask(request, ANSWER_WITHIN).await }
    });
    // The first layer is next to the wire.
    Ok(OctocrabBuilder::new_empty()
        .with_service(asked)
        .with_layer(&FollowRedirectLayer::new())
        .with_layer(&ExtraHeadersLayer::new(Arc::new(ours)))
        .with_layer(&BaseUriLayer::new(base.clone()))
        .with_layer(&AuthHeaderLayer::new(Some(bearer), base.clone(), base))
        .with_auth(AuthState::None)
        .build()?)
}

async fn post(crab: &Octocrab, route: String, body: &Value) -> octocrab::Result<()> {
    let answer = crab._post(route, Some(body)).await?;
    octocrab::map_github_error(answer).await.map(drop)
}

/// GitHub has no "running": it shows that as pending, and what ended without a result as an error.
fn state(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending | StatusState::Running => "pending",
        StatusState::Success => "success",
        StatusState::Failure => "failure",
        StatusState::Stopped => "error",
    }
}

/// `https://api.github.com` -> `https://github.com`, `https://ghe.example.com/api/v3` -> `https://ghe.example.com`.
fn web_of(api_url: Option<&Url>) -> Url {
    let Some(api_url) = api_url else {
        return Url::parse("https://github.com").expect("github.com has an address");
    };
    let mut web = api_url.clone();
    let path = api_url.path().trim_end_matches('/').trim_end_matches("/api/v3").to_owned();
    web.set_path(&path);
    if let Some(host) = api_url.host_str().and_then(|host| host.strip_prefix("api.")) {
        web.set_host(Some(host)).expect("what follows `api.` in a host is a host");
    }
    web
}

/// What we read of a comparison.
#[derive(Deserialize)]
struct Comparison {
    status: String,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    /// A file that was moved changed in both places.
    previous_filename: Option<String>,
}

/// Why something is not there that no later try would bring.
fn given_up(told: Told) -> TryLater {
    match told {
        Told::Shown => TryLater::new("GitHub gave no answer"),
        Told::Never(why) => TryLater::new(why),
    }
}

/// What we read of a file.
#[derive(Deserialize)]
struct Content {
    content: String,
}

/// What we read of a pull request.
#[derive(Deserialize)]
struct PullRequest {
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

impl File {
    fn places(self) -> impl Iterator<Item = String> {
        [Some(self.filename), self.previous_filename].into_iter().flatten()
    }
}

impl Comparison {
    fn files(self) -> ChangedFiles {
        // The comparison starts at the newest common commit; only when that is the old one does it show the whole push.
        if !matches!(self.status.as_str(), "ahead" | "identical") {
            return ChangedFiles::Unknown("history was rewritten".to_owned());
        }
        if self.files.len() >= FILES_MAX {
            return ChangedFiles::Unknown(format!("GitHub lists at most {FILES_MAX} changed files"));
        }
        ChangedFiles::Known(self.files.into_iter().flat_map(File::places).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(api: &str) -> String {
        web_of(Some(&Url::parse(api).unwrap())).to_string()
    }

    #[test]
    fn the_place_to_clone_from_follows_from_the_api() {
        assert_eq!(web_of(None).as_str(), "https://github.com/");
        assert_eq!(web("https://api.github.com"), "https://github.com/");
        assert_eq!(web("https://ghe.example.com/api/v3/"), "https://ghe.example.com/");
        assert_eq!(web("https://api.acme.ghe.com"), "https://acme.ghe.com/");
        assert_eq!(web("http://127.0.0.1:8080/git/api/v3"), "http://127.0.0.1:8080/git");
    }

    #[test]
    fn a_moved_file_changed_in_both_places() {
        let moved = File { filename: "new.rs".to_owned(), previous_filename: Some("old.rs".to_owned()) };
        let comparison = Comparison { status: "ahead".to_owned(), files: vec![moved] };
        assert_eq!(comparison.files(), ChangedFiles::known(["new.rs", "old.rs"]));
    }

    #[test]
    fn a_list_at_the_limit_and_a_rewritten_history_are_not_known() {
        let file = |n: usize| File { filename: format!("{n}"), previous_filename: None };
        let full = Comparison { status: "ahead".to_owned(), files: (0..FILES_MAX).map(file).collect() };
        assert!(matches!(full.files(), ChangedFiles::Unknown(_)));
        for status in ["diverged", "behind"] {
            let rewritten = Comparison { status: status.to_owned(), files: vec![file(1)] };
            assert!(matches!(rewritten.files(), ChangedFiles::Unknown(_)));
        }
    }
}
