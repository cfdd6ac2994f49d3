//! The state with its lock, and the core's turns.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::artifact::Room;
use super::book::Book;
use super::machine::{Effect, Turn, end};
use super::perform;
use super::source::Objects;
use super::topic::Topics;
use crate::wire::action::Act;
use crate::wire::error::AwsError;
use crate::wire::{Wire, WireConfig};

/// How often it is looked whether an action's time is over, on the machine's clock.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// All pipelines, and who does their actions.
pub(in crate::wire) struct Pipelines {
    book: Mutex<Book>,
    pub(super) hands: Hands,
}

/// What actions are done with.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) room: Arc<Room>,
    pub(super) act: Arc<dyn Act>,
    pub(super) objects: Arc<dyn Objects>,
    pub(super) topics: Option<Arc<dyn Topics>>,
}

impl Pipelines {
    /// No pipelines.
    pub(in crate::wire) fn open(config: &WireConfig) -> io::Result<Self> {
        let hands = Hands {
            room: Arc::new(Room::open(&config.home)?),
            act: Arc::clone(&config.act),
            objects: Arc::clone(&config.objects),
            topics: config.topics.clone(),
        };
        Ok(Self { book: Mutex::default(), hands })
    }
}

impl Wire {
    /// Reads what is known.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.pipelines.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is such a pipeline.
    pub(in crate::wire) fn has(&self, pipeline: &str) -> bool {
        self.look(|book| book.pipelines.contains_key(pipeline))
    }

    /// Lets the core have a turn, and begins what comes of it. The lock is held throughout, so that events leave in the
    /// order in which they happened; nothing here waits.
    pub(super) fn turn<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Book, &mut Turn<'_>) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut book = self.pipelines.book.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turn = Turn::new(&self.locality, self.clock.now());
        let done = change(&mut book, &mut turn);
        for effect in turn.effects {
            match effect {
                Effect::Tell(event) => self.events.tell(event),
                Effect::Begin(order) => {
                    let hands = self.pipelines.hands.clone();
                    let work = perform::perform(Arc::downgrade(self), hands, *order, self.stop.clone());
                    self.tasks.spawn(work);
                }
            }
        }
        done
    }

    /// Looks at the time: actions whose time is over fail.
    fn look_at_the_clock(self: &Arc<Self>) {
        let now = self.clock.now();
        let late = |book: &Book| {
            let executions = book.pipelines.values().flat_map(|pipeline| &pipeline.executions);
            let runs = executions.filter(|e| e.status.is_live()).flat_map(|execution| &execution.actions);
            runs.filter_map(|run| run.expires).any(|expires| expires <= now)
        };
        if self.look(late) {
            let looked = self.turn(|book, turn| {
                book.pipelines.values_mut().for_each(|pipeline| end::expire(pipeline, turn));
                Ok(())
            });
            debug_assert!(looked.is_ok());
        }
    }
}

/// Looks at the time every now and then, as long as the wire is there.
pub(in crate::wire) fn watch_the_clock(wire: &Arc<Wire>) {
    let weak: Weak<Wire> = Arc::downgrade(wire);
    let look = async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(wire) = weak.upgrade() else { return };
            wire.look_at_the_clock();
        }
    };
    wire.tasks.spawn(wire.stop.clone().run_until_cancelled_owned(look));
}
