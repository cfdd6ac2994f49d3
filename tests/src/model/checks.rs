//! What must always hold.

use std::collections::{BTreeMap, BTreeSet};

use router::id::CommitId;
use router::run::{GateState, Run, RunState, WorkState};
use router::status::StatusState;

use super::Lane;
use super::house::House;

impl House {
    pub(crate) fn holds(&self) {
        let runs = self.runs();
        let wrong = self.engine.works().wrong.clone();
        assert!(wrong.is_empty(), "{wrong:?}");
        for run in &runs {
            self.stays_over(run);
            self.was_allowed(run);
            if lane_of(run) == Lane::All {
                assert_ne!(run.state, RunState::Superseded, "with `all` each push goes on: {}", run.because);
            }
        }
        self.gates_are_left_to_the_newest(&runs);
        if self.timed {
            self.the_newest_goes_on(&runs);
            self.turns_are_taken_in_order(&runs);
        }
    }

    /// What is over stays as it is.
    fn stays_over(&self, run: &Run) {
        let Some(before) = self.seen.get(&run.id).filter(|before| before.state.is_terminal()) else { return };
        let now = (run.state, &run.because, run.ended_at, &run.stages, &run.environments);
        assert_eq!((before.state, &before.because, before.ended_at, &before.stages, &before.environments), now);
    }

    /// Nobody enters without the people that are asked for, and they said yes to what enters.
    fn was_allowed(&self, run: &Run) {
        if let Some(artifact) = self.approved.get(&run.id) {
            let now = run.artifact.as_ref().map(|artifact| &artifact.sha256);
            assert_eq!(artifact.as_ref(), now, "a yes was said to another artifact");
            assert!(artifact.is_some(), "a yes was said to nothing");
        }
        for (place, planned) in run.environments.iter().zip(&run.plan.environments) {
            let entered = place.gate.state == GateState::Open;
            assert!(entered || place.deploy.state == WorkState::Pending, "a deploy behind a gate that is closed");
            let Some(approval) = planned.approval.as_ref().filter(|_| entered) else { continue };
            let voters: BTreeSet<&str> = place.gate.approvals.iter().map(|vote| vote.by.as_str()).collect();
            assert!(voters.len() >= approval.min as usize, "{voters:?}");
            let is_kims = super::house::author_of(&run.key.commit).login == "Kim-K";
            // Of a push that nobody told of, nobody knows who pushed.
            let is_danas = run.actor == "dana" || !is_kims;
            let may_not = |voter: &&str| match *voter {
                "kim" => is_kims,
                "dana" => is_danas,
                other => other == "mallory",
            };
            assert!(!voters.iter().any(may_not), "{voters:?} let {} in", run.key.commit.short());
            let late = |at| place.gate.expires_at.is_some_and(|end| at >= end);
            assert!(!place.gate.approvals.iter().any(|vote| late(vote.at)), "a yes after the gate's time");
        }
    }

    fn gates_are_left_to_the_newest(&self, runs: &[Run]) {
        let mut waiting: BTreeMap<_, Vec<&Run>> = BTreeMap::new();
        for run in runs.iter().filter(|run| lane_of(run) != Lane::All && !self.asked_for.contains(&run.id)) {
            if let Some((place, _)) = run.waiting_at().filter(|_| !run.state.is_terminal()) {
                waiting.entry((lane_of(run), &place.name)).or_default().push(run);
            }
        }
        for ((_, gate), runs) in waiting {
            let runs: Vec<_> = runs.iter().map(|run| (&run.id, &run.because)).collect();
            assert!(runs.len() == 1, "several of one ref wait at {gate}: {runs:?}");
        }
    }

    /// `latest`: of pushes that are decided, only the newest has a run that is not over or about to be.
    fn the_newest_goes_on(&self, runs: &[Run]) {
        let of_pushes = self.of_pushes(runs, Lane::Latest);
        for (older, newer) in of_pushes.iter().zip(of_pushes.iter().skip(1)) {
            let gives_way = older.state.is_terminal() || older.stopping.is_some();
            assert!(gives_way, "{} goes on beside the newer {}: {}", older.id, newer.id, older.because);
        }
    }

    /// `queue`: whoever was pushed first begins first, and who comes too late does not begin.
    fn turns_are_taken_in_order(&self, runs: &[Run]) {
        let of_pushes = self.of_pushes(runs, Lane::Queue);
        let begun = self.engine.works().begun.clone();
        let turns: Vec<_> = of_pushes.iter().filter_map(|run| begun.iter().position(|id| *id == run.id)).collect();
        assert!(turns.is_sorted(), "pushes of the queue did not begin in their order: {turns:?}");
    }

    /// The runs that pushes of a ref started by themselves, in the order of the pushes.
    fn of_pushes<'r>(&self, runs: &'r [Run], lane: Lane) -> Vec<&'r Run> {
        let of = |commit: &CommitId| {
            let mine = |run: &&Run| run.key.commit == *commit && !self.asked_for.contains(&run.id);
            runs.iter().find(mine)
        };
        self.order(lane).into_iter().filter_map(of).collect()
    }

    /// After the end nothing is at work, nothing waits, and every commit shows how it ended.
    pub(crate) fn nothing_is_left(&self) {
        assert!(self.wait(self.store().undecided(1)).unwrap().is_empty());
        for run in self.runs() {
            assert!(run.state.is_terminal(), "{}", run.because);
            let shows = self.board.shows();
            let verdict = shows.statuses.get(&(run.key.commit.clone(), "pointsman".to_owned()));
            let state = verdict.map(|status| status.state);
            let is_final = matches!(state, Some(StatusState::Success | StatusState::Failure | StatusState::Stopped));
            assert!(is_final, "{} is {} and its commit shows {verdict:?}", run.id, run.because);
        }
    }
}

fn lane_of(run: &Run) -> Lane {
    let of = |lane: &&Lane| run.key.git_ref.branch() == Some(lane.branch());
    *Lane::ALL.iter().find(of).expect("every push goes to one of them")
}
