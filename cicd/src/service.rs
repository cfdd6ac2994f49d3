//! The workers: each looks when it is woken and by itself every now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::advance::{advance, resume};
use crate::app::App;
use crate::dispatch::dispatch;
use crate::engine::EngineEvent;
use crate::observe::observe;
use crate::report::report;
use crate::store::StoreError;
use crate::sweep::Sweeper;

/// How often a worker looks without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often everything is compared with the truth.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// How long a worker waits after the store did not answer.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Starts the workers; they end when `stop` is cancelled. Runs that are at work are left to be resumed.
pub fn start(app: &Arc<App>, events: mpsc::Receiver<EngineEvent>, stop: &CancellationToken) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    workers.spawn(listen(Arc::clone(app), events, stop.clone()));
    workers.spawn(every(Arc::clone(app), stop.clone(), "dispatch", |app| &app.wake.dispatch, async |app| {
        dispatch(app).await.map(drop)
    }));
    workers.spawn(every(Arc::clone(app), stop.clone(), "report", |app| &app.wake.report, async |app| report(app).await));
    workers.spawn(first_resume(Arc::clone(app), stop.clone()));
    workers.spawn(sweep(Arc::clone(app), stop.clone()));
    workers
}

async fn first_resume(app: Arc<App>, stop: CancellationToken) {
    while let Err(trouble) = resume(&app).await {
        tracing::error!("what the last process left cannot be read: {trouble}");
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(STORE_PAUSE) => {} }
    }
    every(app, stop, "advance", |app| &app.wake.advance, async |app| advance(app).await).await;
}

async fn every<W>(
    app: Arc<App>,
    stop: CancellationToken,
    name: &'static str,
    wake: fn(&App) -> &Notify,
    work: W,
) where
    W: AsyncFn(&App) -> Result<(), StoreError>,
{
    loop {
        if let Err(trouble) = work(&app).await {
            tracing::error!(worker = name, "{trouble}");
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(STORE_PAUSE) => continue }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake(&app).notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Takes the engine's events in their order. An event that the store cannot take now is tried until it can: the engine waits.
async fn listen(app: Arc<App>, mut events: mpsc::Receiver<EngineEvent>, stop: CancellationToken) {
    loop {
        let told = tokio::select! { () = stop.cancelled() => return, told = events.recv() => told };
        let Some(EngineEvent { run, event }) = told else { return };
        while let Err(trouble) = observe(&app, &run, &event).await {
            tracing::error!(run.id = %run, "{trouble}");
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(STORE_PAUSE) => {} }
        }
    }
}

async fn sweep(app: Arc<App>, stop: CancellationToken) {
    let mut sweeper = Sweeper::default();
    loop {
        for _ in 0..SWEEP_EVERY.as_secs() {
            app.rules.refresh(app.clock.now()).await;
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK_EVERY) => {} }
        }
        if let Err(trouble) = sweeper.sweep(&app).await {
            tracing::error!(worker = "sweep", "{trouble}");
        }
    }
}
