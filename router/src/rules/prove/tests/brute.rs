//! What is proved of a file, against every push tried one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::claim::{Answer, Claim, answer};
use super::super::findings::Prover;
use super::super::search::Question;
use super::super::space::Languages;
use super::small::{self, Chance, Mentioned, Tries};
use super::*;
use crate::rules::condition::Moved;

#[test]
fn what_is_proved_is_what_trying_every_push_finds() {
    try_files(1_500);
}

#[test]
#[ignore = "takes minutes: make prove-long"]
fn a_hundred_thousand_files_say_the_same() {
    try_files(100_000);
}

/// Tries so many files.
#[expect(clippy::print_stdout, reason = "the long run says how much it tried")]
fn try_files(files: u64) {
    let (pushes, languages) = (small::pushes(), small::languages());
    let (mut seed, mut tried) = (0, 0);
    while tried < files {
        let text = Chance(seed).file();
        // Some of what chance writes is no rule file: a `then` that goes round, say.
        if let Ok(rules) = Rules::parse(&text) {
            World::of(rules, seed, text, &pushes, &languages).compare();
            tried += 1;
        }
        seed += 1;
    }
    println!("{tried} files of {seed} that chance wrote, {} pushes each", pushes.len());
    assert!(seed < files * 3, "only {tried} of {seed} files could be read");
}

/// One file, perhaps with what every repository says for itself, and all that can be pushed.
struct World<'a> {
    rules: Rules,
    own: Option<OwnWord>,
    /// Those that something tells apart.
    pushes: Vec<&'a Tries>,
    languages: &'a Languages,
    seed: u64,
    /// As it was written.
    text: String,
    claim: Sentence,
}

/// A claim of chance.
struct Sentence {
    route: String,
    which: String,
    always: bool,
    what: String,
}

/// What trying every push finds.
#[derive(Default)]
struct Tried {
    /// The cheapest push that each owner owns.
    owned: BTreeMap<String, u32>,
    by_then: BTreeSet<String>,
    environments: BTreeSet<String>,
    /// The entries of a repository's own that ignored something.
    own: BTreeSet<String>,
    /// The owner, and a route below that would have taken it.
    overlaps: BTreeSet<(String, String)>,
    /// Routes that have pushes that another has not.
    beyond: BTreeSet<(String, String)>,
    /// What the last route takes: of which kind, and which routes name it.
    gaps: BTreeSet<(bool, Vec<String>)>,
}

impl<'a> World<'a> {
    /// Every other file has repositories that say something for themselves. What nobody mentions is only varied for every eighth
    /// file: it cannot matter.
    fn of(rules: Rules, seed: u64, mut text: String, all: &'a [Tries], languages: &'a Languages) -> Self {
        let own_text = Chance(seed ^ 0x0b_0e57).own_file();
        let own = own_text.as_ref().map(|text| OwnWord::read(&rules, text));
        assert!(!matches!(own, Some(OwnWord::Unusable(_))), "{own:?}: {own_text:?}");
        own_text.iter().for_each(|own| text += &format!("---\n{own}"));
        let claim = Sentence::of(seed);
        let mentioned = Mentioned::by(&format!("{text}{}", claim.which));
        let pushes = all.iter().filter(|tries| seed.is_multiple_of(8) || mentioned.varies(&tries.push)).collect();
        Self { rules, own, pushes, languages, seed, text, claim }
    }

    fn compare(&self) {
        let Self { rules, pushes, .. } = self;
        let (mut tried, mut decisions) = (Tried::default(), Vec::with_capacity(pushes.len()));
        for Tries { event, push, cost } in pushes.iter().copied() {
            let decision = rules.decide(event);
            tried.add(rules, push, *cost, &decision);
            let decision = rules.heed(decision, event, self.own.as_ref());
            tried.add_ends(&decision);
            decisions.push(decision);
        }
        let prover = Prover::of(rules, self.own.as_ref(), &[], self.languages).unwrap();
        let proof = prover.findings().unwrap();
        self.compare_owners(&prover, &tried);
        self.compare_findings(&proof, &tried);
        self.compare_pairs(&proof, &tried);
        self.claims(&decisions);
    }

    fn context(&self) -> String {
        format!("seed {}\n{}", self.seed, self.text)
    }

    fn compare_owners(&self, prover: &Prover<'_>, tried: &Tried) {
        for owner in (0..prover.owners()).filter(|owner| !prover.is_shadow(*owner)) {
            let name = prover.name(owner);
            let found = prover.space.find(&Question::new([prover.case(owner)], prover.before(owner))).unwrap();
            let found = found.map(|found| found.cost);
            assert_eq!(found, tried.owned.get(&name).copied(), "the shortest push of {name}: {}", self.context());
        }
    }

