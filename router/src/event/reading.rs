//! What the three readers share: the limits on what is kept, and the words for what cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::{About, Author, ChangedFiles, Delivered, Event, Unreadable};
use crate::id::{DeliveryId, ForgeKind, ForgeName, GitRef, Invalid, RepoPath, Repository};
use crate::verify::Verified;

/// The most changed files that are kept; with more, they are unknown.
pub(super) const FILES: usize = 100_000;
/// The most characters of a commit's message.
const MESSAGE: usize = 4_000;
/// The most characters of an account's name.
const ACTOR: usize = 200;
/// The most characters of a forge's word for something.
const WORD: usize = 100;
/// The most characters of the reason why something cannot be read: it may quote the body.
const WHY: usize = 500;

/// Why a body cannot be read.
#[derive(Debug)]
pub(super) struct Why(pub(super) String);

impl From<Invalid> for Why {
    fn from(invalid: Invalid) -> Self {
        Self(invalid.to_string())
    }
}

impl From<serde_json::Error> for Why {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("the body does not have this event's form: {error}"))
    }
}

pub(super) fn message(text: &str) -> String {
    at_most(text, MESSAGE)
}

/// The first name that is there.
pub(super) fn actor<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().find(|name| !name.is_empty()).map_or_else(String::new, |name| at_most(name, ACTOR))
}

pub(super) fn author(login: &str, email: &str) -> Author {
    Author { login: at_most(login, ACTOR), email: at_most(email, ACTOR) }
}

pub(super) fn word(text: &str) -> String {
    at_most(text, WORD)
}

fn at_most(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// A delivery with its id: the first of these headers that has one, else one made of the event's name and the body, so
/// that the same delivery sent again has the same.
pub(super) fn delivered(
    verified: &Verified<'_>,
    ids: &[&str],
    what: &str,
    event: Result<Arc<Event>, Why>,
) -> Delivered {
    let sent = ids.iter().find_map(|name| DeliveryId::new(verified.headers().text(name)?).ok());
    let id = sent.unwrap_or_else(|| {
        let hash = Sha256::new().chain_update(what).chain_update(verified.body()).finalize();
        DeliveryId::new(format!("body-{}", hex::encode(hash))).expect("hexadecimal digits are visible ASCII")
    });
    let unreadable = |Why(why)| Event::Unreadable(Unreadable { what: word(what), why: at_most(&why, WHY) });
    Delivered { id, event: event.unwrap_or_else(|why| Arc::new(unreadable(why))) }
}

pub(super) fn repository(kind: ForgeKind, forge: &ForgeName, path: &str) -> Result<Repository, Invalid> {
    Ok(Repository { forge: forge.clone(), kind, path: RepoPath::new(path)? })
}

/// A push that starts nothing: not of a branch or tag, or the forge's own.
pub(super) fn not_for_us(what: &str, repository: Repository, actor: String) -> Event {
    Event::Other(About { what: word(what), repository: Some(repository), actor })
}

/// A branch or a tag; none for what lies elsewhere under `refs/` (notes, merge requests), which is nobody's push.
pub(super) fn git_ref(full: &str) -> Result<Option<GitRef>, Invalid> {
    // Ours, which no forge sends: what looks like it is somebody's ref of that name.
    let elsewhere = full.starts_with("refs/") && !full.starts_with("refs/heads/") && !full.starts_with("refs/tags/");
    if elsewhere { Ok(None) } else { GitRef::new(full).map(Some) }
}

/// A branch's name as a change request gives it, held to the same rules as a pushed one.
pub(super) fn branch(name: String) -> Result<String, Invalid> {
    GitRef::new(&format!("refs/heads/{name}")).map(|_| name)
}

/// Gathers the changed files of all commits, up to [`FILES`]. All at once: a set is built faster from a sorted list.
pub(super) fn files(paths: impl IntoIterator<Item = String>) -> ChangedFiles {
    let all: BTreeSet<String> = paths.into_iter().collect();
    if all.len() > FILES {
        return ChangedFiles::Unknown(format!("more than {FILES} files changed"));
    }
    ChangedFiles::Known(all)
}

/// Reads what is nice to know: a body of another shape gives nothing, but it must be JSON.
pub(super) fn if_possible<'de, T: Deserialize<'de> + Default>(json: &'de [u8]) -> Result<T, Why> {
    let read =
        serde_json::from_slice(json).or_else(|_| serde_json::from_slice::<IgnoredAny>(json).map(|_| T::default()));
    read.map_err(|error| Why(format!("the body is not JSON: {error}")))
}

/// `null` is the same as not there.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// Reads as if it had come in: for the tests of the three readers.
#[cfg(test)]
pub(super) fn tried(kind: ForgeKind, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Delivered {
    let headers = crate::verify::Headers::new(headers.iter().copied());
    super::read(kind, &kind.default_name(), &Verified::vouched_for(&headers, body.as_ref()))
}

/// What it then says.
#[cfg(test)]
pub(super) fn said(kind: ForgeKind, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Event {
    Arc::unwrap_or_clone(tried(kind, headers, body).event)
}

#[cfg(test)]
mod tests;
