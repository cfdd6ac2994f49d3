//! Where refs have been.

use jiff::Timestamp;
use router::id::{GitRef, Repository};
use router::track::Track;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{nanoseconds, repository};
use super::runs::count;
use crate::store::{StoreError, unreadable};

/// Writes a track, its version counted one up. False when somebody else wrote it in between.
pub(super) fn save(connection: &Connection, track: &Track, now: Timestamp) -> Result<bool, StoreError> {
    let written = Track { version: track.version + 1, ..track.clone() };
    let json = serde_json::to_string(&written)?;
    let (of, git_ref, at) = (repository(&track.repository), track.git_ref.to_string(), nanoseconds(now));
    let changed = if track.version == 0 {
        connection
            .prepare_cached(
                "INSERT INTO tracks (repository, git_ref, version, touched_at, track) VALUES (?, ?, 1, ?, ?) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![of, git_ref, at, json])?
    } else {
        connection
            .prepare_cached(
                "UPDATE tracks SET version = ?, touched_at = ?, track = ? \
                 WHERE repository = ? AND git_ref = ? AND version = ?",
            )?
            .execute(params![count(written.version)?, at, json, of, git_ref, count(track.version)?])?
    };
    Ok(changed == 1)
}

/// What is known of one ref; nothing, under the version that stands there, when it cannot be read.
pub(super) fn one(connection: &Connection, of: &Repository, git_ref: &GitRef) -> Result<Track, StoreError> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT version, track FROM tracks WHERE repository = ? AND git_ref = ?")?
        .query_row([repository(of), git_ref.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let fresh = Track::new(of.clone(), git_ref.clone());
    let Some((version, json)) = row else { return Ok(fresh) };
    Ok(serde_json::from_str(&json).unwrap_or_else(|why| {
        unreadable("track", &format!("{git_ref} of {of}"), &why.into());
        Track { version: version.unsigned_abs(), ..fresh }
    }))
}

/// What is known of every ref of a repository.
pub(super) fn of_repository(connection: &Connection, of: &Repository) -> Result<Vec<Track>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT git_ref, track FROM tracks WHERE repository = ?")?;
    let mut rows = statement.query([repository(of)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?) {
            Ok(track) => found.push(track),
            Err(why) => unreadable("track", &row.get::<_, String>(0)?, &why.into()),
        }
    }
    Ok(found)
}
