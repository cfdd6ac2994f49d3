//! One piece of work from its beginning to its end, for a process that is frozen when it has answered: a Lambda.
//!
//! `service` has workers that wake each other; here nobody is left to be woken, so whoever is invoked goes on until there is
//! nothing left to do now: what the decision started is handed to the engine, what moved is reported, what was spawned beside has ended.
//! Time that runs out leaves the rest to the next sweep: every write stands alone, so work can be left at any point.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::advance::advance;
use crate::app::{self, App};
use crate::callback::{self, NotTaken};
use crate::clock::Clock;
use crate::config::Settings;
use crate::dispatch::dispatch;
use crate::engine::EngineEvent;
use crate::notice::publish;
use crate::observe::observe;
use crate::queue::{self, Queued};
use crate::report::report;
use crate::store::StoreError;
use crate::sweep::Sweeper;

/// So long before the end of its time an invocation stops working, to say what it has done.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The service, worked by whoever is invoked. Its futures are boxed: their types would hold all that the service does.
pub struct Invocations {
    /// Its parts.
    pub app: Arc<App>,
    events: Mutex<mpsc::Receiver<EngineEvent>>,
    sweeper: Mutex<Sweeper>,
}

impl Invocations {
    /// Opens everything.
    ///
    /// # Errors
    /// What cannot be opened, in words for whoever deployed it.
    pub async fn open(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let base_url =
            settings.base_url.clone().context("no base_url: set POINTSMAN_BASE_URL to the address of the API")?;
        let (app, events) = app::open(settings, base_url, clock).await?;
        Ok(Self { app: Arc::new(app), events: Mutex::new(events), sweeper: Mutex::default() })
    }

    /// Decides what messages of the queue lead to, and carries on what that starts. Gives back the ids of the messages that must
    /// come again.
    pub fn dispatch<'a>(&'a self, messages: &'a [Queued], until: Instant) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            self.refresh().await;
            let failed = queue::take(&self.app, messages).await;
            self.carry_on(until).await;
            failed
        })
    }

    /// Takes what topics told, and carries on what that moves.
    ///
    /// # Errors
    /// [`NotTaken::Later`]: all of it must be told again. What can never be read is told to the log only.
    pub fn callback<'a>(&'a self, messages: &'a [String], until: Instant) -> BoxFuture<'a, Result<(), NotTaken>> {
        Box::pin(async move {
            self.refresh().await;
            let mut later = Ok(());
            for message in messages {
                match callback::take(&self.app, message).await {
                    Ok(()) => {}
                    Err(NotTaken::Unreadable(why)) => {
                        tracing::error!("a message can never be read and is dropped: {why}");
                    }
                    Err(trouble @ NotTaken::Later(_)) => later = Err(trouble),
                }
            }
            self.carry_on(until).await;
            later
        })
    }

    /// Carries on what a request moved: a person said yes at a gate, or asked for an end.
    pub fn settle(&self, until: Instant) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.refresh().await;
            if self.app.wake.taken() || !self.app.beside.is_empty() {
                self.carry_on(until).await;
            }
        })
    }

    /// Decides what no message led to, compares what we believe with what is, and carries on what that moves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sweep(&self, until: Instant) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.refresh().await;
            let decided = dispatch(&self.app).await?;
            if decided > 0 {
                tracing::info!(decided, "deliveries were decided that were still waiting");
            }
            self.sweeper.lock().await.sweep(&self.app).await?;
            self.carry_on(until).await;
            Ok(())
        })
    }

    async fn refresh(&self) {
        self.app.rules.refresh(self.app.clock.now()).await;
        self.app.refresh_secrets(crate::vault::Reason::Age).await;
    }

    /// Goes on until there is nothing left to do now, or no time.
    async fn carry_on(&self, until: Instant) {
        let until = until.checked_sub(LAST_WORDS).unwrap_or(until);
        match tokio::time::timeout_at(until, self.to_the_end()).await {
            Ok(Ok(())) => {}
            Ok(Err(trouble)) => tracing::error!("work is left to the next sweep: {trouble}"),
            Err(_elapsed) => tracing::warn!("time is up; work is left to the next sweep"),
        }
    }

    async fn to_the_end(&self) -> Result<(), StoreError> {
        let mut events = self.events.lock().await;
        let mut work = pin!(work(&self.app));
        // Engines tell while they are asked, and wait when nobody listens.
        loop {
            tokio::select! {
                Some(EngineEvent { run, event }) = events.recv() => drop(observe(&self.app, &run, &event).await?),
                ended = &mut work => {
                    ended?;
                    let Ok(EngineEvent { run, event }) = events.try_recv() else { return Ok(()) };
                    observe(&self.app, &run, &event).await?;
                    work.set(self::work(&self.app));
                }
            }
        }
    }
}

async fn work(app: &App) -> Result<(), StoreError> {
    // Whoever was woken before this is served by the first round; what cannot be started now is not tried twice for it.
    app.wake.taken();
    loop {
        advance(app).await?;
        report(app).await?;
        publish(app).await?;
        app.beside.close();
        app.beside.wait().await;
        app.beside.reopen();
        if !app.wake.taken() {
            return Ok(());
        }
    }
}
