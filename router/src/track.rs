//! Where a ref has been: the order in which its pushes were pushed, whatever the order in which they are told.
//!
//! # What is the same push
//! A push is an arrival of its ref at a commit. Forges give it no id of its own: two hooks tell of one push under two
//! delivery ids, and `main` that goes A, B, A, B by force arrives twice at B, with the same `before` and the same commit. So
//! the arrivals of a ref are kept, and a push is the same as a known one when it ends at the same commit, began at the same
//! place, and the ref has not left that commit since. When the ref has left it and come back to where the push began, it
//! may be either: then the forge's time of the push tells, and where there is none, where the ref is now. With no evidence at
//! all it is a new push: doing work twice does less harm than not doing it.
//!
//! Arrivals at one commit are counted ([`Arrival::visit`]): the count is what makes the second run of a commit another run.
//!
//! # Which one was first
//! In this order: the forge's times of the pushes, when they differ; the chain of `before` and `commit`; where the ref is
//! now; the order in which they were told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Deleted, Push};
use crate::id::{CommitId, GitRef, Repository};

/// So many arrivals are kept; what is told later than that is found by where the ref is now.
const KEPT: usize = 16;

/// What is known of one ref.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Where.
    pub repository: Repository,
    /// Which.
    pub git_ref: GitRef,
    /// Where it arrived, one after the other, the newest last.
    pub arrivals: Vec<Arrival>,
    /// When the forge last named it in a list of its branches or tags.
    #[serde(default)]
    pub listed_at: Option<Timestamp>,
    /// The repository's tags have been listed along with it.
    #[serde(default)]
    pub with_tags: bool,
    /// The forge shows it at a commit that nobody has told of.
    #[serde(default)]
    pub untold: Option<Untold>,
    /// Counts the writes; a store refuses to save over another version than the one that was read.
    #[serde(default)]
    pub version: u64,
}

/// The ref came to a commit, or was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where it came to; none when it was deleted.
    pub commit: Option<CommitId>,
    /// Where it came from; none when it was made.
    pub before: Option<CommitId>,
    /// When, by the forge's clock, if it said so.
    #[serde(default)]
    pub pushed_at: Option<Timestamp>,
    /// Nobody told of it: the ref was seen there, and where it came from is a guess.
    #[serde(default)]
    pub seen: bool,
    /// The how-manieth arrival at this commit it is, from 1.
    pub visit: u32,
    /// It started a run that takes the place of older ones.
    #[serde(default)]
    pub supersedes: bool,
}

/// A commit that a ref was seen at before anybody told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// Which.
    pub commit: CommitId,
    /// Since when.
    pub since: Timestamp,
}

/// Where the forge says that the ref is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip<'c> {
    /// It was not asked.
    Unasked,
    /// It could not say.
    Unknown,
    /// At this commit, or gone.
    At(Option<&'c CommitId>),
}

/// What a push is, among those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The arrival of this index.
    Same(usize),
    /// New, and it came before the arrival of this index; of the number of arrivals, when it is the newest.
    New(usize),
}

/// Only where the ref is now can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt;

impl Arrival {
    /// A push, as its event tells it.
    pub fn of(push: &Push) -> Self {
        Self {
            commit: Some(push.commit.clone()),
            before: push.before.clone(),
            pushed_at: push.pushed_at,
            seen: false,
            visit: 1,
            supersedes: false,
        }
    }

    /// A deletion, as its event tells it.
    pub fn gone(deleted: &Deleted) -> Self {
        Self {
            commit: None,
            before: deleted.before.clone(),
            pushed_at: deleted.pushed_at,
            seen: false,
            visit: 1,
            supersedes: false,
        }
    }

    /// The ref was seen at a commit that nobody told of.
    pub fn seen(commit: CommitId, before: Option<CommitId>) -> Self {
        Self { commit: Some(commit), before, pushed_at: None, seen: true, visit: 1, supersedes: false }
    }
}

impl Track {
    /// Nothing is known yet.
    pub fn new(repository: Repository, git_ref: GitRef) -> Self {
        Self { repository, git_ref, arrivals: Vec::new(), listed_at: None, with_tags: false, untold: None, version: 0 }
    }

    /// The newest arrival.
    pub fn head(&self) -> Option<&Arrival> {
        self.arrivals.last()
    }

    /// Whether a push is known, and where it belongs.
    ///
    /// # Errors
    /// [`Doubt`], only while the forge was not asked.
    pub fn place(&self, push: &Arrival, tip: Tip<'_>) -> Result<Place, Doubt> {
        let Some(head) = self.head() else { return Ok(Place::New(0)) };
        let known = self.arrivals.iter().rposition(|other| same_way(other, push));
        match known {
            Some(at) if at + 1 == self.arrivals.len() => Ok(Place::Same(at)),
            Some(at) => self.again(at, head, push, tip),
            None => self.among(head, push, tip),
        }
    }

    /// The ref was there before and has left: is it told once more, or has the ref come back?
    fn again(&self, at: usize, head: &Arrival, push: &Arrival, tip: Tip<'_>) -> Result<Place, Doubt> {
        let newest = Place::New(self.arrivals.len());
        match head.pushed_at.zip(push.pushed_at) {
            Some((last, this)) if this > last => return Ok(newest),
            Some((last, this)) if this < last => return Ok(Place::Same(at)),
            _ => {}
        }
        if !push.seen && head.commit != push.before {
            return Ok(Place::Same(at));
        }
        match tip {
            Tip::Unasked => Err(Doubt),
            Tip::Unknown => Ok(newest),
            Tip::At(now) if now == push.commit.as_ref() => Ok(newest),
            Tip::At(_) => Ok(Place::Same(at)),
        }
    }

