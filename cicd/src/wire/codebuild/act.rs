//! CodePipeline's CodeBuild action: its configuration, a build, and what the pipeline hears of it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::CodeBuild;
use super::record::{Build, Left, Status};
use super::run::Files;
use super::shape::Variable;
use super::start::FromPipeline;
use crate::wire::action::{Act, ActionEnd, ActionTaken, ActionWork, ArtifactIn, Taken};

/// The keys that the action knows.
const KEYS: [&str; 6] =
    ["ProjectName", "PrimarySource", "EnvironmentVariables", "BuildspecOverride", "BatchEnabled", "CombineArtifacts"];
/// The most that `EnvironmentVariables` may be, with its variables put in, in characters.
const VARIABLES_MAX: usize = 1000;
/// The most inputs and outputs.
const ARTIFACTS_MAX: usize = 5;

#[async_trait]
impl Act for Arc<CodeBuild> {
    async fn act(&self, work: ActionWork, taken: Taken) -> ActionEnd {
        let (request, from) = match asked(&work) {
            Ok(asked) => asked,
            Err(why) => return ActionEnd::failed("ConfigurationError", why),
        };
        let build = match self.start(request, Some(from)) {
            Ok(build) => build,
            Err(refused) => {
                let why = format!(
                    "Error calling startBuild: {} (Service: AWSCodeBuild; Status Code: {}; Error Code: {})",
                    refused.message, refused.status, refused.code
                );
                return ActionEnd::failed("JobFailed", why);
            }
        };
        let link = self.log_link(&build.uuid);
        taken(ActionTaken { external_id: build.id(), external_url: Some(link.clone()) });
        tokio::select! {
            () = build.over.cancelled() => {}
            () = work.stop.cancelled() => {
                build.stop.cancel();
                build.over.cancelled().await;
            }
        }
        let ended = self.books().builds.get(&build.id()).cloned().unwrap_or(build);
        let told = ActionEnd { external_id: Some(ended.id()), external_url: Some(link), ..end(&ended) };
        self.hand_over(told, &ended, &work)
    }
}

impl CodeBuild {
    /// Moves what the build left to where the pipeline takes it.
    fn hand_over(&self, mut told: ActionEnd, build: &Build, work: &ActionWork) -> ActionEnd {
        if told.result.is_ok() {
            for (at, Left { name, zip, .. }) in build.left.iter().enumerate() {
                let to = work.folder.join(format!("{at}.zip"));
                if let Err(error) = std::fs::rename(zip, &to).or_else(|_| std::fs::copy(zip, &to).map(drop)) {
                    return ActionEnd::failed(
                        "SystemUnavailable",
                        format!("the artifact {name} cannot be handed over: {error}"),
                    );
                }
                told.outputs.push((name.clone(), to));
            }
        }
        let _others_may_be_in_it = std::fs::remove_dir_all(self.artifacts_folder(&build.uuid));
        told
    }
}

/// What the pipeline hears, in CodePipeline's words.
fn end(build: &Build) -> ActionEnd {
    if build.status == Status::Succeeded {
        return ActionEnd { variables: build.exported.clone(), ..ActionEnd::done() };
    }
    let summary = format!("Build terminated with state: {}", build.status.as_str());
    let phase = build.failing_phase().map(|phase| {
        let (code, message) = phase.context.clone().unwrap_or_default();
        format!(". Phase: {}, Code: {code}, Message: {message}", phase.name)
    });
    let failed = ActionEnd::failed("JobFailed", format!("{summary}{}", phase.unwrap_or_default()));
    ActionEnd { summary: Some(summary), ..failed }
}

