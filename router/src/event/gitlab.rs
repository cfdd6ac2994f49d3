//! GitLab's webhooks.
//!
//! * The header says what an event is; bodies of system hooks (`System Hook`) say it themselves.
//! * `checkout_sha` is the commit: `after` is the tag object when the tag is annotated.
//! * A rewritten history is not visible. It shows only in that fewer commits are listed than one would think, so a
//!   push that lists none at all leaves its files unknown.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::reading::{self, Why, or_default};
use super::{About, Author, ChangeRequest, ChangedFiles, Deleted, Delivered, Event, Push};
use crate::id::{CommitId, ForgeKind, ForgeName, GitRef, RepoPath, Repository};
use crate::verify::{Verified, WEBHOOK_ID};

/// GitLab lists the newest commits of a push, at most so many, and says how many there are in all.
const COMMITS_LISTED: usize = 20;

/// The header that says what an event is.
pub(super) const EVENT: &str = "x-gitlab-event";
/// The headers that may hold a delivery's id. `webhook-id` comes first: where there is a signature, it is covered by it.
pub(super) const IDS: &[&str] = &[WEBHOOK_ID, "idempotency-key"];

/// Reads a delivery.
pub fn read(verified: &Verified<'_>, forge: &ForgeName) -> Delivered {
    let what = verified.headers().text(EVENT).unwrap_or_default();
    let event = event(what, verified.body(), forge);
    reading::delivered(verified, IDS, what, event.map(Arc::new))
}

fn event(what: &str, json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    match what {
        "" => Err(Why("there is no X-Gitlab-Event header, or more than one".to_owned())),
        "Push Hook" | "Tag Push Hook" => push(what, json, forge),
        "Merge Request Hook" => change_request(json, forge),
        "Note Hook" | "Confidential Note Hook" => about(what, json, forge).map(Event::Comment),
        "System Hook" => system(what, json, forge),
        _ => about(what, json, forge).map(Event::Other),
    }
}

fn system(what: &str, json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let body: AboutBody = reading::if_possible(json)?;
    match body.kind() {
        "push" | "tag_push" => push(what, json, forge),
        "merge_request" => change_request(json, forge),
        "" => about(what, json, forge).map(Event::Other),
        kind => about(kind, json, forge).map(Event::Other),
    }
}

/// Reads a body of which every part is needed.
fn body<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, Why> {
    serde_json::from_slice(json).map_err(|error| {
        let Why(why) = error.into();
        Why(format!("{why}; if the webhook has a custom template, take it away: GitLab's own fields are needed"))
    })
}

#[derive(Deserialize, Default)]
struct Project {
    #[serde(default, deserialize_with = "or_default")]
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct PushBody {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    /// Not there, null and a commit are three different things.
    #[serde(default, deserialize_with = "there")]
    checkout_sha: Option<Option<String>>,
    #[serde(default, deserialize_with = "or_default")]
    user_username: String,
    #[serde(default, deserialize_with = "or_default")]
    user_name: String,
    project: Project,
    #[serde(default, deserialize_with = "or_default")]
    commits: Vec<Commit>,
    total_commits_count: Option<usize>,
}

fn there<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// GitLab names a commit's author by name and address, never by account.
#[derive(Deserialize, Default)]
struct Person {
    #[serde(default, deserialize_with = "or_default")]
    email: String,
}

impl Person {
    /// An address that GitLab hides says nothing.
    fn author(&self) -> Author {
        reading::author("", if self.email == "[REDACTED]" { "" } else { &self.email })
    }
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    author: Person,
    added: Option<Vec<String>>,
    modified: Option<Vec<String>>,
    removed: Option<Vec<String>>,
}

fn push(what: &str, json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let body: PushBody = body(json)?;
    let repository = repository(&body.project, forge)?;
    let actor = reading::actor([&body.user_username, &body.user_name]);
    let Some(git_ref) = reading::git_ref(&body.git_ref)? else {
        return Ok(reading::not_for_us(what, repository, actor));
    };
    let before = CommitId::or_zero(&body.before)?;
    let Some(after) = CommitId::or_zero(&body.after)? else {
        return Ok(Event::Deleted(Deleted { repository, git_ref, before, actor, pushed_at: None }));
    };
    let commit = match body.checkout_sha {
        Some(Some(ref commit)) => CommitId::new(commit)?,
        Some(None) => {
            return Err(Why(format!("checkout_sha is null: {} is gone again or points to no commit", git_ref.short())));
        }
        None => after,
    };
    let newest = body.commits.iter().find(|listed| listed.id == commit.as_str()).or(body.commits.last());
    let message = reading::message(newest.map_or("", |commit| &commit.message));
    let author = body.commits.iter().find(|listed| listed.id == commit.as_str());
    let author = author.map(|commit| commit.author.author()).unwrap_or_default();
    let created = before.is_none();
    let changed = match incomplete(&git_ref, created, &body.commits, body.total_commits_count) {
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
        forced: false,
        changed,
        message,
        pushed_at: None,
    }))
}

