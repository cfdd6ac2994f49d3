//! What must always hold.

use std::collections::{BTreeMap, BTreeSet};

use router::id::{CommitId, RunId};
use router::run::{GateState, Run, RunState, WorkState};
use router::status::StatusState;

use super::Lane;
use super::house::{House, is_open};

impl House {
    pub(crate) fn holds(&self) {
        let runs = self.runs();
        let wrong = self.engine.works().wrong.clone();
        assert!(wrong.is_empty(), "{wrong:?}");
        for run in &runs {
            self.stays_over(run);
            self.was_allowed(run);
            self.entered_when_it_was_open(run);
            assert!(!run.state.is_terminal() || run.waiting_at().is_none(), "{} is over, and its gate waits", run.id);
            if lane_of(run) == Lane::All {
                assert_ne!(run.state, RunState::Superseded, "with `all` each push goes on: {}", run.because);
            }
        }
        self.gates_are_left_to_the_newest(&runs);
        self.locks_are_held_by_who_may_be_inside(&runs);
        if self.timed {
            self.the_newest_goes_on(&runs);
            self.turns_are_taken_in_order(&runs);
        }
    }

    /// What is over stays as it is; how its parts ended may be heard later, and then stays, too.
    fn stays_over(&self, run: &Run) {
        let Some(before) = self.seen.get(&run.id).filter(|before| before.state.is_terminal()) else { return };
        let (was, is) = (before, run);
        assert_eq!((was.state, &was.because, was.ended_at), (is.state, &is.because, is.ended_at));
        let gates = |run: &Run| run.environments.iter().map(|place| place.gate.clone()).collect::<Vec<_>>();
        assert_eq!(gates(was), gates(is));
        for (was, is) in was.parts().zip(is.parts()) {
            assert!(
                was == is || !was.has_verdict() && is.state != WorkState::Running,
                "{} was {was:?}, is {is:?}",
                run.id
            );
        }
    }

    /// Nobody enters without the people that are asked for, and they said yes to what enters.
    fn was_allowed(&self, run: &Run) {
        if let Some(artifact) = self.approved.get(&run.id) {
            let now = run.artifact.as_ref().map(|artifact| &artifact.sha256);
            assert_eq!(artifact.as_ref(), now, "a yes was said to another artifact");
            assert!(artifact.is_some(), "a yes was said to nothing");
        }
        for (place, planned) in run.environments.iter().zip(&run.plan.environments) {
            let late = |at| place.gate.expires_at.is_some_and(|end| at >= end);
            assert!(!place.gate.approvals.iter().any(|vote| late(vote.at)), "a yes after the gate's time");
            let voters: BTreeSet<&str> = place.gate.approvals.iter().map(|vote| vote.by.as_str()).collect();
            assert_eq!(voters.len(), place.gate.approvals.len(), "somebody's yes counts twice");
            let entered = place.gate.state == GateState::Open;
            assert!(entered || place.deploy.state == WorkState::Pending, "a deploy behind a gate that is closed");
            let Some(approval) = planned.approval.as_ref().filter(|_| entered) else { continue };
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
        }
    }

    /// A gate that has opened since the last look did so at an hour at which its environment takes what comes.
    fn entered_when_it_was_open(&self, run: &Run) {
        let before = self.seen.get(&run.id);
        for (at, place) in run.environments.iter().enumerate() {
            let was_open = before.is_some_and(|before| before.environments[at].gate.state == GateState::Open);
            if place.gate.state == GateState::Open && !was_open {
                assert!(is_open(place.name.as_str(), self.now()), "{} was entered while it was closed", place.name);
            }
        }
    }

    /// An environment is held by a run whose gate is open and whose deploy has not ended; one that was cut off may still be inside.
    fn locks_are_held_by_who_may_be_inside(&self, runs: &[Run]) {
        for (environment, holder) in self.claims() {
            let run = runs.iter().find(|run| run.id == holder).expect("whoever holds something is a run");
            let place =
                run.environments.iter().find(|place| place.name.as_str() == environment).expect("it goes there");
            let has_ended = matches!(place.deploy.state, WorkState::Succeeded | WorkState::Failed);
            let may_be_inside = place.gate.state == GateState::Open && !has_ended;
            assert!(may_be_inside, "{environment} is held by {holder}, which is {}", run.because);
        }
    }

    /// The runs of the queue that nobody is before: every other one of their ref that is not over waits at a gate.
    pub(crate) fn free_to_begin(&self) -> Vec<RunId> {
        let live: Vec<Run> = self.runs().into_iter().filter(|run| !run.state.is_terminal()).collect();
        let of_queue = live.iter().filter(|run| run.state == RunState::Queued && lane_of(run) == Lane::Queue);
        let is_free = |run: &&Run| {
            live.iter()
                .filter(|other| other.id != run.id && lane_of(other) == Lane::Queue)
                .all(|other| other.state == RunState::Waiting)
        };
        of_queue.filter(is_free).map(|run| run.id.clone()).collect()
    }

    /// Once somebody has looked, they have begun: a gate that waits holds no lane.
    pub(crate) fn have_begun(&self, free: &[RunId]) {
        let begun = self.engine.works().begun.clone();
        let waits = free.iter().find(|run| !begun.contains(run));
        assert!(waits.is_none(), "{waits:?} waits behind runs that only wait at gates");
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
