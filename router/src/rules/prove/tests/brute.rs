//! What is proved of a file, against every push tried one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::claim::{Answer, Claim, answer};
use super::super::findings::Prover;
use super::super::search::Question;
use super::super::space::Languages;
use super::small::{self, Chance};
use super::*;
use crate::rules::condition::Moved;

const FILES: u64 = 1_500;

#[test]
fn what_is_proved_is_what_trying_every_push_finds() {
    try_files(files_or(FILES));
}

/// How many files: `make prove-long` says it for the long run.
#[expect(
    clippy::disallowed_methods,
    reason = "the long run is asked for from outside; what is tested asks for nothing"
)]
fn files_or(short: u64) -> u64 {
    match std::env::var("POINTSMAN_PROVE_FILES") {
        Ok(files) => files.parse().expect("POINTSMAN_PROVE_FILES is a number"),
        Err(_) => short,
    }
}

/// Tries so many files, on all processors.
#[expect(clippy::print_stdout, reason = "the long run says how much it tried")]
fn try_files(files: u64) {
    let (pushes, languages) = (small::pushes(), small::languages());
    let (next, tried) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        while tried.load(Relaxed) < files {
            let seed = next.fetch_add(1, Relaxed);
            let text = Chance(seed).file();
            // Some of what chance writes is no rule file: a `then` that goes round, say.
            if let Ok(rules) = Rules::parse(&text) {
                compare(&rules, &text, seed, &pushes, &languages);
                tried.fetch_add(1, Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(disagreement) = worker.join() {
                tried.store(files, Relaxed);
                std::panic::resume_unwind(disagreement);
            }
        }
    });
    let (seeds, tried) = (next.into_inner(), tried.into_inner());
    println!("{tried} files of {seeds} that chance wrote, {} pushes each", pushes.len());
    assert!(seeds < files * 3, "only {tried} of {seeds} files could be read");
}

/// What trying every push finds.
#[derive(Default)]
struct Tried {
    /// The cheapest push that each owner owns.
    owned: BTreeMap<String, u32>,
    by_then: BTreeSet<String>,
    environments: BTreeSet<String>,
    /// The owner, and a route below that would have taken it.
    overlaps: BTreeSet<(String, String)>,
    /// Routes that have pushes that another has not.
    beyond: BTreeSet<(String, String)>,
    /// What the last route takes: of which kind, and which routes name it.
    gaps: BTreeSet<(bool, Vec<String>)>,
}

fn compare(rules: &Rules, text: &str, seed: u64, pushes: &[(Push, u32)], languages: &Languages) {
    let decisions: Vec<Decision> = pushes.iter().map(|(push, _)| rules.decide(&Event::Push(push.clone()))).collect();
    let mut tried = Tried::default();
    for ((push, cost), decision) in pushes.iter().zip(&decisions) {
        tried.add(rules, push, *cost, decision);
    }
    let prover = Prover::of(rules, &[], languages).unwrap();
    let proof = prover.findings().unwrap();
    let context =
        || format!("seed {seed}\n{text}\n{:#?}", proof.findings.iter().map(|f| &f.message).collect::<Vec<_>>());
    for owner in 0..prover.owners() {
        let name = prover.name(owner);
        let found = prover.space.find(&Question::new([prover.case(owner)], prover.before(owner))).unwrap();
        if !prover.is_shadow(owner) {
            let found = found.map(|found| found.cost);
            assert_eq!(found, tried.owned.get(&name).copied(), "the shortest push of {name}: {}", context());
        }
    }
    let told = |kinds: &[FindingKind]| -> BTreeSet<String> {
        proof.findings.iter().filter(|f| kinds.contains(&f.kind)).map(|f| f.about.clone()).collect()
    };
    let places: BTreeSet<String> = rules.environments.iter().map(|place| place.name.to_string()).collect();
    let unreached = &places - &tried.environments;
    assert_eq!(told(&[FindingKind::UnreachedEnvironment]), unreached, "environments: {}", context());
    let pairs: BTreeSet<(String, String)> = proof
        .findings
        .iter()
        .filter(|f| matches!(f.kind, FindingKind::OrderMatters | FindingKind::PartlyShadowed))
        .map(|f| (f.other.clone().unwrap(), f.about.clone()))
        .collect();
    assert_eq!(pairs, tried.overlaps, "overlaps: {}", context());
    for finding in proof.findings.iter().filter(|f| f.other.is_some()) {
        let pair = (finding.other.clone().unwrap(), finding.about.clone());
        let is_partly = finding.kind == FindingKind::PartlyShadowed;
        assert_eq!(is_partly, tried.beyond.contains(&pair), "{pair:?}: {}", context());
    }
    for finding in proof.findings.iter().filter(|f| f.kind == FindingKind::OnlyThen) {
        assert!(tried.by_then.contains(&finding.about), "{}: {}", finding.about, context());
    }
    let gaps = proof.findings.iter().filter(|f| f.kind == FindingKind::Gap).count();
    assert_eq!(gaps, tried.gaps.len(), "gaps {:?}: {}", tried.gaps, context());
    claims(rules, seed, pushes, &decisions, languages, &context);
}

impl Tried {
    fn add(&mut self, rules: &Rules, push: &Push, cost: u32, decision: &Decision) {
        let (owner, chain) = match &decision.verdict {
            Verdict::Ignore { rule } => (rule.clone(), Vec::new()),
            Verdict::Start { route, chain, .. } => (route.to_string(), chain.clone()),
            Verdict::Nothing { route: Some(route) } => (route.to_string(), Vec::new()),
            Verdict::Nothing { route: None } => return,
            Verdict::Refused => panic!("every repository of this world is named"),
        };
        let least = self.owned.entry(owner.clone()).or_insert(cost);
        *least = cost.min(*least);
        self.by_then.extend(chain.iter().skip(1).map(|planned| planned.route.to_string()));
        let places = chain.iter().flat_map(|planned| &planned.plan.environments);
        self.environments.extend(places.map(|place| place.name.to_string()));
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

fn claims(
    rules: &Rules,
    seed: u64,
    pushes: &[(Push, u32)],
    decisions: &[Decision],
    languages: &Languages,
    context: &dyn Fn() -> String,
) {
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
    let turn = chance.one_of(&["always", "never"]);
    let which = if which == "route" { format!("route {route}") } else { which.to_owned() };
    let what = if what == "takes" { format!("takes {route}") } else { what.to_owned() };
    let text = format!("{which} {turn} {what}");
    let Ok(claim) = Claim::parse(&text, rules) else {
        assert!(!rules.routes.iter().any(|known| known.name.as_str() == route), "{text}");
        return;
    };
    let fails = |(push, decision): (&Push, &Decision)| {
        is_of(&which, push, decision) && does(&what, decision, turn == "always") != (turn == "always")
    };
    let cheapest = pushes
        .iter()
        .zip(decisions)
        .filter(|((push, _), decision)| fails((push, decision)))
        .map(|((_, cost), _)| *cost)
        .min();
    match (answer(rules, &claim, languages).unwrap(), cheapest) {
        (Answer::Yes(_), None) => {}
        (Answer::No(witness), Some(cost)) => {
            let (_, of_witness) =
                pushes.iter().find(|(push, _)| is_same(push, &witness.push)).expect("it is of this world");
            assert_eq!(*of_witness, cost, "{text}: {witness}: {}", context());
            assert!(fails((&witness.push, &witness.decision)), "{text}: {witness}: {}", context());
        }
        (answer, cost) => panic!("{text}: {answer:?}, and trying costs {cost:?}: {}", context()),
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
