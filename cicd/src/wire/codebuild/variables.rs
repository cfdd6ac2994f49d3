//! What a build's commands find in their environment. The later ones win: this machine, the buildspec, the project, the
//! request, then what CodeBuild says itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use router::buildspec;

use super::CodeBuild;
use super::run::Order;
use crate::engine::local::environment::{checked, of_this_machine};
use crate::engine::local::group::MARK;

/// The environment of a build's first command.
///
/// # Errors
/// A variable that no process can be given, or one that cannot be had here.
pub(super) fn of(
    wire: &CodeBuild,
    order: &Order,
    env: &buildspec::Env,
    step: &Path,
    inputs: &[(String, PathBuf)],
) -> Result<BTreeMap<String, String>, String> {
    let mut all = of_this_machine(&step.join("tmp"));
    all.extend(wire.config.variables.clone());
    all.extend(env.variables.clone());
    for variable in &order.declared.environment.environment_variables {
        if variable.kind != "PLAINTEXT" {
            return Err(format!(
                "the variable {} is of type {}, which the wire does not resolve; see docs/wire.md",
                variable.name, variable.kind
            ));
        }
        all.insert(variable.name.clone(), variable.value.clone());
    }
    // The prefix is CodeBuild's own.
    all.retain(|name, _| !name.starts_with("CODEBUILD_"));
    all.extend(of_codebuild(wire, order, step, inputs));
    all.insert(MARK.to_owned(), step.display().to_string());
    all.into_iter().map(checked).collect()
}

fn of_codebuild(
    wire: &CodeBuild,
    order: &Order,
    step: &Path,
    inputs: &[(String, PathBuf)],
) -> impl Iterator<Item = (String, String)> {
    let build = &order.build;
    let id = build.id();
    let said = [
        ("BUILD_ID", Some(id.clone())),
        ("BUILD_ARN", Some(wire.arn(&format!("build/{id}")))),
        ("BUILD_NUMBER", Some(build.number.to_string())),
        ("BUILD_IMAGE", Some(build.environment.image.clone())),
        ("BUILD_SUCCEEDING", Some("1".to_owned())),
        ("BUILD_URL", Some(wire.log_link(&build.uuid))),
        ("INITIATOR", Some(build.initiator.clone())),
        ("KMS_KEY_ID", Some(build.encryption_key.clone())),
        ("LOG_PATH", Some(build.uuid.clone())),
        ("PROJECT_ARN", Some(wire.arn(&format!("project/{}", build.project)))),
        ("RESOLVED_SOURCE_VERSION", build.resolved_source_version.clone()),
        ("SOURCE_VERSION", build.source_version.clone()),
        ("SRC_DIR", Some(step.join("src").display().to_string())),
        ("START_TIME", Some(build.started.as_millisecond().to_string())),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((format!("CODEBUILD_{name}"), value?)));
    let folders = inputs.iter().map(|(name, folder)| {
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        (format!("CODEBUILD_SRC_DIR_{name}"), folder.display().to_string())
    });
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| (name.to_owned(), wire.config.region.clone()));
    said.chain(folders).chain(region).collect::<Vec<_>>().into_iter()
}
