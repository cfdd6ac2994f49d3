use serde_json::{Value, json};

use super::*;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn read(event: &str, body: &Value) -> Event {
    let headers = [("X-GitHub-Event", event), ("Content-Type", "application/json")];
    reading::said(ForgeKind::Github, &headers, body.to_string())
}

fn body() -> Value {
    json!({
        "ref": "refs/heads/main", "before": OLD, "after": NEW, "created": false, "deleted": false, "forced": false,
        "base_ref": null, "compare": "https://github.example/compare",
        "commits": [
            {"id": OLD, "added": ["src/a.rs"], "modified": [], "removed": []},
            {"id": NEW, "added": [], "modified": ["src/a.rs", "b"], "removed": ["c d/é"]},
        ],
        "head_commit": {"id": NEW, "message": "mend the points\n\nall of them"},
        "repository": {"id": 1, "full_name": "acme/shop", "created_at": 1_700_000_000, "owner": {"name": "acme"}},
        "pusher": {"name": "dana", "email": null},
        "sender": {"login": "dana", "id": 1},
    })
}

/// The push above with some fields changed.
fn pushed(change: Value) -> Event {
    let mut body = body();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    read("push", &body)
}

fn push_of(event: Event) -> Push {
    match event {
        Event::Push(push) => push,
        other => panic!("not a push: {other:?}"),
    }
}

fn unknown(change: Value) -> String {
    match push_of(pushed(change)).changed {
        ChangedFiles::Unknown(why) => why,
        known @ ChangedFiles::Known(_) => panic!("{known:?}"),
    }
}

#[test]
fn a_push_to_a_branch_is_read_whole() {
    let push = push_of(pushed(json!({})));
    assert_eq!(push.repository.to_string(), "github:acme/shop");
    assert_eq!(push.git_ref, GitRef::Branch("main".to_owned()));
    assert_eq!((push.before.as_ref().map(CommitId::as_str), push.commit.as_str()), (Some(OLD), NEW));
    assert_eq!((push.actor.as_str(), push.message.as_str()), ("dana", "mend the points\n\nall of them"));
    assert!(!push.created && !push.forced);
    assert_eq!(push.changed, ChangedFiles::known(["b", "c d/é", "src/a.rs"]));
}

#[test]
fn a_form_is_read_like_json() {
    let form = serde_urlencoded::to_string([("payload", body().to_string())]).unwrap();
    for content_type in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"] {
        let headers = [("X-GitHub-Event", "push"), ("Content-Type", content_type)];
        assert_eq!(reading::said(ForgeKind::Github, &headers, &form), pushed(json!({})));
    }
}

