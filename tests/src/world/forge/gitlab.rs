//! GitLab's API, as far as anybody here asks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

use super::door::{Refused, refuse};
use super::hosted::{Hosted, Job, Shown};
use super::{Shared, git};
use crate::world::moved::Made;

/// GitLab takes so many characters in a field of a status.
const FIELD_MAX: usize = 255;

type Answer = Result<(StatusCode, Json<Value>), Refused>;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/user", get(user))
        .route("/projects/{id}/statuses/{sha}", post(set_status))
        .route("/projects/{id}/repository/commits/{sha}/statuses", get(list_statuses))
        .route("/projects/{id}/repository/branches", get(branches))
        .route("/projects/{id}/repository/branches/{name}", get(branch))
        .route("/projects/{id}/repository/tags", get(tags))
        .route("/projects/{id}/repository/tags/{name}", get(tag))
        .route("/projects/{id}/repository/commits/{sha}", get(commit))
        .route("/projects/{id}/repository/compare", get(compare))
        .route("/projects/{id}/repository/files/{path}", get(file))
        .route("/projects/{id}/repository/archive.tar.gz", get(archive))
        .route("/groups/{id}/members/all", get(members))
}

async fn archive(
    State(forge): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Result<Response, Refused> {
    let sha = asked.get("sha").ok_or_else(|| bad_request("sha is missing"))?;
    let name = id.rsplit('/').next().unwrap_or(&id);
    let packed = forge.archive(&id, sha, &format!("{name}-{sha}-{sha}")).await.ok_or_else(|| not_found("File"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], packed).into_response())
}

/// Whoever is called like what is looked for.
async fn members(
    State(forge): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let group = state.teams.get(&id).ok_or_else(|| not_found("Group"))?;
    let wanted = query.get("query").map(|text| text.to_lowercase()).unwrap_or_default();
    let found = group.iter().filter(|(username, _)| username.to_lowercase().contains(&wanted)).collect();
    let member = |(username, state): (&String, &String)| json!({"id": 7, "username": username, "state": state, "access_level": 30});
    Ok((StatusCode::OK, super::listed(found, &query, member)))
}

async fn user() -> Json<Value> {
    Json(json!({"id": 4, "username": "pointsman-bot", "name": "Pointsman", "state": "active"}))
}

fn not_found(what: &str) -> Refused {
    refuse(404, json!({"message": format!("404 {what} Not Found")}))
}

fn bad_request(message: &str) -> Refused {
    refuse(400, json!({"message": message}))
}

/// What a status asks for.
struct Asked {
    sha: String,
    git_ref: String,
    name: String,
    state: String,
    description: String,
    url: String,
    pipeline: Option<u64>,
}

impl Asked {
    fn read(sha: String, mut form: BTreeMap<String, String>) -> Result<Self, Refused> {
        let mut text = |field: &str| form.remove(field).unwrap_or_default();
        let (state, description, url) = (text("state"), text("description"), text("target_url"));
        if !["pending", "running", "success", "failed", "canceled", "skipped"].contains(&state.as_str()) {
            return Err(refuse(400, json!({"error": "state does not have a valid value"})));
        }
        if description.chars().count() > FIELD_MAX || url.chars().count() > FIELD_MAX {
            return Err(bad_request("description is too long (maximum is 255 characters)"));
        }
        // The real one guesses a branch, and often another than the one that was meant.
        let git_ref = text("ref");
        if git_ref.is_empty() {
            return Err(refuse(400, json!({"error": "ref is missing"})));
        }
        let name = Some(text("name")).filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
        Ok(Self { sha, git_ref, name, state, description, url, pipeline: text("pipeline_id").parse().ok() })
    }
}

async fn set_status(
    State(forge): State<Arc<Shared>>,
    Path((id, sha)): Path<(String, String)>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Answer {
    let asked = Asked::read(sha, form)?;
    let mut state = forge.state();
    let new_id = state.next_id();
    let hosted = state.hosted.get_mut(&id).ok_or_else(|| not_found("Project"))?;
    if !hosted.has_commit(&asked.sha) {
        return Err(not_found("Commit"));
    }
    let is_ref =
        ["refs/heads/", "refs/tags/"].iter().any(|kind| hosted.refs.contains(&format!("{kind}{}", asked.git_ref)));
    if !is_ref {
        return Err(not_found("References for commit"));
    }
    let pipeline = hosted.pipeline_for(&asked, new_id)?;
    hosted.step(&asked, new_id).map_err(|(via, from)| cannot(via, &from))?;
    let shown = Shown {
        commit: asked.sha,
        git_ref: Some(asked.git_ref),
        context: asked.name,
        state: asked.state,
        description: asked.description,
        url: asked.url,
    };
    let answer = json!({
        "id": new_id,
        "sha": shown.commit,
        "ref": shown.git_ref,
        "status": shown.state,
        "name": shown.context,
        "target_url": shown.url,
        "description": shown.description,
        "pipeline_id": pipeline,
        "allow_failure": false,
        "author": {"id": 4, "username": "pointsman-bot"},
    });
    hosted.told.push(shown);
    Ok((StatusCode::CREATED, Json(answer)))
}

fn cannot(via: &str, from: &str) -> Refused {
    let reason = format!("Status cannot transition via \"{via}\"");
    bad_request(&format!("Cannot transition status via :{via} from :{from} (Reason(s): {reason})"))
}

impl Hosted {
    fn pipeline_for(&mut self, asked: &Asked, new_id: u64) -> Result<u64, Refused> {
        let key = (asked.sha.clone(), asked.git_ref.clone());
        let pipeline = *self.pipelines.entry(key).or_insert(new_id);
        match asked.pipeline {
            Some(wanted) if wanted != pipeline => Err(not_found("Pipeline")),
            Some(_) | None => Ok(pipeline),
        }
    }

    /// A job that has not ended takes the step if its state allows it; for one that has, there is a new job.
    fn step(&mut self, asked: &Asked, new_id: u64) -> Result<(), (&'static str, String)> {
        let under_way = |job: &&mut Job| {
            job.commit == asked.sha
                && job.git_ref == asked.git_ref
                && job.name == asked.name
                && ["pending", "running"].contains(&job.state.as_str())
        };
        let Some(job) = self.jobs.iter_mut().rev().find(under_way) else {
            self.jobs.push(Job {
                id: new_id,
                commit: asked.sha.clone(),
                git_ref: asked.git_ref.clone(),
                name: asked.name.clone(),
                state: asked.state.clone(),
            });
            return Ok(());
        };
        let refused = match asked.state.as_str() {
            "pending" => Some("enqueue"),
            "running" if job.state == "running" => Some("run"),
            _ => None,
        };
        match refused {
            Some(via) => Err((via, job.state.clone())),
            None => {
                asked.state.clone_into(&mut job.state);
                Ok(())
            }
        }
    }
}

fn hosted<'s>(state: &'s super::State, id: &str) -> Result<&'s Hosted, Refused> {
    state.hosted.get(id).ok_or_else(|| not_found("Project"))
}

