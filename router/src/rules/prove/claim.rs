//! A sentence about all pushes, and whether it is true.

use super::findings::{Outcome, Prover};
use super::search::{Found, Question};
use super::space::Languages;
use super::{TooTangled, Witness};
use crate::rules::condition::{About, Condition, Moved, Predicate, Quantity};
use crate::rules::pattern::{Dialect, Pattern, Patterns};
use crate::rules::{Goal, OwnWord, Rules};

/// The grammar of claims, as `pointsman prove --help` prints it.
pub const CLAIMS: &str = "\
A claim is one of
  ENVIRONMENT requires approval
  WHICH always|never reaches ENVIRONMENT
  WHICH always|never runs PIPELINE
  WHICH always|never takes ROUTE        the route, or a `then` that leads to it
  WHICH always|never starts             anything at all
  WHICH always|never is ignored
WHICH pushes is `any push`, or these joined by `and`:
  route NAME          the route owns the push
  branch GLOB         tag GLOB         repo GLOB        actor GLOB
  target GLOB         a change request to such a branch
  path GLOB           a changed file matches, or nobody knows; `only path GLOB`: each does, `no path GLOB`: none does
\"Never\" counts what waits for a person (`start: manual`); \"always\" does not. Words with spaces stand in \"quotes\".";

/// A sentence about all pushes.
#[derive(Debug)]
pub struct Claim {
    text: String,
    says: Says,
}

#[derive(Debug)]
enum Says {
    /// This environment, by its number.
    Approval(usize),
    Pushes {
        route: Option<usize>,
        conditions: Vec<Condition>,
        always: bool,
        what: What,
    },
}

#[derive(Debug)]
enum What {
    Reaches(usize),
    Runs(usize),
    Takes(usize),
    Starts,
    Ignored,
}

/// Whether a claim is true.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It holds for every push there can be; the sentence says why.
    Yes(String),
    /// It does not hold for this push.
    No(Box<Witness>),
}

impl Claim {
    /// Reads a claim about a file.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, String> {
        let words = words(text)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let says = match words[..] {
            [place, "requires", "approval"] => Says::Approval(environment(rules, place)?),
            _ => {
                let turn = words.iter().position(|word| matches!(*word, "always" | "never"));
                let turn = turn.ok_or("a claim says `always`, `never` or `requires approval`")?;
                let (route, conditions) = which(rules, &words[..turn])?;
                Says::Pushes {
                    route,
                    conditions,
                    always: words[turn] == "always",
                    what: what(rules, &words[turn + 1..])?,
                }
            }
        };
        Ok(Self { text: text.to_owned(), says })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Rules {
    /// Whether a claim is true of every push there can be.
    ///
    /// # Errors
    /// When the file's globs interlace too much.
    pub fn prove_claim(&self, claim: &Claim) -> Result<Answer, TooTangled> {
        self.prove_claim_with(claim, None)
    }

    /// The same, when every repository says this for itself.
    ///
    /// # Errors
    /// When the globs interlace too much.
    pub fn prove_claim_with(&self, claim: &Claim, own: Option<&OwnWord>) -> Result<Answer, TooTangled> {
        answer(self, own, claim, &Languages::real())
    }
}

pub(super) fn answer(
    rules: &Rules,
    own: Option<&OwnWord>,
    claim: &Claim,
    languages: &Languages,
) -> Result<Answer, TooTangled> {
    let prover = |more: &[Condition]| Prover::of(rules, own, &more.iter().collect::<Vec<_>>(), languages);
    match &claim.says {
        Says::Approval(place) if rules.environments[*place].approval.is_some() => Ok(Answer::Yes(format!(
            "`{}` has an approval, and every deploy to it waits there",
            rules.environments[*place].name
        ))),
        Says::Approval(place) => {
            let found = counterexample(&prover(&[])?, None, false, &What::Reaches(*place))?;
            let nothing = format!("it has none, but no push ever travels to `{}`", rules.environments[*place].name);
            Ok(found.map_or(Answer::Yes(nothing), |witness| Answer::No(Box::new(witness))))
        }
        Says::Pushes { route, conditions, always, what } => {
            let found = counterexample(&prover(conditions)?, *route, *always, what)?;
            let holds = "it holds for every push there can be".to_owned();
            Ok(found.map_or(Answer::Yes(holds), |witness| Answer::No(Box::new(witness))))
        }
    }
}

/// The shortest push for which the claim is not true.
fn counterexample(
    prover: &Prover<'_>,
    route: Option<usize>,
    always: bool,
    what: &What,
) -> Result<Option<Witness>, TooTangled> {
    let which = prover.more();
    let mut best: Option<Found> = None;
    let mut look = |question: Question<'_>| -> Result<(), TooTangled> {
        let found = prover.space.find(&question)?;
        best = best.take().into_iter().chain(found).min_by_key(|found| found.cost);
        Ok(())
    };
    for owner in 0..prover.owners() {
        let is_asked = route.is_none_or(|route| prover.route(owner) == Some(route));
        if !is_asked || prover.is_shadow(owner) {
            continue;
        }
        for outcome in prover.outcomes(owner) {
            // What its repository ignores, no route owns.
            let is_owned = route.is_none() || outcome.own.is_none();
            if is_owned && what.is_met(prover, &outcome, always) != always {
                let mut question = prover.question(owner, &outcome);
                question.hold.extend(which);
                look(question)?;
            }
        }
    }
    // A change request that no route takes starts nothing.
    if always && route.is_none() {
        look(Question::new(which, prover.before(prover.owners())))?;
    }
    Ok(best.map(|found| prover.seen(found.push)))
}

