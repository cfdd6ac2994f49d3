//! Bodies, read within a limit, a time, and the room that there is for all of them.
//!
//! A webhook's body is held before its signature can be checked, so anybody may fill that room. What counts is what has arrived, not what
//! was announced: a sender who only promises takes nothing from others. When the room is full, more is answered 503 at once.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Failure;

/// Bytes of bodies that are held at once, all requests together.
const ROOM_BYTES: usize = 512 * 1024 * 1024;

/// Memory that is asked for because a sender announced so much; what is announced beyond it must arrive first.
const AT_ONCE_BYTES: usize = 1024 * 1024;

static ROOM: Semaphore = Semaphore::const_new(ROOM_BYTES);

/// A body that was read, and its room, which is free again when this is dropped.
pub(super) struct Held {
    /// The body.
    pub(super) bytes: Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// Reads a body, whatever its headers promised.
pub(super) async fn read(body: Body, limit: usize, time: Duration) -> Result<Held, Failure> {
    tokio::time::timeout(time, collect(body, limit, &ROOM)).await.unwrap_or_else(|_elapsed| Err(Failure::too_slow()))
}

async fn collect(mut body: Body, limit: usize, room: &'static Semaphore) -> Result<Held, Failure> {
    let (mut first, mut whole) = (Bytes::new(), Vec::new());
    let mut held: Option<SemaphorePermit<'static>> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_hung_up| Failure::unclear("the body broke off"))?;
        let Ok(part) = frame.into_data() else { continue };
        if first.len() + whole.len() + part.len() > limit {
            return Err(Failure::too_large(limit));
        }
        let size = u32::try_from(part.len()).map_err(|_| Failure::too_large(limit))?;
        let more = room.try_acquire_many(size).map_err(|_full| Failure::no_room())?;
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        if first.is_empty() && whole.is_empty() {
            // Most bodies come in one part, which is not copied.
            first = part;
            continue;
        }
        // Others are put together as they come: then the connection reads each part into the same memory.
        if whole.is_empty() {
            let announced = body.size_hint().exact().and_then(|rest| usize::try_from(rest).ok()).unwrap_or(0);
            whole.reserve((first.len() + part.len() + announced).min(AT_ONCE_BYTES));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&part);
    }
    let bytes = if whole.is_empty() { first } else { Bytes::from(whole) };
    Ok(Held { bytes, _room: held })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use futures::stream;

    use super::*;

    fn of(parts: &[&'static str]) -> Body {
        let parts: Vec<_> = parts.iter().map(|part| Ok::<_, std::io::Error>(*part)).collect();
        Body::from_stream(stream::iter(parts))
    }

    #[tokio::test]
    async fn a_body_that_drips_is_not_waited_for() {
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let failure = read(endless, 10, Duration::ZERO).await.err().unwrap();
        assert_eq!(failure.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_is_its_parts_up_to_the_limit() {
        let held = read(of(&["ab", "", "cd"]), 4, Duration::from_secs(60)).await.ok().unwrap();
        assert_eq!(held.bytes, "abcd");
        let failure = read(of(&["ab", "cde"]), 4, Duration::from_secs(60)).await.err().unwrap();
        assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn all_bodies_share_one_room() {
        static SMALL: Semaphore = Semaphore::const_new(5);
        let first = collect(of(&["abc"]), 100, &SMALL).await.ok().unwrap();
        let failure = collect(of(&["a", "bcd"]), 100, &SMALL).await.err().unwrap();
        assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(collect(of(&["abcde"]), 100, &SMALL).await.is_ok(), "what was refused holds nothing");
    }
}
