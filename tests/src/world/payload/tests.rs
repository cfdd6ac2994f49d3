//! That the world tells what it did, as the forges would.

use serde_json::{Value, json};

use crate::world::{Repo, Work, World};

fn zeros() -> String {
    "0".repeat(40)
}

fn hubs_repo(world: &World) -> Repo {
    let repo = world.github("acme/shop");
    repo.push("main", |work| work.write("a", "1").write("b", "1"));
    repo
}

#[tokio::test]
async fn a_push_lists_what_each_commit_changed() {
    let world = World::new().await;
    let repo = hubs_repo(&world);
    let before = repo.tip("main");
    let pushed = repo.push("main", |work| work.write("a", "2").remove("b").write("c", "1").by("eve").message("all"));
    let body = pushed.delivery.json();
    assert_eq!((&pushed.before, body["before"].as_str()), (&before, before.as_ref().map(|id| id.as_str())));
    assert_eq!(body["after"], pushed.commit.as_str());
    assert_eq!((&body["created"], &body["forced"], &body["deleted"]), (&json!(false), &json!(false), &json!(false)));
    assert_eq!(body["pusher"]["name"], "eve");
    let commit = &body["commits"][0];
    assert_eq!((&commit["message"], &commit["id"]), (&json!("all"), &body["after"]));
    assert_eq!(
        (&commit["added"], &commit["modified"], &commit["removed"]),
        (&json!(["c"]), &json!(["a"]), &json!(["b"]))
    );
}

#[tokio::test]
async fn the_first_push_has_nothing_before_it() {
    let world = World::new().await;
    let pushed = world.github("acme/shop").push("main", |work| work.write("a", "1"));
    let body = pushed.delivery.json();
    assert_eq!((&body["before"], &body["created"]), (&json!(zeros()), &json!(true)));
    assert_eq!(body["commits"][0]["added"], json!(["a"]));
}

#[tokio::test]
async fn a_new_branch_lists_only_its_own_commits() {
    let world = World::new().await;
    let repo = hubs_repo(&world);
    let bare = repo.branch("feature/a", "main").delivery.json();
    assert_eq!((&bare["commits"], &bare["base_ref"]), (&json!([]), &json!("refs/heads/main")));
    assert_eq!(bare["head_commit"]["id"], bare["after"]);
    let grown = repo.push("feature/b", |work| work.write("x", "1")).delivery.json();
    assert_eq!((grown["commits"].as_array().map(Vec::len), &grown["created"]), (Some(1), &json!(true)));
}

#[tokio::test]
async fn a_rewritten_branch_is_forced() {
    let world = World::new().await;
    let repo = hubs_repo(&world);
    let root = repo.tip("main").unwrap();
    repo.push("main", |work| work.write("a", "2"));
    let body = repo.force_push("main", &root, |work| work.write("b", "2")).delivery.json();
    assert_eq!((&body["forced"], body["commits"].as_array().map(Vec::len)), (&json!(true), Some(1)));
}

#[tokio::test]
async fn a_merge_changed_what_its_first_parent_lacked() {
    let world = World::new().await;
    let repo = hubs_repo(&world);
    repo.push("feature/x", |work| work.write("x", "1"));
    repo.push("main", |work| work.write("y", "1"));
    let body = repo.merge("feature/x", "main").delivery.json();
    let commits = body["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 2, "the branch's own and the merge");
    assert_eq!(commits[1]["added"], json!(["x"]));
}

#[tokio::test]
async fn a_deleted_branch_leaves_zeros() {
    let world = World::new().await;
    let repo = hubs_repo(&world);
    repo.branch("old", "main");
    let body = repo.delete_branch("old").delivery.json();
    assert_eq!((&body["after"], &body["deleted"], &body["head_commit"]), (&json!(zeros()), &json!(true), &Value::Null));
    let repo = world.gitlab("platform/web");
    repo.push("main", |work| work.write("a", "1"));
    repo.branch("old", "main");
    let body = repo.delete_branch("old").delivery.json();
    assert_eq!((&body["after"], &body["checkout_sha"]), (&json!(zeros()), &Value::Null));
}

#[tokio::test]
async fn an_annotated_tag_is_an_object_of_its_own() {
    let world = World::new().await;
    for repo in [hubs_repo(&world), world.gitlab("platform/web"), world.local("demo")] {
        repo.push("main", |work| work.write("z", "1"));
        let plain = repo.tag("v1", "main");
        let tagged = repo.annotated_tag("v2", "main", "the second");
        assert_eq!((&plain.commit, &tagged.commit), (&repo.tip("main").unwrap(), &repo.tip("main").unwrap()));
        let body = tagged.delivery.json();
        let commit = json!(tagged.commit.as_str());
        match tagged.delivery.header("x-gitlab-event").or(tagged.delivery.header("x-github-event")) {
            Some("Tag Push Hook") => assert!(body["checkout_sha"] == commit && body["after"] != commit, "{body}"),
            Some(_) => assert!(body["head_commit"]["id"] == commit && body["after"] != commit, "{body}"),
            None => assert!(body["after"] == commit, "{body}"),
        }
    }
}

#[tokio::test]
async fn gitlab_lists_the_newest_twenty_commits() {
    let world = World::new().await;
    let repo = world.gitlab("platform/web");
    repo.push("main", |work| work.write("a", "0"));
    let pushed = repo.push_all("main", (1..=22).map(|nth| Work::default().write("a", nth.to_string())));
    let body = pushed.delivery.json();
    let commits = body["commits"].as_array().unwrap();
    assert_eq!((commits.len(), &body["total_commits_count"]), (20, &json!(22)));
    assert_eq!(commits[19]["id"], body["after"]);
}

#[tokio::test]
async fn a_local_push_says_which_files_changed_when_it_knows() {
    let world = World::new().await;
    let repo = world.local("demo");
    assert_eq!(repo.push("main", |work| work.write("a", "1")).delivery.json()["changed"], Value::Null);
    assert_eq!(repo.push("main", |work| work.rename("a", "b")).delivery.json()["changed"], json!(["a", "b"]));
}

#[tokio::test]
async fn two_worlds_are_alike() {
    let live = async || {
        let world = World::new().await;
        let repo = hubs_repo(&world);
        let tag = repo.annotated_tag("v1", "main", "first").delivery;
        let push = repo.push("main", |work| work.script("run.sh", "echo hello")).delivery;
        let asked = world.gitlab("platform/web").push("main", |work| work.write("a", "1")).delivery;
        [tag, push, asked].map(|delivery| (delivery.headers().to_vec(), delivery.body().clone()))
    };
    assert_eq!(live().await, live().await);
}

#[tokio::test]
async fn a_redelivery_is_the_same_delivery() {
    let world = World::new().await;
    for repo in [hubs_repo(&world), world.gitlab("platform/web"), world.local("demo")] {
        let delivery = repo.push("main", |work| work.write("q", "1")).delivery;
        let again = world.redeliver(&delivery);
        assert_eq!(
            (again.id(), again.body(), again.headers().len()),
            (delivery.id(), delivery.body(), delivery.headers().len())
        );
        assert_ne!(repo.ping().id(), delivery.id());
    }
}