impl What {
    fn is_met(&self, prover: &Prover<'_>, outcome: &Outcome, always: bool) -> bool {
        let route = |owner: &usize| Some(&prover.rules.routes[prover.route(*owner)?]);
        let owner = outcome.chain.first().and_then(route);
        // Whoever waits for a person may wait for ever.
        let waits = owner.and_then(|route| route.goal.as_ref()).is_some_and(|goal| goal.manual);
        let goals = || {
            let started = outcome.chain.iter().filter(|_| outcome.own.is_none() && !(always && waits));
            started.filter_map(route).filter_map(|route| route.goal.as_ref())
        };
        match self {
            Self::Ignored => outcome.own.is_some() || prover.route(outcome.chain[0]).is_none(),
            Self::Starts => goals().next().is_some(),
            Self::Reaches(place) => goals().any(|goal: &Goal| goal.environments.contains(place)),
            Self::Runs(pipeline) => goals().any(|goal| goal.pipeline == *pipeline),
            Self::Takes(taken) => {
                outcome.own.is_none() && outcome.chain.iter().any(|owner| prover.route(*owner) == Some(*taken))
            }
        }
    }
}

/// The words of a claim; what stands in quotes is one.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for (at, part) in text.split('"').enumerate() {
        match at % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    if text.matches('"').count() % 2 == 1 { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

fn which(rules: &Rules, words: &[&str]) -> Result<(Option<usize>, Vec<Condition>), String> {
    let (mut route, mut conditions) = (None, Vec::new());
    if matches!(words, ["any", "push"]) {
        return Ok((None, conditions));
    }
    let mut add = |about, predicate| conditions.push(Condition { all: vec![predicate], skips: false, about });
    for part in words.split(|word| *word == "and") {
        let globs = |text: &str, dialect| {
            Pattern::new(text, dialect).map(|glob| Patterns { yes: vec![glob], ..Patterns::default() })
        };
        match part {
            ["route", name] => {
                route = Some(position("route", name, rules.routes.iter().map(|route| route.name.as_str()))?)
            }
            ["branch", glob] => add(About::Pushes, Predicate::Ref(Moved::Branch, globs(glob, Dialect::Path)?)),
            ["tag", glob] => add(About::Pushes, Predicate::Ref(Moved::Tag, globs(glob, Dialect::Path)?)),
            ["target", glob] => add(About::Requests, Predicate::Target(globs(glob, Dialect::Path)?)),
            ["repo", glob] => add(About::Both, Predicate::Repository(globs(glob, Dialect::Path)?)),
            ["actor", glob] => add(About::Both, Predicate::Actor(globs(glob, Dialect::Text)?)),
            ["path", glob] => add(About::Both, Predicate::Files(Quantity::Any, globs(glob, Dialect::Path)?)),
            ["only", "path", glob] => add(About::Both, Predicate::Files(Quantity::Only, globs(glob, Dialect::Path)?)),
            ["no", "path", glob] => add(About::Both, Predicate::Files(Quantity::None, globs(glob, Dialect::Path)?)),
            other => {
                return Err(format!("`{}` does not say which pushes; see `pointsman prove --help`", other.join(" ")));
            }
        }
    }
    Ok((route, conditions))
}

fn what(rules: &Rules, words: &[&str]) -> Result<What, String> {
    match words {
        ["reaches", place] => Ok(What::Reaches(environment(rules, place)?)),
        ["runs", name] => {
            let names = rules.pipelines.iter().map(|pipeline| pipeline.name.as_str());
            Ok(What::Runs(position("pipeline", name, names)?))
        }
        ["takes", name] => {
            Ok(What::Takes(position("route", name, rules.routes.iter().map(|route| route.name.as_str()))?))
        }
        ["starts"] => Ok(What::Starts),
        ["is", "ignored"] => Ok(What::Ignored),
        other => Err(format!("`{}` is nothing that a push does; see `pointsman prove --help`", other.join(" "))),
    }
}

fn environment(rules: &Rules, name: &str) -> Result<usize, String> {
    position("environment", name, rules.environments.iter().map(|place| place.name.as_str()))
}

fn position<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Result<usize, String> {
    let names: Vec<&str> = names.collect();
    names.iter().position(|known| *known == name).ok_or_else(|| {
        let help = crate::problem::nearest(name, names.iter().copied()).map(|near| format!(": did you mean `{near}`?"));
        format!("there is no {what} `{name}`{}", help.unwrap_or_default())
    })
}
