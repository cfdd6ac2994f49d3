//! Names that AWS cannot tell apart, and those that it does not take.

use std::collections::BTreeMap;

use super::Findings;
use super::model::{PipelineModel, ServiceDeploy};
use crate::engine::codepipeline::names;

pub(super) fn check(prefix: &str, pipelines: &[PipelineModel], findings: &mut Findings) {
    let well = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let begins = prefix.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !begins || !prefix.bytes().all(well) || prefix.len() > 40 {
        findings.mistake("the prefix", "letters, digits, - and _, at most 40, and a letter or a digit first");
    }
    let mut projects = Taken::new("project", names::PROJECT_MAX);
    let mut whole = Taken::new("pipeline", names::NAME_MAX);
    for pipeline in pipelines {
        whole.take(&pipeline.pipeline, pipeline.name.as_str(), findings);
        let (mut stages, mut artifacts) =
            (Taken::new("stage", names::NAME_MAX), Taken::new("artifact", names::NAME_MAX));
        stages.take(names::SOURCE, "the source", findings);
        artifacts.take(names::SOURCE, "the source", findings);
        for stage in &pipeline.stages {
            let place = format!("{}/{}", pipeline.name, stage.name);
            stages.take(stage.name.as_str(), &place, findings);
            // Its artifact or its namespace, which are named alike.
            artifacts.take(&names::artifact(&stage.name), &place, findings);
            projects.take(&stage.project.name, &place, findings);
        }
        for environment in &pipeline.environments {
            let place = format!("{}/{}", pipeline.name, environment.name);
            stages.take(&environment.stage, &place, findings);
            if let Some(project) = &environment.project {
                projects.take(&project.name, &place, findings);
            }
        }
        if let Some(project) = &pipeline.deploy_project {
            projects.take(&project.name, &format!("{}/{}", pipeline.name, names::DEPLOY), findings);
        }
        one_place_each(pipeline, findings);
    }
}

/// Two environments that a service would deploy to are two places.
fn one_place_each(pipeline: &PipelineModel, findings: &mut Findings) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for environment in &pipeline.environments {
        let targets: Vec<String> = match &environment.deploy {
            ServiceDeploy::Build(_) => Vec::new(),
            ServiceDeploy::Ecs { cluster, service, .. } => {
                vec![format!("the service {service} of the cluster {cluster}")]
            }
            ServiceDeploy::Cloudformation { stacks, .. } => {
                stacks.iter().map(|stack| format!("the stack {}", stack.stack)).collect()
            }
            ServiceDeploy::Codedeploy { application, group, .. } => vec![format!("the group {group} of {application}")],
        };
        for target in targets {
            if let Some(other) = seen.get(&target) {
                let text = format!(
                    "{other} and {} deploy both to {target}; write {{environment}} into its name",
                    environment.name
                );
                findings.mistake(&pipeline.name, text);
            }
            seen.insert(target, environment.name.as_str());
        }
    }
}

/// Names of one kind.
struct Taken {
    what: &'static str,
    longest: usize,
    by: BTreeMap<String, String>,
}

impl Taken {
    fn new(what: &'static str, longest: usize) -> Self {
        Self { what, longest, by: BTreeMap::new() }
    }

    fn take(&mut self, name: &str, place: &str, findings: &mut Findings) {
        let Self { what, longest, .. } = *self;
        let long = name.chars().count();
        if long > longest {
            findings.mistake(
                place,
                format!("its {what} on AWS would be called {name}, {long} characters; {longest} is the most"),
            );
        }
        if let Some(other) = self.by.insert(name.to_owned(), place.to_owned()) {
            findings
                .mistake(place, format!("its {what} on AWS would be called {name}, as that of {other} is; rename one"));
        }
    }
}
