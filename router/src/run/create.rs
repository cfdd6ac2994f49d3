//! A run's beginning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{EnvironmentRun, Gate, Run, RunKey, RunState, StageRun, Work};
use crate::event::{Author, Push};
use crate::id::{DeliveryId, RunId};
use crate::pipeline::Planned;

/// The most deliveries that a run remembers. A push may be told of under any number of ids, and the run is written with all of them
/// whenever it moves.
pub const DELIVERIES_MAX: usize = 64;

impl RunKey {
    /// The run's id: the first 16 hex digits of the key's SHA-256. The engine's idempotency token is made of it too.
    pub fn id(&self) -> RunId {
        let mut hash = Sha256::new();
        let parts = [
            self.repository.to_string(),
            self.git_ref.to_string(),
            self.commit.to_string(),
            self.visit.to_string(),
            self.route.to_string(),
            self.attempt.to_string(),
        ];
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        RunId::new(hex::encode(&hash.finalize()[..8])).expect("eight bytes are sixteen digits")
    }
}

/// The push behind a run: what is needed of it when the next run of a chain is made.
impl Run {
    /// The first run of a decided chain; the rest of the chain waits in `then`.
    /// It is of the ref's first visit to the commit; see [`Run::on_visit`].
    pub fn new(push: &Push, delivery: &DeliveryId, rules: &str, chain: &[Planned], now: Timestamp) -> Option<Self> {
        let (first, then) = chain.split_first()?;
        let key = RunKey {
            repository: push.repository.clone(),
            git_ref: push.git_ref.clone(),
            before: push.before.clone(),
            commit: push.commit.clone(),
            route: first.route.clone(),
            visit: 1,
            attempt: 1,
        };
        let title = push.message.lines().next().unwrap_or_default().chars().take(200).collect();
        Some(Self {
            actor: push.actor.clone(),
            author: push.author.clone(),
            title,
            deliveries: vec![delivery.clone()],
            rules: rules.to_owned(),
            ..Self::fresh(key, first, then, now)
        })
    }

    /// Takes in that other deliveries told of its push as well. False when it learned of none: those that it knows, and those that
    /// come when it knows [`DELIVERIES_MAX`], change nothing.
    pub fn told_again(&mut self, deliveries: &[DeliveryId]) -> bool {
        let known = self.deliveries.len();
        for id in deliveries {
            if self.deliveries.len() < DELIVERIES_MAX && !self.deliveries.contains(id) {
                self.deliveries.push(id.clone());
            }
        }
        self.deliveries.len() > known
    }

    /// The same for another visit of the ref to the commit, which makes it another run.
    #[must_use]
    pub fn on_visit(self, visit: u32) -> Self {
        let key = RunKey { visit, ..self.key };
        Self { id: key.id(), key, ..self }
    }

    /// The run that this one's success starts, when there is one.
    pub fn successor(&self, now: Timestamp) -> Option<Self> {
        let (first, then) = self.then.split_first()?;
        if self.state != RunState::Succeeded {
            return None;
        }
        let key = RunKey { route: first.route.clone(), attempt: 1, ..self.key.clone() };
        Some(self.like(key, first, then, now))
    }

    /// The next attempt for the same push, as it is decided now: the chain begins with this run's route.
    pub fn again(&self, rules: &str, chain: &[Planned], now: Timestamp) -> Option<Self> {
        let (first, then) = chain.split_first().filter(|(first, _)| first.route == self.key.route)?;
        let key = RunKey { attempt: self.key.attempt + 1, ..self.key.clone() };
        Some(Self { rules: rules.to_owned(), ..self.like(key, first, then, now) })
    }

    /// A fresh run for the same push as this one.
    fn like(&self, key: RunKey, first: &Planned, then: &[Planned], now: Timestamp) -> Self {
        Self {
            actor: self.actor.clone(),
            author: self.author.clone(),
            title: self.title.clone(),
            deliveries: self.deliveries.clone(),
            rules: self.rules.clone(),
            ..Self::fresh(key, first, then, now)
        }
    }

    fn fresh(key: RunKey, first: &Planned, then: &[Planned], now: Timestamp) -> Self {
        let plan = first.plan.clone();
        Self {
            id: key.id(),
            key,
            execution: None,
            state: RunState::Queued,
            because: "queued".to_owned(),
            stages: plan
                .stages
                .iter()
                .map(|stage| StageRun { name: stage.name.clone(), work: Work::default() })
                .collect(),
            environments: plan
                .environments
                .iter()
                .map(|place| EnvironmentRun {
                    name: place.name.clone(),
                    gate: Gate::default(),
                    deploy: Work::default(),
                })
                .collect(),
            plan,
            artifact: None,
            exports: BTreeMap::new(),
            then: then.to_vec(),
            stopping: None,
            actor: String::new(),
            author: Author::default(),
            title: String::new(),
            deliveries: Vec::new(),
            rules: String::new(),
            created_at: now,
            ended_at: None,
            version: 0,
        }
    }
}
