//! Whether, which and how far: the rule file.
//!
//! `parse` (text to a tree with places) -> `compile` (names resolved, globs built) -> `decide` (a push to a decision) ->
//! `explain` (the decision as people and machines read it). No step does I/O; a decision cannot fail.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{ForgeKind, ForgeName, PipelineName, RepoPath, Repository, RouteName};
use crate::pipeline::{Buildspec, Concurrency, Deploy, Environment, Planned, Stage};
use crate::problem::{Place, Problem};

mod check;
mod compile;
mod compute;
mod condition;
mod decide;
mod explain;
mod index;
mod needed;
mod parse;
mod pattern;
mod plan;
mod prove;
mod repo;
mod schema;

pub use check::TestOutcome;
pub use explain::{Changed, Receipt, ReceiptRequest, ReceiptRun, ReceiptShadow, Unknown};
pub use plan::{Comparison, Example, Group};
pub use prove::{Answer, CLAIMS, Claim, Finding, FindingKind, Proof, TooTangled, Witness};
pub use repo::{OwnWord, REPO_FILE, RepoFile};
pub use schema::schema;

/// A rule file that has passed every check.
#[derive(Debug)]
pub struct Rules {
    hash: String,
    repositories: Vec<NamedRepository>,
    pipelines: Vec<Pipeline>,
    environments: Vec<Environment>,
    /// Where the last environment names the buildspec of its cleanup.
    cleanup_buildspec: Option<Place>,
    /// Where each environment's name stands.
    environment_places: Vec<Place>,
    ignore: Vec<parse::IgnoreEntry>,
    routes: Vec<Route>,
    index: index::Index,
    tests: Vec<parse::Expectation>,
    /// What a repository's own file may say.
    allow_repo: BTreeSet<&'static str>,
    warnings: Vec<Problem>,
}

/// An entry of `repositories`: one repository, or a glob of them.
#[derive(Debug)]
pub struct NamedRepository {
    kind: ForgeKind,
    forge: Option<ForgeName>,
    path: pattern::Pattern,
    /// Handed to its pipelines.
    pub variables: BTreeMap<String, String>,
    /// Where the local engine fetches from, if not from the forge's own address.
    pub clone: Option<String>,
}

impl NamedRepository {
    /// The repository that the entry names on a forge; none when it names another forge's, or is a glob of them.
    pub fn exactly(&self, forge: &ForgeName, kind: ForgeKind) -> Option<Repository> {
        let there = self.kind == kind && self.forge.as_ref().is_none_or(|named| named == forge);
        let path = self.path.exact().filter(|_| there)?;
        Some(Repository { forge: forge.clone(), kind, path: RepoPath::new(path).ok()? })
    }
}

/// A pipeline of the rule file, with all its stages.
#[derive(Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: PipelineName,
    /// Its stages, in their order.
    pub stages: Vec<Stage>,
    /// How an environment is deployed to.
    pub deploy: Option<Deploy>,
    /// Where each stage names its buildspec, in the order of the stages.
    buildspecs: Vec<Place>,
    deploy_buildspec: Option<Place>,
}

/// What a route starts: how far its pushes travel.
#[derive(Debug)]
pub struct Journey<'a> {
    /// The route.
    pub route: &'a RouteName,
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The stages that run, in their order.
    pub stages: Vec<&'a Stage>,
    /// The environments, in their order.
    pub environments: Vec<&'a Environment>,
}

/// An entry of `routes`.
#[derive(Debug)]
struct Route {
    name: RouteName,
    /// Where its name stands.
    place: Place,
    condition: condition::Condition,
    /// None for `pipeline: none`.
    goal: Option<Goal>,
    /// `shadow: true`: it owns nothing. What it would have owned is recorded.
    shadow: bool,
}

/// What a route starts; numbers count in the lists of [`Rules`].
#[derive(Debug)]
struct Goal {
    pipeline: usize,
    /// None for all.
    stages: Option<Vec<usize>>,
    environments: Vec<usize>,
    then: Option<usize>,
    concurrency: Concurrency,
    manual: bool,
}

impl Rules {
    /// `sha256:<64 hex>` of the file's bytes.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What is allowed and hardly meant: a place for customers that nobody guards, a pipeline that no route starts.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The first entry that names a repository; a push from one that no entry names starts nothing.
    pub fn repository_named(&self, repository: &Repository) -> Option<&NamedRepository> {
        self.repositories.iter().find(|entry| {
            entry.kind == repository.kind
                && entry.forge.as_ref().is_none_or(|forge| *forge == repository.forge)
                && entry.path.matches(repository.path.as_str())
        })
    }

    /// Where git fetches a repository from, when the file says so.
    pub fn clone_of(&self, repository: &Repository) -> Option<&str> {
        self.repository_named(repository)?.clone.as_deref()
    }

    /// The entries of `repositories`, in their order.
    pub fn repositories(&self) -> &[NamedRepository] {
        &self.repositories
    }

    /// The pipelines, in their order.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// The environments in the order in which a commit may travel.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// Each route's name and what it says in one line: "branch main -> application: test, prod".
    pub fn routes(&self) -> impl Iterator<Item = (&RouteName, String)> {
        self.routes.iter().map(|route| (&route.name, self.line(route)))
    }

