//! GitLab's bodies.

use serde_json::{Value, json};

use super::super::moved::{Made, Moved};
use super::{Asked, Told};

/// A push lists the newest twenty commits and says how many there were.
const COMMITS_MAX: usize = 20;

pub(super) fn push(path: &str, moved: &Moved) -> Told {
    let (event, kind) = if moved.is_tag() { ("Tag Push Hook", "tag_push") } else { ("Push Hook", "push") };
    let newest = &moved.commits[moved.commits.len().saturating_sub(COMMITS_MAX)..];
    let body = json!({
        "object_kind": kind,
        "event_name": kind,
        "before": moved.before_or_zeros(),
        "after": moved.after_or_zeros(),
        "ref": moved.full_ref,
        "ref_protected": moved.short() == "main",
        "checkout_sha": moved.commit(),
        "message": moved.tag_message,
        "user_id": 4,
        "user_name": moved.actor,
        "user_username": moved.actor,
        "user_email": "",
        "user_avatar": "https://gitlab.example.com/uploads/user/4/avatar.png",
        "project_id": 15,
        "project": project(path),
        "commits": newest.iter().map(|made| commit(path, made)).collect::<Vec<_>>(),
        "total_commits_count": moved.commits.len(),
        "push_options": {},
        "repository": {
            "name": name_of(path),
            "url": format!("git@gitlab.example.com:{path}.git"),
            "description": "",
            "homepage": format!("https://gitlab.example.com/{path}"),
            "git_http_url": format!("https://gitlab.example.com/{path}.git"),
            "git_ssh_url": format!("git@gitlab.example.com:{path}.git"),
            "visibility_level": 0,
        },
    });
    (event, body)
}

fn commit(path: &str, made: &Made) -> Value {
    json!({
        "id": made.id,
        "message": made.message,
        "title": made.message.lines().next().unwrap_or_default(),
        "timestamp": made.at.to_string(),
        "url": format!("https://gitlab.example.com/{path}/-/commit/{}", made.id),
        "author": {"name": made.author, "email": "[REDACTED]"},
        "added": made.added,
        "modified": made.modified,
        "removed": made.removed,
    })
}

/// An event that a webhook sends when somebody ticked one box too many.
pub(super) fn pipeline(path: &str) -> Told {
    let body = json!({
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "iid": 3, "ref": "main", "tag": false, "status": "success"},
        "user": {"id": 4, "name": "dana", "username": "dana", "email": "[REDACTED]"},
        "project": project(path),
    });
    ("Pipeline Hook", body)
}

pub(super) fn merge_request(path: &str, asked: &Asked<'_>) -> Told {
    let (actor, source) =
        if asked.fork { ("outsider", format!("outsider/{}", name_of(path))) } else { ("dana", path.to_owned()) };
    let body = json!({
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": {"id": 4, "name": actor, "username": actor, "email": "[REDACTED]"},
        "project": project(path),
        "object_attributes": {
            "id": 1_000_000 + asked.number,
            "iid": asked.number,
            "title": "Please take this",
            "state": "opened",
            "action": "open",
            "draft": false,
            "source_branch": asked.source,
            "target_branch": asked.target,
            "source_project_id": if asked.fork { 16 } else { 15 },
            "target_project_id": 15,
            "source": project(&source),
            "target": project(path),
            "last_commit": {
                "id": asked.commit,
                "message": "Please take this",
                "title": "Please take this",
                "timestamp": "2026-01-01T00:00:00Z",
                "author": {"name": actor, "email": "[REDACTED]"},
            },
            "url": format!("https://gitlab.example.com/{path}/-/merge_requests/{}", asked.number),
        },
        "labels": [],
        "changes": {},
    });
    ("Merge Request Hook", body)
}

fn project(path: &str) -> Value {
    json!({
        "id": 15,
        "name": name_of(path),
        "description": "",
        "web_url": format!("https://gitlab.example.com/{path}"),
        "avatar_url": null,
        "git_ssh_url": format!("git@gitlab.example.com:{path}.git"),
        "git_http_url": format!("https://gitlab.example.com/{path}.git"),
        "namespace": path.rsplit_once('/').map_or("", |(namespace, _)| namespace),
        "visibility_level": 0,
        "path_with_namespace": path,
        "default_branch": "main",
    })
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
