//! A push to a decision. Nothing here can fail, and the same push always leads to the same decision.

use super::index::Asked;
use super::{Decision, NamedRepository, NearestMiss, Route, Rules, Shadow, Verdict};
use crate::event::{ChangeRequest, ChangedFiles, Deleted, Event, Push};
use crate::id::GitRef;
use crate::pipeline::{Plan, Planned};

impl Rules {
    /// What is done about an event, and why.
    pub fn decide(&self, event: &Event) -> Decision {
        match event {
            Event::Push(push) => self.decide_push(push),
            Event::Deleted(deleted) => self.nothing(gone(deleted)),
            Event::ChangeRequest(request) => match request.as_push() {
                Some(push) => self.decide_push(&push),
                None => self.nothing(unmoved(request)),
            },
            Event::Comment(_) => self.nothing("a comment starts nothing"),
            Event::Ping(_) => self.nothing("the forge tried whether we are there; we are"),
            Event::Other(about) => self.nothing(format!("nothing is started by {}", named(&about.what))),
            Event::Unreadable(unreadable) => self.refused(unreadable.why.clone()),
        }
    }

    /// Whether the decision hangs on changed files that the push's event could not say: only then ask the forge.
    pub fn needs_changed_files(&self, push: &Push) -> bool {
        if matches!(push.changed, ChangedFiles::Known(_)) || self.repository_named(&push.repository).is_none() {
            return false;
        }
        // Ignored whatever the files are.
        if self.ignore.iter().any(|entry| entry.condition.holds(push)) {
            return false;
        }
        if self.ignore.iter().any(|entry| entry.condition.holds_but_for_files(push)) {
            return true;
        }
        let candidates = self.routes.iter().filter(|route| route.condition.holds_but_for_files(push));
        // Shadows above the first that could own it want to know too.
        let mut until_owner = candidates.scan(false, |over, route| {
            let before = std::mem::replace(over, !route.shadow);
            (!before).then_some(route)
        });
        until_owner.any(|route| route.condition.looks_at_files())
    }

    /// Whether it matters for any push that history was rewritten: some entry asks for that, or for the changed files, which
    /// are not all listed then.
    pub fn look_at_history(&self) -> bool {
        let ignored = self.ignore.iter().map(|entry| &entry.condition);
        let mut all = ignored.chain(self.routes.iter().map(|route| &route.condition));
        all.any(|condition| condition.looks_at_files() || condition.looks_at_history())
    }

    fn decide_push(&self, push: &Push) -> Decision {
        let Some(repository) = self.repository_named(&push.repository) else {
            return self.refused(format!("no entry of `repositories` names {}", push.repository));
        };
        let ignored = self.ignore.iter().find(|entry| entry.condition.holds(push));
        if let Some(entry) = ignored {
            let rule = entry.name.value.clone();
            let words = entry.condition.all.iter().map(|predicate| predicate.words(push, true));
            let because = std::iter::once(format!("ignored by {rule}")).chain(words).collect();
            return self.decision(Verdict::Ignore { rule }, because);
        }
        let Asked { owner, shadows, nearest } = self.index.ask(&self.routes, push);
        let shadows = shadows.into_iter().map(|at| self.shadow(&self.routes[at], push, repository)).collect();
        let nearest_miss = nearest.and_then(|at| miss(&self.routes[at], push));
        if let Some(owner) = owner {
            return Decision { nearest_miss, shadows, ..self.owned(&self.routes[owner], push, repository) };
        }
        // A checked file ends with a route for every push, and need not have one for change requests.
        let why = match push.git_ref.request() {
            Some(request) => format!("no route takes change request {}", request.number),
            None => "no route matches".to_owned(),
        };
        Decision { nearest_miss, shadows, ..self.nothing(why) }
    }

    /// What a shadow route would have decided.
    fn shadow(&self, route: &Route, push: &Push, repository: &NamedRepository) -> Shadow {
        let decision = self.owned(route, push, repository);
        let chain = match decision.verdict {
            Verdict::Start { chain, .. } => chain,
            Verdict::Ignore { .. } | Verdict::Nothing { .. } | Verdict::Refused => Vec::new(),
        };
        Shadow { route: route.name.clone(), chain, because: decision.because }
    }

