//! The actions of a pipeline, and what each is given.

use std::collections::BTreeSet;

use router::pipeline::{Deploy, Environment};
use router::rules::{Journey, Pipeline, Rules};

use super::model::{Build, Condition, EnvironmentStage, Gate, ServiceDeploy, Stack};
use super::specs::Left;
use super::{Findings, GATE_MINUTES_MAX, variables};
use crate::engine::codepipeline::names;

/// An action takes five artifacts, and the source is one of them.
const ARTIFACTS_MAX: usize = 4;

/// A pipeline, and what its stages leave.
pub(super) struct Context<'a> {
    pub(super) rules: &'a Rules,
    pub(super) pipeline: &'a Pipeline,
    pub(super) named: &'a BTreeSet<String>,
    /// In the order of its stages.
    pub(super) left: &'a [Left],
}

impl Context<'_> {
    /// The action of a stage.
    pub(super) fn stage(&self, at: usize, place: &str, findings: &mut Findings) -> Build {
        let stage = &self.pipeline.stages[at];
        let runs = |journey: &Journey<'_>| journey.stages.iter().any(|it| it.name == stage.name);
        let sure = self.sure(at, &runs);
        let literals = [("POINTSMAN_STAGE", stage.name.to_string())];
        Build {
            output: self.left[at].artifact.then(|| names::artifact(&stage.name)),
            namespace: (!self.left[at].exports.is_empty()).then(|| names::artifact(&stage.name)),
            ..self.build(place, &sure, &literals, findings)
        }
    }

    /// The stage of an environment.
    pub(super) fn environment(&self, environment: &Environment, findings: &mut Findings) -> EnvironmentStage {
        let name = &environment.name;
        let place = format!("{}/{name}", self.pipeline.name);
        let goes = |journey: &Journey<'_>| journey.environments.iter().any(|it| it.name == *name);
        let sure = self.sure(self.pipeline.stages.len(), &goes);
        self.tell_of_skipped(&place, &sure, &goes, findings);
        if let Some(within) = environment.approval.as_ref().and_then(|approval| approval.within_seconds)
            && within.div_ceil(60) > GATE_MINUTES_MAX
        {
            findings.mistake(&place, "CodePipeline closes a gate after 60 days; write a shorter `within`");
        }
        EnvironmentStage {
            name: name.clone(),
            stage: names::environment_stage(name),
            condition: Condition::contains(names::ENVIRONMENTS, name.as_str()),
            gate: Gate {
                action: names::GATE.to_owned(),
                says: format!(
                    "#{{variables.REPOSITORY}} #{{variables.REF}} at #{{variables.COMMIT}} to {name}, run #{{variables.RUN}}"
                ),
                timeout_minutes: GATE_MINUTES_MAX,
            },
            deploy: self.deploy(&place, environment, &sure, findings),
            project: None,
        }
    }

    fn deploy(&self, place: &str, environment: &Environment, sure: &[usize], findings: &mut Findings) -> ServiceDeploy {
        let name = environment.name.as_str();
        let fill = |text: &str| text.replace(Deploy::ENVIRONMENT, name);
        match self.pipeline.deploy.as_ref().filter(|_| environment.cleanup.is_none()) {
            Some(Deploy::Buildspec(_)) | None => {
                let literals = [
                    ("POINTSMAN_STAGE", format!("{}-{name}", names::DEPLOY)),
                    ("POINTSMAN_ENVIRONMENT", name.to_owned()),
                    ("ENVIRONMENT", name.to_owned()),
                ];
                ServiceDeploy::Build(self.build(place, sure, &literals, findings))
            }
            Some(Deploy::Ecs(ecs)) => ServiceDeploy::Ecs {
                input: self.artifact(place, sure, findings),
                cluster: fill(&ecs.cluster),
                service: fill(&ecs.service),
                file: fill(&ecs.file),
            },
            Some(Deploy::Cloudformation(stacks)) => {
                let input = self.artifact(place, sure, findings);
                let stacks: Vec<_> = stacks.iter().filter(|stack| stack.is_for(&environment.name)).collect();
                let goes = |journey: &Journey<'_>| journey.environments.iter().any(|it| it.name == environment.name);
                if stacks.is_empty() && self.journeys().any(|journey| goes(&journey)) {
                    findings.mistake(place, "none of the stacks is deployed there; name it in the `only` of one");
                }
                let last = stacks.len();
                let stack = |(at, stack): (usize, &&router::pipeline::StackDeploy)| Stack {
                    stack: fill(&stack.stack),
                    template: format!("{input}::{}", fill(&stack.template)),
                    prepare: format!("{}-{}-prepare", names::DEPLOY, at + 1),
                    execute: match at + 1 {
                        at if at == last => names::DEPLOY.to_owned(),
                        at => format!("{}-{at}", names::DEPLOY),
                    },
                };
                let stacks = stacks.iter().enumerate().map(stack).collect();
                ServiceDeploy::Cloudformation { input, stacks }
            }
            Some(Deploy::Codedeploy(codedeploy)) => ServiceDeploy::Codedeploy {
                input: self.artifact(place, sure, findings),
                application: fill(&codedeploy.application),
                group: fill(&codedeploy.group),
            },
        }
    }

    /// The stages before `end` that run on every route that does what is asked about.
    fn sure(&self, end: usize, asked: &dyn Fn(&Journey<'_>) -> bool) -> Vec<usize> {
        let journeys: Vec<Journey<'_>> = self.journeys().filter(|journey| asked(journey)).collect();
        let stages = self.pipeline.stages[..end].iter().enumerate();
        let always = stages.filter(|(_, stage)| {
            journeys.iter().all(|journey| journey.stages.iter().any(|run| run.name == stage.name))
        });
        always.map(|(at, _)| at).collect()
    }

    fn journeys(&self) -> impl Iterator<Item = Journey<'_>> {
        self.rules.journeys().filter(|journey| journey.pipeline.name == self.pipeline.name)
    }

    /// A deploy that does not get what a stage leaves, because another route goes there without that stage.
    fn tell_of_skipped(
        &self,
        place: &str,
        sure: &[usize],
        goes: &dyn Fn(&Journey<'_>) -> bool,
        findings: &mut Findings,
    ) {
        for (at, stage) in self.pipeline.stages.iter().enumerate() {
            if !self.left[at].artifact || sure.contains(&at) {
                continue;
            }
            let runs = |journey: &Journey<'_>| journey.stages.iter().any(|it| it.name == stage.name);
            let without = self.journeys().find(|journey| goes(journey) && !runs(journey));
            if let Some(route) = without.map(|journey| journey.route.to_string()) {
                let text = format!(
                    "on AWS it is not given the artifact of {}, for route {route} comes without it",
                    stage.name
                );
                findings.note(place, text);
            }
        }
    }

    fn build(&self, place: &str, sure: &[usize], literals: &[(&str, String)], findings: &mut Findings) -> Build {
        let stages = || sure.iter().map(|at| (&self.pipeline.stages[*at], &self.left[*at]));
        let artifacts = stages().filter(|(_, left)| left.artifact).map(|(stage, _)| names::artifact(&stage.name));
        let inputs: Vec<String> = std::iter::once(names::SOURCE.to_owned()).chain(artifacts).collect();
        if inputs.len() - 1 > ARTIFACTS_MAX {
            let text = format!(
                "{} earlier stages leave artifacts for it ({}), and an action takes {ARTIFACTS_MAX} beside the source",
                inputs.len() - 1,
                inputs[1..].join(", ")
            );
            findings.mistake(place, text);
        }
        let exports: Vec<(String, String)> = stages()
            .flat_map(|(stage, left)| left.exports.iter().map(|name| (names::artifact(&stage.name), name.clone())))
            .collect();
        let environment_variables =
            variables::environment(place, self.pipeline, self.named, &exports, literals, findings);
        Build { inputs, output: None, namespace: None, environment_variables }
    }

    /// The artifact that a service deploys: the last one that is sure to be there, as the local engine takes the last one made.
    fn artifact(&self, place: &str, sure: &[usize], findings: &mut Findings) -> String {
        let last = sure.iter().rev().find(|at| self.left[**at].artifact);
        match last {
            Some(at) => names::artifact(&self.pipeline.stages[*at].name),
            None => {
                let text = "no stage that runs on every route to it leaves an artifact, so there is nothing to deploy";
                findings.mistake(place, text);
                String::new()
            }
        }
    }
}
