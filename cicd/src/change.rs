//! What a run that has moved means for the store, in one place: the run itself, the environments it gives back, the statuses it
//! owes, the run that its success starts.

use router::id::EnvironmentName;
use router::run::{EnvironmentRun, GateState, Run, WorkState};

use crate::store::{Change, Claim, Commit};

/// Adds a moved run to a change.
pub(crate) fn save(change: &mut Change, run: Run) {
    for place in &run.environments {
        if !may_be_entered(place) {
            change.releases.push(claim(&run, &place.name));
        }
    }
    let owed = commit(&run);
    if !change.owed.contains(&owed) {
        change.owed.push(owed);
    }
    if let Some(next) = run.ended_at.and_then(|at| run.successor(at)) {
        change.runs.push(next);
    }
    change.runs.push(run);
}

/// The engine may be at work there. So it may when the run was ended over its head: whoever wants the environment next looks
/// whether it still is, see [`crate::advance`].
fn may_be_entered(place: &EnvironmentRun) -> bool {
    place.gate.state == GateState::Open && !matches!(place.deploy.state, WorkState::Succeeded | WorkState::Failed)
}

/// The right of a run to deploy to an environment.
pub(crate) fn claim(run: &Run, environment: &EnvironmentName) -> Claim {
    Claim { repository: run.key.repository.clone(), environment: environment.clone(), run: run.id.clone() }
}

/// The commit a run is about.
pub(crate) fn commit(run: &Run) -> Commit {
    Commit { repository: run.key.repository.clone(), git_ref: run.key.git_ref.clone(), commit: run.key.commit.clone() }
}
