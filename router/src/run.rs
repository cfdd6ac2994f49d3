//! The state machine of one pipeline start.
//!
//! * [`Run::apply`] is the only writer of state. A terminal run never moves; what comes late, twice or out of order is
//!   [`Applied::Stale`]. Only its parts still learn how they ended, see `late`.
//! * A run ends in exactly one of six ways, whatever gets lost: see [`RunState`].
//! * A waiting gate holds nothing but itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Author;
use crate::id::{CommitId, DeliveryId, EnvironmentName, GitRef, Repository, RouteName, RunId, StageName};
use crate::pipeline::{Plan, Planned};

mod apply;
mod create;
mod gate;
mod late;
#[cfg(test)]
pub(crate) mod sample;
mod team;

pub use create::DELIVERIES_MAX;
pub use gate::{Gate, GateState, Identity, Makers, NotAllowed, Person, Vote, Voter};
pub use team::Team;

/// What makes a run itself: the same key is the same run, however often its push is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// Where.
    pub repository: Repository,
    /// What was pushed.
    pub git_ref: GitRef,
    /// Where it pointed before, as it was told first; no part of what makes the key.
    pub before: Option<CommitId>,
    /// The commit.
    pub commit: CommitId,
    /// The route.
    pub route: RouteName,
    /// The how-manieth arrival of the ref at this commit, from 1; see [`crate::track`].
    #[serde(default = "first")]
    pub visit: u32,
    /// From 1; each retry counts one up.
    pub attempt: u32,
}

/// Every push was taken for the first when they were not counted.
fn first() -> u32 {
    1
}

/// Our record of one pipeline start for one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Made of the key, see [`RunKey::id`].
    pub id: RunId,
    /// What it is.
    pub key: RunKey,
    /// What it does.
    pub plan: Plan,
    /// What the engine calls it, when it has a name of its own for it (a `CodePipeline` execution's id).
    #[serde(default)]
    pub execution: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// Why it stands there, a sentence: "test failed: exit status 1", "superseded by 1f2e3d4c".
    pub because: String,
    /// The plan's stages, in their order.
    pub stages: Vec<StageRun>,
    /// The plan's environments, in their order.
    pub environments: Vec<EnvironmentRun>,
    /// The artifact that the last stage with artifacts made; what gates and deploys are bound to.
    pub artifact: Option<Artifact>,
    /// Variables that stages exported for later ones.
    pub exports: BTreeMap<String, String>,
    /// What starts when this run has succeeded.
    pub then: Vec<Planned>,
    /// A stop that waits for the deploy under way.
    pub stopping: Option<Stop>,
    /// Who pushed.
    pub actor: String,
    /// Who made the commit.
    #[serde(default, skip_serializing_if = "Author::is_unknown")]
    pub author: Author,
    /// The newest commit's message, its first line.
    pub title: String,
    /// The deliveries that asked for this run, at most [`DELIVERIES_MAX`]: the first is looked up again, the others are there to be
    /// read. What a push's other deliveries asked for stands in their receipts.
    pub deliveries: Vec<DeliveryId>,
    /// The hash of the rules that decided it.
    pub rules: String,
    /// When the push was decided.
    pub created_at: Timestamp,
    /// When it reached its end.
    pub ended_at: Option<Timestamp>,
    /// Counts the writes; a store refuses to save over another version than the one that was read.
    pub version: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Decided, not started.
    Queued,
    /// A stage or a deploy is at work, or about to be.
    Running,
    /// At a gate.
    Waiting,
    /// Everything asked for is done.
    Succeeded,
    /// A stage, a deploy or the engine failed.
    Failed,
    /// A person stopped it.
    Stopped,
    /// A newer push took its place.
    Superseded,
    /// A person said no at a gate.
    Rejected,
    /// Nobody said yes in time.
    Expired,
}

impl RunState {
    /// It never moves again.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Waiting => false,
            Self::Succeeded | Self::Failed | Self::Stopped | Self::Superseded | Self::Rejected | Self::Expired => true,
        }
    }

    /// Its word, as serialised.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRun {
    /// Its name.
    pub name: StageName,
    /// Where it stands.
    #[serde(flatten)]
    pub work: Work,
}

