use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::id::CommitId;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

fn local_push(message: &str, actor: &str, changed: &[String]) -> String {
    json!({
        "repository": "demo", "ref": "refs/heads/main", "before": OLD, "after": NEW,
        "message": message, "actor": actor, "changed": changed,
    })
    .to_string()
}

fn push_of(delivered: Delivered) -> super::super::Push {
    match Arc::unwrap_or_clone(delivered.event) {
        Event::Push(push) => push,
        other => panic!("not a push: {other:?}"),
    }
}

#[test]
fn words_from_outside_are_cut_at_a_character() {
    let body = local_push(&"ü".repeat(5000), &"é".repeat(5000), &[]);
    let push = push_of(tried(ForgeKind::Local, &[("X-Pointsman-Event", "push")], body));
    assert_eq!(push.message.chars().count(), MESSAGE);
    assert_eq!(push.actor.chars().count(), ACTOR);

    let Event::Other(about) = said(ForgeKind::Github, &[("X-GitHub-Event", &"e".repeat(5000))], "{}") else {
        panic!("an unknown event is not for us")
    };
    assert_eq!(about.what.len(), WORD);

    let long = format!("\"{}\"", "x".repeat(5000));
    let Event::Unreadable(unreadable) = said(ForgeKind::Github, &[("X-GitHub-Event", "push")], long) else {
        panic!("a string is not a push")
    };
    assert!(unreadable.why.chars().count() <= WHY);
}

#[test]
fn more_files_than_are_kept_are_unknown() {
    let paths = |most: usize| (0..most).map(|n| format!("f{n}"));
    assert!(matches!(files(paths(FILES)), ChangedFiles::Known(all) if all.len() == FILES));
    assert_eq!(files(paths(FILES + 1)), ChangedFiles::Unknown("more than 100000 files changed".to_owned()));
    // The same path again is no other file.
    assert!(matches!(files(paths(FILES).chain(paths(FILES))), ChangedFiles::Known(_)));
}

#[test]
fn a_delivery_has_the_id_its_forge_gave_it() {
    let id = |kind, headers: &[(&str, &str)]| tried(kind, headers, "{}").id.as_str().to_owned();
    assert_eq!(id(ForgeKind::Github, &[("X-GitHub-Delivery", "72d3162e-cc78")]), "72d3162e-cc78");
    assert_eq!(id(ForgeKind::Local, &[("X-Pointsman-Delivery", "one")]), "one");
    assert_eq!(id(ForgeKind::Gitlab, &[("Idempotency-Key", "key")]), "key");
    // The one that a signature covers.
    assert_eq!(id(ForgeKind::Gitlab, &[("Idempotency-Key", "key"), ("webhook-id", "signed")]), "signed");
}

#[test]
fn a_delivery_without_a_usable_id_gets_one_of_its_event_and_body() {
    let id = |id: Option<&str>, event: &str, body: &str| {
        let mut headers = vec![("X-GitHub-Event", event)];
        headers.extend(id.map(|id| ("X-GitHub-Delivery", id)));
        tried(ForgeKind::Github, &headers, body).id.as_str().to_owned()
    };
    let own = id(None, "ping", "{}");
    // The SHA-256 of `ping{}`.
    assert_eq!(own, "body-1c6558b676153ba4746b823fa41f46ac5666cb8caecfed7690bcdcdd96afc994");
    assert_eq!(own, id(Some("../../etc"), "ping", "{}"));
    assert_eq!(own, id(Some(""), "ping", "{}"));
    assert_ne!(own, id(None, "push", "{}"));
    assert_ne!(own, id(None, "ping", "{ }"));
}

#[test]
fn an_event_without_its_name_is_unreadable() {
    for kind in ForgeKind::ALL {
        assert!(matches!(said(kind, &[], "{}"), Event::Unreadable(_)), "{kind}");
    }
}

