//! The pipelines of a rule file as AWS is to have them: what `infra/` makes its templates of, so that there is one reader of the
//! rule file.
//!
//! * Every stage and every environment of a pipeline is there; the run's variables say which are skipped.
//! * Which artifacts an action is given is fixed when it is deployed, and a stage that was skipped has left none. So an action is
//!   given the artifacts of those earlier stages that run on **every** route that runs the action itself, and the exported
//!   variables of the same stages.
//! * All mistakes are told at once.
//!
//! Limits: the user guides' `limits` pages of `CodePipeline` and `CodeBuild`, and the reference of `CodePipeline`'s `CodeBuild` action.

use std::collections::BTreeSet;

use router::pipeline::{Buildspec, Deploy};
use router::rules::{Pipeline, Rules};

use crate::engine::codepipeline::names;

mod actions;
mod collisions;
mod machine;
mod model;
mod specs;
mod variables;

#[cfg(test)]
mod tests;

pub use model::{
    Build, BuildspecSource, Condition, EnvironmentStage, Gate, Machine, Model, PipelineModel, Project, ServiceDeploy,
    Stack, Stage, Variable,
};

/// A pipeline has 50 stages at most, and the source is one of them.
const STAGES_MAX: usize = 49;
/// The longest that an approval waits, 60 days.
const GATE_MINUTES_MAX: u64 = 60 * 24 * 60;

/// What was found while the model was made.
#[derive(Default)]
struct Findings {
    /// What must be changed.
    mistakes: Vec<String>,
    /// What should be known.
    notes: Vec<String>,
}

impl Findings {
    fn mistake(&mut self, place: impl std::fmt::Display, text: impl std::fmt::Display) {
        self.mistakes.push(format!("{place}: {text}"));
    }

    fn note(&mut self, place: impl std::fmt::Display, text: impl std::fmt::Display) {
        self.notes.push(format!("{place}: {text}"));
    }
}

/// Makes the model. `prefix` goes before the names of pipelines and projects; `read` gives the text of a buildspec that is a
/// path, none when there is no such file.
///
/// # Errors
/// Every mistake, each a sentence that begins with the place: "application/build: ...".
pub fn synth(
    rules: &Rules,
    prefix: &str,
    read: &dyn Fn(&str) -> Result<Option<String>, String>,
) -> Result<Model, Vec<String>> {
    let mut findings = Findings::default();
    let named = variables::named(rules, &mut findings);
    let mut texts = specs::Specs::new(read);
    let mut pipelines = Vec::new();
    for pipeline in rules.pipelines() {
        pipelines.push(of(rules, pipeline, prefix, &named, &mut texts, &mut findings));
    }
    collisions::check(prefix, &pipelines, &mut findings);
    findings.notes.dedup();
    if !findings.mistakes.is_empty() {
        return Err(findings.mistakes);
    }
    let rules = rules.hash().to_owned();
    Ok(Model { version: Model::VERSION, rules, prefix: prefix.to_owned(), pipelines, notes: findings.notes })
}

fn of(
    rules: &Rules,
    pipeline: &Pipeline,
    prefix: &str,
    named: &BTreeSet<String>,
    texts: &mut specs::Specs<'_>,
    findings: &mut Findings,
) -> PipelineModel {
    let name = &pipeline.name;
    let left: Vec<specs::Left> = pipeline
        .stages
        .iter()
        .map(|stage| texts.left(&format!("{name}/{}", stage.name), &stage.step.buildspec, findings))
        .collect();
    let context = actions::Context { rules, pipeline, named, left: &left };
    let stages = pipeline.stages.iter().enumerate().map(|(at, stage)| {
        let place = format!("{name}/{}", stage.name);
        let project_name = names::project(prefix, name, &stage.name);
        Stage {
            name: stage.name.clone(),
            condition: Condition::contains(names::STAGES, stage.name.as_str()),
            project: machine::project(&place, project_name, &stage.step, texts, findings),
            build: context.stage(at, &place, findings),
        }
    });
    let stages: Vec<Stage> = stages.collect();
    let place = format!("{name}/{}", names::DEPLOY);
    let deploy_project = pipeline.deploy.as_ref().and_then(Deploy::step).map(|step| {
        let left = texts.left(&place, &step.buildspec, findings);
        if left.artifact {
            findings.note(&place, "what a deploy makes is not kept");
        }
        machine::project(&place, names::deploy_project(prefix, name), step, texts, findings)
    });
    let mut environments = Vec::new();
    for environment in pipeline.deploy.iter().flat_map(|_| rules.environments()) {
        let place = format!("{name}/{}", environment.name);
        let project = environment.cleanup.as_ref().map(|step| {
            texts.left(&place, &step.buildspec, findings);
            let project = names::cleanup_project(prefix, name, &environment.name);
            machine::project(&place, project, step, texts, findings)
        });
        environments.push(EnvironmentStage { project, ..context.environment(environment, findings) });
    }
    if stages.len() + environments.len() > STAGES_MAX {
        let text = format!(
            "{} stages and {} environments; a pipeline on AWS has room for {STAGES_MAX} of them together",
            stages.len(),
            environments.len()
        );
        findings.mistake(name, text);
    }
    PipelineModel {
        name: name.clone(),
        pipeline: names::pipeline(prefix, name),
        variables: variables::declared(named),
        stages,
        deploy_project,
        environments,
    }
}

/// Whether a buildspec comes with the commit.
fn is_commits(buildspec: &Buildspec) -> bool {
    matches!(buildspec, Buildspec::Commit(_))
}