/// One environment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentRun {
    /// Its name.
    pub name: EnvironmentName,
    /// The permission to enter it.
    pub gate: Gate,
    /// The deploy behind the gate.
    pub deploy: Work,
}

/// Something the engine does: a stage or a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Where it stands.
    pub state: WorkState,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended when it did not succeed: "BUILD: sh test.sh: exit status 1".
    pub detail: String,
    /// Where its log is shown, when that is not here.
    #[serde(default)]
    pub log: Option<String>,
}

/// Where a stage or a deploy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// Not started.
    #[default]
    Pending,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// Failed or timed out.
    Failed,
    /// Ended because the run was.
    Stopped,
}

/// What a stage left for later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The stage that made it.
    pub stage: StageName,
    /// SHA-256 of the archive, 64 hex digits.
    pub sha256: String,
    /// Size of the archive in bytes.
    pub bytes: u64,
}

/// Why a run is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A person asked for it.
    By(Person),
    /// A newer push on the same ref took its place.
    SupersededBy(CommitId),
}

/// How a stage or deploy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// Not well, and why.
    Failed(String),
    /// It took longer than its timeout, in seconds.
    TimedOut(u64),
    /// It was ended because the run was.
    Stopped,
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum RunEvent {
    /// The engine has it.
    Started,
    /// The engine has it, under a name of its own.
    Executing {
        /// The name.
        execution: String,
    },
    /// A stage began.
    StageStarted {
        /// Which.
        stage: StageName,
    },
    /// A stage is over.
    StageEnded {
        /// Which.
        stage: StageName,
        /// How.
        outcome: Outcome,
        /// What it left.
        artifact: Option<Artifact>,
        /// Variables it exported.
        exports: BTreeMap<String, String>,
    },
    /// The engine stands before an environment.
    GateReached {
        /// Which.
        environment: EnvironmentName,
    },
    /// A person said yes.
    Approved {
        /// Where.
        environment: EnvironmentName,
        /// Who.
        by: Person,
        /// Their other names.
        #[serde(default)]
        also: Vec<Identity>,
        /// The gate's teams that they are in, as a forge has just said.
        #[serde(default)]
        teams: Vec<Team>,
        /// What they said.
        comment: String,
    },
    /// A person said no.
    Rejected {
        /// Where.
        environment: EnvironmentName,
        /// Who.
        by: Person,
        /// What they said.
        comment: String,
    },
    /// The gate's conditions are met and the environment is ours.
    GateOpened {
        /// Which.
        environment: EnvironmentName,
    },
    /// Somebody let the run pass where the engine lives, past us.
    GatePassed {
        /// Where.
        environment: EnvironmentName,
        /// Who, as the engine knows them.
        by: Person,
    },
    /// Its people have said yes, and the environment takes nothing at this hour.
    GateHeld {
        /// Where.
        environment: EnvironmentName,
    },
    /// Nobody said yes in time.
    GateExpired {
        /// Where.
        environment: EnvironmentName,
    },
    /// A deploy began.
    DeployStarted {
        /// Where.
        environment: EnvironmentName,
    },
    /// A deploy is over.
    DeployEnded {
        /// Where.
        environment: EnvironmentName,
        /// How.
        outcome: Outcome,
    },
    /// A stage's log is shown there.
    StageLog {
        /// Which.
        stage: StageName,
        /// The address.
        url: String,
    },
    /// A deploy's log is shown there.
    DeployLog {
        /// Where to.
        environment: EnvironmentName,
        /// The address.
        url: String,
    },
    /// The engine cannot go on, and why ("the commit is gone").
    Failed {
        /// Why, a sentence.
        why: String,
    },
    /// Somebody or something wants it stopped.
    StopAsked {
        /// Who or what.
        stop: Stop,
    },
}

/// What [`Run::apply`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The run moved.
    Moved,
    /// The event came late, twice or out of order; nothing changed. Why, for the log.
    Stale(&'static str),
}
