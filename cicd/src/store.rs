//! What is remembered.
//!
//! * [`Store::remember`] returns only when the delivery would survive a power cut.
//! * [`Store::commit`] is one atomic write: runs, what they claim, what is owed to the forge, which deliveries it settles.
//!   All of it holds or none. Only decisions that start nothing, each with the status it owes, may be written in several, for they have
//!   nothing to do with each other: what a crash leaves out is still undecided.
//! * A stored thing that cannot be read stops nobody: lists leave it out, say so in the log, and count it in
//!   `pointsman_unreadable_total`; only asking for the thing itself is [`StoreError::Corrupt`].
//! * Nothing is scanned on the way of a push: every read here has an index behind it.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use router::event::Delivered;
use router::id::{CommitId, DeliveryId, EnvironmentName, ForgeName, GitRef, Repository, RunId};
use router::rules::Decision;
use router::run::Run;
use router::status::Status;
use router::track::Track;

use crate::hits::Hits;
use crate::measures;

pub mod dynamodb;
#[cfg(feature = "machine")]
pub mod sqlite;

/// A delivery as it came, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The forge that sent it.
    pub forge: ForgeName,
    /// When it came.
    pub received_at: Timestamp,
    /// What it says, with its id.
    pub delivered: Delivered,
    /// The headers that say what it is; never a signature or a token.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: bytes::Bytes,
}

/// A delivery that nothing has been decided about: what it says, without the body that said it.
#[derive(Debug, Clone, PartialEq)]
pub struct Undecided {
    /// The forge that sent it.
    pub forge: ForgeName,
    /// What it says, with its id.
    pub delivered: Delivered,
}

/// A delivery with what was decided about it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRecord {
    /// The forge that sent it.
    pub forge: ForgeName,
    /// When it came first.
    pub received_at: Timestamp,
    /// What it says. Changed files that were looked up later stand here too.
    pub delivered: Delivered,
    /// How often it came.
    pub times: u32,
    /// What was decided; none until it is.
    pub decision: Option<Decision>,
    /// The runs that it asked for, the first of a chain first.
    pub runs: Vec<RunId>,
}

/// Whether a delivery was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembered {
    /// It is now durable.
    New,
    /// It was durable before: the forge, or another hook, sent it again.
    Seen,
}

/// One atomic write. Its parts are done in this order: tracks, runs, releases, claims, executions, owed, notices, decided.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Where refs have been. Each must have the version that was read, 0 when nothing was known of the ref, and is saved
    /// with its version counted one up.
    pub tracks: Vec<Track>,
    /// The deliveries that are decided by this write.
    pub decided: Vec<Decided>,
    /// Runs to write. A run of version 0 is new, and when its id exists already nothing is written for it (the same push
    /// came twice) except that its deliveries are added to the existing run, and the rest of the change holds; any other
    /// must have the version that was read. Each is saved with its version counted one up, and so is an existing run that
    /// learned of a delivery.
    pub runs: Vec<Run>,
    /// Environments to take: each must be free or held by the same run, after the releases of this change.
    pub claims: Vec<Claim>,
    /// Environments to give back; those not held by that run are left alone.
    pub releases: Vec<Claim>,
    /// What the engine calls a run of this change, from now on found by it; the name and the run.
    pub executions: Vec<(String, RunId)>,
    /// Commits whose statuses must be compared with the forge's: due at once, unless telling it failed last and is to be
    /// tried again later.
    pub owed: Vec<Commit>,
    /// What subscribers are to be told; one of the same id replaces the older.
    pub notices: Vec<Notice>,
}

/// Something that subscribers are told once, or twice after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its own; the same thing told again has the same.
    pub id: String,
    /// When it happened: they are told in this order.
    pub at: Timestamp,
    /// Its first line.
    pub subject: String,
    /// All of it, as JSON.
    pub message: String,
}

/// A delivery and what was decided about it. Decided again, the newer decision replaces the older. A delivery that was
/// never remembered cannot be decided: that is [`StoreError::Corrupt`].
#[derive(Debug, Clone)]
pub struct Decided {
    /// The forge that sent it.
    pub forge: ForgeName,
    /// The delivery, with the changed files as they were known at the decision.
    pub delivered: Delivered,
    /// The decision.
    pub decision: Decision,
    /// The runs it asks for.
    pub runs: Vec<RunId>,
}

/// One deploy at a time per repository and environment: the right to be the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose environment.
    pub repository: Repository,
    /// Which.
    pub environment: EnvironmentName,
    /// For which run.
    pub run: RunId,
}

/// A commit of a repository, under the ref it was pushed to: what statuses are set on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Where.
    pub repository: Repository,
    /// Under which ref.
    pub git_ref: GitRef,
    /// Which.
    pub commit: CommitId,
}

/// What became of a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It holds, durably.
    Yes,
    /// Somebody else wrote one of the runs or tracks in between; read again and decide again. Nothing was written.
    Conflict,
    /// An environment is held by this run. Nothing was written.
    Busy(RunId),
}

/// Which runs to list.
#[derive(Debug, Clone)]
pub enum RunFilter {
    /// Every run that has not reached its end, oldest first.
    Live,
    /// The live runs of one ref, oldest first.
    LiveOnRef(Repository, GitRef),
    /// The runs for a commit under whatever ref, oldest first.
    OfCommit(Repository, CommitId),
    /// The run that the engine calls so, when there is one.
    OfExecution(String),
    /// The newest runs, newest first, at most so many, older than the given one when there is one (nothing is older than
    /// one that does not exist).
    Recent(usize, Option<RunId>),
}

