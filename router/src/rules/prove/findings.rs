//! What is wrong with a file, or good to know about it, without anybody asking.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bits::Bits;
use super::search::{Left, Question};
use super::space::{Case, KINDS, Languages, Space, axes};
use super::{TooTangled, Witness};
use crate::event::Push;
use crate::problem::Place;
use crate::rules::condition::{Condition, Moved, Quantity};
use crate::rules::parse::IgnoreEntry;
use crate::rules::{OwnWord, REPO_FILE, Rules, Verdict};

/// The most overlaps and gaps that are told.
const NOTES_MAX: usize = 500;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proof {
    /// Problems first.
    pub findings: Vec<Finding>,
    /// There are more overlaps or gaps than are told.
    pub more: bool,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The route, `ignore` entry or environment that it is about.
    pub about: String,
    /// The other route, where there are two.
    pub other: Option<String>,
    /// Where the name of what it is about stands.
    pub place: Place,
    /// It stands in the repository's own file, and not in the rule file.
    pub is_own: bool,
    /// What it is, in a sentence.
    pub message: String,
    /// A push that shows it; none where there is no such push.
    pub witness: Option<Witness>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// No push ever comes to this route.
    ShadowedRoute,
    /// No push is ever ignored by this entry.
    DeadIgnore,
    /// No push ever travels to this environment.
    UnreachedEnvironment,
    /// No push owns this route, and a `then` leads to it.
    OnlyThen,
    /// A route above takes some of this route's pushes, and has others too.
    PartlyShadowed,
    /// A route above takes some of this route's pushes, and has no others: the other way round it would never be reached.
    OrderMatters,
    /// Pushes that only the last route takes.
    Gap,
}

impl FindingKind {
    /// Whether the file should be changed; the others are good to know.
    pub fn is_problem(self) -> bool {
        matches!(self, Self::ShadowedRoute | Self::DeadIgnore | Self::UnreachedEnvironment)
    }

    /// Its word: `shadowed_route`.
    pub fn word(self) -> &'static str {
        match self {
            Self::ShadowedRoute => "shadowed_route",
            Self::DeadIgnore => "dead_ignore",
            Self::UnreachedEnvironment => "unreached_environment",
            Self::OnlyThen => "only_then",
            Self::PartlyShadowed => "partly_shadowed",
            Self::OrderMatters => "order_matters",
            Self::Gap => "gap",
        }
    }
}

impl Proof {
    /// Whether anything should be changed.
    pub fn has_problems(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind.is_problem())
    }
}

impl Rules {
    /// Finds everything that can be said of the file.
    ///
    /// # Errors
    /// When its globs interlace too much.
    pub fn prove(&self) -> Result<Proof, TooTangled> {
        self.prove_with(None)
    }

    /// The same, when every repository says this for itself.
    ///
    /// # Errors
    /// When the globs interlace too much.
    pub fn prove_with(&self, own: Option<&OwnWord>) -> Result<Proof, TooTangled> {
        Prover::of(self, own, &[], &Languages::real())?.findings()
    }
}

/// A file with its space. Owners are the `ignore` entries and then the routes, by one number. The cases behind them are those of
/// the entries that a repository ignores for itself, and then those that were asked for.
pub(super) struct Prover<'a> {
    pub(super) rules: &'a Rules,
    own: Option<&'a OwnWord>,
    pub(super) space: Space,
}

/// What can become of an owner's pushes: one way its chain of `then` can end, or an entry of the repository's own file.
pub(super) struct Outcome {
    /// The routes by their owners' numbers.
    pub(super) chain: Vec<usize>,
    /// The repository ignores it by this entry of its own.
    pub(super) own: Option<usize>,
    /// What must be left over for that.
    left: Left,
}

/// What some push leads to.
#[derive(Default)]
struct Reached {
    /// The owners that a `then` leads to.
    by_then: BTreeSet<usize>,
    /// The environments that a push travels to.
    environments: BTreeSet<usize>,
    /// The entries of the repository's own file that ignore something.
    own: BTreeSet<usize>,
}

/// What a repository ignores for itself.
fn own_entries(own: Option<&OwnWord>) -> &[IgnoreEntry] {
    match own {
        Some(OwnWord::File(file)) => &file.ignore,
        Some(OwnWord::Unusable(_)) | None => &[],
    }
}

