//! Whether, which and how far: the rule file.
//!
//! `parse` (text to a tree with places) -> `compile` (names resolved, globs built) -> `decide` (a push to a decision) ->
//! `explain` (the decision as people and machines read it). No step does I/O; a decision cannot fail.

use serde::{Deserialize, Serialize};

use crate::id::RouteName;
use crate::pipeline::Plan;

/// What is done about an event, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What is done.
    pub verdict: Verdict,
    /// Why, each a short sentence: "branch main matches main".
    pub because: Vec<String>,
    /// The route that came nearest without matching, and the first thing that failed.
    pub nearest_miss: Option<NearestMiss>,
    /// The hash of the rule file: `sha256:<64 hex>`.
    pub rules: String,
}

/// What is done about an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// A route owns the push. The chain is that route's run and then those of its `then`, in their order.
    Start {
        /// The route that matched.
        route: RouteName,
        /// What is started, one after the other's success. Never empty.
        chain: Vec<Planned>,
        /// The route says `start: manual`: the start is offered, not made.
        manual: bool,
    },
    /// An `ignore` entry matched.
    Ignore {
        /// Its name.
        rule: String,
    },
    /// Nothing is to be done: `pipeline: none`, a deleted branch, a ping.
    Nothing {
        /// The route that said so, when one did.
        route: Option<RouteName>,
    },
    /// Genuine, and not acted on: a repository that no rule names, a body that cannot be read.
    Refused,
}

/// One run to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The route it comes from.
    pub route: RouteName,
    /// What it does.
    pub plan: Plan,
}

/// A route that did not match, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestMiss {
    /// The route.
    pub route: RouteName,
    /// "no changed file matches infra/**"
    pub because: String,
}
