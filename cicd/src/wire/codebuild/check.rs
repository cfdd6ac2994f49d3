//! What a project must keep to: CodeBuild's enumerations and limits, as its service model and user guide have them.

use super::shape::{Declared, Environment, Variable};
use crate::wire::error::AwsError;

const SOURCES: [&str; 9] = [
    "CODEPIPELINE",
    "NO_SOURCE",
    "S3",
    "CODECOMMIT",
    "GITHUB",
    "GITHUB_ENTERPRISE",
    "GITLAB",
    "GITLAB_SELF_MANAGED",
    "BITBUCKET",
];
const ARTIFACTS: [&str; 3] = ["CODEPIPELINE", "NO_ARTIFACTS", "S3"];
const ENVIRONMENTS: [&str; 12] = [
    "LINUX_CONTAINER",
    "LINUX_GPU_CONTAINER",
    "ARM_CONTAINER",
    "LINUX_LAMBDA_CONTAINER",
    "ARM_LAMBDA_CONTAINER",
    "LINUX_EC2",
    "ARM_EC2",
    "WINDOWS_CONTAINER",
    "WINDOWS_SERVER_2019_CONTAINER",
    "WINDOWS_SERVER_2022_CONTAINER",
    "WINDOWS_EC2",
    "MAC_ARM",
];
const COMPUTES: [&str; 12] = [
    "BUILD_GENERAL1_SMALL",
    "BUILD_GENERAL1_MEDIUM",
    "BUILD_GENERAL1_LARGE",
    "BUILD_GENERAL1_XLARGE",
    "BUILD_GENERAL1_2XLARGE",
    "BUILD_LAMBDA_1GB",
    "BUILD_LAMBDA_2GB",
    "BUILD_LAMBDA_4GB",
    "BUILD_LAMBDA_8GB",
    "BUILD_LAMBDA_10GB",
    "ATTRIBUTE_BASED_COMPUTE",
    "CUSTOM_INSTANCE_TYPE",
];
const VARIABLES: [&str; 3] = ["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"];
/// Minutes that a build may take.
const TIMEOUT: std::ops::RangeInclusive<u64> = 5..=2160;
/// Minutes that a build may wait.
const QUEUED: std::ops::RangeInclusive<u64> = 5..=480;

/// CodeBuild's refusal of input.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::refused("InvalidInputException", message)
}

/// Checks a project.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn declared(project: &Declared) -> Result<(), AwsError> {
    name(&project.name)?;
    let Declared { source, artifacts, .. } = project;
    one_of("source.type", &source.kind, &SOURCES)?;
    one_of("artifacts.type", &artifacts.kind, &ARTIFACTS)?;
    if (source.kind == "CODEPIPELINE") != (artifacts.kind == "CODEPIPELINE") {
        return Err(invalid(
            "a project with CODEPIPELINE as its source has CODEPIPELINE artifacts too, and no other has",
        ));
    }
    if source.kind == "NO_SOURCE" && !source.buildspec.as_deref().is_some_and(is_inline) {
        return Err(invalid("a project with the source NO_SOURCE needs its buildspec inline"));
    }
    let needs_location = !matches!(source.kind.as_str(), "CODEPIPELINE" | "NO_SOURCE");
    if needs_location && source.location.as_deref().is_none_or(str::is_empty) {
        return Err(invalid(format!("source.location is missing, and {} has one", source.kind)));
    }
    if project.service_role.is_empty() {
        return Err(invalid("serviceRole is empty"));
    }
    environment(&project.environment)?;
    timeouts(project.timeout_in_minutes, project.queued_timeout_in_minutes)
}

/// Checks what a build runs in.
pub(super) fn environment(environment: &Environment) -> Result<(), AwsError> {
    one_of("environment.type", &environment.kind, &ENVIRONMENTS)?;
    one_of("environment.computeType", &environment.compute_type, &COMPUTES)?;
    if environment.image.is_empty() {
        return Err(invalid("environment.image is empty"));
    }
    let lambda = environment.kind.contains("LAMBDA");
    if lambda != environment.compute_type.starts_with("BUILD_LAMBDA") {
        let Environment { kind, compute_type, .. } = environment;
        return Err(invalid(format!("the compute type {compute_type} cannot be had in {kind}")));
    }
    variables(&environment.environment_variables)
}

pub(super) fn variables(all: &[Variable]) -> Result<(), AwsError> {
    for variable in all {
        if variable.name.is_empty() {
            return Err(invalid("an environment variable has no name"));
        }
        one_of("environmentVariables.type", &variable.kind, &VARIABLES)?;
    }
    Ok(())
}

pub(super) fn timeouts(build: u64, queued: u64) -> Result<(), AwsError> {
    if !TIMEOUT.contains(&build) {
        return Err(invalid(format!("Invalid timeout in minutes: {build}; 5 to 2160 are allowed")));
    }
    if !QUEUED.contains(&queued) {
        return Err(invalid(format!("Invalid queued timeout in minutes: {queued}; 5 to 480 are allowed")));
    }
    Ok(())
}

fn name(name: &str) -> Result<(), AwsError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let all = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if first && all && (2..=150).contains(&name.len()) {
        return Ok(());
    }
    Err(invalid("Project name must be 2 to 150 of A-Z a-z 0-9 - _ and start with a letter or digit"))
}

fn one_of(what: &str, value: &str, known: &[&str]) -> Result<(), AwsError> {
    if known.contains(&value) {
        return Ok(());
    }
    let shown: String = value.chars().take(80).collect();
    Err(invalid(format!("{what} knows no {shown:?}; it is one of {}", known.join(", "))))
}

/// Whether a `buildspec` is one, and not the path of one.
pub(super) fn is_inline(text: &str) -> bool {
    let text = text.trim_start();
    text.contains('\n') || text.starts_with('{') || text.starts_with("version:")
}