impl<'a> Prover<'a> {
    pub(super) fn of(
        rules: &'a Rules,
        own: Option<&'a OwnWord>,
        more: &[&Condition],
        languages: &Languages,
    ) -> Result<Self, TooTangled> {
        let conditions: Vec<&Condition> = (rules.ignore.iter().map(|entry| &entry.condition))
            .chain(rules.routes.iter().map(|route| &route.condition))
            .chain(own_entries(own).iter().map(|entry| &entry.condition))
            .chain(more.iter().copied())
            .collect();
        let space = Space::of(rules, &conditions, languages)?;
        Ok(Self { rules, own, space })
    }

    /// The cases of what a repository ignores for itself.
    fn own(&self) -> &[Case] {
        &self.space.cases[self.owners()..][..own_entries(self.own).len()]
    }

    /// The cases that were asked for.
    pub(super) fn more(&self) -> &[Case] {
        &self.space.cases[self.owners() + self.own().len()..]
    }

    fn ignored(&self) -> usize {
        self.rules.ignore.len()
    }

    /// How many `ignore` entries and routes there are.
    pub(super) fn owners(&self) -> usize {
        self.ignored() + self.rules.routes.len()
    }

    /// The number of an owner among the routes, when it is one.
    pub(super) fn route(&self, owner: usize) -> Option<usize> {
        owner.checked_sub(self.ignored())
    }

    pub(super) fn name(&self, owner: usize) -> String {
        match self.route(owner) {
            Some(route) => self.rules.routes[route].name.to_string(),
            None => self.rules.ignore[owner].name.value.clone(),
        }
    }

    pub(super) fn case(&self, owner: usize) -> &Case {
        &self.space.cases[owner]
    }

    pub(super) fn is_shadow(&self, owner: usize) -> bool {
        self.route(owner).is_some_and(|route| self.rules.routes[route].shadow)
    }

    /// Those that are asked before this one and could take a push from it.
    pub(super) fn before(&self, owner: usize) -> impl Iterator<Item = &Case> {
        (0..owner).filter(|before| !self.is_shadow(*before)).map(|before| self.case(before))
    }

    pub(super) fn witness(&self, question: &Question<'_>) -> Result<Option<Witness>, TooTangled> {
        Ok(self.space.find(question)?.map(|found| self.seen(found.push)))
    }

    /// A push with what is decided about it.
    pub(super) fn seen(&self, push: Push) -> Witness {
        Witness::of(self.rules, self.own, push)
    }

