//! A run in the words a forge shows on a commit.
//!
//! What a commit should show is computed anew from its runs each time; nobody keeps a status of their own. So a status that was
//! lost, or told in the wrong order, is only ever a difference to what is computed here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, GitRef};
use crate::rules::{Decision, Verdict};
use crate::run::{EnvironmentRun, GateState, Run, RunState, Work, WorkState};

/// One status on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `pointsman`, `pointsman/tag`, `pointsman/<pipeline>/<stage>`, `pointsman/<pipeline>/deploy/<environment>`; those of a
    /// tag's or a change request's parts have `tag/` or `request/` after the first slash.
    pub context: String,
    /// What it says.
    pub state: StatusState,
    /// A sentence of at most [`DESCRIPTION_MAX`] characters.
    pub description: String,
    /// Where to read more.
    pub url: String,
}

/// GitHub's limit, in characters; GitLab's 255 bytes are the adapter's business.
pub const DESCRIPTION_MAX: usize = 140;

/// What a status says. Forges have fewer or other words; each adapter maps these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusState {
    /// Not begun, or waiting for a person.
    Pending,
    /// At work.
    Running,
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// Ended without a result: stopped, superseded, expired.
    Stopped,
}

impl StatusState {
    /// It will not change any more unless somebody starts something new.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Success | Self::Failure | Self::Stopped => true,
        }
    }
}

/// Everything that is known of one commit under one kind of ref.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The ref it was pushed to.
    pub git_ref: &'a GitRef,
    /// Its runs under that ref, oldest first.
    pub runs: &'a [Run],
    /// Its runs under every ref that [shares the verdict](shares_verdict), oldest first: the verdict is about the commit.
    pub all_runs: &'a [Run],
    /// The newest decision about it.
    pub decision: Option<(&'a DeliveryId, &'a Decision)>,
    /// The service's public address, without a slash at its end.
    pub base_url: &'a str,
}

/// Every status that the commit should show.
pub fn desired(known: &Known<'_>) -> Vec<Status> {
    let prefix = prefix(known.git_ref);
    let mut statuses: Vec<Status> = Vec::new();
    for run in latest(known.runs) {
        for status in parts(run, prefix, known.base_url) {
            statuses.retain(|other| other.context != status.context);
            statuses.push(status);
        }
    }
    statuses.extend(verdict(known));
    statuses
}

/// Whether the runs of two refs of one commit are one verdict.
///
/// A branch's and a change request's are: the commit is the same, and a forge asks for one required status. A tag's stands
/// apart.
pub fn shares_verdict(one: &GitRef, other: &GitRef) -> bool {
    context(one) == context(other)
}

/// The context of the verdict.
fn context(git_ref: &GitRef) -> &'static str {
    match git_ref {
        GitRef::Branch(_) | GitRef::Request(_) => "pointsman",
        GitRef::Tag(_) => "pointsman/tag",
    }
}

/// What the contexts of stages and deploys begin with.
fn prefix(git_ref: &GitRef) -> &'static str {
    match git_ref {
        GitRef::Branch(_) => "pointsman",
        GitRef::Tag(_) => "pointsman/tag",
        GitRef::Request(_) => "pointsman/request",
    }
}

/// The runs that count: of each ref and route only the newest, whatever its attempt.
fn latest(runs: &[Run]) -> Vec<&Run> {
    let mut kept: Vec<&Run> = Vec::new();
    for run in runs {
        kept.retain(|other| other.key.git_ref != run.key.git_ref || other.key.route != run.key.route);
        kept.push(run);
    }
    kept
}

/// The one word about the commit: what is still going on, else the worst that happened; among equals the newest.
fn verdict(known: &Known<'_>) -> Option<Status> {
    let runs = latest(known.all_runs);
    let Some(run) = runs.iter().rev().min_by_key(|run| urgency(run.state)) else {
        return nothing_started(known);
    };
    let state = state_of_run(run.state);
    let mut description = match run.state {
        RunState::Succeeded => format!("{} succeeded: {}", run.key.route, run.because),
        _ => format!("{}: {}", run.key.route, run.because),
    };
    if let (Some(next), false) = (run.then.first(), run.state.is_terminal()) {
        description = format!("{description}, then {}", next.route);
    }
    Some(Status {
        context: context(known.git_ref).to_owned(),
        state,
        description: cut(&description),
        url: format!("{}/runs/{}", known.base_url, run.id),
    })
}

