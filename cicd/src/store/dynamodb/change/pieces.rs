//! A change in as many pieces as it takes, each to be written in one transaction.

use std::collections::HashSet;

use crate::notice::decision_id;
use crate::store::{Change, Commit, Decided};

/// Decisions that start nothing in one piece. Each has up to three parts of the hundred, and up to 128 KiB and its headers
/// of the 4 MB that a transaction may have.
const TOGETHER: usize = 16;

/// The pieces in the order in which they must be written. What has to hold together is in the first one. Further ones hold
/// only decisions that start nothing, with the debts for their commits: two pieces may owe for the same commit, as a debt
/// that was paid between them would not cover the later decision.
pub(super) fn of(mut change: Change) -> Vec<Change> {
    // An item stands in a transaction only once, and the newer decision replaces the older.
    let mut known = HashSet::new();
    change.decided.reverse();
    change.decided.retain(|decided| known.insert((decided.forge.clone(), decided.delivered.id.clone())));
    change.decided.reverse();
    if change.decided.iter().filter(|decided| decided.runs.is_empty()).count() <= TOGETHER {
        return vec![change];
    }
    let decided = std::mem::take(&mut change.decided);
    let (quiet, starting): (Vec<_>, Vec<_>) = decided.into_iter().partition(|decided| decided.runs.is_empty());
    let mut pieces: Vec<Change> = quiet.chunks(TOGETHER).map(|some| with_debts(some, &change)).collect();
    let told: HashSet<String> = quiet.iter().map(id_of_notice).collect();
    let mut first = Change { decided: starting, ..change };
    first.notices.retain(|notice| !told.contains(&notice.id));
    if !does_more_than_owe(&first) {
        let owed_later: HashSet<Commit> = quiet.iter().filter_map(about).collect();
        first.owed.retain(|commit| !owed_later.contains(commit));
    }
    if does_more_than_owe(&first) || !first.owed.is_empty() {
        pieces.insert(0, first);
    }
    pieces
}

/// The commit that a push was decided for.
pub(super) fn about(decided: &Decided) -> Option<Commit> {
    let push = decided.delivered.event.as_push()?;
    Some(Commit { repository: push.repository.clone(), git_ref: push.git_ref.clone(), commit: push.commit.clone() })
}

fn id_of_notice(decided: &Decided) -> String {
    decision_id(&decided.forge, &decided.delivered.id)
}

fn with_debts(decided: &[Decided], of: &Change) -> Change {
    let commits: HashSet<Commit> = decided.iter().filter_map(about).collect();
    let ids: HashSet<String> = decided.iter().map(id_of_notice).collect();
    let owed = of.owed.iter().filter(|commit| commits.contains(commit)).cloned().collect();
    let notices = of.notices.iter().filter(|notice| ids.contains(&notice.id)).cloned().collect();
    Change { decided: decided.to_vec(), owed, notices, ..Change::default() }
}

fn does_more_than_owe(change: &Change) -> bool {
    let Change { tracks, decided, runs, claims, releases, executions, notices, owed: _ } = change;
    !(tracks.is_empty()
        && decided.is_empty()
        && runs.is_empty()
        && claims.is_empty()
        && releases.is_empty()
        && executions.is_empty()
        && notices.is_empty())
}
