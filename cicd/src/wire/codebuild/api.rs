//! The operations of `CodeBuild_20161006`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::check::invalid;
use super::projects::NAMES_MAX;
use super::record::Build;
use super::{CodeBuild, read};
use crate::wire::error::AwsError;

/// The most ids in one answer of `ListBuilds`, as CodeBuild has it.
const PAGE: usize = 100;

/// Answers one operation.
///
/// # Errors
/// As CodeBuild refuses it.
pub fn answer(wire: &Arc<CodeBuild>, operation: &str, input: Value) -> Result<Value, AwsError> {
    match operation {
        "CreateProject" => wire.create(input),
        "UpdateProject" => wire.update(input),
        "DeleteProject" => wire.delete(input),
        "BatchGetProjects" => wire.batch_get_projects(input),
        "ListProjects" => Ok(wire.list_projects(&input)),
        "StartBuild" => wire.start(input, None).map(|build| wire.told(&build)),
        "RetryBuild" => wire.retry(input),
        "StopBuild" => wire.stop_build(input),
        "BatchGetBuilds" => wire.batch_get_builds(input),
        "ListBuilds" => wire.list(&input, None),
        "ListBuildsForProject" => {
            let Project { project_name } = read(input.clone())?;
            if !wire.books().projects.contains_key(&project_name) {
                return Err(wire.no_project(&project_name));
            }
            wire.list(&input, Some(&project_name))
        }
        other => Err(AwsError::unknown_operation(other)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    project_name: String,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

impl CodeBuild {
    fn told(&self, build: &Build) -> Value {
        json!({"build": build.told(&self.around(&build.uuid))})
    }

    fn build(&self, id: &str) -> Result<Build, AwsError> {
        let id = plain(id);
        self.books().builds.get(id).cloned().ok_or_else(|| {
            let shown: String = id.chars().filter(|c| !c.is_control()).take(200).collect();
            AwsError::refused("ResourceNotFoundException", format!("Build does not exist: {shown}"))
        })
    }

    /// Asks a build to end; a build that is over stays what it is.
    fn stop_build(&self, input: Value) -> Result<Value, AwsError> {
        let Id { id } = read(input)?;
        let build = self.build(&id)?;
        build.stop.cancel();
        Ok(self.told(&build))
    }

    /// Starts again what a build was asked to do. A build of a pipeline is retried by its pipeline.
    fn retry(self: &Arc<Self>, input: Value) -> Result<Value, AwsError> {
        let Id { id } = read(input)?;
        let build = self.build(&id)?;
        if build.initiator.starts_with("codepipeline/") {
            return Err(invalid("a build that a pipeline started is retried by its pipeline"));
        }
        self.start(build.asked, None).map(|build| self.told(&build))
    }

    fn batch_get_builds(&self, input: Value) -> Result<Value, AwsError> {
        let Ids { ids } = read(input)?;
        if !(1..=NAMES_MAX).contains(&ids.len()) {
            return Err(invalid("ids holds 1 to 100 ids"));
        }
        let books = self.books();
        let (mut builds, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match books.builds.get(plain(&id)) {
                Some(build) => builds.push(build.told(&self.around(&build.uuid))),
                None => missing.push(id),
            }
        }
        Ok(json!({"builds": builds, "buildsNotFound": missing}))
    }

    /// The ids of builds, the newest first unless asked otherwise.
    fn list(&self, input: &Value, project: Option<&str>) -> Result<Value, AwsError> {
        let books = self.books();
        let of_project =
            |id: &&String| project.is_none_or(|project| books.builds.get(*id).is_some_and(|it| it.project == project));
        let mut ids: Vec<&String> = books.order.iter().filter(of_project).collect();
        if input.get("sortOrder").and_then(Value::as_str) != Some("ASCENDING") {
            ids.reverse();
        }
        let from = match input.get("nextToken").and_then(Value::as_str) {
            Some(token) => token.parse().map_err(|_| invalid("nextToken is none of ours"))?,
            None => 0_usize,
        };
        let page: Vec<_> = ids.iter().skip(from).take(PAGE).collect();
        let mut told = json!({"ids": page});
        if from.saturating_add(PAGE) < ids.len() {
            told["nextToken"] = json!((from + PAGE).to_string());
        }
        Ok(told)
    }
}

/// A build may be named by its ARN, too.
fn plain(id: &str) -> &str {
    id.rsplit_once(":build/").map_or(id, |(_, plain)| plain)
}
