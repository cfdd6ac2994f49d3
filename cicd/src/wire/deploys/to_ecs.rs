//! The `CodeDeployToECS` action: a task definition out of a template with the images of `imageDetail.json`, and a blue/green
//! deployment of it by an appspec. The user guide's `action-reference-ECSbluegreen` and `file-reference`.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::artifact::read;
use super::ecs::registered;
use super::{Deploys, misconfigured, only, required, said};
use crate::wire::action::{ActionEnd, ActionFailure, ActionWork, ArtifactIn, Taken};

const KEYS: [&str; 14] = [
    "ApplicationName",
    "DeploymentGroupName",
    "TaskDefinitionTemplateArtifact",
    "TaskDefinitionTemplatePath",
    "AppSpecTemplateArtifact",
    "AppSpecTemplatePath",
    "Image1ArtifactName",
    "Image1ContainerName",
    "Image2ArtifactName",
    "Image2ContainerName",
    "Image3ArtifactName",
    "Image3ContainerName",
    "Image4ArtifactName",
    "Image4ContainerName",
];
/// What names an image that was pushed.
const IMAGE: &str = "imageDetail.json";
/// What stands for the new revision in the appspec.
const TASK_DEFINITION: &str = "<TASK_DEFINITION>";
/// The most that an input artifact of the action may be, in bytes.
const ARTIFACT_MAX: u64 = 3 * 1024 * 1024;

/// `imageDetail.json`, of which this alone is read.
#[derive(Debug, Deserialize)]
struct ImageDetail {
    #[serde(rename = "ImageURI")]
    image: String,
}

impl Deploys {
    pub(super) async fn codedeploy_to_ecs(&self, work: &ActionWork, taken: Taken) -> Result<ActionEnd, ActionFailure> {
        only(work, &KEYS)?;
        let (application, group) = (required(work, "ApplicationName")?, required(work, "DeploymentGroupName")?);
        let definition = task_definition(work)?;
        let appspec = template(work, "AppSpecTemplate", "appspec.yaml")?;
        if !appspec.contains(TASK_DEFINITION) {
            return Err(misconfigured(format!("the appspec has no {TASK_DEFINITION} for the new task definition")));
        }
        let ends =
            (self.client("ecs", self.config.ecs.as_ref()), self.client("codedeploy", self.config.codedeploy.as_ref()));
        let (Some(ecs), Some(codedeploy)) = ends else {
            let what = json!({
                "applicationName": application, "deploymentGroupName": group, "taskDefinition": definition, "appspec": appspec,
            });
            return self.write_down(work, &what);
        };
        let revision = registered(&ecs, &definition).await?;
        let content = appspec.replace(TASK_DEFINITION, &revision);
        let sha256 = hex::encode(Sha256::digest(&content));
        let deployment = json!({
            "applicationName": application,
            "deploymentGroupName": group,
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": sha256}},
        });
        self.deployed(&codedeploy, &deployment, taken).await
    }
}

/// The template's task definition, with the images that were pushed.
fn task_definition(work: &ActionWork) -> Result<Value, ActionFailure> {
    let mut text = template(work, "TaskDefinitionTemplate", "taskdef.json")?;
    for number in 1..=4 {
        let (artifact, container) = (format!("Image{number}ArtifactName"), format!("Image{number}ContainerName"));
        let (Some(artifact), Some(container)) = (said(work, &artifact), said(work, &container)) else {
            if said(work, &artifact).is_some() != said(work, &container).is_some() {
                return Err(misconfigured(format!("{artifact} and {container} belong together, and one is missing")));
            }
            continue;
        };
        let detail = file(input(work, artifact)?, IMAGE)?;
        let detail: ImageDetail = serde_json::from_str(&detail)
            .map_err(|error| misconfigured(format!("{IMAGE} in the artifact {artifact} names no ImageURI: {error}")))?;
        text = text.replace(&format!("<{container}>"), &detail.image);
    }
    let definition: Value = serde_json::from_str(&text)
        .map_err(|error| misconfigured(format!("the task definition is no JSON: {error}")))?;
    if definition["containerDefinitions"].as_array().is_none_or(Vec::is_empty) {
        return Err(misconfigured("the task definition has no containerDefinitions"));
    }
    Ok(definition)
}

/// A template's text: `<key>Artifact` holds it, `<key>Path` names it there.
fn template(work: &ActionWork, key: &str, usual: &str) -> Result<String, ActionFailure> {
    let artifact = required(work, &format!("{key}Artifact"))?;
    file(input(work, artifact)?, said(work, &format!("{key}Path")).unwrap_or(usual))
}

fn input<'w>(work: &'w ActionWork, name: &str) -> Result<&'w ArtifactIn, ActionFailure> {
    let found = work.inputs.iter().find(|input| input.name == name);
    found.ok_or_else(|| misconfigured(format!("{name} is no input artifact of the action")))
}

fn file(artifact: &ArtifactIn, name: &str) -> Result<String, ActionFailure> {
    let size = std::fs::metadata(&artifact.zip).map_or(0, |it| it.len());
    if size > ARTIFACT_MAX {
        return Err(misconfigured(format!("the artifact {} is larger than {ARTIFACT_MAX} bytes", artifact.name)));
    }
    read(artifact, name, ARTIFACT_MAX)?
        .ok_or_else(|| misconfigured(format!("the artifact {} holds no {name}", artifact.name)))
}