    /// A push that is not known: what came before it?
    fn among(&self, head: &Arrival, push: &Arrival, tip: Tip<'_>) -> Result<Place, Doubt> {
        let newest = Place::New(self.arrivals.len());
        if let Some((last, this)) = head.pushed_at.zip(push.pushed_at)
            && last != this
        {
            let later = |other: &Arrival| other.pushed_at.is_some_and(|at| at > this);
            let next = self.arrivals.iter().position(later).unwrap_or(self.arrivals.len());
            return Ok(Place::New(next));
        }
        if push.seen {
            return Ok(newest);
        }
        let newest_or_doubt = match tip {
            Tip::Unasked => Err(Doubt),
            Tip::At(now) if now == head.commit.as_ref() && now != push.commit.as_ref() => {
                Ok(Place::New(self.arrivals.len() - 1))
            }
            Tip::Unknown | Tip::At(_) => Ok(newest),
        };
        match (self.ends_at(push.before.as_ref()), self.begins_at(push.commit.as_ref())) {
            // There and back, or back and there: each begins where the other ends.
            (Some(end), Some(begin)) if end == begin && end + 1 == self.arrivals.len() => newest_or_doubt,
            // A ring: the ref came back to where it was when the first of these was pushed.
            (Some(end), Some(begin)) if self.chain_of(end) == begin => Ok(Place::New(end + 1)),
            (_, Some(begin)) => Ok(Place::New(begin)),
            (Some(end), None) => Ok(Place::New(end + 1)),
            // What made the ref came before all that is known, unless the ref was deleted since and nobody told of that: then it is where
            // this left it.
            (None, None) if push.before.is_none() && matches!(tip, Tip::At(now) if now != push.commit.as_ref()) => {
                Ok(Place::New(0))
            }
            (None, None) => newest_or_doubt,
        }
    }

    /// Whether an arrival began where the one before it ended.
    fn follows(&self, at: usize) -> bool {
        at > 0 && self.arrivals.get(at).is_some_and(|this| this.seen || this.before == self.arrivals[at - 1].commit)
    }

    /// The first arrival of the chain that this one is in.
    fn chain_of(&self, at: usize) -> usize {
        (0..=at).rev().find(|first| !self.follows(*first)).unwrap_or(0)
    }

    /// The last arrival of the last chain that ends at a commit.
    fn ends_at(&self, commit: Option<&CommitId>) -> Option<usize> {
        (0..self.arrivals.len()).rev().find(|at| self.arrivals[*at].commit.as_ref() == commit && !self.follows(at + 1))
    }

    /// The first arrival of the last chain that begins at a commit.
    fn begins_at(&self, commit: Option<&CommitId>) -> Option<usize> {
        let commit = commit?;
        (0..self.arrivals.len())
            .rev()
            .find(|at| self.arrivals[*at].before.as_ref() == Some(commit) && !self.follows(*at))
    }

    /// A chain that stands behind the arrival of this index, and ends where it begins, belongs before it.
    fn mend(&mut self, at: usize) -> usize {
        if self.follows(at) {
            return at;
        }
        let Some(end) = self.ends_at(self.arrivals[at].before.as_ref()).filter(|end| *end > at) else { return at };
        let first = self.chain_of(end);
        let timed = self.arrivals[at].pushed_at.is_some() && self.arrivals[end].pushed_at.is_some();
        if first <= at || timed || self.arrivals[at].seen {
            return at;
        }
        self.arrivals[at..=end].rotate_left(first - at);
        at + (end + 1 - first)
    }

    /// Takes a push in at its place, and says where it stands now.
    pub fn enter(&mut self, mut push: Arrival, place: Place) -> usize {
        let at = match place {
            Place::Same(at) => {
                let known = &mut self.arrivals[at];
                if known.seen && !push.seen {
                    (known.seen, known.before) = (false, push.before);
                }
                known.pushed_at = known.pushed_at.max(push.pushed_at);
                known.supersedes |= push.supersedes;
                at
            }
            Place::New(at) => {
                let visits = self.arrivals.iter().filter(|other| other.commit == push.commit).map(|other| other.visit);
                push.visit = visits.max().map_or(1, |last| last.saturating_add(1));
                self.arrivals.insert(at, push);
                let at = self.mend(at);
                let over = self.arrivals.len().saturating_sub(KEPT).min(at);
                self.arrivals.drain(..over);
                at - over
            }
        };
        if self
            .untold
            .as_ref()
            .is_some_and(|untold| self.head().is_some_and(|head| head.commit.as_ref() == Some(&untold.commit)))
        {
            self.untold = None;
        }
        at
    }

    /// The newer push that has taken the place of the one of this index.
    pub fn superseded_by(&self, at: usize) -> Option<&CommitId> {
        let newer = self.arrivals.get(at + 1..)?.iter().find(|newer| newer.supersedes)?;
        newer.commit.as_ref()
    }

    /// The index of an arrival at a commit.
    pub fn find(&self, commit: &CommitId, visit: u32) -> Option<usize> {
        self.arrivals.iter().rposition(|arrival| arrival.commit.as_ref() == Some(commit) && arrival.visit == visit)
    }
}

/// They end at the same commit and, as far as it is known, began at the same one.
fn same_way(one: &Arrival, other: &Arrival) -> bool {
    one.commit == other.commit && (one.before == other.before || one.seen || other.seen)
}

#[cfg(test)]
mod tests;