    /// What each route that starts anything starts, in their order.
    pub fn journeys(&self) -> impl Iterator<Item = Journey<'_>> {
        self.routes.iter().filter_map(|route| {
            let goal = route.goal.as_ref()?;
            let pipeline = &self.pipelines[goal.pipeline];
            let stages = match &goal.stages {
                Some(picked) => picked.iter().map(|at| &pipeline.stages[*at]).collect(),
                None => pipeline.stages.iter().collect(),
            };
            let environments = goal.environments.iter().map(|at| &self.environments[*at]).collect();
            Some(Journey { route: &route.name, pipeline, stages, environments })
        })
    }

    /// Each `ignore` entry's name and what it says in one line.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, String)> {
        self.ignore.iter().map(|entry| (entry.name.value.as_str(), titles(&entry.condition)))
    }

    /// Every buildspec that the file names, with its place in the file.
    pub fn buildspecs(&self) -> impl Iterator<Item = (&Buildspec, Place)> {
        let of_pipelines = self.pipelines.iter().flat_map(|pipeline| {
            let stages = pipeline.stages.iter().map(|stage| &stage.step).zip(pipeline.buildspecs.iter().copied());
            let deploy = pipeline.deploy.iter().filter_map(Deploy::step).zip(pipeline.deploy_buildspec);
            stages.chain(deploy)
        });
        let cleanup = self.environments.last().and_then(|place| place.cleanup.as_ref()).zip(self.cleanup_buildspec);
        of_pipelines.chain(cleanup).map(|(step, place)| (&step.buildspec, place))
    }

    fn line(&self, route: &Route) -> String {
        let shadow = if route.shadow { "shadow: " } else { "" };
        let when = format!("{shadow}{}", titles(&route.condition));
        let Some(goal) = &route.goal else { return format!("{when} -> nothing") };
        let pipeline = &self.pipelines[goal.pipeline];
        let names: Vec<&str> = match &goal.stages {
            Some(picked) => picked.iter().map(|at| pipeline.stages[*at].name.as_str()).collect(),
            None => Vec::new(),
        };
        let stages = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let places: Vec<&str> = goal.environments.iter().map(|at| self.environments[*at].name.as_str()).collect();
        let to = if places.is_empty() { String::new() } else { format!(": {}", places.join(", ")) };
        let then = goal.then.map(|then| format!(", then {}", self.routes[then].name)).unwrap_or_default();
        format!("{when} -> {}{stages}{to}{then}", pipeline.name)
    }
}

impl NamedRepository {
    /// What kind of forge it is on.
    pub fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// The configured forge it is on; none for any of its kind.
    pub fn forge(&self) -> Option<&ForgeName> {
        self.forge.as_ref()
    }

    /// The path or glob, as written.
    pub fn pattern(&self) -> &str {
        self.path.as_str()
    }

    /// Whether it names this path, on whichever forge.
    pub fn covers(&self, path: &str) -> bool {
        self.path.matches(path)
    }

    /// The one repository's path, when the entry is no glob.
    pub fn path(&self) -> Option<&str> {
        self.path.exact()
    }
}

/// A condition in one line: "branch main, paths any infra/**".
fn titles(condition: &condition::Condition) -> String {
    let of_requests = (condition.about == condition::About::Requests).then(|| "change request".to_owned());
    let titles: Vec<String> =
        of_requests.into_iter().chain(condition.all.iter().map(condition::Predicate::title)).collect();
    if titles.is_empty() { "any push".to_owned() } else { titles.join(", ") }
}

/// What is done about an event, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What is done.
    pub verdict: Verdict,
    /// Why, each a short sentence: "branch main matches main".
    pub because: Vec<String>,
    /// The route that came nearest without matching, and the first thing that failed.
    pub nearest_miss: Option<NearestMiss>,
    /// The shadow routes above the owner that would have owned the push, each as if it alone had been in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<Shadow>,
    /// The hash of the rule file: `sha256:<64 hex>`.
    pub rules: String,
}

/// What a route with `shadow: true` would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// The route.
    pub route: RouteName,
    /// What would have started, one after the other's success; empty for `pipeline: none`.
    pub chain: Vec<Planned>,
    /// Why, each a short sentence.
    pub because: Vec<String>,
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

impl Decision {
    /// The part of its chain that begins with a route; none when the route is not in it.
    pub fn chain_from(&self, route: &RouteName) -> Option<&[Planned]> {
        let Verdict::Start { chain, .. } = &self.verdict else { return None };
        let at = chain.iter().position(|planned| planned.route == *route)?;
        Some(&chain[at..])
    }
}

impl Verdict {
    /// Its word on a receipt: `start`, `ignore`, `nothing`, `refused`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Ignore { .. } => "ignore",
            Self::Nothing { .. } => "nothing",
            Self::Refused => "refused",
        }
    }
}

/// A route that did not match, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestMiss {
    /// The route.
    pub route: RouteName,
    /// "no changed file matches infra/**"
    pub because: String,
    /// What the push would have needed for the route to match, all of it, each with a value that would do: "a changed file that
    /// matches infra/**, as infra/a does".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
}

#[cfg(test)]
mod tests;
