//! The `CloudFormation` action: stacks made, changed and deleted, change sets made and executed.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;
use tokio::time::Instant;

use super::client::{Client, Refused, element};
use super::{Deploys, failed};
use crate::wire::action::{ActionEnd, ActionFailure, ActionTaken, ActionWork, Taken};

mod asked;

use asked::{Asked, Mode};

/// The version of its API.
const VERSION: &str = "2010-05-15";
/// How an update says that there is nothing to update.
const NO_UPDATES: &str = "No updates are to be performed";

/// A stack as it stands.
struct Stack {
    id: String,
    status: String,
    outputs: BTreeMap<String, String>,
}

impl Deploys {
    pub(super) async fn cloudformation(&self, work: &ActionWork, taken: Taken) -> Result<ActionEnd, ActionFailure> {
        let asked = asked::read(work)?;
        let Some(client) = self.client("cloudformation", self.config.cloudformation.as_ref()) else {
            return self.write_down(
                work,
                &json!({"operation": asked.mode.name(), "stack": asked.stack, "input": asked.input}),
            );
        };
        match asked.mode {
            Mode::CreateUpdate | Mode::ReplaceOnFailure => self.create_or_update(&client, &asked).await?,
            Mode::ChangeSetReplace => self.replace_change_set(&client, &asked).await?,
            Mode::ChangeSetExecute => {
                client.query(VERSION, "ExecuteChangeSet", &asked.change_set()).await?;
            }
            Mode::DeleteOnly => return self.delete(&client, &asked).await.map(|()| ActionEnd::done()),
        }
        // A change set that waits to be executed is the end of its action.
        let stack = match asked.mode {
            Mode::ChangeSetReplace => describe(&client, &asked.stack).await?,
            _ => Some(self.settled(&client, &asked.stack).await?),
        };
        let Some(stack) = stack else { return Ok(ActionEnd::done()) };
        taken(ActionTaken { external_id: stack.id.clone(), external_url: None });
        let outputs = written(work, asked.output_file.as_deref(), &stack.outputs)?;
        Ok(ActionEnd { external_id: Some(stack.id), variables: stack.outputs, outputs, ..ActionEnd::done() })
    }

    async fn create_or_update(&self, client: &Client<'_>, asked: &Asked) -> Result<(), ActionFailure> {
        let mut stack = describe(client, &asked.stack).await?;
        let broken = |stack: &Stack| stack.status.ends_with("FAILED") || stack.status == "ROLLBACK_COMPLETE";
        if asked.mode == Mode::ReplaceOnFailure && stack.as_ref().is_some_and(broken) {
            self.delete(client, asked).await?;
            stack = None;
        }
        let operation = if stack.is_some() { "UpdateStack" } else { "CreateStack" };
        match client.query(VERSION, operation, &asked.input).await {
            Err(Refused { message, .. }) if message.contains(NO_UPDATES) => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    async fn replace_change_set(&self, client: &Client<'_>, asked: &Asked) -> Result<(), ActionFailure> {
        let stack = describe(client, &asked.stack).await?;
        let known = stack.is_some_and(|stack| stack.status != "REVIEW_IN_PROGRESS");
        if known {
            // There is none to delete the first time.
            let _none_yet = client.query(VERSION, "DeleteChangeSet", &asked.change_set()).await;
        }
        let mut input = asked.input.clone();
        input.push(("ChangeSetType".to_owned(), if known { "UPDATE" } else { "CREATE" }.to_owned()));
        client.query(VERSION, "CreateChangeSet", &input).await?;
        let late = Instant::now() + self.config.patience;
        loop {
            let told = client.query(VERSION, "DescribeChangeSet", &asked.change_set()).await?;
            let reason = element(&told, "StatusReason").unwrap_or_default();
            match element(&told, "Status").unwrap_or_default().as_str() {
                "CREATE_COMPLETE" => return Ok(()),
                "FAILED" if reason.contains("didn't contain changes") || reason.contains(NO_UPDATES) => return Ok(()),
                "FAILED" => return Err(failed("JobFailed", format!("the change set could not be made: {reason}"))),
                _ if Instant::now() >= late => return Err(failed("JobFailed", "the change set took too long")),
                _ => tokio::time::sleep(self.config.look_every).await,
            }
        }
    }

    async fn delete(&self, client: &Client<'_>, asked: &Asked) -> Result<(), ActionFailure> {
        client.query(VERSION, "DeleteStack", &asked.stack_only()).await?;
        let late = Instant::now() + self.config.patience;
        while let Some(stack) = describe(client, &asked.stack).await? {
            match stack.status.as_str() {
                "DELETE_COMPLETE" => return Ok(()),
                "DELETE_FAILED" => {
                    return Err(failed("JobFailed", format!("the stack {} cannot be deleted", asked.stack)));
                }
                _ if Instant::now() >= late => return Err(failed("JobFailed", "the deletion took too long")),
                _ => tokio::time::sleep(self.config.look_every).await,
            }
        }
        Ok(())
    }

    /// The stack once nothing moves in it.
    async fn settled(&self, client: &Client<'_>, name: &str) -> Result<Stack, ActionFailure> {
        let late = Instant::now() + self.config.patience;
        loop {
            let stack = describe(client, name).await?;
            let stack = stack.ok_or_else(|| failed("JobFailed", format!("the stack {name} is gone")))?;
            match stack.status.as_str() {
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" => return Ok(stack),
                moving if moving.ends_with("IN_PROGRESS") && Instant::now() < late => {
                    tokio::time::sleep(self.config.look_every).await;
                }
                ended => return Err(failed("JobFailed", format!("Stack:{} has status {ended}", stack.id))),
            }
        }
    }
}

/// A stack by its name; none when there is none.
async fn describe(client: &Client<'_>, name: &str) -> Result<Option<Stack>, ActionFailure> {
    let input = [("StackName".to_owned(), name.to_owned())];
    let told = match client.query(VERSION, "DescribeStacks", &input).await {
        Err(Refused { message, .. }) if message.contains("does not exist") => return Ok(None),
        told => told?,
    };
    let said = |name: &str| element(&told, name).unwrap_or_default();
    let outputs = told.split("<OutputKey>").skip(1).filter_map(|rest| {
        let key = rest.split("</OutputKey>").next()?.to_owned();
        Some((key, element(rest.split("</member>").next()?, "OutputValue")?))
    });
    let status = said("StackStatus");
    Ok((!status.is_empty()).then(|| Stack { id: said("StackId"), outputs: outputs.collect(), status }))
}

/// The stack's outputs as the file that the action was told to leave.
fn written(
    work: &ActionWork,
    file: Option<&str>,
    outputs: &BTreeMap<String, String>,
) -> Result<Vec<(String, PathBuf)>, ActionFailure> {
    let (Some(file), [artifact]) = (file, work.outputs.as_slice()) else { return Ok(Vec::new()) };
    let path = work.folder.join("outputs.zip");
    let write = || {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path)?);
        zip.start_file(file, zip::write::SimpleFileOptions::default())?;
        zip.write_all(json!(outputs).to_string().as_bytes())?;
        zip.finish().map(drop)?;
        std::io::Result::Ok(())
    };
    write().map_err(|error| failed("SystemUnavailable", format!("the stack's outputs cannot be written: {error}")))?;
    Ok(vec![(artifact.clone(), path)])
}
