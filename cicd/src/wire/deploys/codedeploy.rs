//! The `CodeDeploy` action: a deployment of the input artifact to a deployment group.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::artifact::{only_input, read};
use super::client::Client;
use super::{Deploys, failed, misconfigured, only, required};
use crate::wire::action::{ActionEnd, ActionFailure, ActionTaken, ActionWork, Taken};

const KEYS: [&str; 2] = ["ApplicationName", "DeploymentGroupName"];
/// What an artifact must hold one of.
const APPSPECS: [&str; 3] = ["appspec.yml", "appspec.yaml", "appspec.json"];
/// Far more than an appspec is.
const APPSPEC_MAX: u64 = 1024 * 1024;

impl Deploys {
    pub(super) async fn codedeploy(&self, work: &ActionWork, taken: Taken) -> Result<ActionEnd, ActionFailure> {
        only(work, &KEYS)?;
        let (application, group) = (required(work, "ApplicationName")?, required(work, "DeploymentGroupName")?);
        let input = only_input(work)?;
        let mut found = false;
        for name in APPSPECS {
            found |= read(input, name, APPSPEC_MAX)?.is_some();
        }
        if !found {
            return Err(misconfigured(format!("the artifact {} holds no {}", input.name, APPSPECS.join(" or "))));
        }
        let deployment = json!({
            "applicationName": application,
            "deploymentGroupName": group,
            "revision": {"revisionType": "S3", "s3Location": {"bucket": input.bucket, "key": input.key, "bundleType": "zip"}},
        });
        let Some(client) = self.client("codedeploy", self.config.codedeploy.as_ref()) else {
            return self.write_down(work, &deployment);
        };
        self.deployed(&client, &deployment, taken).await
    }

    /// Makes a deployment, and waits for its end.
    pub(super) async fn deployed(
        &self,
        client: &Client<'_>,
        deployment: &Value,
        taken: Taken,
    ) -> Result<ActionEnd, ActionFailure> {
        let told = client.json("CodeDeploy_20141006.CreateDeployment", deployment).await?;
        let id = told.get("deploymentId").and_then(Value::as_str).unwrap_or_default().to_owned();
        taken(ActionTaken { external_id: id.clone(), external_url: None });
        let late = Instant::now() + self.config.patience;
        loop {
            let told = client.json("CodeDeploy_20141006.GetDeployment", &json!({"deploymentId": id})).await?;
            match told.pointer("/deploymentInfo/status").and_then(Value::as_str).unwrap_or_default() {
                "Succeeded" => return Ok(ActionEnd { external_id: Some(id), ..ActionEnd::done() }),
                "Failed" | "Stopped" => return Err(failed("JobFailed", format!("Deployment {id} failed"))),
                _ if Instant::now() >= late => {
                    return Err(failed("JobFailed", format!("Deployment {id} took too long")));
                }
                _ => tokio::time::sleep(self.config.look_every).await,
            }
        }
    }
}
