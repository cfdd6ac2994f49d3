//! The service's parts, and the only place where they are put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use router::id::{ForgeKind, ForgeName};
use router::verify::Guard;
use tokio::sync::Notify;

use crate::access::Access;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::forge::Forges;
use crate::logs::Logs;
use crate::rules_file::RulesFile;
use crate::store::Store;

mod open;

pub use open::open;

/// Everything a use case may need.
pub struct App {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Remembers.
    pub store: Arc<dyn Store>,
    /// Runs pipelines.
    pub engine: Arc<dyn Engine>,
    /// Tells forges; those with a token.
    pub forges: Forges,
    /// Where deliveries come in, by the forge's name in the address.
    pub doors: BTreeMap<ForgeName, Door>,
    /// The rules in force.
    pub rules: Arc<RulesFile>,
    /// The logs of stages and deploys.
    pub logs: Logs,
    /// Who may decide.
    pub access: Access,
    /// The public address, without a slash at its end.
    pub base_url: String,
    /// Wakes the workers.
    pub wake: Wake,
}

/// Where one forge's deliveries come in.
pub struct Door {
    /// What kind of forge it is.
    pub kind: ForgeKind,
    /// What proves a delivery genuine.
    pub guard: Guard,
}

/// Wakes the workers when there may be something for them. A worker looks by itself every now and then too, so a lost wake
/// costs time and nothing else.
#[derive(Debug, Default)]
pub struct Wake {
    /// A delivery waits to be decided.
    pub dispatch: Notify,
    /// A run may go on.
    pub advance: Notify,
    /// A status is owed.
    pub report: Notify,
}

impl Wake {
    /// Runs were written: they, or others that waited for them, may go on, and their commits have something to show.
    pub(crate) fn for_moved_runs(&self) {
        self.advance.notify_one();
        self.report.notify_one();
    }
}
