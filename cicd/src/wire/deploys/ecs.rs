//! The ECS action: a new revision of the service's task definition with the images that `imagedefinitions.json` names.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::artifact::{only_input, read};
use super::client::Client;
use super::{Deploys, failed, misconfigured, only, required, said};
use crate::wire::action::{ActionEnd, ActionFailure, ActionTaken, ActionWork, Taken};

const KEYS: [&str; 4] = ["ClusterName", "ServiceName", "FileName", "DeploymentTimeout"];
const FILE: &str = "imagedefinitions.json";
/// The most that the file may be, in bytes.
const FILE_MAX: u64 = 100 * 1024;
/// Minutes that a deployment may be given.
const TIMEOUT_MAX: u64 = 60;
/// What a task definition is registered with; what else is told of one is ECS's own.
const REGISTERED: [&str; 18] = [
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "tags",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
];

/// One line of `imagedefinitions.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    /// The container's name.
    name: String,
    /// What it runs.
    image_uri: String,
}

impl Deploys {
    pub(super) async fn ecs(&self, work: &ActionWork, taken: Taken) -> Result<ActionEnd, ActionFailure> {
        only(work, &KEYS)?;
        let (cluster, service) = (required(work, "ClusterName")?, required(work, "ServiceName")?);
        let images = images(work)?;
        let patience = match said(work, "DeploymentTimeout").map(str::parse::<u64>) {
            None => self.config.patience,
            Some(Ok(minutes @ 1..=TIMEOUT_MAX)) => Duration::from_secs(minutes * 60),
            Some(_) => return Err(misconfigured("DeploymentTimeout is a number of minutes from 1 to 60")),
        };
        let Some(client) = self.client("ecs", self.config.ecs.as_ref()) else {
            return self.write_down(work, &json!({"cluster": cluster, "service": service, "images": images}));
        };
        let told = describe(&client, cluster, service).await?;
        let revision = register(&client, text(&told, "taskDefinition"), &images).await?;
        let update = json!({"cluster": cluster, "service": service, "taskDefinition": revision});
        client.json("AmazonEC2ContainerServiceV20141113.UpdateService", &update).await?;
        taken(ActionTaken { external_id: revision.clone(), external_url: None });
        self.until_rolled_out(&client, cluster, service, &revision, patience).await?;
        Ok(ActionEnd { external_id: Some(revision), ..ActionEnd::done() })
    }

    /// Waits until the service runs a revision and nothing else.
    async fn until_rolled_out(
        &self,
        client: &Client<'_>,
        cluster: &str,
        service: &str,
        revision: &str,
        patience: Duration,
    ) -> Result<(), ActionFailure> {
        let late = Instant::now() + patience;
        loop {
            let told = describe(client, cluster, service).await?;
            let deployments = told.get("deployments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let ours = deployments.iter().find(|deployment| text(deployment, "taskDefinition") == revision);
            // An emulator that tells of no rollout has none.
            match ours.and_then(|deployment| deployment.get("rolloutState")?.as_str()) {
                None | Some("COMPLETED") => return Ok(()),
                Some("FAILED") => return Err(failed("JobFailed", format!("the deployment of {service} has failed"))),
                Some(_) if Instant::now() >= late => {
                    let words =
                        format!("the deployment of {service} was not done in {} minutes", patience.as_secs() / 60);
                    return Err(failed("JobFailed", words));
                }
                Some(_) => tokio::time::sleep(self.config.look_every).await,
            }
        }
    }
}

fn images(work: &ActionWork) -> Result<Vec<Image>, ActionFailure> {
    let input = only_input(work)?;
    let file = said(work, "FileName").unwrap_or(FILE);
    let text = read(input, file, FILE_MAX)?.ok_or_else(|| {
        misconfigured(format!("Did not find the image definition file {file} in the input artifact {}", input.name))
    })?;
    let images: Vec<Image> = serde_json::from_str(&text)
        .map_err(|error| misconfigured(format!("{file} is no list of {{\"name\", \"imageUri\"}}: {error}")))?;
    if images.is_empty() || images.iter().any(|image| image.name.is_empty() || image.image_uri.is_empty()) {
        return Err(misconfigured(format!("{file} names no image, or one without a name or an imageUri")));
    }
    Ok(images)
}

async fn describe(client: &Client<'_>, cluster: &str, service: &str) -> Result<Value, ActionFailure> {
    let input = json!({"cluster": cluster, "services": [service]});
    let told = client.json("AmazonEC2ContainerServiceV20141113.DescribeServices", &input).await?;
    let found = told.pointer("/services/0").filter(|it| text(it, "status") != "INACTIVE").cloned();
    found.ok_or_else(|| misconfigured(format!("the cluster {cluster} has no service {service}")))
}

/// Registers what the service runs now, with other images; the new revision's ARN.
async fn register(client: &Client<'_>, current: &str, images: &[Image]) -> Result<String, ActionFailure> {
    let input = json!({"taskDefinition": current});
    let told = client.json("AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", &input).await?;
    let mut definition = told.get("taskDefinition").and_then(Value::as_object).cloned().unwrap_or_default();
    definition.retain(|key, value| REGISTERED.contains(&key.as_str()) && !value.is_null());
    let mut containers = definition.get("containerDefinitions").and_then(Value::as_array).cloned().unwrap_or_default();
    for Image { name, image_uri } in images {
        let container = containers.iter_mut().find(|container| text(container, "name") == name);
        let container = container.ok_or_else(|| misconfigured(format!("{current} has no container {name}")))?;
        container["image"] = json!(image_uri);
    }
    definition.insert("containerDefinitions".to_owned(), json!(containers));
    registered(client, &json!(definition)).await
}

/// Registers a task definition. The ARN of its revision.
pub(super) async fn registered(client: &Client<'_>, definition: &Value) -> Result<String, ActionFailure> {
    let told = client.json("AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", definition).await?;
    let arn = told.pointer("/taskDefinition/taskDefinitionArn").and_then(Value::as_str);
    arn.map(str::to_owned).ok_or_else(|| failed("JobFailed", "ECS did not say which revision it has registered"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