    fn compare_findings(&self, proof: &Proof, tried: &Tried) {
        let told = |kind: FindingKind, is_own: bool| -> BTreeSet<String> {
            let found = proof.findings.iter().filter(|f| f.kind == kind && f.is_own == is_own);
            found.map(|f| f.about.clone()).collect()
        };
        let places: BTreeSet<String> = self.rules.environments.iter().map(|place| place.name.to_string()).collect();
        let unreached = told(FindingKind::UnreachedEnvironment, false);
        assert_eq!(unreached, &places - &tried.environments, "environments: {}", self.context());
        let own: BTreeSet<String> = match &self.own {
            Some(OwnWord::File(file)) => file.ignore.iter().map(|entry| entry.name.value.clone()).collect(),
            _ => BTreeSet::new(),
        };
        assert_eq!(told(FindingKind::DeadIgnore, true), &own - &tried.own, "its own entries: {}", self.context());
        for route in told(FindingKind::OnlyThen, false) {
            assert!(tried.by_then.contains(&route), "{route}: {}", self.context());
        }
        let gaps = proof.findings.iter().filter(|f| f.kind == FindingKind::Gap).count();
        assert_eq!(gaps, tried.gaps.len(), "gaps {:?}: {}", tried.gaps, self.context());
    }

    fn compare_pairs(&self, proof: &Proof, tried: &Tried) {
        let found = || proof.findings.iter().filter_map(|f| Some((f.kind, (f.other.clone()?, f.about.clone()))));
        let pairs: BTreeSet<(String, String)> = found().map(|(_, pair)| pair).collect();
        assert_eq!(pairs, tried.overlaps, "overlaps: {}", self.context());
        for (kind, pair) in found() {
            let is_partly = kind == FindingKind::PartlyShadowed;
            assert_eq!(is_partly, tried.beyond.contains(&pair), "{pair:?}: {}", self.context());
        }
    }
}

impl Tried {
    /// Where the decision leads to in the end, its repository's own word heard.
    fn add_ends(&mut self, decision: &Decision) {
        match &decision.verdict {
            Verdict::Start { chain, .. } => {
                self.by_then.extend(chain.iter().skip(1).map(|planned| planned.route.to_string()));
                let places = chain.iter().flat_map(|planned| &planned.plan.environments);
                self.environments.extend(places.map(|place| place.name.to_string()));
            }
            Verdict::Ignore { rule } => {
                self.own.insert(rule.clone());
            }
            Verdict::Nothing { .. } | Verdict::Refused => {}
        }
    }

    /// Whose the push is.
    fn add(&mut self, rules: &Rules, push: &Push, cost: u32, decision: &Decision) {
        let owner = match &decision.verdict {
            Verdict::Ignore { rule } => rule.clone(),
            Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => route.to_string(),
            Verdict::Nothing { route: None } => return,
            Verdict::Refused => panic!("every repository of this world is named"),
        };
        let least = self.owned.entry(owner.clone()).or_insert(cost);
        *least = cost.min(*least);
        let routes: Vec<_> = rules.routes.iter().filter(|route| !route.shadow).collect();
        let (last, others) = routes.split_last().unwrap();
        if matches!(decision.verdict, Verdict::Ignore { .. }) {
            return self.add_beyond(rules, push);
        }
        for route in others {
            if route.name.as_str() != owner && owner != last.name.as_str() && route.condition.holds(push) {
                self.overlaps.insert((owner.clone(), route.name.to_string()));
            }
        }
        self.add_beyond(rules, push);
        if owner == last.name.as_str() {
            let names = others.iter().filter(|route| names(&route.condition, push));
            self.gaps.insert((push.git_ref.tag().is_some(), names.map(|route| route.name.to_string()).collect()));
        }
    }

    fn add_beyond(&mut self, rules: &Rules, push: &Push) {
        let (holding, others): (Vec<_>, Vec<_>) = rules.routes.iter().partition(|route| route.condition.holds(push));
        for route in holding {
            let pairs = others.iter().map(|other| (route.name.to_string(), other.name.to_string()));
            self.beyond.extend(pairs);
        }
    }
}

/// Whether a condition says something about the branch or tag, and allows this one.
fn names(condition: &crate::rules::condition::Condition, push: &Push) -> bool {
    use crate::rules::condition::Predicate;
    let moved = if push.git_ref.tag().is_some() { Moved::Tag } else { Moved::Branch };
    let refs = condition.all.iter().filter_map(|predicate| match predicate {
        Predicate::Ref(of, globs) => Some((*of, globs)),
        _ => None,
    });
    refs.into_iter().any(|(of, globs)| of == moved && globs.matches(push.git_ref.short()))
}

