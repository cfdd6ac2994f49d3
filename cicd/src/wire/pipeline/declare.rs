//! What a declaration may say. Texts in quotes of the service are the service's own.

use std::collections::BTreeSet;

use super::limits;
use crate::wire::error::AwsError;
use crate::wire::shape::check::{Check, anything, of_a_line, of_a_name, of_a_variable, of_an_artifact};
use crate::wire::shape::declaration::{ActionDeclaration, ExecutionMode, PipelineDeclaration, PipelineType};

mod action;
mod artifacts;
mod conditions;
#[cfg(test)]
mod tests;

fn structure(message: impl Into<String>) -> AwsError {
    AwsError::refused("InvalidStructureException", message)
}

/// Checks a declaration and fills in what it leaves open: its type and its mode.
///
/// # Errors
/// `ValidationException`, `InvalidStructureException`, `InvalidStageDeclarationException`,
/// `InvalidActionDeclarationException`.
pub(super) fn accept(mut declaration: PipelineDeclaration) -> Result<PipelineDeclaration, AwsError> {
    model(&declaration)?;
    kind(&mut declaration)?;
    stages(&declaration)?;
    variables(&declaration)?;
    for stage in &declaration.stages {
        conditions::check(&declaration, stage)?;
        for action in &stage.actions {
            action::check(action)?;
        }
    }
    namespaces(&declaration)?;
    artifacts::check(&declaration)?;
    Ok(declaration)
}

