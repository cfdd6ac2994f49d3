//! Where refs have been.

use router::id::{GitRef, Repository};
use router::track::Track;

use super::item::{json, n, number, parsed, readable};
use super::key::{Key, tracks_of};
use super::schema::EXPIRES;
use super::table::Table;
use super::update::Update;
use crate::store::StoreError;

/// Writes a track over the version that was read.
pub(super) fn saved(track: &Track, expires: i64) -> Result<Update, StoreError> {
    let written = Track { version: track.version + 1, ..track.clone() };
    let update = Update::of(Key::track(&track.repository, &track.git_ref))
        .set("track", json(&written)?)
        .set("version", n(written.version))
        .set(EXPIRES, n(expires));
    Ok(match track.version {
        0 => update.only_if("attribute_not_exists(pk)"),
        read => update.only_if("version = :read").with(":read", n(read)),
    })
}

/// What is known of one ref; nothing, under the version that stands there, when it cannot be read.
pub(super) async fn one(table: &Table, of: &Repository, git_ref: &GitRef) -> Result<Track, StoreError> {
    let fresh = Track::new(of.clone(), git_ref.clone());
    let Some(item) = table.get_one(Key::track(of, git_ref)).await? else { return Ok(fresh) };
    let version = number(&item, "version")?;
    Ok(readable("track", &item, |item| parsed(item, "track")).unwrap_or(Track { version, ..fresh }))
}

/// What is known of every ref of a repository.
pub(super) async fn of_repository(table: &Table, of: &Repository) -> Result<Vec<Track>, StoreError> {
    let items = table.under(&tracks_of(of), "").await?;
    Ok(items.iter().filter_map(|item| readable("track", item, |item| parsed(item, "track"))).collect())
}
