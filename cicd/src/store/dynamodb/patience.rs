//! How long it is tried again when somebody else was in the way.
//!
//! The SDK repeats what was lost on the way and what was throttled. What is left is what it does not take for passing: a
//! request or a part of a transaction that met another transaction, items of a batch that were put off.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The longest pause before the first repetition; each further one may last twice as long.
const FIRST: Duration = Duration::from_millis(25);
/// Repetitions. Their pauses add up to at most 1.6 seconds, on the average to half of that.
const MOST: u32 = 6;

/// Pauses between tries, each of a random length, so that those who met do not meet again.
#[derive(Default)]
pub(super) struct Pauses {
    taken: u32,
}

impl Pauses {
    /// Waits. False when it has been tried often enough.
    pub(super) async fn pause(&mut self) -> bool {
        let Some(longest) = self.longest() else { return false };
        let share = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        tokio::time::sleep(longest.mul_f64(share)).await;
        true
    }

    fn longest(&mut self) -> Option<Duration> {
        let longest = (self.taken < MOST).then(|| FIRST * 2_u32.pow(self.taken));
        self.taken += 1;
        longest
    }
}

/// Sends a request again while another one's transaction is in its way.
pub(super) async fn patiently<T, E, R, F>(request: impl Fn() -> F) -> Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut pauses = Pauses::default();
    loop {
        let answer = request().await;
        let met = answer.as_ref().is_err_and(|error| error.code() == Some("TransactionConflictException"));
        if !met || !pauses.pause().await {
            return answer;
        }
    }
}

/// Whether the reason for which a part was not written is nobody's mistake.
pub(super) fn passes(code: &str) -> bool {
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends() {
        let mut pauses = Pauses::default();
        let longest: Vec<Duration> = std::iter::from_fn(|| pauses.longest()).collect();
        assert_eq!(longest.len(), 6);
        assert!(longest.iter().sum::<Duration>() < Duration::from_millis(1600), "{longest:?}");
    }
}
