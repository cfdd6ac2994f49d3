//! A service that stays: the door, and the workers behind it, each of which looks when it is woken and by itself every now and then.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::advance::{advance, resume};
use crate::app::{self, App};
use crate::clock::Clock;
use crate::config::Settings;
use crate::dispatch::dispatch;
use crate::engine::EngineEvent;
use crate::measures;
use crate::notice::publish;
use crate::observe::observe;
use crate::points;
use crate::report::report;
use crate::store::StoreError;
use crate::sweep::Sweeper;
use crate::vault::Reason;
use crate::wire::front::Front;

/// How often a worker looks without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What the system calls the priority of work that can wait; on Linux it is the thread's.
#[cfg(target_os = "linux")]
const LESS_URGENT: i32 = 19;
/// How often everything is compared with the truth.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// How long a worker waits after the store did not answer.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// How long requests may take to finish once the service is asked to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// A service that is open and does not work yet.
pub struct Service {
    /// Its parts.
    pub app: Arc<App>,
    door: Arc<TcpListener>,
    events: mpsc::Receiver<EngineEvent>,
    stop: CancellationToken,
    wire: Option<Arc<Front>>,
}

impl Service {
    /// Takes the port and opens everything; until that is done, whoever asks hears that nothing is ready. Cancelling `stop` ends
    /// [`Service::run`].
    ///
    /// # Errors
    /// What cannot be opened, in words for whoever starts the service.
    pub async fn open(settings: &Settings, clock: Arc<dyn Clock>, stop: &CancellationToken) -> anyhow::Result<Self> {
        let door = TcpListener::bind(settings.listen).await.with_context(|| match settings.listen.port() {
            0 => format!("no port of {} is free", settings.listen.ip()),
            _ => format!("cannot listen at {}; choose another address with --listen", settings.listen),
        })?;
        let (door, opened) = (Arc::new(door), CancellationToken::new());
        let base_url = settings.links(door.local_addr()?).trim_end_matches('/').to_owned();
        let meanwhile = Arc::clone(&door);
        let at_the_end = opened.clone().drop_guard();
        tokio::spawn(async move { crate::http::serve(meanwhile, crate::http::health::opening(), &opened).await });
        let (app, events) = app::open(settings, base_url, clock).await?;
        drop(at_the_end);
        Ok(Self { app: Arc::new(app), door, events, stop: stop.clone(), wire: None })
    }

    /// Answers AWS's protocol at the same address, and shows its own runs there.
    pub fn with_wire(self, wire: Arc<Front>) -> Self {
        wire.show(Arc::clone(&self.app));
        Self { wire: Some(wire), ..self }
    }

    /// Serves until stopped: requests under way are finished, runs at work are left to be resumed.
    ///
    /// # Errors
    /// A worker broke: whoever started the service starts it again, and it goes on where it stopped.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { app, door, events, stop, wire } = self;
        let mut workers = start(&app, events, &stop);
        let served = crate::http::serve(door, routes(&app, wire.as_ref()), &stop);
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(FINISH_WITHIN).await;
        };
        let ended = tokio::select! {
            () = served => Ok(()),
            () = late => Ok(()),
            trouble = broken(&mut workers) => Err(trouble),
        };
        stop.cancel();
        while workers.join_next().await.is_some() {}
        app.engine.leave().await;
        if let Some(wire) = wire {
            wire.close().await;
        }
        ended
    }
}

fn routes(app: &Arc<App>, wire: Option<&Arc<Front>>) -> Router {
    match wire {
        None => crate::http::router(Arc::clone(app)),
        Some(wire) => {
            let logs = crate::wire::door::logs(Arc::clone(wire));
            crate::http::router_with(Arc::clone(app), logs).merge(crate::wire::door::operations(Arc::clone(wire)))
        }
    }
}

/// Ends when a worker panics. A worker that was asked to stop is none that broke.
async fn broken(workers: &mut JoinSet<()>) -> anyhow::Error {
    while let Some(over) = workers.join_next().await {
        if let Err(panic) = over {
            return anyhow!("a worker broke: {panic}");
        }
    }
    std::future::pending().await
}

