//! Any body under any event header of each forge: it becomes an event, which can be kept and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use router::event;
use router::id::ForgeKind;
use router::verify::{Headers, Verified};

const EVENTS: [(ForgeKind, &str, &str); 8] = [
    (ForgeKind::Github, "x-github-event", "push"),
    (ForgeKind::Github, "x-github-event", "pull_request"),
    (ForgeKind::Github, "x-github-event", "ping"),
    (ForgeKind::Gitlab, "x-gitlab-event", "Push Hook"),
    (ForgeKind::Gitlab, "x-gitlab-event", "Tag Push Hook"),
    (ForgeKind::Gitlab, "x-gitlab-event", "Merge Request Hook"),
    (ForgeKind::Gitlab, "x-gitlab-event", "System Hook"),
    (ForgeKind::Local, "x-pointsman-event", "push"),
];

fuzz_target!(|said: (u8, &[u8])| {
    let (which, body) = said;
    let (kind, header, event) = EVENTS[usize::from(which) % EVENTS.len()];
    let form = if which & 0x80 == 0 { "application/json" } else { "application/x-www-form-urlencoded" };
    let headers = Headers::new([(header, event), ("content-type", form)]);
    let delivered = event::read(kind, &kind.default_name(), &Verified::vouched_for(&headers, body));
    let kept = serde_json::to_string(&delivered).expect("an event is JSON");
    let again: event::Delivered = serde_json::from_str(&kept).expect("what was written is read");
    assert!(again == delivered, "{kept}");
});
