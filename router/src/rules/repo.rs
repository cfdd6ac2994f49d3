//! `.pointsman.yaml`: what a repository may say for itself.
//!
//! It is read from the default branch, never from the pushed commit, and holds only the keys that the rule file's `allow_repo`
//! lists. The platform's rules decide first; the file can then ignore what would start, name other buildspecs of the commit and
//! set variables. It never starts anything.

use std::collections::BTreeMap;

use super::parse::{self, IgnoreEntry, Reader};
use super::{Decision, Rules, Verdict};
use crate::event::{ChangedFiles, Event, Push};
use crate::id::{PipelineName, StageName};
use crate::pipeline::{Buildspec, Deploy, Plan};
use crate::problem::Problem;

/// Its path in a repository.
pub const REPO_FILE: &str = ".pointsman.yaml";

/// A repository's own file, read and allowed.
#[derive(Debug, Default)]
pub struct RepoFile {
    pub(super) ignore: Vec<IgnoreEntry>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) buildspecs: Vec<OwnBuildspec>,
}

/// Another buildspec for a stage, or for the deploy.
#[derive(Debug)]
pub(super) struct OwnBuildspec {
    pub(super) pipeline: PipelineName,
    /// None for the deploy.
    pub(super) stage: Option<StageName>,
    /// In the commit.
    pub(super) path: String,
}

/// What a repository says for itself, as far as it could be had.
#[derive(Debug)]
pub enum OwnWord {
    /// It has such a file, and it is right.
    File(RepoFile),
    /// It has one that counts for nothing, or it could not be asked: why, in a sentence.
    Unusable(String),
}

impl OwnWord {
    /// Reads a file's text.
    pub fn read(rules: &Rules, text: &str) -> Self {
        match rules.read_repo_file(text) {
            Ok(file) => Self::File(file),
            Err(problems) => {
                let first = problems
                    .first()
                    .map_or(String::new(), |problem| format!(": line {}: {}", problem.place.line, problem.message));
                let more = problems.len().saturating_sub(1);
                let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
                Self::Unusable(format!("{REPO_FILE} of the default branch is wrong{first}{more}"))
            }
        }
    }
}

impl Rules {
    /// Whether repositories may say anything for themselves.
    pub fn asks_repositories(&self) -> bool {
        !self.allow_repo.is_empty()
    }

    /// Reads a repository's own file.
    ///
    /// # Errors
    /// Every problem, keys that the rule file does not allow among them.
    pub fn read_repo_file(&self, text: &str) -> Result<RepoFile, Vec<Problem>> {
        let mut reader = Reader::default();
        let file = parse::parse_repo_file(text, &self.allow_repo, &mut reader);
        for (own, place) in &file.buildspecs {
            if let Err((message, help)) = self.may_replace(own) {
                reader.advise(*place, message, help);
            }
        }
        if reader.problems.is_empty() {
            let buildspecs = file.buildspecs.into_iter().map(|(own, _)| own).collect();
            Ok(RepoFile { ignore: file.ignore, variables: file.variables, buildspecs })
        } else {
            Err(parse::in_order(reader.problems))
        }
    }

    /// A buildspec of the commit may be another one; what the platform keeps itself may not.
    fn may_replace(&self, own: &OwnBuildspec) -> Result<(), (String, String)> {
        let Some(pipeline) = self.pipelines.iter().find(|pipeline| pipeline.name == own.pipeline) else {
            let known: Vec<&str> = self.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
            return Err((format!("there is no pipeline `{}`", own.pipeline), format!("known: {}", known.join(", "))));
        };
        let (what, step) = match &own.stage {
            Some(name) => {
                let stage = pipeline.stages.iter().find(|stage| stage.name == *name);
                (format!("the stage `{name}`"), stage.map(|stage| &stage.step))
            }
            None => ("the deploy".to_owned(), pipeline.deploy.as_ref().and_then(Deploy::step)),
        };
        match step.map(|step| &step.buildspec) {
            Some(Buildspec::Commit(_)) => Ok(()),
            Some(Buildspec::Central(_) | Buildspec::Inline(_)) => {
                let help = "leave it out; only buildspecs that come from the commit can be named here".to_owned();
                Err((format!("{what} of `{}` has a buildspec that the platform keeps", own.pipeline), help))
            }
            None => {
                let known: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
                let help = format!("its stages are {}", known.join(", "));
                Err((format!("the pipeline `{}` has no buildspec for {what}", own.pipeline), help))
            }
        }
    }

    /// What is done about an event, when its repository has said something for itself.
    pub fn decide_with(&self, event: &Event, own: Option<&OwnWord>) -> Decision {
        self.heed(self.decide(event), event, own)
    }

    /// The platform's decision with the repository's word heard.
    pub(super) fn heed(&self, mut decision: Decision, event: &Event, own: Option<&OwnWord>) -> Decision {
        let (Some(own), Some(push), Verdict::Start { chain, .. }) = (own, event.as_push(), &mut decision.verdict)
        else {
            return decision;
        };
        match own {
            OwnWord::Unusable(why) => decision.because.push(format!("{why}; the platform's rules hold alone")),
            OwnWord::File(file) => match file.ignores(&push) {
                Some(entry) => {
                    let words = entry.condition.all.iter().map(|predicate| predicate.words(&push, true));
                    let rule = entry.name.value.clone();
                    decision.because =
                        std::iter::once(format!("ignored by {rule} of {REPO_FILE}")).chain(words).collect();
                    decision.verdict = Verdict::Ignore { rule };
                }
                None => {
                    let changed =
                        chain.iter_mut().map(|planned| file.change(&mut planned.plan)).fold(false, |a, b| a | b);
                    if changed {
                        decision
                            .because
                            .push(format!("{REPO_FILE} of the default branch sets variables or buildspecs"));
                    }
                }
            },
        }
        decision
    }

    /// Whether the decision hangs on changed files that are not known, the repository's own word included.
    pub fn needs_changed_files_with(&self, push: &Push, own: Option<&OwnWord>) -> bool {
        let own = matches!(own, Some(OwnWord::File(file)) if file.wants_files(push));
        let unknown =
            matches!(push.changed, ChangedFiles::Unknown(_)) && self.repository_named(&push.repository).is_some();
        self.needs_changed_files(push) || (own && unknown)
    }
}

impl RepoFile {
    fn ignores(&self, push: &Push) -> Option<&IgnoreEntry> {
        self.ignore.iter().find(|entry| entry.condition.holds(push))
    }

    fn wants_files(&self, push: &Push) -> bool {
        self.ignore.iter().any(|entry| entry.condition.looks_at_files() && entry.condition.holds_but_for_files(push))
    }

    /// Whether it changed anything.
    fn change(&self, plan: &mut Plan) -> bool {
        let mut changed = !self.variables.is_empty();
        plan.variables.extend(self.variables.clone());
        for own in self.buildspecs.iter().filter(|own| own.pipeline == plan.pipeline) {
            let step = match (&own.stage, &mut plan.deploy) {
                (Some(name), _) => {
                    plan.stages.iter_mut().find(|stage| stage.name == *name).map(|stage| &mut stage.step)
                }
                (None, Some(Deploy::Buildspec(step))) => Some(step),
                (None, _) => None,
            };
            if let Some(step) = step.filter(|step| matches!(step.buildspec, Buildspec::Commit(_))) {
                step.buildspec = Buildspec::Commit(own.path.clone());
                changed = true;
            }
        }
        changed
    }
}
