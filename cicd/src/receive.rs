//! A delivery comes in: proved genuine, read, durable. In that order, and nothing else before the answer.

use bytes::Bytes;
use router::id::{DeliveryId, ForgeName};
use router::verify::{self, Headers, Rejected};

use crate::app::App;
use crate::points;
use crate::store::{Delivery, Remembered, StoreError};
use crate::vault::Reason;

mod heard;

pub use heard::Heard;

/// A delivery that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its id.
    pub delivery: DeliveryId,
    /// Whether it was new.
    pub remembered: Remembered,
}

/// Why a delivery was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum NotReceived {
    /// The address names no configured forge.
    #[error("no forge of this name is configured")]
    NoSuchForge,
    /// It could not be proved genuine.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It is genuine and could not be kept; the forge must send it again.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Takes a delivery.
///
/// # Errors
/// [`NotReceived`]; only [`NotReceived::Unavailable`] is worth another try by the sender.
pub async fn receive(app: &App, forge: &ForgeName, headers: &Headers, body: Bytes) -> Result<Received, NotReceived> {
    let door = app.doors.get(forge).ok_or(NotReceived::NoSuchForge)?;
    let received_at = app.clock.now();
    let read = || -> Result<_, Rejected> {
        let verified = verify::verify(&door.guard.load(), headers, &body, received_at)?;
        Ok(door.heard.read(door.kind, forge, &verified, body.clone()))
    };
    let (delivered, body) = match read() {
        // The secret may have been exchanged a moment ago.
        Err(Rejected::Wrong) if app.refresh_secrets(Reason::Doubt).await => read()?,
        read => read?,
    };
    let id = delivered.id.clone();
    let delivery = Delivery { forge: forge.clone(), received_at, delivered, headers: headers.kept(), body };
    let remembered = app.store.remember(&delivery).await?;
    points::pass("stored");
    match &app.on_aws.queue {
        // One that was seen before may still wait because its message was lost.
        Some(queue) => queue.put(&delivery).await,
        None if remembered == Remembered::New => app.wake.dispatch.notify_one(),
        None => {}
    }
    Ok(Received { delivery: id, remembered })
}
