use serde_json::{Value, json};

use super::*;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn read(event: &str, body: &Value) -> Event {
    reading::said(ForgeKind::Gitlab, &[("X-Gitlab-Event", event)], body.to_string())
}

fn body() -> Value {
    json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "before": OLD, "after": NEW,
        "checkout_sha": NEW, "user_name": "Dana D", "user_username": "dana", "user_email": "", "project_id": 15,
        "project": {"id": 15, "path_with_namespace": "platform/teams/web"},
        "commits": [
            {"id": NEW, "message": "newest", "added": ["a"], "modified": ["b"], "removed": []},
            {"id": OLD, "message": "older", "added": [], "modified": [], "removed": ["c"]},
        ],
        "total_commits_count": 2, "push_options": {"ci": {"skip": true}},
    })
}

/// The push above with some fields changed.
fn pushed(change: Value) -> Event {
    let mut body = body();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    read("Push Hook", &body)
}

fn without(field: &str) -> Event {
    let mut body = body();
    body.as_object_mut().unwrap().remove(field).unwrap();
    read("Push Hook", &body)
}

fn push_of(event: Event) -> Push {
    match event {
        Event::Push(push) => push,
        other => panic!("not a push: {other:?}"),
    }
}

fn unknown(event: Event) -> String {
    match push_of(event).changed {
        ChangedFiles::Unknown(why) => why,
        known @ ChangedFiles::Known(_) => panic!("{known:?}"),
    }
}

#[test]
fn a_push_to_a_branch_is_read_whole() {
    let push = push_of(pushed(json!({})));
    assert_eq!(push.repository.to_string(), "gitlab:platform/teams/web");
    assert_eq!(push.git_ref, GitRef::Branch("main".to_owned()));
    assert_eq!((push.before.as_ref().map(CommitId::as_str), push.commit.as_str()), (Some(OLD), NEW));
    assert_eq!((push.actor.as_str(), push.message.as_str()), ("dana", "newest"));
    assert!(!push.created && !push.forced);
    assert_eq!(push.changed, ChangedFiles::known(["a", "b", "c"]));
}

#[test]
fn a_list_that_may_have_holes_is_unknown() {
    assert_eq!(unknown(pushed(json!({"total_commits_count": 31}))), "the forge listed 2 of 31 commits");
    assert_eq!(unknown(pushed(json!({"before": ZERO}))), "the branch is new");
    // What a history set back looks like.
    assert!(unknown(pushed(json!({"commits": [], "total_commits_count": 0}))).contains("no commits"));
    assert!(unknown(pushed(json!({"commits": [{"id": NEW}], "total_commits_count": 1}))).contains("without its files"));
    let twenty = vec![json!({"id": NEW, "added": ["a"]}); 20];
    assert!(unknown(pushed(json!({"commits": twenty, "total_commits_count": null}))).contains("did not say"));
    assert_eq!(push_of(without("total_commits_count")).changed, ChangedFiles::known(["a", "b", "c"]));
}

#[test]
fn an_annotated_tag_stands_for_its_commit() {
    let tag_object = "3333333333333333333333333333333333333333";
    let mut tag = body();
    for (field, value) in [("ref", "refs/tags/v1"), ("before", ZERO), ("after", tag_object)] {
        tag[field] = json!(value);
    }
    let push = push_of(read("Tag Push Hook", &tag));
    assert_eq!((push.git_ref, push.commit.as_str()), (GitRef::Tag("v1".to_owned()), NEW));
    assert!(push.created);
    assert!(matches!(push.changed, ChangedFiles::Unknown(_)));
}

#[test]
fn where_checkout_sha_is_not_sent_after_is_the_commit() {
    assert_eq!(push_of(without("checkout_sha")).commit.as_str(), NEW);
}

