//! The buildspecs that a rule file names, checked together: what one stage leaves, another may use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use router::buildspec::{self, Around};
use router::pipeline::Buildspec as Origin;
use router::problem::{Place, Problem};
use router::rules::Rules;

use crate::problems::{Examined, read};

/// All of them, each once.
pub(super) struct Specs {
    specs: Vec<Spec>,
    notes: Vec<String>,
    missing: Vec<Problem>,
}

struct Spec {
    /// Where the rule file names it.
    place: Place,
    /// None for one that stands in the rule file itself.
    file: Option<PathBuf>,
    text: Result<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Specs {
    pub(super) fn of(rules: &Rules, beside: &Path) -> Self {
        let mut specs = Self { specs: Vec::new(), notes: Vec::new(), missing: Vec::new() };
        let mut seen = BTreeSet::new();
        for (origin, place) in rules.buildspecs() {
            if matches!(origin, Origin::Inline(_)) || seen.insert(origin.to_string()) {
                specs.take(origin, place, beside);
            }
        }
        specs.examine(rules, beside);
        specs
    }

    fn take(&mut self, origin: &Origin, place: Place, beside: &Path) {
        let (file, text) = match origin {
            Origin::Inline(text) => (None, Ok(text.clone())),
            Origin::Commit(path) | Origin::Central(path) => {
                let file = beside.join(path);
                if !file.exists() {
                    return self.lacks(origin, path, place, &file);
                }
                let text = read(&file);
                (Some(file), text)
            }
        };
        self.specs.push(Spec { place, file, text, problems: Vec::new(), warnings: Vec::new() });
    }

    fn lacks(&mut self, origin: &Origin, path: &str, place: Place, file: &Path) {
        if matches!(origin, Origin::Central(_)) {
            let message = format!("`{path}` is not beside the rule file");
            self.missing.push(Problem::new(place, message).help(format!("put it at {}", file.display())));
        } else {
            self.notes.push(format!("{path} is not here, so it was not checked; it comes from the commit"));
        }
    }

    fn examine(&mut self, rules: &Rules, beside: &Path) {
        let read: Vec<buildspec::Buildspec> =
            self.specs.iter().filter_map(|spec| buildspec::Buildspec::parse(spec.text.as_ref().ok()?).ok()).collect();
        let exported = read.iter().flat_map(|spec| spec.env.exported.iter().cloned());
        let given = rules.repositories().iter().flat_map(|entry| entry.variables.keys().cloned());
        let variables: BTreeSet<String> = exported.chain(given).collect();
        // With a buildspec missing nobody can tell what it would leave.
        let inputs = (read.len() == self.specs.len() && self.notes.is_empty() && self.missing.is_empty())
            .then(|| inputs(rules, &read));
        let exists = |path: &str| beside.join(path).exists();
        let around = Around { variables: &variables, exists: Some(&exists), inputs: inputs.as_ref() };
        for spec in &mut self.specs {
            let Ok(text) = &spec.text else { continue };
            spec.problems = buildspec::Buildspec::parse(text).err().unwrap_or_default();
            spec.warnings = buildspec::Buildspec::lint(text, &around);
        }
    }

    /// What stands in the rule file itself: central files that are missing, and inline buildspecs that are wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let inline = self.inline().flat_map(|spec| spec.problems.iter().map(|problem| inside(spec.place, problem)));
        self.missing.iter().cloned().chain(inline).collect()
    }

    pub(super) fn inline_warnings(&self) -> Vec<Problem> {
        self.inline().flat_map(|spec| spec.warnings.iter().map(|problem| inside(spec.place, problem))).collect()
    }

    fn inline(&self) -> impl Iterator<Item = &Spec> {
        self.specs.iter().filter(|spec| spec.file.is_none())
    }

    pub(super) fn checked(&self) -> usize {
        self.specs.len()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// The files of which there is something to tell.
    pub(super) fn files(self) -> Vec<Examined> {
        let told = |spec: Spec| {
            let file = spec.file?.display().to_string();
            let examined = match spec.text {
                Err(why) => Examined::unreadable(file, why),
                Ok(text) => Examined { file, text, problems: spec.problems, warnings: spec.warnings },
            };
            (!examined.problems.is_empty() || !examined.warnings.is_empty()).then_some(examined)
        };
        self.specs.into_iter().filter_map(told).collect()
    }
}

/// The names under which stages leave artifacts. Which buildspec is which stage's is of no account: a name that no stage has, or
/// no buildspec makes a secondary artifact for, is nowhere.
fn inputs(rules: &Rules, read: &[buildspec::Buildspec]) -> BTreeSet<String> {
    let plain = |name: &str| name.replace(['-', '.'], "_");
    let stages: Vec<String> = rules
        .pipelines()
        .iter()
        .flat_map(|pipeline| pipeline.stages.iter().map(|stage| plain(stage.name.as_str())))
        .collect();
    let secondary: BTreeSet<String> = read
        .iter()
        .flat_map(|spec| spec.artifacts.iter().flat_map(|artifacts| artifacts.secondary.keys().map(|id| plain(id))))
        .collect();
    let both = stages.iter().flat_map(|stage| secondary.iter().map(move |id| format!("{stage}_{id}")));
    both.chain(stages.clone()).chain(secondary.clone()).collect()
}

/// A problem of an inline buildspec, told at the place where that stands: its own lines do not count.
fn inside(place: Place, problem: &Problem) -> Problem {
    let message = format!("line {} of this buildspec: {}", problem.place.line, problem.message);
    Problem { place, message, help: problem.help.clone() }
}
