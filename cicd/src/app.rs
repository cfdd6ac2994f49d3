//! The service's parts, and the only place where they are put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::FutureExt as _;
use router::id::{ForgeKind, ForgeName};
use router::verify::Guard;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::forge::Forges;
use crate::forge::renewed::Renewed;
use crate::logs::Logs;
use crate::notice;
use crate::queue::Queue;
use crate::receive::Heard;
use crate::rules_file::RulesFile;
#[cfg(feature = "machine")]
use crate::sns::Topics;
use crate::store::Store;
use crate::sweep::Keep;
use crate::vault::{Reason, Vault};

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
    /// How long things are kept.
    pub keep: Keep,
    /// Who may decide.
    pub access: Access,
    /// The public address, without a slash at its end.
    pub base_url: String,
    /// Wakes the workers.
    pub wake: Wake,
    /// What goes on beside; a process that is about to be frozen waits for it.
    pub beside: TaskTracker,
    /// What is only there on AWS.
    pub on_aws: OnAws,
}

/// The forges whose tokens may be exchanged.
pub type Renewable = BTreeMap<ForgeName, Arc<Renewed>>;

/// What is only there when it is configured on AWS.
#[derive(Default)]
pub struct OnAws {
    /// Where deliveries wait for their decision.
    pub queue: Option<Queue>,
    /// The topic that decisions and gates are published to.
    pub notifications: Option<notice::Topic>,
    /// The topics whose messages are taken over HTTPS.
    #[cfg(feature = "machine")]
    pub topics: Option<Topics>,
    /// Secrets that may be exchanged while they are in use, and the forges whose tokens are among them.
    pub vault: Option<(Arc<Vault>, Renewable)>,
}

impl App {
    /// Fetches secrets that are kept on AWS again when that is due. True when others are in force now.
    pub async fn refresh_secrets(&self, reason: Reason) -> bool {
        let Some((vault, forges)) = &self.on_aws.vault else { return false };
        let Some(settings) = vault.refresh(self.clock.now(), reason).await else { return false };
        if let Err(trouble) = open::renew(self, &settings, forges) {
            tracing::error!("the exchanged secrets cannot be used: {trouble:#}");
            return false;
        }
        true
    }
}

/// Where one forge's deliveries come in.
pub struct Door {
    /// What kind of forge it is.
    pub kind: ForgeKind,
    /// What proves a delivery genuine; it is exchanged with its secrets.
    pub guard: ArcSwap<Guard>,
    /// What came last.
    pub heard: Heard,
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
    /// Subscribers are to be told something.
    pub publish: Notify,
}

impl Wake {
    /// Whether somebody would be woken now; then nobody is any more.
    pub(crate) fn taken(&self) -> bool {
        let all = [&self.dispatch, &self.advance, &self.report, &self.publish];
        let woken = all.map(|wake| wake.notified().now_or_never().is_some());
        woken.contains(&true)
    }

    /// Deliveries were decided: their commits have something to show, and subscribers something to hear.
    pub(crate) fn for_decisions(&self) {
        self.report.notify_one();
        self.publish.notify_one();
    }

    /// Runs were written: they, or others that waited for them, may go on, and their commits have something to show.
    pub(crate) fn for_moved_runs(&self) {
        self.advance.notify_one();
        self.for_decisions();
    }
}
