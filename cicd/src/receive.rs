//! A delivery comes in: proved genuine, read, durable. In that order, and nothing else before the answer.

use bytes::Bytes;
use router::event;
use router::id::{DeliveryId, ForgeName};
use router::verify::{self, Headers, Rejected};

use crate::app::App;
use crate::store::{Delivery, Remembered, StoreError};

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
    let delivered = {
        let verified = verify::verify(&door.guard, headers, &body, received_at)?;
        event::read(door.kind, forge, &verified)
    };
    let id = delivered.id.clone();
    let delivery = Delivery { forge: forge.clone(), received_at, delivered, headers: headers.kept(), body };
    let remembered = app.store.remember(&delivery).await?;
    if remembered == Remembered::New {
        app.wake.dispatch.notify_one();
    }
    Ok(Received { delivery: id, remembered })
}
