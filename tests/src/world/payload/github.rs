//! GitHub's bodies.

use serde_json::{Value, json};

use super::super::moved::{Made, Moved};
use super::{Asked, Told};

/// A push lists no more commits than this.
const COMMITS_MAX: usize = 2048;

pub(super) fn push(path: &str, moved: &Moved) -> Told {
    let short = |id: &str| id[..12].to_owned();
    let compare = format!(
        "https://github.com/{path}/compare/{}...{}",
        short(&moved.before_or_zeros()),
        short(&moved.after_or_zeros())
    );
    let listed = moved.commits.iter().rev().take(COMMITS_MAX).rev();
    let mut repository = repository(path, Style::Push);
    repository["pushed_at"] = json!(moved.at.as_second());
    let body = json!({
        "ref": moved.full_ref,
        "before": moved.before_or_zeros(),
        "after": moved.after_or_zeros(),
        "repository": repository,
        "pusher": {"name": moved.actor, "email": format!("{}@example.com", moved.actor)},
        "sender": user(&moved.actor),
        "created": moved.before.is_none(),
        "deleted": moved.after.is_none(),
        "forced": moved.forced,
        "base_ref": moved.base_ref,
        "compare": compare,
        "commits": listed.map(|made| commit(path, made)).collect::<Vec<_>>(),
        "head_commit": moved.head.as_ref().map(|made| commit(path, made)),
    });
    ("push", body)
}

fn commit(path: &str, made: &Made) -> Value {
    let person = json!({
        "name": made.author,
        "email": format!("{}@example.com", made.author),
        "username": made.author,
        "date": made.at.to_string(),
    });
    json!({
        "id": made.id,
        "tree_id": made.tree,
        "distinct": true,
        "message": made.message,
        "timestamp": made.at.to_string(),
        "url": format!("https://github.com/{path}/commit/{}", made.id),
        "author": person,
        "committer": person,
        "added": made.added,
        "removed": made.removed,
        "modified": made.modified,
    })
}

pub(super) fn ping(path: &str) -> Told {
    let hook = json!({
        "type": "Repository",
        "id": 292_430_182,
        "name": "web",
        "active": true,
        "events": ["push"],
        "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": "https://ci.example.com/"},
        "updated_at": "2026-01-01T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z",
    });
    let body = json!({
        "zen": "Keep it logically awesome.",
        "hook_id": 292_430_182,
        "hook": hook,
        "repository": repository(path, Style::Usual),
        "sender": user("dana"),
    });
    ("ping", body)
}

pub(super) fn pull_request(path: &str, asked: &Asked<'_>) -> Told {
    let source_path = if asked.fork { format!("outsider/{}", name_of(path)) } else { path.to_owned() };
    let side = |path: &str, branch: &str, commit: &str| {
        json!({
            "label": format!("{}:{branch}", owner_of(path)),
            "ref": branch,
            "sha": commit,
            "user": user(owner_of(path)),
            "repo": repository(path, Style::Usual),
        })
    };
    let actor = if asked.fork { "outsider" } else { "dana" };
    let body = json!({
        "action": "opened",
        "number": asked.number,
        "pull_request": {
            "id": 1_000_000 + asked.number,
            "number": asked.number,
            "state": "open",
            "draft": false,
            "title": "Please take this",
            "body": null,
            "user": user(actor),
            "head": side(&source_path, asked.source, asked.commit),
            "base": side(path, asked.target, &"b".repeat(40)),
            "merged": false,
            "html_url": format!("https://github.com/{path}/pull/{}", asked.number),
        },
        "repository": repository(path, Style::Usual),
        "sender": user(actor),
    });
    ("pull_request", body)
}

/// A push writes times as numbers and gives its repository's owner a name; every other event does neither.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Push,
    Usual,
}

fn repository(path: &str, style: Style) -> Value {
    let owner = owner_of(path);
    let mut repository = json!({
        "id": 186_853_002,
        "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
        "name": name_of(path),
        "full_name": path,
        "private": true,
        "owner": user(owner),
        "html_url": format!("https://github.com/{path}"),
        "description": null,
        "fork": owner == "outsider",
        "url": format!("https://api.github.com/repos/{path}"),
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "pushed_at": "2026-01-01T00:00:00Z",
        "clone_url": format!("https://github.com/{path}.git"),
        "size": 12,
        "language": null,
        "archived": false,
        "visibility": "private",
        "default_branch": "main",
    });
    if style == Style::Push {
        repository["created_at"] = json!(1_767_225_600);
        repository["pushed_at"] = json!(1_767_225_660);
        repository["master_branch"] = json!("main");
        repository["owner"]["name"] = json!(owner);
        repository["owner"]["email"] = json!(format!("{owner}@example.com"));
    }
    repository
}

fn user(login: &str) -> Value {
    json!({
        "login": login,
        "id": 21_031_067,
        "node_id": "MDQ6VXNlcjIxMDMxMDY3",
        "avatar_url": "https://avatars.example.com/u/21031067?v=4",
        "gravatar_id": "",
        "url": format!("https://api.github.com/users/{login}"),
        "html_url": format!("https://github.com/{login}"),
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
        "site_admin": false,
    })
}

fn owner_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
