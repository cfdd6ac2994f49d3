//! The buildspecs at hand: what each stage leaves for later ones.

use std::collections::BTreeMap;

use router::buildspec;
use router::pipeline::Buildspec;

use super::{Findings, is_commits};

/// Reads files beside the rule file, each once.
pub(super) struct Specs<'a> {
    read: &'a dyn Fn(&str) -> Result<Option<String>, String>,
    known: BTreeMap<String, Result<Option<String>, String>>,
}

/// What a build leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// An artifact.
    pub(super) artifact: bool,
    /// Exported variables.
    pub(super) exports: Vec<String>,
}

impl<'a> Specs<'a> {
    pub(super) fn new(read: &'a dyn Fn(&str) -> Result<Option<String>, String>) -> Self {
        Self { read, known: BTreeMap::new() }
    }

    /// A buildspec's text, none when it is not at hand; the error is a sentence.
    pub(super) fn text(&mut self, buildspec: &Buildspec) -> Result<Option<String>, String> {
        match buildspec {
            Buildspec::Inline(text) => Ok(Some(text.clone())),
            Buildspec::Commit(path) | Buildspec::Central(path) => {
                self.known.entry(path.clone()).or_insert_with(|| (self.read)(path)).clone()
            }
        }
    }

    /// What a build by this buildspec leaves. One that comes with the commit and is not at hand is taken to leave nothing.
    pub(super) fn left(&mut self, place: &str, buildspec: &Buildspec, findings: &mut Findings) -> Left {
        let text = match self.text(buildspec) {
            Ok(Some(text)) => text,
            Ok(None) if is_commits(buildspec) => {
                findings.note(place, format!("{buildspec} is not here, so it is taken to leave no artifact"));
                return Left::default();
            }
            Ok(None) => {
                findings.mistake(place, format!("{buildspec} is not beside the rule file"));
                return Left::default();
            }
            Err(why) => {
                findings.mistake(place, why);
                return Left::default();
            }
        };
        match buildspec::Buildspec::parse(&text) {
            Ok(spec) => of(place, &spec, findings),
            Err(problems) => {
                for problem in problems {
                    findings.mistake(place, format!("{buildspec}:{}: {}", problem.place.line, problem.message));
                }
                Left::default()
            }
        }
    }
}

fn of(place: &str, spec: &buildspec::Buildspec, findings: &mut Findings) -> Left {
    let mut left = Left { exports: spec.env.exported.clone(), ..Left::default() };
    let Some(artifacts) = &spec.artifacts else { return left };
    if !artifacts.secondary.is_empty() {
        let ids: Vec<&str> = artifacts.secondary.keys().map(String::as_str).collect();
        let ids = ids.join(", ");
        findings
            .note(place, format!("on AWS a stage leaves one artifact, so {ids} of secondary-artifacts is not kept"));
    }
    if artifacts.main.files.is_empty() {
        findings.mistake(
            place,
            "on AWS a stage's artifact is that of `artifacts: files`, and there are only secondary ones",
        );
    } else {
        left.artifact = true;
    }
    left
}
