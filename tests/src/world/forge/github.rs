//! GitHub's API, as far as anybody here asks it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::door::{Refused, refuse};
use super::hosted::{Hosted, Shown};
use super::{Shared, git};
use crate::world::moved::Made;

/// GitHub takes so many statuses for one context of a commit and no more.
pub(super) const STATUSES_MAX: usize = 1000;

/// It lists so many files of a comparison and no more.
const FILES_MAX: usize = 300;

/// It lists so many files of a pull request and no more.
const PULL_FILES_MAX: usize = 3000;

type Answer = Result<(StatusCode, Json<Value>), Refused>;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/repos/{owner}/{name}/statuses/{sha}", post(set_status))
        .route("/repos/{owner}/{name}/commits/{sha}/statuses", get(list_statuses))
        .route("/repos/{owner}/{name}/commits/{sha}/status", get(combined))
        .route("/repos/{owner}/{name}/branches", get(branches))
        .route("/repos/{owner}/{name}/tags", get(tags))
        .route("/repos/{owner}/{name}/commits/{sha}", get(commit))
        .route("/repos/{owner}/{name}/git/matching-refs/{*begin}", get(matching_refs))
        .route("/repos/{owner}/{name}/git/tags/{sha}", get(tag_object))
        .route("/repos/{owner}/{name}/compare/{basehead}", get(compare))
        .route("/repos/{owner}/{name}/pulls/{number}", get(pull))
        .route("/repos/{owner}/{name}/pulls/{number}/files", get(pull_files))
        .route("/repos/{owner}/{name}/contents/{*path}", get(contents))
        .route("/repos/{owner}/{name}/tarball/{sha}", get(tarball))
        .route("/orgs/{org}/teams/{slug}/memberships/{account}", get(membership))
}

fn not_found() -> Refused {
    refuse(404, json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}))
}

fn hosted<'s>(state: &'s super::State, owner: &str, name: &str) -> Result<&'s Hosted, Refused> {
    state.hosted.get(&format!("{owner}/{name}")).ok_or_else(not_found)
}

fn invalid(field: &str, message: &str) -> Refused {
    let error = json!({"resource": "Status", "code": "custom", "field": field, "message": message});
    refuse(422, json!({"message": "Validation Failed", "errors": [error], "status": "422"}))
}

async fn set_status(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, sha)): Path<(String, String, String)>,
    Json(body): Json<BTreeMap<String, Value>>,
) -> Answer {
    let mut state = forge.state();
    let id = state.next_id();
    let hosted = state.hosted.get_mut(&format!("{owner}/{name}")).ok_or_else(not_found)?;
    if !hosted.has_commit(&sha) {
        return Err(refuse(422, json!({"message": format!("No commit found for SHA: {sha}"), "status": "422"})));
    }
    let shown = read(&sha, &body)?;
    // Contexts differ only when they differ in more than their case.
    let same = |told: &&Shown| told.commit == sha && told.context.eq_ignore_ascii_case(&shown.context);
    if hosted.told.iter().filter(same).count() >= STATUSES_MAX {
        let message = "This SHA and context has reached the maximum number of statuses.";
        return Err(invalid("base", message));
    }
    let answer = json!({
        "id": id,
        "state": shown.state,
        "context": shown.context,
        "description": shown.description,
        "target_url": (!shown.url.is_empty()).then_some(&shown.url),
        "creator": {"login": "pointsman-bot", "id": 1},
        "created_at": "2026-01-02T03:04:05Z",
    });
    hosted.told.push(shown);
    Ok((StatusCode::CREATED, Json(answer)))
}

fn read(sha: &str, body: &BTreeMap<String, Value>) -> Result<Shown, Refused> {
    const FIELDS: [&str; 4] = ["state", "context", "description", "target_url"];
    if let Some(stranger) = body.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(invalid(stranger, "is not a permitted key"));
    }
    let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let state = text("state");
    if !["error", "failure", "pending", "success"].contains(&state.as_str()) {
        return Err(invalid("state", "is not included in the list"));
    }
    if text("description").chars().count() > 140 {
        return Err(invalid("description", "description is too long (maximum is 140 characters)"));
    }
    let url = text("target_url");
    if body.contains_key("target_url") && !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(invalid("target_url", "Target url must use http(s) scheme"));
    }
    let context = Some(text("context")).filter(|context| !context.is_empty()).unwrap_or_else(|| "default".to_owned());
    Ok(Shown { commit: sha.to_owned(), git_ref: None, context, state, description: text("description"), url })
}

async fn list_statuses(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let of_commit = hosted.told.iter().rev().filter(|told| told.commit == sha);
    let listed: Vec<Value> = of_commit
        .map(|told| json!({"context": told.context, "state": told.state, "description": told.description, "target_url": told.url}))
        .collect();
    Ok((StatusCode::OK, Json(json!(listed))))
}

