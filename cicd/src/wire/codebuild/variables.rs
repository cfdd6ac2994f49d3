//! What a build's commands find in their environment. The later ones win: this machine, the buildspec, the project, the
//! request, then what CodeBuild says itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use router::buildspec;
use router::secret::Secret;

use super::CodeBuild;
use super::run::Order;
use super::shape::Variable;
use super::vaults::{NotHad, Place};
use crate::engine::local::environment::{checked, of_this_machine};
use crate::engine::local::group::MARK;
use crate::logs::StepLog;

/// The environment of a build's first command.
///
/// # Errors
/// A variable that no process can be given, or one that cannot be had here.
pub(super) async fn of(
    wire: &CodeBuild,
    order: &Order,
    env: &buildspec::Env,
    step: &Path,
    inputs: &[(String, PathBuf)],
    log: &mut StepLog,
) -> Result<BTreeMap<String, String>, NotHad> {
    let mut all = BTreeMap::new();
    let mut secrets = Vec::new();
    for (name, place) in places(wire, order, env, step) {
        let value = match &place {
            Place::Here(value) => value.clone(),
            Place::Parameter(of) => wire.config.vaults.parameter(&name, of).await?,
            Place::Secret(of) => wire.config.vaults.secret(&name, of).await?,
        };
        if !matches!(place, Place::Here(_)) {
            secrets.push(Secret::new(value.as_str()));
        }
        all.insert(name, value);
    }
    log.mask(secrets);
    all.extend(of_codebuild(wire, order, step, inputs));
    all.insert(MARK.to_owned(), step.display().to_string());
    all.into_iter().map(checked).collect::<Result<_, _>>().map_err(|why| NotHad("CLIENT_ERROR", why))
}

/// Where the value of each variable is. What is given again later is not fetched.
fn places(wire: &CodeBuild, order: &Order, env: &buildspec::Env, step: &Path) -> BTreeMap<String, Place> {
    let here = |(name, value): (String, String)| (name, Place::Here(value));
    let mut all: BTreeMap<_, _> = of_this_machine(&step.join("tmp")).into_iter().map(here).collect();
    all.extend(wire.config.variables.clone().into_iter().map(here));
    all.extend(env.variables.clone().into_iter().map(here));
    all.extend(env.parameter_store.clone().into_iter().map(|(name, of)| (name, Place::Parameter(of))));
    all.extend(env.secrets_manager.clone().into_iter().map(|(name, of)| (name, Place::Secret(of))));
    for Variable { name, value, kind } in order.declared.environment.environment_variables.clone() {
        let place = match kind.as_str() {
            "PARAMETER_STORE" => Place::Parameter(value),
            "SECRETS_MANAGER" => Place::Secret(value),
            _ => Place::Here(value),
        };
        all.insert(name, place);
    }
    // The prefix is CodeBuild's own.
    all.retain(|name, _| !name.starts_with("CODEBUILD_"));
    all
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
