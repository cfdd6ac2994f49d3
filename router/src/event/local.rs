//! The webhook of a git repository on this machine: our own protocol, spoken by the hook that Pointsman installs and open
//! to any other sender.
//!
//! ```text
//! POST /webhooks/local
//! Content-Type: application/json
//! X-Pointsman-Event: push | ping
//! X-Pointsman-Delivery: 1 to 200 visible characters, the same when the same is sent again (may be left out)
//! X-Pointsman-Signature-256: sha256=<HMAC-SHA256 of the body with the secret, in 64 lower-case hexadecimal digits>
//!
//! {"repository": "demo",               as the rule file names it
//!  "ref":        "refs/heads/main",    a branch or a tag
//!  "before":     "<40 or 64 hex>",     all zeros, null or left out: it is new
//!  "after":      "<40 or 64 hex>",     the commit, also for an annotated tag; all zeros: it is gone
//!  "actor":      "dana",               may be left out, like all that follows
//!  "author":     "dana@example.org",   of the newest commit
//!  "message":    "mend the points",    of the newest commit
//!  "forced":     false,                history was rewritten
//!  "changed":    ["src/a.rs"]}         all of them, or left out: not known
//! ```
//!
//! Other fields are passed over, and other events are remembered and start nothing. A ping needs no body.

use std::sync::Arc;

use serde::Deserialize;

use super::reading::{self, Why, or_default};
use super::{About, ChangedFiles, Deleted, Delivered, Event, Push};
use crate::id::{CommitId, ForgeKind, ForgeName};
use crate::verify::Verified;

/// The header that says what an event is.
pub(super) const EVENT: &str = "x-pointsman-event";
/// The headers that may hold a delivery's id.
pub(super) const IDS: &[&str] = &["x-pointsman-delivery"];

/// Reads a delivery.
pub fn read(verified: &Verified<'_>, forge: &ForgeName) -> Delivered {
    let what = verified.headers().text(EVENT).unwrap_or_default();
    let event = event(what, verified.body(), forge);
    reading::delivered(verified, IDS, what, event.map(Arc::new))
}

fn event(what: &str, json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    match what {
        "" => Err(Why("there is no X-Pointsman-Event header, or more than one".to_owned())),
        "push" => push(json, forge),
        "ping" => Ok(Event::Ping(about(what, json, forge))),
        _ => Ok(Event::Other(about(what, json, forge))),
    }
}

#[derive(Deserialize)]
struct PushBody {
    repository: String,
    #[serde(rename = "ref")]
    git_ref: String,
    before: Option<String>,
    after: String,
    #[serde(default, deserialize_with = "or_default")]
    actor: String,
    #[serde(default, deserialize_with = "or_default")]
    author: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
    #[serde(default, deserialize_with = "or_default")]
    forced: bool,
    changed: Option<Vec<String>>,
}

fn push(json: &[u8], forge: &ForgeName) -> Result<Event, Why> {
    let body: PushBody = serde_json::from_slice(json)?;
    let repository = reading::repository(ForgeKind::Local, forge, &body.repository)?;
    let actor = reading::actor([&body.actor]);
    let Some(git_ref) = reading::git_ref(&body.git_ref)? else {
        return Ok(reading::not_for_us("push", repository, actor));
    };
    let before = body.before.map_or(Ok(None), |before| CommitId::or_zero(&before))?;
    let Some(commit) = CommitId::or_zero(&body.after)? else {
        return Ok(Event::Deleted(Deleted { repository, git_ref, before, actor, pushed_at: None }));
    };
    let changed = match body.changed {
        Some(paths) => reading::files(paths),
        None => ChangedFiles::Unknown("the hook did not say".to_owned()),
    };
    let (created, message) = (before.is_none(), reading::message(&body.message));
    let author = reading::author("", &body.author);
    let forced = body.forced;
    Ok(Event::Push(Push {
        repository,
        git_ref,
        before,
        commit,
        actor,
        author,
        created,
        forced,
        changed,
        message,
        pushed_at: None,
    }))
}