/// Why the listed commits do not tell all the files that changed, if so.
fn incomplete(git_ref: &GitRef, created: bool, commits: &[Commit], total: Option<usize>) -> Option<String> {
    let listed = commits.len();
    if git_ref.tag().is_some() {
        return Some("the push of a tag lists no commits".to_owned());
    }
    if created {
        return Some("the branch is new".to_owned());
    }
    if commits.is_empty() {
        return Some("the forge listed no commits".to_owned());
    }
    if let Some(total) = total.filter(|total| *total > listed) {
        return Some(format!("the forge listed {listed} of {total} commits"));
    }
    if total.is_none() && listed >= COMMITS_LISTED {
        return Some(format!("the forge listed {listed} commits, and did not say how many there are"));
    }
    if commits.iter().any(|c| c.added.is_none() && c.modified.is_none() && c.removed.is_none()) {
        return Some("the forge listed a commit without its files, as system hooks do".to_owned());
    }
    None
}

impl Commit {
    fn paths(self) -> impl Iterator<Item = String> {
        [self.added, self.modified, self.removed].into_iter().flatten().flatten()
    }
}

#[derive(Deserialize)]
struct ChangeRequestBody {
    object_attributes: MergeRequest,
    project: Project,
    #[serde(default, deserialize_with = "or_default")]
    user: User,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    #[serde(default, deserialize_with = "or_default")]
    action: String,
    target_branch: String,
    source_branch: String,
    /// The head before, of an `update` with new commits.
    oldrev: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    source: Project,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    last_commit: Option<LastCommit>,
}

#[derive(Deserialize)]
struct LastCommit {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    author: Person,
}

#[derive(Deserialize, Default)]
struct User {
    #[serde(default, deserialize_with = "or_default")]
    username: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

impl User {
    fn actor(&self) -> String {
        reading::actor([&self.username, &self.name])
    }
}

fn change_request(json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let ChangeRequestBody { object_attributes: request, project, user } = body(json)?;
    Ok(Event::ChangeRequest(ChangeRequest {
        repository: repository(&project, forge)?,
        number: request.iid,
        action: reading::word(&request.action),
        target: reading::branch(request.target_branch)?,
        source: reading::branch(request.source_branch)?,
        // A source that is gone is not ours either.
        fork: request.source_project_id.is_none() || request.source_project_id != request.target_project_id,
        from: RepoPath::new(&request.source.path_with_namespace).ok(),
        author: request.last_commit.as_ref().map(|commit| commit.author.author()).unwrap_or_default(),
        commit: request.last_commit.map(|commit| CommitId::new(commit.id)).transpose()?,
        // Of the many updates only those with an `oldrev` have new commits.
        moved: matches!(request.action.as_str(), "open" | "reopen")
            || (request.action == "update" && request.oldrev.is_some()),
        before: request.oldrev.and_then(|before| CommitId::new(before).ok()),
        actor: user.actor(),
        title: reading::message(&request.title),
        changed: ChangedFiles::default(),
    }))
}

/// What is there to know of an event of any kind. System hooks have their names at the top.
#[derive(Deserialize, Default)]
struct AboutBody {
    #[serde(default, deserialize_with = "or_default")]
    object_kind: String,
    #[serde(default, deserialize_with = "or_default")]
    event_name: String,
    #[serde(default, deserialize_with = "or_default")]
    project: Project,
    #[serde(default, deserialize_with = "or_default")]
    path_with_namespace: String,
    #[serde(default, deserialize_with = "or_default")]
    user: User,
}

impl AboutBody {
    fn kind(&self) -> &str {
        if self.object_kind.is_empty() { &self.event_name } else { &self.object_kind }
    }
}

fn about(what: &str, json: &[u8], forge: &ForgeName) -> Result<About, Why> {
    let AboutBody { mut project, path_with_namespace, user, .. } = reading::if_possible(json)?;
    if project.path_with_namespace.is_empty() {
        project.path_with_namespace = path_with_namespace;
    }
    Ok(About { what: reading::word(what), repository: repository(&project, forge).ok(), actor: user.actor() })
}

fn repository(project: &Project, forge: &ForgeName) -> Result<Repository, Why> {
    Ok(reading::repository(ForgeKind::Gitlab, forge, &project.path_with_namespace)?)
}

#[cfg(test)]
mod tests;