/// Another process listens at that address.
pub fn is_port_taken(trouble: &anyhow::Error) -> bool {
    trouble.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|e| e.kind() == io::ErrorKind::AddrInUse)
}

/// Starts the workers; they end when `stop` is cancelled. Runs that are at work are left to be resumed.
pub fn start(app: &Arc<App>, events: mpsc::Receiver<EngineEvent>, stop: &CancellationToken) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    workers.spawn(listen(Arc::clone(app), events, stop.clone()));
    let dispatch = every(
        Arc::clone(app),
        stop.clone(),
        "dispatch",
        |app| &app.wake.dispatch,
        async |app| dispatch(app).await.map(drop),
    );
    workers.spawn(giving_way(dispatch));
    workers.spawn(every(
        Arc::clone(app),
        stop.clone(),
        "report",
        |app| &app.wake.report,
        async |app| report(app).await,
    ));
    workers.spawn(every(
        Arc::clone(app),
        stop.clone(),
        "publish",
        |app| &app.wake.publish,
        async |app| publish(app).await,
    ));
    workers.spawn(first_resume(Arc::clone(app), stop.clone()));
    workers.spawn(sweep(Arc::clone(app), stop.clone()));
    workers
}

/// Lets a worker work on a thread of its own, which gives way where processors are scarce: a sender waits for an answer, a decision
/// can wait. While a processor is idle it has all of it.
async fn giving_way(worker: impl Future<Output = ()> + Send + 'static) {
    let (over, ended) = oneshot::channel();
    let work = move || {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, LESS_URGENT) {
            tracing::warn!(%error, "deciding cannot give way to receiving");
        }
        let alone = tokio::runtime::Builder::new_current_thread().enable_all().build();
        alone.expect("the system has files for one more loop").block_on(worker);
        let _nobody_waits = over.send(());
    };
    // Nobody joins it: it ends when it is asked to, and a process that is over does not wait for it.
    std::thread::Builder::new().name("dispatch".to_owned()).spawn(work).expect("the system has one more thread");
    ended.await.expect("it ends only when it is asked to");
}

async fn first_resume(app: Arc<App>, stop: CancellationToken) {
    while let Err(trouble) = resume(&app).await {
        tracing::error!("what the last process left cannot be read: {trouble}");
        tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(STORE_PAUSE) => {} }
    }
    every(app, stop, "advance", |app| &app.wake.advance, async |app| advance(app).await).await;
}

async fn every<W>(app: Arc<App>, stop: CancellationToken, name: &'static str, wake: fn(&App) -> &Notify, work: W)
where
    W: AsyncFn(&App) -> Result<(), StoreError>,
{
    loop {
        // Every write stands alone, so work can be left at any point, as a crash would: it may be waiting for a silent forge.
        let worked = tokio::select! { () = stop.cancelled() => return, worked = work(&app) => worked };
        if let Err(trouble) = worked {
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
        points::pass("heard");
        while let Err(trouble) = observe(&app, &run, &event).await {
            tracing::error!(run.id = %run, "{trouble}");
            if matches!(trouble, StoreError::Corrupt(_)) {
                break;
            }
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(STORE_PAUSE) => {} }
        }
    }
}

async fn sweep(app: Arc<App>, stop: CancellationToken) {
    let mut sweeper = Sweeper::default();
    loop {
        for _ in 0..SWEEP_EVERY.as_secs() {
            app.rules.refresh(app.clock.now()).await;
            app.refresh_secrets(Reason::Age).await;
            tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK_EVERY) => {} }
        }
        let swept = sweeper.sweep(&app).await;
        measures::swept(swept.is_ok());
        measures::tidy();
        if let Err(trouble) = swept {
            tracing::error!(worker = "sweep", "{trouble}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_panics_ends_the_service() {
        let mut workers = JoinSet::new();
        workers.spawn(async {});
        workers.spawn(async { panic!("out of order") });
        assert!(broken(&mut workers).await.to_string().contains("out of order"));
    }
}