/// A push that started nothing is told so, and finally: a required check must not wait for ever.
fn nothing_started(known: &Known<'_>) -> Option<Status> {
    let (delivery, decision) = known.decision?;
    let why = decision.because.join(", ");
    let (state, description) = match &decision.verdict {
        Verdict::Ignore { .. } => (StatusState::Success, why),
        Verdict::Nothing { route: Some(route) } => (StatusState::Success, format!("nothing to do: {route}: {why}")),
        // Nothing has been tried yet, so it is not well yet: a required check waits for the person.
        Verdict::Start { route, manual: true, .. } => {
            (StatusState::Pending, format!("waiting for release: {route} is started by a person, from this link"))
        }
        Verdict::Start { .. } | Verdict::Nothing { route: None } | Verdict::Refused => return None,
    };
    Some(Status {
        context: context(known.git_ref).to_owned(),
        state,
        description: cut(&description),
        url: format!("{}/deliveries/{delivery}", known.base_url),
    })
}

/// Live before dead, and among the dead the worst first.
fn urgency(state: RunState) -> u8 {
    match state {
        RunState::Running => 0,
        RunState::Waiting => 1,
        RunState::Queued => 2,
        RunState::Failed => 3,
        RunState::Rejected => 4,
        RunState::Expired => 5,
        RunState::Stopped => 6,
        RunState::Superseded => 7,
        RunState::Succeeded => 8,
    }
}

fn state_of_run(state: RunState) -> StatusState {
    match state {
        RunState::Queued | RunState::Waiting => StatusState::Pending,
        RunState::Running => StatusState::Running,
        RunState::Succeeded => StatusState::Success,
        RunState::Failed | RunState::Rejected => StatusState::Failure,
        RunState::Stopped | RunState::Superseded | RunState::Expired => StatusState::Stopped,
    }
}

/// Where each stage and environment of a run stands. What was not reached when the run ended says so, finally.
fn parts(run: &Run, prefix: &str, base_url: &str) -> Vec<Status> {
    let url = format!("{base_url}/runs/{}", run.id);
    let pipeline = &run.plan.pipeline;
    let status = |what: String, (state, description): (StatusState, String)| Status {
        context: format!("{prefix}/{pipeline}/{what}"),
        state,
        description: cut(&description),
        url: url.clone(),
    };
    let stages = run.stages.iter().map(|stage| status(stage.name.to_string(), of_work(run, &stage.work)));
    let places =
        run.environments.iter().map(|place| status(format!("deploy/{}", place.name), of_environment(run, place)));
    stages.chain(places).collect()
}

fn of_work(run: &Run, work: &Work) -> (StatusState, String) {
    match work.state {
        WorkState::Pending if run.state.is_terminal() => (StatusState::Stopped, "not reached".to_owned()),
        WorkState::Pending => (StatusState::Pending, "not begun".to_owned()),
        WorkState::Running => (StatusState::Running, "at work".to_owned()),
        WorkState::Succeeded => (StatusState::Success, format!("done{}", took(work))),
        WorkState::Failed => (StatusState::Failure, format!("{}{}", work.detail, took(work))),
        WorkState::Stopped => (StatusState::Stopped, run.because.clone()),
    }
}

fn of_environment(run: &Run, place: &EnvironmentRun) -> (StatusState, String) {
    match place.gate.state {
        GateState::Waiting => (StatusState::Pending, run.because.clone()),
        GateState::Rejected => (StatusState::Failure, run.because.clone()),
        GateState::Closed => (StatusState::Stopped, run.because.clone()),
        GateState::Pending | GateState::Open => of_work(run, &place.deploy),
    }
}

fn took(work: &Work) -> String {
    match (work.started_at, work.ended_at) {
        (Some(start), Some(end)) => format!(", {}", duration(start, end)),
        _ => String::new(),
    }
}

/// How long something took, as people say it: `0.4s`, `12s`, `2m10s`, `1h03m`.
pub fn duration(start: Timestamp, end: Timestamp) -> String {
    let millis = end.duration_since(start).as_millis().max(0);
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{}.{}s", seconds, millis % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Cuts at [`DESCRIPTION_MAX`] characters; line ends become spaces.
fn cut(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= DESCRIPTION_MAX {
        return line;
    }
    let kept: String = line.chars().take(DESCRIPTION_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests;
