//! When a message that failed comes again.
//!
//! The queue hides a message for as long as a function may work on it, an hour. One that failed is done with sooner, so whoever took it
//! says how long it stays hidden: after five tries it is a dead letter, within minutes and not five hours. Until then the others of its
//! group wait, for pushes of a ref are decided in their order. When the queue cannot be told, its own time stands.

use std::time::Duration;

use super::{NotDone, Queue, Queued, answered};

/// Seconds after the first failure, the second, and so on; the last of them ever after. The first is short, for most trouble is: a table
/// that throttles, a forge that stutters.
const AFTER_SECONDS: [u64; 4] = [10, 30, 90, 180];

/// How long a message stays hidden that failed when it was handed out so many times. What can never be read need not wait.
pub(super) fn after(why: NotDone, times: u32) -> Duration {
    match why {
        NotDone::Never => Duration::ZERO,
        NotDone::Later => {
            let failure = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
            Duration::from_secs(AFTER_SECONDS[failure.min(AFTER_SECONDS.len() - 1)])
        }
    }
}

impl Queue {
    /// Hides a message for so long from now on. That it cannot is told to the log only: it comes again later.
    pub(super) async fn hide(&self, message: &Queued, after: Duration) {
        let asked = self
            .client
            .change_message_visibility()
            .queue_url(self.url.as_str())
            .receipt_handle(&message.receipt)
            .visibility_timeout(i32::try_from(after.as_secs()).unwrap_or(i32::MAX))
            .send();
        if let Err(why) = answered(asked).await {
            tracing::warn!(message.id, "the queue was not told when the message is to come again: {why}");
        }
    }
}

#[cfg(test)]
mod tests;