    /// The decision of the route that owns the push.
    fn owned(&self, route: &Route, push: &Push, repository: &NamedRepository) -> Decision {
        let condition = &route.condition;
        let mut because: Vec<String> =
            condition.all.iter().map(|predicate| predicate.words(push, condition.skips)).collect();
        if because.is_empty() {
            because.push(format!("{} takes every push", route.name));
        }
        let Some(goal) = &route.goal else {
            because.push(format!("{} starts nothing (pipeline: none)", route.name));
            return self.decision(Verdict::Nothing { route: Some(route.name.clone()) }, because);
        };
        if goal.manual {
            because.push(format!("{} waits for a person to start it (start: manual)", route.name));
        }
        let chain = self.chain(route, push, repository, &mut because);
        self.decision(Verdict::Start { route: route.name.clone(), chain, manual: goal.manual }, because)
    }

    /// The owner's run and those of its `then`, as long as files are left over.
    fn chain(
        &self,
        owner: &Route,
        push: &Push,
        repository: &NamedRepository,
        because: &mut Vec<String>,
    ) -> Vec<Planned> {
        let mut chain: Vec<Planned> = self.planned(owner, repository).into_iter().collect();
        let mut route = owner;
        let mut left = push.changed.clone();
        while let Some(next) = route.goal.as_ref().and_then(|goal| goal.then).map(|at| &self.routes[at]) {
            left = route.condition.left_over(&left);
            because.push(match &left {
                ChangedFiles::Known(files) if files.is_empty() => {
                    format!("then {}: does not start, {} took every changed file", next.name, route.name)
                }
                ChangedFiles::Known(files) => format!("then {}: {} left over", next.name, counted(files.len())),
                ChangedFiles::Unknown(_) => format!("then {}: starts, the changed files are unknown", next.name),
            });
            if matches!(&left, ChangedFiles::Known(files) if files.is_empty()) {
                break;
            }
            chain.extend(self.planned(next, repository));
            route = next;
        }
        chain
    }

    fn planned(&self, route: &Route, repository: &NamedRepository) -> Option<Planned> {
        let goal = route.goal.as_ref()?;
        let pipeline = &self.pipelines[goal.pipeline];
        let stages = match &goal.stages {
            Some(picked) => picked.iter().map(|at| pipeline.stages[*at].clone()).collect(),
            None => pipeline.stages.clone(),
        };
        let plan = Plan {
            pipeline: pipeline.name.clone(),
            stages,
            deploy: pipeline.deploy.clone().filter(|_| !goal.environments.is_empty()),
            environments: goal.environments.iter().map(|at| self.environments[*at].clone()).collect(),
            variables: repository.variables.clone(),
            clone: repository.clone.clone(),
            concurrency: goal.concurrency,
        };
        Some(Planned { route: route.name.clone(), plan })
    }

    fn decision(&self, verdict: Verdict, because: Vec<String>) -> Decision {
        Decision { verdict, because, nearest_miss: None, shadows: Vec::new(), rules: self.hash.clone() }
    }

    fn nothing(&self, because: impl Into<String>) -> Decision {
        self.decision(Verdict::Nothing { route: None }, vec![because.into()])
    }

    fn refused(&self, because: String) -> Decision {
        self.decision(Verdict::Refused, vec![because])
    }
}

fn miss(route: &Route, push: &Push) -> Option<NearestMiss> {
    let (_, predicate) = route.condition.first_failing(push)?;
    let because = predicate.words(push, route.condition.skips);
    Some(NearestMiss { route: route.name.clone(), because, needed: route.condition.needed(push) })
}

fn gone(deleted: &Deleted) -> String {
    match &deleted.git_ref {
        GitRef::Branch(name) => format!("branch {} was deleted; nothing is started", super::parse::shown(name)),
        GitRef::Tag(name) => format!("tag {} was deleted; nothing is started", super::parse::shown(name)),
        GitRef::Request(request) => format!("change request {} is gone; nothing is started", request.number),
    }
}

/// Why a change request that brought nothing new starts nothing.
fn unmoved(request: &ChangeRequest) -> String {
    let (number, action) = (request.number, super::parse::shown(&request.action));
    match (&request.commit, request.moved) {
        (None, _) => format!("change request {number} names no commit"),
        (Some(_), true) => format!("the branches of change request {number} have too long names"),
        (Some(_), false) => format!("change request {number} ({action}) brought no new commit"),
    }
}

/// The forge's own word for an event, when it has one.
fn named(what: &str) -> String {
    if what.is_empty() { "this event".to_owned() } else { format!("the event {}", super::parse::shown(what)) }
}

fn counted(files: usize) -> String {
    if files == 1 { "1 changed file is".to_owned() } else { format!("{files} changed files are") }
}
