//! What is turned away for now, in the log: the first at once, and after that how many there were, every few seconds for as long as it
//! goes on. An overload would else write a line for each request, and be the next thing that fills the disk.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::instrument::WithSubscriber as _;

/// How often an overload that goes on is told of.
const EVERY: Duration = Duration::from_secs(10);

/// Requests that the store could not serve.
pub(super) static STORE: TurnedAway = TurnedAway::new("the store is unavailable, requests are answered 503", EVERY);
/// Requests for whose bodies there was no room.
pub(super) static ROOM: TurnedAway =
    TurnedAway::new("bodies are sent faster than they are read, requests are answered 503", EVERY);

/// One reason for which requests are turned away.
pub(super) struct TurnedAway {
    says: &'static str,
    every: Duration,
    /// None while nobody counts.
    since: Mutex<Option<Counted>>,
}

/// What nobody has told the log yet.
#[derive(Default)]
struct Counted {
    requests: u64,
    why: String,
}

impl TurnedAway {
    const fn new(says: &'static str, every: Duration) -> Self {
        Self { says, every, since: Mutex::new(None) }
    }

    /// One more.
    pub(super) fn one_more(&'static self, why: &str) {
        let mut since = self.lock();
        match &mut *since {
            Some(counted) => {
                counted.requests += 1;
                why.clone_into(&mut counted.why);
            }
            None => {
                *since = Some(Counted::default());
                drop(since);
                self.tell(1, why);
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(self.count().with_current_subscriber());
                }
            }
        }
    }

    /// Tells how many more there were, until there are no more.
    async fn count(&'static self) {
        loop {
            tokio::time::sleep(self.every).await;
            let counted = {
                let mut since = self.lock();
                let counted = since.take().unwrap_or_default();
                if counted.requests == 0 {
                    return;
                }
                *since = Some(Counted::default());
                counted
            };
            self.tell(counted.requests, &counted.why);
        }
    }

    fn tell(&self, requests: u64, why: &str) {
        tracing::warn!(requests, "{}: {why}", self.says);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Counted>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// What is logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Log {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    #[tokio::test]
    async fn a_flood_is_two_lines_and_the_next_one_is_told_of_again() {
        static AWAY: TurnedAway = TurnedAway::new("it is full", Duration::from_millis(20));
        let log = Log::default();
        let told = tracing_subscriber::fmt().with_writer(log.clone()).without_time().with_ansi(false).finish();
        async {
            for at in 0..5_000 {
                AWAY.one_more(&format!("for {at}"));
            }
            assert_eq!(log.lines().len(), 1, "the first is told of at once");
            while AWAY.lock().is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            AWAY.one_more("it fills again");
        }
        .with_subscriber(told)
        .await;
        let lines = log.lines();
        let shown: Vec<_> = lines.iter().map(|line| line.split_once("it is full").unwrap_or(("", line))).collect();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines.iter().all(|line| line.contains("WARN")), "{lines:#?}");
        assert_eq!(
            shown.iter().map(|(_, rest)| *rest).collect::<Vec<_>>(),
            [": for 0 requests=1", ": for 4999 requests=4999", ": it fills again requests=1"]
        );
    }
}
