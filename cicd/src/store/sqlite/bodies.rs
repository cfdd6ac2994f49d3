//! Bodies that came of late, so that one that comes again under another id is kept once.
//!
//! Whoever takes deliveries hands over the same bytes for the same body (see [`crate::receive::Heard`]), so they are known by where they
//! stand in memory. What is remembered here may be wrong, as after a write that was taken back: the writer looks before it relies on it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use router::id::DeliveryId;

/// So many bodies are remembered.
const BODIES: usize = 16;
/// A larger body is not remembered.
const BODY_BYTES: usize = 1024 * 1024;

/// The newest bodies.
#[derive(Default)]
pub(super) struct Bodies(Mutex<VecDeque<Arc<Body>>>);

/// One body, and the row that keeps it.
pub(super) struct Body {
    bytes: Bytes,
    keeper: Mutex<Option<Keeper>>,
}

/// The delivery that a body stands with.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) seq: i64,
    pub(super) id: DeliveryId,
}

impl Bodies {
    /// The body of these bytes, remembered from now on.
    pub(super) fn of(&self, bytes: &Bytes) -> Arc<Body> {
        let mut all = lock(&self.0);
        let same = |body: &&Arc<Body>| body.bytes.as_ptr() == bytes.as_ptr() && body.bytes.len() == bytes.len();
        if let Some(body) = all.iter().find(same) {
            return Arc::clone(body);
        }
        let body = Arc::new(Body { bytes: bytes.clone(), keeper: Mutex::default() });
        if !bytes.is_empty() && bytes.len() <= BODY_BYTES {
            all.truncate(BODIES - 1);
            all.push_front(Arc::clone(&body));
        }
        body
    }
}

impl Body {
    /// Itself, as it came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The row that keeps it, when one does.
    pub(super) fn keeper(&self) -> Option<Keeper> {
        lock(&self.keeper).clone()
    }

    /// It stands in this row now.
    pub(super) fn kept_by(&self, keeper: Keeper) {
        *lock(&self.keeper) = Some(keeper);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