/// The request that CodePipeline makes of an action's configuration.
fn asked(work: &ActionWork) -> Result<(Value, FromPipeline), String> {
    let said = |key: &str| work.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty());
    if let Some(unknown) = work.configuration.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("the CodeBuild action has no configuration {unknown}; it has {}", KEYS.join(", ")));
    }
    let project = said("ProjectName").ok_or("the CodeBuild action has no ProjectName")?;
    for key in ["BatchEnabled", "CombineArtifacts"] {
        if said(key).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(format!("{key} is not done by the wire; see docs/wire.md"));
        }
    }
    if work.inputs.is_empty() || work.inputs.len() > ARTIFACTS_MAX || work.outputs.len() > ARTIFACTS_MAX {
        return Err(format!(
            "the CodeBuild action takes 1 to {ARTIFACTS_MAX} artifacts and leaves at most {ARTIFACTS_MAX}"
        ));
    }
    let primary = primary(&work.inputs, said("PrimarySource"))?;
    let variables = variables(said("EnvironmentVariables"))?;
    let mut request = json!({
        "projectName": project,
        "sourceVersion": format!("arn:aws:s3:::{}/{}", primary.bucket, primary.key),
        "environmentVariablesOverride": variables,
    });
    if let Some(buildspec) = said("BuildspecOverride") {
        request["buildspecOverride"] = json!(buildspec);
    }
    let others = work.inputs.iter().filter(|input| input.name != primary.name);
    let zips: Vec<(String, PathBuf)> =
        std::iter::once(primary).chain(others).map(|input| (input.name.clone(), input.zip.clone())).collect();
    let from = FromPipeline {
        initiator: format!("codepipeline/{}", work.pipeline),
        revision: primary.revision.clone(),
        files: Files::Zips(zips),
        outputs: work.outputs.clone(),
    };
    Ok((request, from))
}

fn primary<'i>(inputs: &'i [ArtifactIn], named: Option<&str>) -> Result<&'i ArtifactIn, String> {
    match (named, inputs) {
        (Some(name), _) => {
            let found = inputs.iter().find(|input| input.name == name);
            found.ok_or_else(|| format!("PrimarySource names {name}, which is no input artifact of the action"))
        }
        (None, [only]) => Ok(only),
        (None, _) => Err("the CodeBuild action has several input artifacts and no PrimarySource".to_owned()),
    }
}

fn variables(text: Option<&str>) -> Result<Vec<Variable>, String> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.chars().count() > VARIABLES_MAX {
        return Err(format!("EnvironmentVariables is longer than {VARIABLES_MAX} characters"));
    }
    serde_json::from_str(text).map_err(|error| format!("EnvironmentVariables is no list of names and values: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str) -> ArtifactIn {
        ArtifactIn {
            name: name.to_owned(),
            zip: PathBuf::from(name),
            bucket: "store".to_owned(),
            key: format!("{name}.zip"),
            revision: Some("v1".to_owned()),
        }
    }

    #[test]
    fn the_primary_source_is_named_or_alone() {
        let (a, b) = (input("a"), input("b"));
        assert_eq!(primary(std::slice::from_ref(&a), None).unwrap().name, "a");
        assert_eq!(primary(&[a.clone(), b.clone()], Some("b")).unwrap().name, "b");
        assert!(primary(&[a.clone(), b.clone()], None).unwrap_err().contains("PrimarySource"));
        assert!(primary(&[a], Some("c")).unwrap_err().contains("no input artifact"));
    }

    #[test]
    fn variables_have_a_type_and_a_limit() {
        let read = variables(Some(r#"[{"name":"A","value":"1"},{"name":"B","value":"/p","type":"PARAMETER_STORE"}]"#));
        let kinds: Vec<_> = read.unwrap().into_iter().map(|variable| variable.kind).collect();
        assert_eq!(kinds, ["PLAINTEXT", "PARAMETER_STORE"]);
        assert_eq!(variables(None).unwrap(), []);
        assert!(variables(Some(r#"{"A": "1"}"#)).is_err());
        assert!(variables(Some(&"x".repeat(VARIABLES_MAX + 1))).unwrap_err().contains("1000"));
    }
}
