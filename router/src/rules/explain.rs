//! The decision as people and machines read it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::parse::plain;
use super::{Decision, NearestMiss, Shadow, Verdict};
use crate::event::{ChangeRequest, ChangedFiles, Delivered, Event};
use crate::id::{
    CommitId, DeliveryId, EnvironmentName, ForgeName, GitRef, PipelineName, RepoPath, RouteName, StageName,
};
use crate::pipeline::Planned;

/// A decision with the event that it is about. Its JSON shape is a contract: fields may be added, none changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The delivery's id.
    pub delivery: DeliveryId,
    /// The configured forge it came from.
    pub forge: ForgeName,
    /// The kind of event, see [`Event::word`].
    pub event: String,
    /// The repository's path.
    pub repository: Option<RepoPath>,
    /// The branch that was pushed or deleted, or that a change request comes from.
    pub branch: Option<String>,
    /// The tag that was pushed or deleted.
    pub tag: Option<String>,
    /// The change request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<ReceiptRequest>,
    /// The commit.
    pub commit: Option<CommitId>,
    /// Where the branch or tag pointed before.
    pub before: Option<CommitId>,
    /// Who did it.
    pub actor: Option<String>,
    /// The branch or tag is new.
    pub created: bool,
    /// History was rewritten.
    pub forced: bool,
    /// The changed files, or the word `unknown`.
    pub changed: Option<Changed>,
    /// `start`, `ignore`, `nothing` or `refused`.
    pub decision: String,
    /// The route that owns the push.
    pub route: Option<RouteName>,
    /// The `ignore` entry that matched.
    pub ignored_by: Option<String>,
    /// What is started, one after the other's success.
    pub runs: Vec<ReceiptRun>,
    /// The start is offered, not made.
    pub offer: bool,
    /// Why.
    pub because: Vec<String>,
    /// The route that came nearest without matching.
    pub nearest_miss: Option<NearestMiss>,
    /// What routes with `shadow: true` would have started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<ReceiptShadow>,
    /// The rule file's hash.
    pub rules: String,
}

/// A list of files, or `"unknown"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Changed {
    /// All of them.
    Known(BTreeSet<String>),
    /// Not known; `because` says why.
    Unknown(Unknown),
}

/// The word `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    /// The only one.
    #[serde(rename = "unknown")]
    Unknown,
}

/// One run of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRun {
    /// The route it comes from.
    pub route: RouteName,
    /// Its pipeline.
    pub pipeline: PipelineName,
    /// The stages that run.
    pub stages: Vec<StageName>,
    /// The environments it may travel to.
    pub environments: Vec<EnvironmentName>,
}

/// The change request of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRequest {
    /// Its number.
    pub number: u64,
    /// What happened to it, in the forge's word.
    pub action: String,
    /// The branch it asks to change.
    pub target: String,
    /// The branch it comes from.
    pub source: String,
    /// It comes from another repository.
    pub fork: bool,
    /// That other repository, when the forge names it.
    pub from: Option<RepoPath>,
}

/// A shadow route of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptShadow {
    /// The route.
    pub route: RouteName,
    /// What it would have started.
    pub runs: Vec<ReceiptRun>,
    /// Why.
    pub because: Vec<String>,
}

impl From<&Shadow> for ReceiptShadow {
    fn from(shadow: &Shadow) -> Self {
        Self {
            route: shadow.route.clone(),
            runs: shadow.chain.iter().map(ReceiptRun::from).collect(),
            because: shadow.because.clone(),
        }
    }
}

impl From<&ChangeRequest> for ReceiptRequest {
    fn from(request: &ChangeRequest) -> Self {
        Self {
            number: request.number,
            action: request.action.clone(),
            target: request.target.clone(),
            source: request.source.clone(),
            fork: request.fork,
            from: request.from.clone().filter(|_| request.fork),
        }
    }
}

impl From<&ChangedFiles> for Changed {
    fn from(changed: &ChangedFiles) -> Self {
        match changed {
            ChangedFiles::Known(files) => Self::Known(files.clone()),
            ChangedFiles::Unknown(_) => Self::Unknown(Unknown::Unknown),
        }
    }
}

impl From<&Planned> for ReceiptRun {
    fn from(planned: &Planned) -> Self {
        let plan = &planned.plan;
        Self {
            route: planned.route.clone(),
            pipeline: plan.pipeline.clone(),
            stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
            environments: plan.environments.iter().map(|place| place.name.clone()).collect(),
        }
    }
}

impl Receipt {
    /// The receipt of one delivery.
    pub fn of(forge: &ForgeName, delivered: &Delivered, decision: &Decision) -> Self {
        let blank = Self {
            because: decision.because.clone(),
            nearest_miss: decision.nearest_miss.clone(),
            shadow: decision.shadows.iter().map(ReceiptShadow::from).collect(),
            rules: decision.rules.clone(),
            ..Self::about(forge, delivered)
        };
        match &decision.verdict {
            Verdict::Start { route, chain, manual } => Self {
                decision: "start".to_owned(),
                route: Some(route.clone()),
                runs: chain.iter().map(ReceiptRun::from).collect(),
                offer: *manual,
                ..blank
            },
            Verdict::Ignore { rule } => Self { decision: "ignore".to_owned(), ignored_by: Some(rule.clone()), ..blank },
            Verdict::Nothing { route } => Self { decision: "nothing".to_owned(), route: route.clone(), ..blank },
            Verdict::Refused => Self { decision: "refused".to_owned(), ..blank },
        }
    }

