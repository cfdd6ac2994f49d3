//! GitHub's webhooks.
//!
//! * The push event alone starts anything: `create` and `delete` say the same again.
//! * A merge queue pushes its trial merges to `gh-readonly-queue/*` and reports them as `merge_group` too; they are not
//!   anybody's push.
//! * Bodies come as JSON or, which is the default of GitHub's API, as a form with the JSON in `payload`.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::reading::{self, Why, or_default};
use super::{About, ChangeRequest, ChangedFiles, Deleted, Delivered, Event, Push};
use crate::id::{CommitId, ForgeKind, ForgeName, GitRef, RepoPath, Repository};
use crate::verify::Verified;

/// GitHub lists at most so many commits of a push; with so many, some may be missing.
const COMMITS_LISTED: usize = 2048;
/// GitHub lists at most so many changed files of a commit.
const FILES_LISTED: usize = 3000;

/// The header that says what an event is.
pub(super) const EVENT: &str = "x-github-event";
/// The headers that may hold a delivery's id.
pub(super) const IDS: &[&str] = &["x-github-delivery"];

/// Reads a delivery.
pub fn read(verified: &Verified<'_>, forge: &ForgeName) -> Delivered {
    let what = verified.headers().text(EVENT).unwrap_or_default();
    let event = json(verified).and_then(|json| event(what, &json, forge));
    reading::delivered(verified, IDS, what, event.map(Arc::new))
}

fn event(what: &str, json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    match what {
        "" => Err(Why("there is no X-GitHub-Event header, or more than one".to_owned())),
        "push" => push(json, forge),
        "pull_request" => change_request(json, forge),
        "issue_comment"
        | "commit_comment"
        | "discussion_comment"
        | "pull_request_review"
        | "pull_request_review_comment" => about(what, json, forge).map(Event::Comment),
        "ping" => about(what, json, forge).map(Event::Ping),
        _ => about(what, json, forge).map(Event::Other),
    }
}

/// The JSON, out of its form when it came in one. The signature was made over the form.
fn json<'a>(verified: &Verified<'a>) -> Result<Cow<'a, [u8]>, Why> {
    #[derive(Deserialize)]
    struct Form {
        payload: String,
    }
    let content_type = verified.headers().text("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Cow::Borrowed(verified.body()));
    }
    match serde_urlencoded::from_bytes::<Form>(verified.body()) {
        Ok(form) => Ok(Cow::Owned(form.payload.into_bytes())),
        Err(error) => Err(Why(format!("the form does not have one field `payload`: {error}"))),
    }
}

#[derive(Deserialize, Default)]
struct Repo {
    full_name: String,
}

/// In a push the time of it stands with the repository, in seconds since 1970.
#[derive(Deserialize)]
struct PushedRepo {
    full_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pushed_at: Value,
}

/// A sender has a `login`, a pusher has a `name`.
#[derive(Deserialize, Default)]
struct Account {
    #[serde(default, deserialize_with = "or_default")]
    login: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize)]
struct PushBody {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    #[serde(default, deserialize_with = "or_default")]
    created: bool,
    #[serde(default, deserialize_with = "or_default")]
    deleted: bool,
    #[serde(default, deserialize_with = "or_default")]
    forced: bool,
    #[serde(default, deserialize_with = "or_default")]
    commits: Vec<Commit>,
    head_commit: Option<HeadCommit>,
    repository: PushedRepo,
    #[serde(default, deserialize_with = "or_default")]
    pusher: Account,
    #[serde(default, deserialize_with = "or_default")]
    sender: Account,
}

/// `username` is there when GitHub knows whose address it is.
#[derive(Deserialize, Default)]
struct Person {
    #[serde(default, deserialize_with = "or_default")]
    username: String,
    #[serde(default, deserialize_with = "or_default")]
    email: String,
}

#[derive(Deserialize)]
struct HeadCommit {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    author: Person,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
}

#[derive(Deserialize)]
struct Commit {
    added: Option<Vec<String>>,
    modified: Option<Vec<String>>,
    removed: Option<Vec<String>>,
}