/// Lengths and characters, as the service model has them.
fn model(declaration: &PipelineDeclaration) -> Result<(), AwsError> {
    let mut check = Check::new();
    check.name("pipeline.name", &declaration.name);
    role(&mut check, "pipeline.roleArn", &declaration.role_arn);
    let stores = declaration.artifact_store.iter();
    for store in stores.chain(declaration.artifact_stores.iter().flat_map(|stores| stores.values())) {
        check.word("pipeline.artifactStore.type", &store.r#type, &["S3"]);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        check.text("pipeline.artifactStore.location", &store.location, 3, 63, (allowed, r"[a-zA-Z0-9\-\.]+"));
    }
    let variables = declaration.variables.as_deref().unwrap_or_default();
    check.count("pipeline.variables", variables.len(), 0, limits::VARIABLES);
    for (at, variable) in (1..).zip(variables) {
        let at = |member: &str| format!("pipeline.variables.{at}.member.{member}");
        check.text(&at("name"), &variable.name, 1, 128, (of_a_variable, r"[A-Za-z0-9@\-_]+"));
        if let Some(value) = &variable.default_value {
            check.text(&at("defaultValue"), value, 1, limits::VALUE, (of_a_line, ".*"));
        }
        if let Some(text) = &variable.description {
            check.text(&at("description"), text, 0, 200, (of_a_line, ".*"));
        }
    }
    for (at, stage) in (1..).zip(&declaration.stages) {
        let stage_at = format!("pipeline.stages.{at}.member");
        check.name(&format!("{stage_at}.name"), &stage.name);
        for (at, action) in (1..).zip(&stage.actions) {
            model_of_action(&mut check, &format!("{stage_at}.actions.{at}.member"), action);
        }
    }
    check.done()
}

fn role(check: &mut Check, at: &str, arn: &str) {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let good = arn.starts_with("arn:aws")
        && arn.split(':').nth(2) == Some("iam")
        && account.len() == 12
        && account.bytes().all(|c| c.is_ascii_digit())
        && arn.split(':').nth(5).is_some_and(|rest| rest.starts_with("role/"));
    let never = |_: char| false;
    let allowed = if good { anything } else { never };
    check.text(at, arn, 1, 1024, (allowed, r"arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.*"));
}

fn model_of_action(check: &mut Check, at: &str, action: &ActionDeclaration) {
    let of = |member: &str| format!("{at}.{member}");
    check.name(&of("name"), &action.name);
    let categories = ["Source", "Build", "Deploy", "Test", "Invoke", "Approval", "Compute"];
    check.word(&of("actionTypeId.category"), &action.action_type_id.category, &categories);
    check.word(&of("actionTypeId.owner"), &action.action_type_id.owner, &["AWS", "ThirdParty", "Custom"]);
    let provider = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    check.text(&of("actionTypeId.provider"), &action.action_type_id.provider, 1, 35, (provider, "[0-9A-Za-z_-]+"));
    check.text(&of("actionTypeId.version"), &action.action_type_id.version, 1, 9, (provider, "[0-9A-Za-z_-]+"));
    check.number(&of("runOrder"), i64::from(action.run_order), 1, 999);
    for (key, value) in &action.configuration {
        check.text(&of("configuration"), key, 1, limits::KEY, (anything, ".*"));
        check.text(&of(&format!("configuration.{key}")), value, 1, limits::VALUE, (anything, ".*"));
    }
    let inputs = action.input_artifacts.iter().map(|artifact| &artifact.name);
    for name in inputs.chain(action.output_artifacts.iter().map(|artifact| &artifact.name)) {
        check.text(&of("artifacts.name"), name, 1, 100, (of_an_artifact, r"[a-zA-Z0-9_\-]+"));
    }
    if let Some(namespace) = &action.namespace {
        check.text(&of("namespace"), namespace, 1, 100, (of_a_variable, r"[A-Za-z0-9@\-_]+"));
    }
    if let Some(minutes) = action.timeout_in_minutes {
        check.number(&of("timeoutInMinutes"), i64::from(minutes), 5, 86_400);
    }
    if let Some(arn) = &action.role_arn {
        role(check, &of("roleArn"), arn);
    }
    if let Some(region) = &action.region {
        check.text(&of("region"), region, 4, 30, (of_a_name, "region"));
    }
}

/// V1 or V2, and what only V2 may say.
fn kind(declaration: &mut PipelineDeclaration) -> Result<(), AwsError> {
    let mode = declaration.execution_mode.unwrap_or_default();
    let conditional = |stage: &crate::wire::shape::declaration::StageDeclaration| {
        stage.before_entry.is_some() || stage.on_success.is_some() || stage.on_failure.is_some()
    };
    let of_v2 = [
        ("an execution mode other than SUPERSEDED", mode != ExecutionMode::Superseded),
        ("variables", declaration.variables.as_ref().is_some_and(|variables| !variables.is_empty())),
        ("triggers", declaration.triggers.as_ref().is_some_and(|t| t.as_array().is_some_and(|t| !t.is_empty()))),
        ("stage conditions", declaration.stages.iter().any(conditional)),
    ];
    let used: Vec<&str> = of_v2.into_iter().filter(|(_, used)| *used).map(|(what, _)| what).collect();
    let guessed = if used.is_empty() { PipelineType::V1 } else { PipelineType::V2 };
    let kind = declaration.pipeline_type.unwrap_or(guessed);
    if kind == PipelineType::V1 && !used.is_empty() {
        let used = used.join(", ");
        return Err(AwsError::invalid(format!("A pipeline of type V1 cannot have {used}; set pipelineType to V2")));
    }
    (declaration.execution_mode, declaration.pipeline_type) = (Some(mode), Some(kind));
    if declaration.artifact_store.is_some() == declaration.artifact_stores.is_some() {
        return Err(structure("Exactly one of artifactStore and artifactStores must be given"));
    }
    Ok(())
}

/// How many stages and actions there are, what they are called, and where sources stand.
fn stages(declaration: &PipelineDeclaration) -> Result<(), AwsError> {
    let stages = &declaration.stages;
    if !limits::STAGES.contains(&stages.len()) {
        let rule = if stages.len() < 2 { "a minimum of 2 stages" } else { "a maximum of 50 stages" };
        return Err(structure(format!("Pipeline has {} stage(s). There should be {rule} in a pipeline", stages.len())));
    }
    if stages.iter().map(|stage| stage.actions.len()).sum::<usize>() > limits::ACTIONS {
        return Err(AwsError::refused("LimitExceededException", "A pipeline may have 1000 actions"));
    }
    let mut names = BTreeSet::new();
    for (at, stage) in stages.iter().enumerate() {
        if !names.insert(&stage.name) {
            return Err(structure(format!("Stage name {} has been used more than once", stage.name)));
        }
        let refused = |why: String| AwsError::refused("InvalidStageDeclarationException", why);
        if stage.actions.is_empty() || stage.actions.len() > limits::ACTIONS_OF_A_STAGE {
            let count = stage.actions.len();
            return Err(refused(format!("Stage {} has {count} actions; it must have 1 to 50", stage.name)));
        }
        let mut actions = BTreeSet::new();
        if let Some(twice) = stage.actions.iter().find(|action| !actions.insert(&action.name)) {
            return Err(refused(format!(
                "Action name {} has been used more than once in stage {}",
                twice.name, stage.name
            )));
        }
        let sources = stage.actions.iter().filter(|action| action.is_source()).count();
        if at == 0 && sources < stage.actions.len() {
            return Err(structure("Pipeline should start with a stage that only contains source actions"));
        }
        if at > 0 && sources > 0 {
            return Err(structure(format!("Stage {} contains source actions; only the first stage may", stage.name)));
        }
    }
    Ok(())
}

fn variables(declaration: &PipelineDeclaration) -> Result<(), AwsError> {
    let mut names = BTreeSet::new();
    let twice = declaration.variables.iter().flatten().find(|variable| !names.insert(&variable.name));
    match twice {
        Some(twice) => Err(in_use(&twice.name)),
        None => Ok(()),
    }
}

/// A variable's name stands twice.
pub(super) fn in_use(name: &str) -> AwsError {
    AwsError::invalid(format!("Variable names must be unique. The following variable name is already in use: {name}"))
}

fn namespaces(declaration: &PipelineDeclaration) -> Result<(), AwsError> {
    let mut known = BTreeSet::from(["codepipeline"]);
    if declaration.variables.as_ref().is_some_and(|variables| !variables.is_empty()) {
        known.insert("variables");
    }
    let mut actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    match actions.find_map(|action| action.namespace.as_deref().filter(|name| !known.insert(name))) {
        Some(namespace) => {
            let message = format!("The namespace {namespace} is reserved or used by another action");
            Err(AwsError::refused("InvalidActionDeclarationException", message))
        }
        None => Ok(()),
    }
}