/// A commit whose statuses are owed.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// Which.
    pub commit: Commit,
    /// Counts what has been owed for it, and never starts again; settling an older count leaves the newer debt.
    pub version: u64,
    /// How often telling it failed in a row.
    pub failures: u32,
    /// What the forge was told last, one per context.
    pub posted: Vec<Status>,
}

/// How a debt was settled.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// The forge knows everything that was owed up to this count; failures are counted from none again.
    Paid,
    /// Not everything; try again then, whatever has become owed in between. The reason is kept for the page.
    Later(Timestamp, String),
}

/// The longest that a debt may be put off. One that is due later than this from now was put off by a clock that was ahead,
/// and is due.
pub const PUT_OFF_MAX: SignedDuration = SignedDuration::from_hours(2);

/// What is old enough to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Deliveries that came before this and are decided.
    pub deliveries: Timestamp,
    /// Runs that ended before this.
    pub runs: Timestamp,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// So many deliveries, with their receipts.
    pub deliveries: usize,
    /// So many runs.
    pub runs: usize,
    /// So many refs.
    pub refs: usize,
}

/// What waits, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries that nothing is decided about.
    pub decisions: Waiting,
    /// Runs that no engine has taken.
    pub starts: Waiting,
    /// Commits whose statuses are owed, those included that are to be tried again later.
    pub statuses: Waiting,
}

/// Things that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// How many, as far as is counted.
    pub count: u32,
    /// Since when the oldest of those waits; none when nothing does.
    pub since: Option<Timestamp>,
}

/// Why the store could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It may work again in a moment: the disk is full, the file is locked, the service is throttled.
    #[error("the store cannot answer now: {0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<router::id::Invalid> for StoreError {
    fn from(error: router::id::Invalid) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// A stored thing that cannot be read is left out of a list.
fn unreadable(what: &'static str, which: &str, why: &StoreError) {
    tracing::error!(what, which, "set aside, for it cannot be read: {why}");
    measures::unreadable(what);
}

/// The memory of the service.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a delivery durable. Its key is (forge, id). One that was seen before keeps what it said first; only how often
    /// it came is counted, durably too.
    async fn remember(&self, delivery: &Delivery) -> Result<Remembered, StoreError>;

    /// Writes a change, all or nothing (see the module for the one exception).
    async fn commit(&self, change: Change) -> Result<Committed, StoreError>;

    /// Deliveries that nothing has been decided about, oldest first.
    async fn undecided(&self, most: usize) -> Result<Vec<Undecided>, StoreError>;

    /// One delivery as it came, by its id, whatever its forge; the newest when several forges used it.
    async fn original(&self, id: &DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// One delivery by its id, whatever its forge; the newest when several forges used it.
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError>;

    /// The newest deliveries, newest first, older than the given one when there is one (nothing is older than one that does
    /// not exist).
    async fn deliveries(&self, most: usize, before: Option<&DeliveryId>) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// The newest delivery, by its arrival, of the pushes of a commit under a ref that have been decided.
    async fn decision_for(&self, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError>;

    /// What is known of a ref; a track of version 0 when that is nothing.
    async fn track(&self, repository: &Repository, git_ref: &GitRef) -> Result<Track, StoreError>;

    /// What is known of several refs, in their order, as [`Self::track`] says it of one.
    async fn tracks_at(&self, refs: &[(Repository, GitRef)]) -> Result<Vec<Track>, StoreError> {
        let mut tracks = Vec::with_capacity(refs.len());
        for (repository, git_ref) in refs {
            tracks.push(self.track(repository, git_ref).await?);
        }
        Ok(tracks)
    }

    /// What is known of every ref of a repository, in any order.
    async fn tracks(&self, repository: &Repository) -> Result<Vec<Track>, StoreError>;

    /// One run.
    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError>;

    /// Several runs.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<Run>, StoreError>;

    /// Debts that are due at `now`, longest due first, and after them those that claim to be due later than [`PUT_OFF_MAX`].
    async fn owed(&self, now: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError>;

    /// Writes what the forge was told (one per context, replacing what was told before) and how the debt stands.
    async fn settle(&self, owed: &Owed, told: &[Status], settled: Settled) -> Result<(), StoreError>;

    /// What subscribers have not been told, oldest first.
    async fn notices(&self, most: usize) -> Result<Vec<Notice>, StoreError>;

    /// Subscribers were told this.
    async fn notice_told(&self, notice: &Notice) -> Result<(), StoreError>;

    /// How often routes and `ignore` entries were hit from one day to another, both counted in, by [`crate::hits::day`]. A
    /// delivery counts once, for its first decision, on the day of that.
    async fn hits(&self, first_day: i64, last_day: i64) -> Result<Hits, StoreError>;

    /// Forgets what is old, the oldest first, at most so many of each kind: decided deliveries, runs that are over with what
    /// they hold, what was owed and told for commits of which nothing else is left, refs of which nobody told since. What
    /// nothing is decided about and what is live is never forgotten.
    ///
    /// A store whose items expire by themselves forgets nothing here and says so with zeros: DynamoDB's time to live takes
    /// away what its `expires` says, within some days.
    async fn prune(&self, before: &Before, most: usize) -> Result<Pruned, StoreError>;

    /// What waits. It is asked every few seconds, so it reads little: what is many is not counted to its end.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Whether it can be written to; it tries.
    async fn ready(&self) -> Result<(), StoreError>;
}
