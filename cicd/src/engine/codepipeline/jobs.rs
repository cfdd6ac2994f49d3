//! The runs that are being started, and whose turn it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use router::id::{PipelineName, RunId};
use router::run::Run;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The runs that are being started.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    held: Arc<Mutex<HashMap<RunId, Hold>>>,
    queue: Arc<Queue>,
}

#[derive(Debug, Clone, Default)]
struct Hold {
    stop: CancellationToken,
    over: CancellationToken,
}

/// One run that is being started. It is no more when this is dropped.
pub(super) struct Job {
    pub(super) stop: CancellationToken,
    held: Arc<Mutex<HashMap<RunId, Hold>>>,
    queue: Arc<Queue>,
    run: RunId,
    over: CancellationToken,
}

impl Drop for Job {
    fn drop(&mut self) {
        locked(&self.held).remove(&self.run);
        self.over.cancel();
    }
}

/// The runs that are ready to be started. The oldest of a pipeline goes first: one that is not taken now keeps its place.
#[derive(Debug, Default)]
struct Queue {
    ready: Mutex<BTreeSet<Place>>,
    moved: Notify,
}

type Place = (PipelineName, Timestamp, RunId);

/// A run's turn. It is the next one's when this is dropped.
pub(super) struct Turn {
    queue: Arc<Queue>,
    place: Place,
}

impl Drop for Turn {
    fn drop(&mut self) {
        locked(&self.queue.ready).remove(&self.place);
        self.queue.moved.notify_waiters();
    }
}

impl Turn {
    /// Whether it still is: an older run may have become ready.
    fn is_now(&self) -> bool {
        locked(&self.queue.ready).iter().find(|place| place.0 == self.place.0) == Some(&self.place)
    }

    /// Returns when it is.
    pub(super) async fn comes(&self) {
        loop {
            let moved = self.queue.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if self.is_now() {
                return;
            }
            moved.await;
        }
    }
}

impl Jobs {
    /// Takes a run; none when it is being started already.
    pub(super) fn take(&self, run: &RunId) -> Option<Job> {
        let hold = Hold::default();
        let mut held = locked(&self.held);
        if held.contains_key(run) {
            return None;
        }
        held.insert(run.clone(), hold.clone());
        let Hold { stop, over } = hold;
        Some(Job { stop, held: Arc::clone(&self.held), queue: Arc::clone(&self.queue), run: run.clone(), over })
    }

    /// Whether a run is being started.
    pub(super) fn has(&self, run: &RunId) -> bool {
        locked(&self.held).contains_key(run)
    }

    /// Ends the start of a run, and returns when nothing of it is left.
    pub(super) async fn end(&self, run: &RunId) {
        let hold = locked(&self.held).get(run).cloned();
        if let Some(Hold { stop, over }) = hold {
            stop.cancel();
            over.cancelled().await;
        }
    }

    /// Ends all.
    pub(super) async fn end_all(&self) {
        let runs: Vec<_> = locked(&self.held).keys().cloned().collect();
        for run in runs {
            self.end(&run).await;
        }
    }
}

impl Job {
    /// The run is ready: it has a place among the others.
    pub(super) fn ready(&self, run: &Run) -> Turn {
        let place = (run.plan.pipeline.clone(), run.created_at, run.id.clone());
        locked(&self.queue.ready).insert(place.clone());
        Turn { queue: Arc::clone(&self.queue), place }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::sample::main_run;
    use super::*;

    #[tokio::test]
    async fn the_oldest_of_a_pipeline_goes_first() {
        let jobs = Jobs::default();
        let older = main_run();
        let newer = Run {
            id: "0123456789abcdef".parse().unwrap(),
            created_at: older.created_at + SignedDuration::from_secs(1),
            ..older.clone()
        };
        let (newer_job, older_job) = (jobs.take(&newer.id).unwrap(), jobs.take(&older.id).unwrap());
        assert!(jobs.take(&older.id).is_none(), "it is being started already");
        let newer_turn = newer_job.ready(&newer);
        newer_turn.comes().await;
        let older_turn = older_job.ready(&older);
        assert!(older_turn.is_now() && !newer_turn.is_now());
        drop(older_turn);
        newer_turn.comes().await;
    }

    #[tokio::test]
    async fn an_end_returns_when_the_job_is_over() {
        let jobs = Arc::new(Jobs::default());
        let run = main_run();
        let job = jobs.take(&run.id).unwrap();
        let working = tokio::spawn(async move { job.stop.cancelled().await });
        jobs.end(&run.id).await;
        assert!(!jobs.has(&run.id));
        working.await.unwrap();
        jobs.end_all().await;
    }
}