#[test]
fn a_tag_that_leads_to_no_commit_starts_nothing() {
    match pushed(json!({"ref": "refs/tags/v1", "checkout_sha": null})) {
        Event::Unreadable(unreadable) => assert!(unreadable.why.contains("v1 is gone again"), "{unreadable:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_gone_is_deleted() {
    let Event::Deleted(deleted) = pushed(json!({"after": ZERO, "checkout_sha": null, "commits": []})) else {
        panic!("not deleted")
    };
    assert_eq!(deleted.git_ref, GitRef::Branch("main".to_owned()));
    assert_eq!(deleted.before.as_ref().map(CommitId::as_str), Some(OLD));
}

#[test]
fn the_display_name_stands_in_for_an_account_that_is_not_named() {
    assert_eq!(push_of(without("user_username")).actor, "Dana D");
    assert_eq!(push_of(pushed(json!({"user_username": null, "user_name": null}))).actor, "");
}

#[test]
fn a_system_hook_says_itself_what_it_is() {
    let mut older = body();
    older.as_object_mut().unwrap().remove("object_kind");
    assert_eq!(read("System Hook", &older), pushed(json!({})));
    let created = json!({"event_name": "project_create", "path_with_namespace": "a/b"});
    let Event::Other(about) = read("System Hook", &created) else { panic!() };
    assert_eq!((about.what.as_str(), about.repository.unwrap().path.as_str()), ("project_create", "a/b"));
    assert!(matches!(read("System Hook", &request_body(json!({}))), Event::ChangeRequest(_)));
    for other in [json!({"object_kind": "build"}), json!({"event_name": "repository_update"}), json!([])] {
        assert!(matches!(read("System Hook", &other), Event::Other(_)), "{other}");
    }
}

#[test]
fn the_header_says_what_any_other_hook_is() {
    // The body says push: a pipeline's hook that does so is not believed.
    for event in ["Pipeline Hook", "Job Hook", "A Hook Of The Future"] {
        assert!(matches!(read(event, &body()), Event::Other(about) if about.what == event));
    }
    assert!(matches!(read("Note Hook", &body()), Event::Comment(_)));
}

fn merge_request(change: Value) -> Event {
    read("Merge Request Hook", &request_body(change))
}

fn request_body(change: Value) -> Value {
    let mut attributes = json!({
        "iid": 7, "action": "update", "target_branch": "main", "source_branch": "feature/a",
        "source_project_id": 15, "target_project_id": 15, "last_commit": {"id": NEW},
    });
    attributes.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({
        "object_kind": "merge_request", "user": {"username": "dana", "name": "Dana D"},
        "project": {"path_with_namespace": "platform/teams/web"}, "object_attributes": attributes,
    })
}

#[test]
fn only_new_commits_move_a_merge_request() {
    for (change, moved) in [
        (json!({}), false),
        (json!({"oldrev": OLD}), true),
        (json!({"action": "open"}), true),
        (json!({"action": "reopen"}), true),
        (json!({"action": "approved", "oldrev": OLD}), false),
        (json!({"action": "merge"}), false),
    ] {
        let Event::ChangeRequest(request) = merge_request(change.clone()) else { panic!() };
        assert_eq!(request.moved, moved, "{change}");
        assert_eq!(request.as_push().is_some(), moved);
    }
    let Event::ChangeRequest(request) = merge_request(json!({
        "oldrev": OLD, "title": "mend", "source_project_id": 16, "source": {"path_with_namespace": "mallory/web"}
    })) else {
        panic!()
    };
    let push = request.as_push().unwrap();
    assert_eq!(push.git_ref.to_string(), "refs/requests/7/main:mallory/web:feature/a");
    assert_eq!((push.before.unwrap().as_str(), push.message.as_str()), (OLD, "mend"));
}

#[test]
fn a_merge_request_is_a_change_request() {
    let Event::ChangeRequest(request) = merge_request(json!({})) else { panic!("not a change request") };
    assert_eq!((request.number, request.action.as_str()), (7, "update"));
    assert_eq!((request.source.as_str(), request.target.as_str()), ("feature/a", "main"));
    assert_eq!((request.commit.unwrap().as_str(), request.actor.as_str()), (NEW, "dana"));
    assert!(!request.fork);
}

#[test]
fn a_source_elsewhere_or_nowhere_is_a_fork() {
    for source in [json!(16), json!(null)] {
        let Event::ChangeRequest(request) = merge_request(json!({"source_project_id": source})) else { panic!() };
        assert!(request.fork);
    }
    assert!(matches!(merge_request(json!({"source_branch": "a..b"})), Event::Unreadable(_)));
}

#[test]
fn a_push_that_cannot_be_read_says_why() {
    for (change, why) in [
        (json!({"ref": "refs/heads/../../etc"}), "'..'"),
        (json!({"after": "main"}), "hexadecimal"),
        (json!({"project": {"path_with_namespace": "a/../b"}}), "repository"),
        (json!({"project": null}), "custom template"),
        (json!({"total_commits_count": -1}), "invalid value"),
    ] {
        match pushed(change) {
            Event::Unreadable(unreadable) => assert!(unreadable.why.contains(why), "{unreadable:?}"),
            other => panic!("read: {other:?}"),
        }
    }
}