    /// Is there a push of the owner that ends so?
    pub(super) fn question(&self, owner: usize, outcome: &Outcome) -> Question<'_> {
        let (case, before) = (self.case(owner), self.before(owner));
        let own = if self.starts(owner) { self.own() } else { &[] };
        match outcome.own {
            Some(entry) => Question::new([case, &own[entry]], before.chain(&own[..entry])),
            None => Question::new([case], before.chain(own)).with(outcome.left.clone()),
        }
    }

    /// What can become of an owner's pushes: the ends of its chain from short to long, then what its repository ignores.
    pub(super) fn outcomes(&self, owner: usize) -> Vec<Outcome> {
        let atoms = self.space.files.len();
        let (mut chain, mut taken, mut outcomes) = (vec![owner], Bits::none(atoms), Vec::new());
        let mut some = None;
        while let Some(next) = chain.last().and_then(|last| self.then(*last)) {
            let tests = &self.case(*chain.last().unwrap_or(&owner)).files;
            let takes = tests.iter().filter(|test| matches!(test.quantity, Quantity::Any | Quantity::All));
            takes.for_each(|test| taken.unite(&test.list));
            let untaken = taken.complement(atoms);
            let left = Left { some: some.clone(), nothing: Some(untaken.clone()) };
            outcomes.push(Outcome { chain: chain.clone(), own: None, left });
            some = Some(untaken);
            chain.push(next);
        }
        outcomes.push(Outcome { chain, own: None, left: Left { some, nothing: None } });
        if self.starts(owner) {
            let ignored = (0..self.own().len()).map(Some);
            outcomes.extend(ignored.map(|own| Outcome { chain: vec![owner], own, left: Left::default() }));
        }
        outcomes
    }

    /// Whether a push of the owner starts something.
    fn starts(&self, owner: usize) -> bool {
        self.route(owner).is_some_and(|route| self.rules.routes[route].goal.is_some())
    }

    fn then(&self, owner: usize) -> Option<usize> {
        let goal = self.rules.routes[self.route(owner)?].goal.as_ref()?;
        goal.then.map(|route| route + self.ignored())
    }

    pub(super) fn findings(&self) -> Result<Proof, TooTangled> {
        let mut proof = Proof::default();
        let Reached { by_then, environments, own } = self.reached()?;
        for owner in 0..self.owners() {
            proof.findings.extend(self.never(owner, &by_then)?);
        }
        for (at, place) in self.rules.environments.iter().enumerate().filter(|(at, _)| !environments.contains(at)) {
            let named = self
                .rules
                .routes
                .iter()
                .any(|route| route.goal.as_ref().is_some_and(|goal| goal.environments.contains(&at)));
            let why = if named { "no route that can be reached leads to it" } else { "no route names it in `to`" };
            let message = format!("no push ever travels to `{}`: {why}", place.name);
            let place = (place.name.to_string(), self.rules.environment_places[at]);
            proof.add(FindingKind::UnreachedEnvironment, place, None, message, None);
        }
        for (_, entry) in own_entries(self.own).iter().enumerate().filter(|(at, _)| !own.contains(at)) {
            let name = &entry.name.value;
            let message = format!("`{name}` of {REPO_FILE} never ignores anything that would start");
            proof.add(FindingKind::DeadIgnore, (name.clone(), entry.name.place), None, message, None);
            proof.findings.last_mut().into_iter().for_each(|finding| finding.is_own = true);
        }
        self.overlaps(&mut proof)?;
        self.gaps(&mut proof)?;
        proof.findings.sort_by_key(|finding| finding.kind);
        Ok(proof)
    }

    fn reached(&self) -> Result<Reached, TooTangled> {
        let mut reached = Reached::default();
        for owner in (self.ignored()..self.owners()).filter(|owner| !self.is_shadow(*owner)) {
            for outcome in self.outcomes(owner) {
                let started = outcome.chain.iter().filter(|_| outcome.own.is_none());
                let goals = started.filter_map(|owner| self.rules.routes[self.route(*owner)?].goal.as_ref());
                let places: BTreeSet<usize> = goals.flat_map(|goal| goal.environments.iter().copied()).collect();
                let is_news = !places.is_subset(&reached.environments)
                    || outcome.chain[1..].iter().any(|next| !reached.by_then.contains(next))
                    || outcome.own.is_some_and(|entry| !reached.own.contains(&entry));
                if is_news && self.space.find(&self.question(owner, &outcome))?.is_some() {
                    reached.environments.extend(places);
                    reached.by_then.extend(outcome.chain[1..].iter().copied());
                    reached.own.extend(outcome.own);
                }
            }
        }
        Ok(reached)
    }

    /// Where an owner's name stands.
    fn place(&self, owner: usize) -> Place {
        match self.route(owner) {
            Some(route) => self.rules.routes[route].place,
            None => self.rules.ignore[owner].name.place,
        }
    }

    /// Says when no push ever comes to an owner.
    fn never(&self, owner: usize, by_then: &BTreeSet<usize>) -> Result<Option<Finding>, TooTangled> {
        if self.space.find(&Question::new([self.case(owner)], self.before(owner)))?.is_some() {
            return Ok(None);
        }
        let name = self.name(owner);
        let witness = self.witness(&Question::new([self.case(owner)], []))?;
        let why = match witness.as_ref().map(|witness| &witness.decision.verdict) {
            None => "no push is like that".to_owned(),
            Some(Verdict::Ignore { rule }) => format!("what it is for is taken above, as this push by `{rule}`"),
            Some(Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) }) => {
                format!("what it is for is taken above, as this push by `{route}`")
            }
            Some(Verdict::Nothing { route: None } | Verdict::Refused) => "what it is for is taken above".to_owned(),
        };
        let (kind, message) = match self.route(owner) {
            None => (FindingKind::DeadIgnore, format!("`{name}` never ignores anything: {why}")),
            Some(_) if by_then.contains(&owner) => {
                (FindingKind::OnlyThen, format!("`{name}` is only reached by a `then`: {why}"))
            }
            Some(_) => (FindingKind::ShadowedRoute, format!("`{name}` is never reached: {why}")),
        };
        Ok(Some(Finding { kind, about: name, other: None, place: self.place(owner), is_own: false, message, witness }))
    }

    /// Pairs of routes that some push could take either of.
    fn overlaps(&self, proof: &mut Proof) -> Result<(), TooTangled> {
        let routes = self.ignored()..self.owners();
        let last = self.owners().saturating_sub(1);
        for below in routes.clone().filter(|owner| *owner != last && !self.is_shadow(*owner)) {
            for above in (routes.start..below).filter(|owner| !self.is_shadow(*owner)) {
                let (upper, lower) = (self.case(above), self.case(below));
                if !upper.may_meet(lower) {
                    continue;
                }
                let Some(witness) = self.witness(&Question::new([upper, lower], self.before(above)))? else { continue };
                if proof.is_full() {
                    return Ok(());
                }
                let is_within = self.space.find(&Question::new([upper], [lower]))?.is_none();
                let place = self.place(below);
                let (above, below) = (self.name(above), self.name(below));
                let (kind, message) = if is_within {
                    let message = format!("`{above}` takes some of what `{below}` would take, and must stay above it");
                    (FindingKind::OrderMatters, message)
                } else {
                    let message = format!(
                        "`{above}` takes some of what `{below}` would take, and each has more: the order decides"
                    );
                    (FindingKind::PartlyShadowed, message)
                };
                proof.add(kind, (below, place), Some(above), message, Some(witness));
            }
        }
        Ok(())
    }

    /// What only the last route takes, by the name that was pushed.
    fn gaps(&self, proof: &mut Proof) -> Result<(), TooTangled> {
        let Some(last) = self.owners().checked_sub(1).filter(|last| *last > self.ignored()) else { return Ok(()) };
        for (at, kind) in KINDS.into_iter().enumerate().filter(|(_, kind)| *kind != Moved::Request) {
            let axis = axes(kind)[0];
            let mut shapes: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
            for value in 0..self.space.values[axis as usize].len() {
                let names = |owner: &usize| {
                    let case = self.case(*owner);
                    !self.is_shadow(*owner)
                        && case.kinds[at]
                        && case.axes[axis as usize].is_some()
                        && case.allows(axis, value)
                };
                shapes.entry((self.ignored()..last).filter(names).collect()).or_default().push(value);
            }
            for (named, values) in shapes {
                let mut best: Option<super::search::Found> = None;
                for value in values {
                    let question = Question {
                        only: Some((kind, Some(value))),
                        ..Question::new([self.case(last)], self.before(last))
                    };
                    let found = self.space.find(&question)?;
                    best = best.into_iter().chain(found).min_by_key(|found| found.cost);
                }
                let Some(found) = best else { continue };
                if proof.is_full() {
                    return Ok(());
                }
                let what = if kind == Moved::Branch { "branches" } else { "tags" };
                let (last, place) = (self.name(last), self.place(last));
                let message = match named.as_slice() {
                    [] => format!("{what} that no route names go to `{last}`"),
                    named => {
                        let names: Vec<String> =
                            named.iter().take(5).map(|owner| format!("`{}`", self.name(*owner))).collect();
                        let more = if named.len() > 5 { " and others" } else { "" };
                        format!("{what} of {}{more}: what none of them takes goes to `{last}`", names.join(", "))
                    }
                };
                proof.add(FindingKind::Gap, (last, place), None, message, Some(self.seen(found.push)));
            }
        }
        Ok(())
    }
}

impl Proof {
    fn add(
        &mut self,
        kind: FindingKind,
        (about, place): (String, Place),
        other: Option<String>,
        message: String,
        witness: Option<Witness>,
    ) {
        self.findings.push(Finding { kind, about, other, place, is_own: false, message, witness });
    }

    fn is_full(&mut self) -> bool {
        self.more |= self.findings.iter().filter(|finding| !finding.kind.is_problem()).count() >= NOTES_MAX;
        self.more
    }
}