/// A branch or a tag.
fn named((name, commit): (String, String)) -> Value {
    json!({"name": name, "commit": {"id": commit}})
}

async fn branches(
    State(forge): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    Ok((StatusCode::OK, super::listed(hosted.branches(), &query, named)))
}

async fn tags(
    State(forge): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    Ok((StatusCode::OK, super::listed(hosted.tags(), &query, named)))
}

async fn commit(State(forge): State<Arc<Shared>>, Path((id, sha)): Path<(String, String)>) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    if state.no_authors || !hosted.has_commit(&sha) {
        return Err(not_found("Commit"));
    }
    let made = Made::read(&hosted.bare, &sha);
    let email = format!("{}@example.com", made.author);
    Ok((StatusCode::OK, Json(json!({"id": sha, "author_name": made.author, "author_email": email}))))
}

async fn branch(State(forge): State<Arc<Shared>>, Path((id, name)): Path<(String, String)>) -> Answer {
    one_ref(&forge, &id, &name, "refs/heads/", "Branch")
}

async fn tag(State(forge): State<Arc<Shared>>, Path((id, name)): Path<(String, String)>) -> Answer {
    one_ref(&forge, &id, &name, "refs/tags/", "Tag")
}

fn one_ref(forge: &Shared, id: &str, name: &str, kind: &str, word: &str) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, id)?;
    let commit = git::commit_of(&hosted.bare, &format!("{kind}{name}")).ok_or_else(|| not_found(word))?;
    Ok((StatusCode::OK, Json(json!({"name": name, "commit": {"id": commit}}))))
}

async fn list_statuses(State(forge): State<Arc<Shared>>, Path((id, sha)): Path<(String, String)>) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    let of_commit = hosted.jobs.iter().filter(|job| job.commit == sha);
    let listed: Vec<Value> = of_commit
        .map(|job| json!({"id": job.id, "sha": job.commit, "ref": job.git_ref, "name": job.name, "status": job.state}))
        .collect();
    Ok((StatusCode::OK, Json(json!(listed))))
}

async fn file(
    State(forge): State<Arc<Shared>>,
    Path((id, path)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    if query.get("ref").is_none_or(|wanted| wanted != "HEAD") {
        return Err(refuse(400, json!({"error": "ref is missing"})));
    }
    let content = hosted.file(&path).ok_or_else(|| not_found("File"))?;
    Ok((StatusCode::OK, Json(json!({"file_path": path, "encoding": "base64", "content": content}))))
}

async fn compare(
    State(forge): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &id)?;
    let (Some(from), Some(to)) = (query.get("from"), query.get("to")) else {
        return Err(refuse(400, json!({"error": "from is missing, to is missing"})));
    };
    if !hosted.has_commit(from) || !hosted.has_commit(to) {
        return Err(not_found("Commit"));
    }
    let dots = if query.get("straight").is_some_and(|straight| straight == "true") { ".." } else { "..." };
    let range = format!("{from}{dots}{to}");
    let changes = git::changes(&hosted.bare, &["diff", "--find-renames", &range]);
    let changes = changes.map_err(|complaint| refuse(500, json!({"message": complaint})))?;
    let diff = |change: &git::Changed| {
        json!({
            "old_path": change.from.as_ref().unwrap_or(&change.path),
            "new_path": change.path,
            "a_mode": "100644",
            "b_mode": "100644",
            "diff": "",
            "new_file": change.how == 'A',
            "renamed_file": change.how == 'R',
            "deleted_file": change.how == 'D',
            "too_large": false,
            "collapsed": false,
        })
    };
    let answer = json!({
        "commit": {"id": to},
        "commits": dropped(hosted, from, to),
        "diffs": changes.iter().map(diff).collect::<Vec<_>>(),
        "compare_timeout": false,
        "compare_same_ref": from == to,
        "project": hosted.id,
    });
    Ok((StatusCode::OK, Json(answer)))
}

/// The commits that `to` has and `from` has not.
fn dropped(hosted: &Hosted, from: &str, to: &str) -> Vec<Value> {
    let listed = git::run(git::command(&hosted.bare).args(["rev-list", &format!("{from}..{to}")]));
    listed.lines().map(|id| json!({"id": id})).collect()
}