/// Headers that lead into every branch of every reader.
fn named() -> impl Strategy<Value = (ForgeKind, &'static str, &'static str)> {
    use ForgeKind::{Github, Gitlab, Local};
    prop::sample::select(vec![
        (Github, "X-GitHub-Event", "push"),
        (Github, "X-GitHub-Event", "pull_request"),
        (Github, "X-GitHub-Event", "issue_comment"),
        (Github, "X-GitHub-Event", "ping"),
        (Github, "X-GitHub-Event", "star"),
        (Gitlab, "X-Gitlab-Event", "Push Hook"),
        (Gitlab, "X-Gitlab-Event", "System Hook"),
        (Gitlab, "X-Gitlab-Event", "Merge Request Hook"),
        (Gitlab, "X-Gitlab-Event", "Note Hook"),
        (Local, "X-Pointsman-Event", "push"),
        (Local, "X-Pointsman-Event", "ping"),
    ])
}

/// One body that holds the fields of all three forges.
fn everything() -> String {
    let commit = json!({"id": NEW, "message": "m", "added": ["a"], "modified": ["b"], "removed": []});
    json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "before": OLD, "after": NEW,
        "checkout_sha": NEW, "created": false, "deleted": false, "forced": false, "commits": [commit],
        "total_commits_count": 1, "head_commit": commit, "user_username": "dana", "pusher": {"name": "dana"},
        "repository": {"full_name": "acme/shop"}, "project": {"path_with_namespace": "acme/shop"},
        "sender": {"login": "dana"}, "number": 1, "action": "opened",
        "object_attributes": {
            "iid": 1, "action": "open", "target_branch": "main", "source_branch": "x", "source_project_id": 1,
            "target_project_id": 1, "last_commit": {"id": NEW}
        },
        "pull_request": {
            "head": {"ref": "x", "sha": NEW, "repo": {"full_name": "acme/shop"}}, "base": {"ref": "main"}
        },
    })
    .to_string()
}

#[test]
fn the_body_with_everything_is_read_by_both_forges() {
    let push = |kind, header, event| push_of(tried(kind, &[(header, event)], everything()));
    for read in [
        push(ForgeKind::Github, "X-GitHub-Event", "push"),
        push(ForgeKind::Gitlab, "X-Gitlab-Event", "Push Hook"),
        push(ForgeKind::Gitlab, "X-Gitlab-Event", "System Hook"),
    ] {
        assert_eq!(read.changed, ChangedFiles::known(["a", "b"]));
        assert_eq!(read.commit, CommitId::new(NEW).unwrap());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        (kind, header, event) in named(),
        content_type in prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded; charset=utf-8", ""]),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        tried(kind, &[(header, event), ("Content-Type", content_type)], body);
    }

    #[test]
    fn no_damage_to_a_good_body_makes_a_reader_panic(
        (kind, header, event) in named(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut body = everything().into_bytes();
        for (place, byte) in damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        tried(kind, &[(header, event)], body);
    }

    #[test]
    fn no_headers_make_a_reader_panic(
        pairs in proptest::collection::vec(
            (prop::sample::select(vec![
                "X-GitHub-Event", "X-GitHub-Delivery", "X-Gitlab-Event", "Idempotency-Key", "webhook-id",
                "X-Pointsman-Event", "X-Pointsman-Delivery", "Content-Type",
            ]), proptest::collection::vec(any::<u8>(), 0..250)),
            0..6,
        ),
    ) {
        let headers = crate::verify::Headers::new(pairs);
        for kind in ForgeKind::ALL {
            super::super::read(kind, &kind.default_name(), &Verified::vouched_for(&headers, b"{}"));
        }
    }

    #[test]
    fn what_is_read_is_within_its_limits(message in ".{0,50}", actor in "\\PC{0,300}") {
        let push = push_of(tried(ForgeKind::Local, &[("X-Pointsman-Event", "push")], local_push(&message, &actor, &[])));
        prop_assert_eq!(push.message, message);
        prop_assert!(actor.starts_with(&push.actor));
    }
}

#[test]
fn a_deeply_nested_body_is_unreadable_or_passed_over() {
    let deep = "[".repeat(100_000);
    for (header, event) in [("X-GitHub-Event", "push"), ("X-GitHub-Event", "star")] {
        let unclosed = said(ForgeKind::Github, &[(header, event)], &deep);
        assert!(matches!(unclosed, Event::Unreadable(_)), "{event}");
    }
    let closed = format!("{{\"x\": {deep}{}}}", "]".repeat(100_000));
    let other = said(ForgeKind::Github, &[("X-GitHub-Event", "star")], closed);
    assert!(matches!(other, Event::Other(_)), "{other:?}");
}
