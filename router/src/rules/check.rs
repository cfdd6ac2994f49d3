//! The rule file proves itself: its `tests`.

use super::parse::{Expectation, Expected};
use super::{Decision, Rules, Verdict};
use crate::event::{Event, Push};
use crate::id::{CommitId, RepoPath, Repository};
use crate::problem::{Place, Problem};

/// How one of the file's `tests` came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Where the test stands.
    pub place: Place,
    /// What is pushed: "push of branch main to github:acme/shop".
    pub what: String,
    /// What came instead and why, when it is not what was expected.
    pub problem: Option<Problem>,
}

impl Rules {
    /// Decides each push of the file's `tests` and compares.
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        self.tests.iter().map(|test| self.run_test(test)).collect()
    }

    fn run_test(&self, test: &Expectation) -> TestOutcome {
        let place = test.place;
        let Some(repository) = self.repository_of(test) else {
            let problem = Problem::new(place, "this test is of no repository that the file names");
            return TestOutcome { place, what: test.git_ref.to_string(), problem: Some(problem) };
        };
        let push = push(test, repository);
        let what = format!("push of {} to {}", push.git_ref, push.repository);
        let decision = self.decide(&Event::Push(push));
        let problem = (!test.expect.value.is_met_by(&decision.verdict)).then(|| {
            let message = format!("expected {}, and {} came", test.expect.value.words(), came(&decision.verdict));
            Problem::new(test.expect.place, message).help(why(&decision))
        });
        TestOutcome { place, what, problem }
    }

    /// The repository a test is about, on the forge that its entry names.
    fn repository_of(&self, test: &Expectation) -> Option<Repository> {
        let entry = match &test.repo {
            Some(repo) => self.repositories.iter().find(|entry| entry.path.matches(repo.value.as_str())),
            None => self.repositories.iter().find(|entry| entry.path.exact().is_some()),
        }?;
        let path = match &test.repo {
            Some(repo) => repo.value.clone(),
            None => RepoPath::new(entry.path.exact()?).ok()?,
        };
        let forge = entry.forge.clone().unwrap_or_else(|| entry.kind.default_name());
        Some(Repository { forge, kind: entry.kind, path })
    }
}

fn push(test: &Expectation, repository: Repository) -> Push {
    let commit = CommitId::new("1".repeat(40)).expect("forty ones are a commit");
    let before = CommitId::new("2".repeat(40)).ok().filter(|_| !test.created);
    Push {
        repository,
        git_ref: test.git_ref.clone(),
        before,
        commit,
        actor: test.actor.clone(),
        author: Default::default(),
        created: test.created,
        forced: test.forced,
        changed: test.changed.clone(),
        message: test.message.clone(),
        pushed_at: None,
    }
}

impl Expected {
    fn is_met_by(&self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Nothing, Verdict::Nothing { .. }) => true,
            (Self::Ignored(name), Verdict::Ignore { rule }) => name == rule,
            (Self::Routes(names), Verdict::Start { chain, .. }) => names.iter().eq(chain.iter().map(|run| &run.route)),
            (Self::Routes(names), Verdict::Nothing { route: Some(route) }) => names == std::slice::from_ref(route),
            (Self::Nothing | Self::Ignored(_) | Self::Routes(_), _) => false,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Ignored(name) => format!("ignore:{name}"),
            Self::Routes(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then "),
        }
    }
}

/// What came, in the words of `expect`.
fn came(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Start { chain, .. } => {
            chain.iter().map(|run| run.route.to_string()).collect::<Vec<_>>().join(", then ")
        }
        Verdict::Ignore { rule } => format!("ignore:{rule}"),
        Verdict::Nothing { route: Some(route) } => format!("nothing ({route})"),
        Verdict::Nothing { route: None } => "nothing".to_owned(),
        Verdict::Refused => "a refusal".to_owned(),
    }
}

fn why(decision: &Decision) -> String {
    let mut why = decision.because.join("; ");
    if let Some(miss) = &decision.nearest_miss {
        why.push_str(&format!("; nearest was {}: {}", miss.route, miss.because));
    }
    why
}