impl World<'_> {
    fn claims(&self, decisions: &[Decision]) {
        let Sentence { route, which, always, what } = &self.claim;
        let text = format!("{which} {} {what}", if *always { "always" } else { "never" });
        let Ok(claim) = Claim::parse(&text, &self.rules) else {
            assert!(!self.rules.routes.iter().any(|known| known.name.as_str() == *route), "{text}");
            return;
        };
        let fails =
            |push: &Push, decision: &Decision| is_of(which, push, decision) && does(what, decision, *always) != *always;
        let all = self.pushes.iter().zip(decisions);
        let cheapest = all.filter(|(tries, decision)| fails(&tries.push, decision)).map(|(tries, _)| tries.cost).min();
        match (answer(&self.rules, self.own.as_ref(), &claim, self.languages).unwrap(), cheapest) {
            (Answer::Yes(_), None) => {}
            (Answer::No(witness), Some(cost)) => {
                let same = self.pushes.iter().find(|tries| is_same(&tries.push, &witness.push));
                assert_eq!(same.expect("it is of this world").cost, cost, "{text}: {witness}: {}", self.context());
                assert!(fails(&witness.push, &witness.decision), "{text}: {witness}: {}", self.context());
            }
            (answer, cost) => panic!("{text}: {answer:?}, and trying costs {cost:?}: {}", self.context()),
        }
    }
}

impl Sentence {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(seed ^ 0x00c1_a1a5);
        let route = format!("r{}", chance.below(3));
        let which = chance.one_of(&[
            "any push",
            "branch a",
            "tag **",
            "target a",
            "path b/**",
            "only path a",
            "actor x",
            "branch a and no path b/*",
            "route",
        ]);
        let what = chance.one_of(&["reaches e", "reaches g", "runs p", "runs q", "takes", "starts", "is ignored"]);
        let always = chance.below(2) == 0;
        let which = if which == "route" { format!("route {route}") } else { which.to_owned() };
        let what = if what == "takes" { format!("takes {route}") } else { what.to_owned() };
        Self { route, which, always, what }
    }
}

fn is_same(one: &Push, other: &Push) -> bool {
    let said = |push: &Push| (push.created, push.forced, push.actor.clone(), push.message.clone());
    one.repository == other.repository
        && one.git_ref == other.git_ref
        && one.changed == other.changed
        && said(one) == said(other)
}

fn is_of(which: &str, push: &Push, decision: &Decision) -> bool {
    let files = |is_of: fn(&str) -> bool| match &push.changed {
        ChangedFiles::Known(files) => Some(files.iter().filter(|file| is_of(file)).count()),
        ChangedFiles::Unknown(_) => None,
    };
    let all = files(|_| true);
    match which {
        "any push" => true,
        "branch a" => push.git_ref.branch() == Some("a"),
        "tag **" => push.git_ref.tag().is_some(),
        "target a" => push.git_ref.request().is_some_and(|request| request.target == "a"),
        "path b/**" => files(|file| file.starts_with("b/")) != Some(0),
        "only path a" => all > Some(0) && files(|file| file == "a") == all,
        "actor x" => push.actor == "x",
        "branch a and no path b/*" => {
            push.git_ref.branch() == Some("a") && files(|file| file.starts_with("b/")) == Some(0)
        }
        route => owner(decision) == route.strip_prefix("route "),
    }
}

fn owner(decision: &Decision) -> Option<&str> {
    match &decision.verdict {
        Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => Some(route.as_str()),
        Verdict::Ignore { .. } | Verdict::Nothing { route: None } | Verdict::Refused => None,
    }
}

fn does(what: &str, decision: &Decision, always: bool) -> bool {
    let chain = match &decision.verdict {
        Verdict::Start { manual: true, .. } if always && !what.starts_with("takes") => &[][..],
        Verdict::Start { chain, .. } => chain,
        _ => &[],
    };
    match what.split_once(' ') {
        Some(("reaches", place)) => {
            chain.iter().flat_map(|planned| &planned.plan.environments).any(|known| known.name.as_str() == place)
        }
        Some(("runs", pipeline)) => chain.iter().any(|planned| planned.plan.pipeline.as_str() == pipeline),
        Some(("takes", route)) => {
            owner(decision) == Some(route) || chain.iter().any(|planned| planned.route.as_str() == route)
        }
        Some(_) => matches!(decision.verdict, Verdict::Ignore { .. }),
        None => !chain.is_empty(),
    }
}
