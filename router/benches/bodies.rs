//! Reading a push of GitHub, beside what `serde_json` alone needs for the same fields.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use router::event::github;
use router::id::ForgeKind;
use router::verify::{Headers, Verified};
use serde::Deserialize;
use serde_json::json;

/// A push of so many commits with so many files each, with as much around them as GitHub sends.
fn body(commits: usize, files: usize) -> Vec<u8> {
    let person = |n: usize| json!({"name": format!("Person {n}"), "email": format!("{n}@example.org"), "username": format!("p{n}")});
    let account = json!({"login": "dana", "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "site_admin": false,
        "avatar_url": "https://avatars.example.org/u/583231?v=4", "url": "https://api.example.org/users/dana",
        "followers_url": "https://api.example.org/users/dana/followers", "repos_url": "https://api.example.org/users/dana/repos"});
    let addresses: serde_json::Map<String, serde_json::Value> = (0..40)
        .map(|n| {
            (format!("address{n}_url"), json!(format!("https://api.example.org/repos/acme/shop/address{n}{{/sha}}")))
        })
        .collect();
    let mut repository =
        json!({"id": 1, "full_name": "acme/shop", "private": false, "owner": account, "default_branch": "main"});
    repository.as_object_mut().expect("an object").extend(addresses);
    let commits: Vec<serde_json::Value> = (0..commits)
        .map(|n| {
            let list = |what: &str| (0..files).map(|f| format!("services/s{n}/src/{what}/part{f}.rs")).collect::<Vec<_>>();
            json!({"id": format!("{n:040x}"), "tree_id": format!("{n:040x}"), "distinct": true,
                "message": format!("change service {n}\n\nbecause it was time"), "timestamp": "2026-11-20T12:00:00Z",
                "url": format!("https://example.org/acme/shop/commit/{n:040x}"), "author": person(n), "committer": person(n),
                "added": [], "removed": [], "modified": list("modified")})
        })
        .collect();
    json!({"ref": "refs/heads/main", "before": "1".repeat(40), "after": "2".repeat(40), "repository": repository,
        "pusher": {"name": "dana", "email": "dana@example.org"}, "sender": account, "created": false, "deleted": false,
        "forced": false, "base_ref": null, "compare": "https://example.org/compare", "head_commit": commits.last(),
        "commits": commits})
    .to_string()
    .into_bytes()
}

const SIZES: [(usize, usize); 2] = [(2, 3), (1_000, 10)];

/// The fields that a decision needs, owned, as `serde_json` gives them.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Fields {
    #[serde(rename = "ref")]
    git_ref: String,
    before: String,
    after: String,
    created: bool,
    deleted: bool,
    forced: bool,
    commits: Vec<Commit>,
    head_commit: Option<Head>,
    repository: Repo,
    pusher: Pusher,
    sender: Sender,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Commit {
    added: Vec<String>,
    modified: Vec<String>,
    removed: Vec<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Head {
    id: String,
    message: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Repo {
    full_name: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Pusher {
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only reading them counts")]
struct Sender {
    login: String,
}

#[divan::bench(args = SIZES)]
fn normalize(bencher: Bencher<'_, '_>, (commits, files): (usize, usize)) {
    let body = body(commits, files);
    let headers =
        Headers::new([("x-github-event", "push"), ("x-github-delivery", "d-1"), ("content-type", "application/json")]);
    let forge = ForgeKind::Github.default_name();
    let counted = bencher.counter(BytesCount::of_slice(&body));
    counted.bench(|| github::read(&Verified::vouched_for(&headers, black_box(&body)), &forge));
}

#[divan::bench(args = SIZES)]
fn serde_json_alone(bencher: Bencher<'_, '_>, (commits, files): (usize, usize)) {
    let body = body(commits, files);
    let counted = bencher.counter(BytesCount::of_slice(&body));
    counted.bench(|| serde_json::from_slice::<Fields>(black_box(&body)).expect("it is of this form"));
}