/// The real one sends on to another host, which answers this.
async fn tarball(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Result<Response, Refused> {
    let around = format!("{owner}-{name}-{}", &sha[..7]);
    let packed = forge.archive(&format!("{owner}/{name}"), &sha, &around).await.ok_or_else(not_found)?;
    Ok(([(CONTENT_TYPE, "application/x-gzip")], packed).into_response())
}

/// The newest of each context.
async fn combined(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let mut newest = BTreeMap::new();
    for told in hosted.told.iter().filter(|told| told.commit == sha) {
        newest.insert(told.context.to_lowercase(), told);
    }
    let listed: Vec<Value> = newest
        .into_values()
        .map(|told| json!({"context": told.context, "state": told.state, "description": told.description}))
        .collect();
    Ok((StatusCode::OK, Json(json!({"state": "pending", "total_count": listed.len(), "statuses": listed}))))
}

async fn branches(
    State(forge): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let named = |(name, commit)| json!({"name": name, "commit": {"sha": commit}, "protected": false});
    Ok((StatusCode::OK, super::listed(hosted.branches(), &query, named)))
}

async fn tags(
    State(forge): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let named = |(name, commit)| json!({"name": name, "commit": {"sha": commit}});
    Ok((StatusCode::OK, super::listed(hosted.tags(), &query, named)))
}

async fn commit(State(forge): State<Arc<Shared>>, Path((owner, name, sha)): Path<(String, String, String)>) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    if state.no_authors || !hosted.has_commit(&sha) {
        return Err(not_found());
    }
    let made = Made::read(&hosted.bare, &sha);
    let email = format!("{}@example.com", made.author);
    let signed = json!({"name": made.author, "email": email});
    Ok((
        StatusCode::OK,
        Json(json!({"sha": sha, "commit": {"author": signed}, "author": {"login": made.author, "id": 1}})),
    ))
}

async fn matching_refs(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, begin)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let begin = format!("refs/{begin}");
    let found = hosted.all_refs().into_iter().filter(|(full, _)| full.starts_with(&begin));
    let shown = |(full, object): (String, String)| {
        let kind = git::run(git::command(&hosted.bare).args(["cat-file", "-t", &object]));
        json!({"ref": full, "object": {"sha": object, "type": kind}})
    };
    Ok((StatusCode::OK, Json(json!(found.map(shown).collect::<Vec<_>>()))))
}

async fn tag_object(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, sha)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let commit = git::commit_of(&hosted.bare, &sha).ok_or_else(not_found)?;
    Ok((StatusCode::OK, Json(json!({"sha": sha, "object": {"sha": commit, "type": "commit"}}))))
}

async fn contents(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, path)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let text = hosted.file(&path).ok_or_else(not_found)?;
    // GitHub breaks its Base64 into lines.
    let packed: Vec<&str> = text.as_bytes().chunks(60).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok((
        StatusCode::OK,
        Json(json!({"type": "file", "encoding": "base64", "content": packed.join("\n"), "path": path})),
    ))
}

async fn membership(
    State(forge): State<Arc<Shared>>,
    Path((org, slug, account)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let team = state.teams.get(&format!("{org}/{slug}")).ok_or_else(not_found)?;
    let (_, state) = team.iter().find(|(login, _)| login.eq_ignore_ascii_case(&account)).ok_or_else(not_found)?;
    Ok((StatusCode::OK, Json(json!({"role": "member", "state": state}))))
}

async fn compare(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, basehead)): Path<(String, String, String)>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let (base, head) = basehead.split_once("...").ok_or_else(not_found)?;
    if !hosted.has_commit(base) || !hosted.has_commit(head) {
        return Err(not_found());
    }
    let comparison = comparison(hosted, base, head).map_err(|complaint| refuse(500, json!({"message": complaint})))?;
    Ok((StatusCode::OK, Json(comparison)))
}

fn comparison(hosted: &Hosted, base: &str, head: &str) -> Result<Value, String> {
    let ask = |args: &[&str]| git::try_run(git::command(&hosted.bare).args(args));
    let merge_base = ask(&["merge-base", base, head])?;
    let count =
        |range: String| ask(&["rev-list", "--count", &range])?.parse::<u64>().map_err(|error| error.to_string());
    let (ahead, behind) = (count(format!("{base}..{head}"))?, count(format!("{head}..{base}"))?);
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let changes = git::changes(&hosted.bare, &["diff", "--find-renames", &merge_base, head])?;
    Ok(json!({
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "merge_base_commit": {"sha": merge_base},
        "commits": [],
        "files": changes.iter().take(FILES_MAX).map(file).collect::<Vec<_>>(),
    }))
}

fn file(change: &git::Changed) -> Value {
    let how = match change.how {
        'A' => "added",
        'D' => "removed",
        'R' => "renamed",
        _ => "modified",
    };
    let mut file = json!({"filename": change.path, "status": how, "additions": 1, "deletions": 0, "changes": 1});
    if let Some(from) = &change.from {
        file["previous_filename"] = json!(from);
    }
    file
}

type OfPull = Path<(String, String, u64)>;

/// The head of a pull request, all of which ask to change `main` here.
fn pull_head(hosted: &Hosted, number: u64) -> Result<String, Refused> {
    git::object_of(&hosted.bare, &format!("refs/pull/{number}/head")).ok_or_else(not_found)
}

async fn pull(State(forge): State<Arc<Shared>>, Path((owner, name, number)): OfPull) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let head = pull_head(hosted, number)?;
    Ok((
        StatusCode::OK,
        Json(json!({"number": number, "state": "open", "head": {"sha": head}, "base": {"ref": "main"}})),
    ))
}

async fn pull_files(
    State(forge): State<Arc<Shared>>,
    Path((owner, name, number)): OfPull,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let state = forge.state();
    let hosted = hosted(&state, &owner, &name)?;
    let range = format!("refs/heads/main...{}", pull_head(hosted, number)?);
    let changes = git::changes(&hosted.bare, &["diff", "--find-renames", &range]);
    let changes = changes.map_err(|complaint| refuse(500, json!({"message": complaint})))?;
    let number = |key: &str, other: usize| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(other);
    let (page, per_page) = (number("page", 1).max(1), number("per_page", 30).min(100));
    let listed = changes.iter().take(PULL_FILES_MAX).skip((page - 1) * per_page).take(per_page);
    Ok((StatusCode::OK, Json(listed.map(file).collect())))
}