fn push(json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let body: PushBody = serde_json::from_slice(json)?;
    let pushed_at = body.repository.pushed_at.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let repository = repository(&Repo { full_name: body.repository.full_name }, forge)?;
    let actor = reading::actor([&body.sender.login, &body.pusher.name]);
    let Some(git_ref) = reading::git_ref(&body.git_ref)? else {
        return Ok(reading::not_for_us("push", repository, actor));
    };
    if git_ref.branch().is_some_and(|name| name.starts_with("gh-readonly-queue/")) {
        return Ok(reading::not_for_us("push", repository, actor));
    }
    let before = CommitId::or_zero(&body.before)?;
    let after = match CommitId::or_zero(&body.after)? {
        Some(after) if !body.deleted => after,
        _ => return Ok(Event::Deleted(Deleted { repository, git_ref, before, actor, pushed_at })),
    };
    // An annotated tag points to a tag object; the commit, which statuses go to, is the head commit.
    let commit = match (&git_ref, &body.head_commit) {
        (GitRef::Tag(_), Some(head)) => CommitId::new(&head.id)?,
        (GitRef::Tag(_), None) | (GitRef::Branch(_) | GitRef::Request(_), _) => after,
    };
    let (created, forced) = (body.created || before.is_none(), body.forced);
    let author = body.head_commit.as_ref().map(|head| reading::author(&head.author.username, &head.author.email));
    let author = author.unwrap_or_default();
    let message = reading::message(body.head_commit.as_ref().map_or("", |head| &head.message));
    let changed = match incomplete(&git_ref, created, forced, &body.commits) {
        Some(why) => ChangedFiles::Unknown(why),
        None => reading::files(body.commits.into_iter().flat_map(Commit::paths)),
    };
    Ok(Event::Push(Push {
        repository,
        git_ref,
        before,
        commit,
        actor,
        author,
        created,
        forced,
        changed,
        message,
        pushed_at,
    }))
}

/// Why the listed commits do not tell all the files that changed, if so.
fn incomplete(git_ref: &GitRef, created: bool, forced: bool, commits: &[Commit]) -> Option<String> {
    if git_ref.tag().is_some() {
        return Some("the push of a tag lists no commits".to_owned());
    }
    if created {
        return Some("the branch is new".to_owned());
    }
    if forced {
        return Some("history was rewritten: what was dropped is not listed".to_owned());
    }
    if commits.is_empty() {
        return Some("the forge listed no commits".to_owned());
    }
    if commits.len() >= COMMITS_LISTED {
        return Some(format!("the forge listed {} commits, and lists no more of any push", commits.len()));
    }
    if commits.iter().any(|commit| commit.listed().is_none()) {
        return Some("the forge listed a commit without its files".to_owned());
    }
    if commits.iter().any(|commit| commit.listed() >= Some(FILES_LISTED)) {
        return Some(format!("a commit changes {FILES_LISTED} files or more, and the forge lists no more"));
    }
    None
}

impl Commit {
    fn lists(&self) -> [&Option<Vec<String>>; 3] {
        [&self.added, &self.modified, &self.removed]
    }

    /// How many files are listed; none when there is no list at all.
    fn listed(&self) -> Option<usize> {
        self.lists().into_iter().flatten().map(Vec::len).reduce(|a, b| a + b)
    }

    fn paths(self) -> impl Iterator<Item = String> {
        [self.added, self.modified, self.removed].into_iter().flatten().flatten()
    }
}

#[derive(Deserialize)]
struct ChangeRequestBody {
    #[serde(default, deserialize_with = "or_default")]
    action: String,
    number: u64,
    /// The head before, of a `synchronize`.
    before: Option<String>,
    pull_request: PullRequest,
    repository: Repo,
    #[serde(default, deserialize_with = "or_default")]
    sender: Account,
}

#[derive(Deserialize)]
struct PullRequest {
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    user: Account,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: Option<String>,
    /// Gone with a deleted fork.
    repo: Option<Repo>,
}

fn change_request(json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let body: ChangeRequestBody = serde_json::from_slice(json)?;
    let PullRequest { title, user, head, base } = body.pull_request;
    let of_this = |repo: &Repo| repo.full_name.eq_ignore_ascii_case(&body.repository.full_name);
    Ok(Event::ChangeRequest(ChangeRequest {
        repository: repository(&body.repository, forge)?,
        number: body.number,
        action: reading::word(&body.action),
        target: reading::branch(base.branch)?,
        source: reading::branch(head.branch)?,
        fork: !head.repo.as_ref().is_some_and(of_this),
        from: head.repo.as_ref().and_then(|repo| RepoPath::new(&repo.full_name).ok()),
        commit: head.sha.map(CommitId::new).transpose()?,
        before: body.before.and_then(|before| CommitId::new(before).ok()),
        moved: matches!(body.action.as_str(), "opened" | "reopened" | "synchronize"),
        actor: reading::actor([&body.sender.login]),
        author: reading::author(&user.login, ""),
        title: reading::message(&title),
        changed: ChangedFiles::default(),
    }))
}

#[derive(Deserialize, Default)]
struct AboutBody {
    #[serde(default, deserialize_with = "or_default")]
    repository: Repo,
    #[serde(default, deserialize_with = "or_default")]
    sender: Account,
}

fn about(what: &str, json: &[u8], forge: &ForgeName) -> Result<About, Why> {
    let body: AboutBody = reading::if_possible(json)?;
    let actor = reading::actor([&body.sender.login]);
    Ok(About { what: reading::word(what), repository: repository(&body.repository, forge).ok(), actor })
}

fn repository(repo: &Repo, forge: &ForgeName) -> Result<Repository, Why> {
    Ok(reading::repository(ForgeKind::Github, forge, &repo.full_name)?)
}

#[cfg(test)]
mod tests;