#[derive(Deserialize, Default)]
struct AboutBody {
    #[serde(default, deserialize_with = "or_default")]
    repository: String,
    #[serde(default, deserialize_with = "or_default")]
    actor: String,
}

fn about(what: &str, json: &[u8], forge: &ForgeName) -> About {
    let body: AboutBody = reading::if_possible(json).unwrap_or_default();
    let repository = reading::repository(ForgeKind::Local, forge, &body.repository).ok();
    About { what: reading::word(what), repository, actor: reading::actor([&body.actor]) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::id::GitRef;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn read(event: &str, body: impl AsRef<[u8]>) -> Event {
        reading::said(ForgeKind::Local, &[("X-Pointsman-Event", event)], body)
    }

    fn pushed(change: Value) -> Event {
        let mut body = json!({"repository": "demo", "ref": "refs/heads/main", "before": OLD, "after": NEW});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        read("push", body.to_string())
    }

    fn push_of(event: Event) -> Push {
        match event {
            Event::Push(push) => push,
            other => panic!("not a push: {other:?}"),
        }
    }

    #[test]
    fn a_push_says_what_its_hook_said() {
        let push = push_of(pushed(json!({
            "actor": "dana", "message": "mend the points", "forced": true, "changed": ["b", "a", "b"], "more": {"to": "come"}
        })));
        assert_eq!(push.repository.to_string(), "local:demo");
        assert_eq!(push.git_ref, GitRef::Branch("main".to_owned()));
        assert_eq!((push.before.as_ref().map(CommitId::as_str), push.commit.as_str()), (Some(OLD), NEW));
        assert_eq!((push.actor.as_str(), push.message.as_str()), ("dana", "mend the points"));
        assert!(push.forced && !push.created);
        assert_eq!(push.changed, ChangedFiles::known(["a", "b"]));
    }

    #[test]
    fn what_the_hook_leaves_out_is_unknown_or_empty() {
        let push = push_of(pushed(json!({"changed": null, "actor": null, "forced": null})));
        assert_eq!(push.changed, ChangedFiles::Unknown("the hook did not say".to_owned()));
        assert_eq!((push.actor.as_str(), push.forced), ("", false));
    }

    #[test]
    fn a_ref_without_a_before_is_new_and_one_without_an_after_is_gone() {
        for before in [json!(null), json!(ZERO)] {
            assert!(push_of(pushed(json!({"before": before}))).created);
        }
        let Event::Deleted(deleted) = pushed(json!({"ref": "refs/tags/v1", "after": ZERO})) else {
            panic!("not deleted")
        };
        assert_eq!(deleted.git_ref, GitRef::Tag("v1".to_owned()));
        assert_eq!(deleted.before.as_ref().map(CommitId::as_str), Some(OLD));
    }

    #[test]
    fn a_ping_needs_no_body() {
        assert!(matches!(read("ping", b""), Event::Ping(About { repository: None, .. })));
        let Event::Ping(about) = read("ping", br#"{"repository": "demo"}"#) else { panic!("not a ping") };
        assert_eq!(about.repository.map(|r| r.path.as_str().to_owned()).as_deref(), Some("demo"));
        assert!(matches!(read("later", b"{}"), Event::Other(_)));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (change, why) in [
            (json!({"ref": "refs/heads/../../etc"}), "'..'"),
            (json!({"ref": "main"}), "refs/heads/<branch>"),
            (json!({"repository": "../etc"}), "repository"),
            (json!({"after": "HEAD"}), "hexadecimal"),
            (json!({"changed": "all"}), "expected a sequence"),
        ] {
            match pushed(change) {
                Event::Unreadable(unreadable) => assert!(unreadable.why.contains(why), "{unreadable:?}"),
                other => panic!("read: {other:?}"),
            }
        }
    }
}