#[test]
fn a_form_without_its_one_payload_says_so() {
    for bad in ["", "other=1", "payload=%7B%7D&payload=%7B%7D"] {
        let headers = [("X-GitHub-Event", "push"), ("Content-Type", "application/x-www-form-urlencoded")];
        match reading::said(ForgeKind::Github, &headers, bad) {
            Event::Unreadable(unreadable) => assert!(unreadable.why.contains("`payload`"), "{unreadable:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_new_branch_has_no_before_and_unknown_files() {
    let new = json!({"before": ZERO, "created": true, "commits": [], "base_ref": "refs/heads/main"});
    let push = push_of(pushed(new.clone()));
    assert!(push.created && push.before.is_none());
    assert_eq!(unknown(new), "the branch is new");
}

#[test]
fn a_list_that_may_have_holes_is_unknown() {
    assert!(unknown(json!({"forced": true})).contains("rewritten"));
    assert!(unknown(json!({"commits": []})).contains("no commits"));
    assert!(unknown(json!({"commits": null})).contains("no commits"));
    assert!(unknown(json!({"commits": [{"id": NEW}]})).contains("without its files"));
    let commit = json!({"added": ["a"], "modified": [], "removed": []});
    assert!(unknown(json!({"commits": vec![commit.clone(); 2048]})).contains("2048 commits"));
    assert_eq!(push_of(pushed(json!({"commits": vec![commit; 2047]}))).changed, ChangedFiles::known(["a"]));
    let many = |files: usize| json!([{"added": vec!["a"; files - 1], "modified": ["b"], "removed": []}]);
    assert!(unknown(json!({"commits": many(3000)})).contains("3000 files"));
    assert_eq!(push_of(pushed(json!({"commits": many(2999)}))).changed, ChangedFiles::known(["a", "b"]));
}

#[test]
fn an_empty_commit_changes_nothing_for_certain() {
    let push = push_of(pushed(json!({"commits": [{"id": NEW, "added": [], "modified": [], "removed": []}]})));
    assert_eq!(push.changed, ChangedFiles::known::<String>([]));
}

#[test]
fn an_annotated_tag_stands_for_its_commit() {
    let tag_object = "3333333333333333333333333333333333333333";
    let tag = json!({"ref": "refs/tags/v1", "before": ZERO, "after": tag_object, "created": true, "commits": []});
    let push = push_of(pushed(tag.clone()));
    assert_eq!(push.git_ref, GitRef::Tag("v1".to_owned()));
    assert_eq!(push.commit.as_str(), NEW);
    assert!(unknown(tag).contains("tag"));
    let moved = json!({"ref": "refs/tags/v1", "head_commit": null});
    assert_eq!(push_of(pushed(moved)).commit.as_str(), NEW);
}

#[test]
fn what_is_gone_is_deleted() {
    let gone = json!({"ref": "refs/heads/old", "after": ZERO, "deleted": true, "head_commit": null, "commits": []});
    let Event::Deleted(deleted) = pushed(gone) else { panic!("not deleted") };
    assert_eq!(deleted.git_ref, GitRef::Branch("old".to_owned()));
    assert_eq!((deleted.before.as_ref().map(CommitId::as_str), deleted.actor.as_str()), (Some(OLD), "dana"));
    // Zeros are zeros in a SHA-256 repository too.
    assert!(matches!(pushed(json!({"after": "0".repeat(64), "deleted": false})), Event::Deleted(_)));
}

#[test]
fn the_merge_queues_own_pushes_are_not_for_us() {
    let queue = format!("refs/heads/gh-readonly-queue/main/pr-7-{OLD}");
    assert!(matches!(pushed(json!({"ref": queue})), Event::Other(about) if about.what == "push"));
    assert!(matches!(pushed(json!({"ref": "refs/notes/commits"})), Event::Other(_)));
}

#[test]
fn create_and_delete_do_not_say_a_push_again() {
    let body = json!({"ref": "main", "ref_type": "branch", "repository": {"full_name": "acme/shop"}});
    for event in ["create", "delete", "merge_group", "status", "a_kind_of_the_future"] {
        let Event::Other(about) = read(event, &body) else { panic!("{event}") };
        assert_eq!(about.what, event);
        assert_eq!(about.repository.unwrap().path.as_str(), "acme/shop");
    }
}

fn pull_request(head_repo: Value) -> Value {
    json!({
        "action": "synchronize", "number": 7, "repository": {"full_name": "acme/shop"}, "sender": {"login": "dana"},
        "pull_request": {
            "head": {"ref": "feature/a", "sha": NEW, "repo": head_repo},
            "base": {"ref": "main", "sha": OLD, "repo": {"full_name": "acme/shop"}},
        },
    })
}

#[test]
fn a_pull_request_is_a_change_request() {
    let Event::ChangeRequest(request) = read("pull_request", &pull_request(json!({"full_name": "acme/shop"}))) else {
        panic!("not a change request")
    };
    assert_eq!((request.number, request.action.as_str()), (7, "synchronize"));
    assert_eq!((request.source.as_str(), request.target.as_str()), ("feature/a", "main"));
    assert_eq!((request.commit.unwrap().as_str(), request.actor.as_str()), (NEW, "dana"));
    assert!(!request.fork);
}

#[test]
fn only_new_commits_move_a_pull_request() {
    for (action, moved) in
        [("opened", true), ("reopened", true), ("synchronize", true), ("labeled", false), ("closed", false)]
    {
        let mut body = pull_request(json!({"full_name": "acme/shop"}));
        body["action"] = json!(action);
        body["before"] = json!(OLD);
        let Event::ChangeRequest(request) = read("pull_request", &body) else { panic!() };
        assert_eq!(request.moved, moved, "{action}");
        let push = request.as_push();
        assert_eq!(
            push.map(|push| push.git_ref.to_string()),
            moved.then(|| "refs/requests/7/main:feature/a".to_owned())
        );
    }
}

#[test]
fn a_head_elsewhere_or_nowhere_is_a_fork() {
    for head_repo in [json!({"full_name": "mallory/shop"}), json!(null)] {
        let Event::ChangeRequest(request) = read("pull_request", &pull_request(head_repo)) else { panic!() };
        assert!(request.fork);
    }
}

#[test]
fn comments_and_pings_are_told_apart() {
    let body = json!({"repository": {"full_name": "acme/shop"}, "sender": {"login": "dana"}});
    assert!(matches!(read("issue_comment", &body), Event::Comment(about) if about.actor == "dana"));
    assert!(matches!(read("pull_request_review_comment", &body), Event::Comment(_)));
    // An organisation's ping names no repository.
    assert!(matches!(read("ping", &json!({"zen": "z"})), Event::Ping(About { repository: None, .. })));
}

#[test]
fn a_push_that_cannot_be_read_says_why() {
    for (change, why) in [
        (json!({"ref": "refs/heads/../../etc"}), "'..'"),
        (json!({"ref": "main"}), "refs/heads/<branch>"),
        (json!({"after": "main"}), "hexadecimal"),
        (json!({"before": null}), "invalid type: null"),
        (json!({"repository": {"full_name": "../../etc"}}), "repository"),
        (json!({"repository": {}}), "missing field `full_name`"),
        (json!({"commits": 5}), "invalid type"),
    ] {
        match pushed(change) {
            Event::Unreadable(unreadable) => {
                assert_eq!(unreadable.what, "push");
                assert!(unreadable.why.contains(why), "{unreadable:?}");
            }
            other => panic!("read: {other:?}"),
        }
    }
}

#[test]
fn a_branch_of_a_pull_request_is_held_to_gits_rules() {
    let mut request = pull_request(json!(null));
    request["pull_request"]["base"]["ref"] = json!("a..b");
    assert!(matches!(read("pull_request", &request), Event::Unreadable(_)));
}

#[test]
fn an_event_that_is_not_for_us_must_still_be_json() {
    let headers = [("X-GitHub-Event", "star")];
    let read = |body: &str| reading::said(ForgeKind::Github, &headers, body);
    assert!(matches!(read("not json"), Event::Unreadable(_)));
    assert!(matches!(read(r#"{"repository": "of another form"}"#), Event::Other(About { repository: None, .. })));
}