    /// What the event says; the decision is not filled in.
    fn about(forge: &ForgeName, delivered: &Delivered) -> Self {
        let event = &*delivered.event;
        let blank = Self {
            delivery: delivered.id.clone(),
            forge: forge.clone(),
            event: event.word().to_owned(),
            repository: event.repository().map(|repository| repository.path.clone()),
            branch: None,
            tag: None,
            change_request: None,
            commit: None,
            before: None,
            actor: None,
            created: false,
            forced: false,
            changed: None,
            decision: String::new(),
            route: None,
            ignored_by: None,
            runs: Vec::new(),
            offer: false,
            because: Vec::new(),
            nearest_miss: None,
            shadow: Vec::new(),
            rules: String::new(),
        };
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let names = |git_ref: &GitRef| (git_ref.branch().map(str::to_owned), git_ref.tag().map(str::to_owned));
        match event {
            Event::Push(push) => {
                let (branch, tag) = names(&push.git_ref);
                Self {
                    branch,
                    tag,
                    commit: Some(push.commit.clone()),
                    before: push.before.clone(),
                    actor: said(&push.actor),
                    created: push.created,
                    forced: push.forced,
                    changed: Some(Changed::from(&push.changed)),
                    ..blank
                }
            }
            Event::Deleted(deleted) => {
                let (branch, tag) = names(&deleted.git_ref);
                Self { branch, tag, before: deleted.before.clone(), actor: said(&deleted.actor), ..blank }
            }
            Event::ChangeRequest(request) => Self {
                branch: said(&request.source),
                change_request: Some(ReceiptRequest::from(request)),
                commit: request.commit.clone(),
                before: request.before.clone(),
                actor: said(&request.actor),
                changed: request.moved.then(|| Changed::from(&request.changed)),
                ..blank
            },
            Event::Comment(about) | Event::Ping(about) | Event::Other(about) => {
                Self { actor: said(&about.actor), ..blank }
            }
            Event::Unreadable(_) => blank,
        }
    }

    /// A few lines for people. Nothing from outside can move their cursor.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let moved = match (&self.branch, &self.tag) {
            _ if let Some(request) = &self.change_request => {
                let ReceiptRequest { number, action, target, source, from, .. } = request;
                let from = from.as_ref().map_or(String::new(), |from| format!("{from} "));
                format!(" #{number} ({action}) {from}{source} into {target}")
            }
            (Some(branch), _) => format!(" branch {branch}"),
            (None, Some(tag)) => format!(" tag {tag}"),
            (None, None) => String::new(),
        };
        let place = self.repository.as_ref().map_or(String::new(), |path| format!(" {path}"));
        let commit = self.commit.as_ref().map_or(String::new(), |commit| format!(" at {}", commit.short()));
        let actor = self.actor.as_ref().map_or(String::new(), |actor| format!(" by {actor}"));
        line(&mut text, "event", &format!("{}{place}{moved}{commit}{actor} ({})", self.event, self.forge));
        if let Some(changed) = &self.changed {
            line(&mut text, "changed", &changed.words());
        }
        let owner = self.route.as_ref().map(RouteName::as_str).or(self.ignored_by.as_deref());
        let route = owner.map_or(String::new(), |owner| format!(" ({owner})"));
        let offer = if self.offer { ", offered: a person starts it" } else { "" };
        line(&mut text, "decision", &format!("{}{route}{offer}", self.decision));
        for run in &self.runs {
            let names: Vec<&str> = run.stages.iter().map(StageName::as_str).collect();
            let places: Vec<&str> = run.environments.iter().map(EnvironmentName::as_str).collect();
            let to = if places.is_empty() { String::new() } else { format!(", to {}", places.join(", ")) };
            line(&mut text, "run", &format!("{}: {}, stages {}{to}", run.route, run.pipeline, names.join(", ")));
        }
        for because in &self.because {
            line(&mut text, "because", because);
        }
        if let Some(miss) = &self.nearest_miss {
            line(&mut text, "nearest", &format!("{}: {}", miss.route, miss.because));
            miss.needed.iter().for_each(|needed| line(&mut text, "needed", needed));
        }
        for shadow in &self.shadow {
            let routes: Vec<String> =
                shadow.runs.iter().map(|run| format!("{} ({})", run.route, run.pipeline)).collect();
            let would = match routes.is_empty() {
                true => "would start nothing".to_owned(),
                false => format!("would start {}", routes.join(", then ")),
            };
            line(&mut text, "shadow", &format!("{} {would}: {}", shadow.route, shadow.because.join(", ")));
        }
        line(&mut text, "rules", &self.rules);
        text
    }
}

impl Changed {
    fn words(&self) -> String {
        const FILES_SHOWN: usize = 5;
        match self {
            Self::Unknown(_) => "unknown".to_owned(),
            Self::Known(files) if files.is_empty() => "no file".to_owned(),
            Self::Known(files) => {
                let shown: Vec<&str> = files.iter().take(FILES_SHOWN).map(String::as_str).collect();
                let more = files.len().saturating_sub(FILES_SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{}{more}", shown.join(", "))
            }
        }
    }
}

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.to_text().trim_end())
    }
}

fn line(text: &mut String, word: &str, rest: &str) {
    let rest: String = rest.chars().flat_map(plain).collect();
    writeln!(text, "{word:<9} {rest}").expect("a string takes what is written to it");
}
