//! What was heard of late, so that a body that comes again is not read again.
//!
//! The hooks of a repository and of its organisation bring one body under two ids, and whoever has seen a delivery of GitHub can send it
//! again under any number of ids, for the signature does not cover them. Each of them is verified, kept and decided under its own id; what
//! it says is what the first one said. Bodies are compared byte by byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use router::event::{self, Delivered, Event};
use router::id::{ForgeKind, ForgeName};
use router::verify::Verified;

/// So many bodies are remembered, the newest.
const BODIES: usize = 16;
/// A larger body is not remembered.
const BODY_BYTES: usize = 1024 * 1024;

/// The bodies that came last through one door.
#[derive(Default)]
pub struct Heard(Mutex<VecDeque<Arc<Said>>>);

struct Said {
    meant_by: [Option<String>; 2],
    body: Bytes,
    /// What it says, from the second time on: most bodies come once.
    event: OnceLock<Arc<Event>>,
}

impl Said {
    fn is(&self, meant_by: [Option<&str>; 2], body: &Bytes) -> bool {
        self.meant_by.each_ref().map(Option::as_deref) == meant_by && self.body == body
    }
}

impl Heard {
    /// Reads a delivery. The body that it gives back is the one that was heard before, if it was.
    pub(super) fn read(
        &self,
        kind: ForgeKind,
        forge: &ForgeName,
        verified: &Verified<'_>,
        body: Bytes,
    ) -> (Delivered, Bytes) {
        let meant_by = event::meant_by(kind).map(|name| verified.headers().text(name));
        let Some(said) = self.before(meant_by, &body) else { return (event::read(kind, forge, verified), body) };
        let read = match said.event.get() {
            Some(event) => event::again(kind, verified, Arc::clone(event)),
            None => {
                let read = event::read(kind, forge, verified);
                let _by_another = said.event.set(Arc::clone(&read.event));
                read
            }
        };
        (read, said.body.clone())
    }

    /// What was said before by the same body; else it is remembered.
    fn before(&self, meant_by: [Option<&str>; 2], body: &Bytes) -> Option<Arc<Said>> {
        if body.len() > BODY_BYTES {
            return None;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = all.iter().find(|said| said.is(meant_by, body)) {
            return Some(Arc::clone(said));
        }
        all.truncate(BODIES - 1);
        let meant_by = meant_by.map(|value| value.map(str::to_owned));
        all.push_front(Arc::new(Said { meant_by, body: body.clone(), event: OnceLock::new() }));
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use router::secret::Secret;
    use router::verify::{GITHUB_SIGNATURE, Guard, Headers, sign, verify};

    use super::*;

    fn hear(heard: &Heard, event: &str, id: &str, body: &str) -> (Delivered, Bytes) {
        let (kind, secret) = (ForgeKind::Github, Secret::new("a secret"));
        let proof = sign::github(&secret, body.as_bytes());
        let headers = [("X-GitHub-Event", event), ("X-GitHub-Delivery", id), (GITHUB_SIGNATURE, &proof)];
        let (headers, body) = (Headers::new(headers), Bytes::copy_from_slice(body.as_bytes()));
        let guard = Guard::github([secret]).unwrap();
        let verified = verify(&guard, &headers, &body, Timestamp::UNIX_EPOCH).unwrap();
        let (read, kept) = heard.read(kind, &kind.default_name(), &verified, body.clone());
        assert_eq!(read, event::read(kind, &kind.default_name(), &verified), "as if nothing had been heard");
        assert_eq!(kept, body);
        (read, kept)
    }

    #[test]
    fn a_body_that_comes_again_says_the_same_under_its_own_id() {
        let heard = Heard::default();
        let push = r#"{"ref":"refs/heads/main","repository":{"full_name":"a/b"},"sender":{"login":"dana"}}"#;
        let (_, first) = hear(&heard, "star", "1", push);
        for id in ["2", "3", "", "not an id"] {
            let (read, kept) = hear(&heard, "star", id, push);
            assert_eq!(kept.as_ptr(), first.as_ptr(), "the same bytes");
            assert_eq!(read.id.as_str().starts_with("body-"), id.len() != 1);
        }
        let (read, kept) = hear(&heard, "ping", "4", push);
        assert!(matches!(*read.event, Event::Ping(_)), "another event with the same body is another");
        assert_ne!(kept.as_ptr(), first.as_ptr());
    }

    #[test]
    fn few_bodies_are_remembered() {
        let heard = Heard::default();
        for n in 0..3 * BODIES {
            hear(&heard, "star", "1", &format!("{{\"n\":{n}}}"));
        }
        hear(&heard, "star", "1", &" ".repeat(BODY_BYTES + 1));
        let all = heard.0.lock().unwrap();
        assert_eq!(all.len(), BODIES);
        assert!(all.iter().all(|said| said.body.len() <= BODY_BYTES));
    }
}
