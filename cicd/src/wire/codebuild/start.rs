//! A build is asked for: the project as declared, with what the request overrides.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::books::{Project, Used};
use super::check::{self, invalid};
use super::record::{Build, Status};
use super::run::{Files, Order};
use super::shape::{Artifacts, Declared, Variable, overlaid};
use super::{CodeBuild, read};
use crate::wire::error::AwsError;
use crate::wire::ids;

/// What `StartBuild` takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    project_name: String,
    idempotency_token: Option<String>,
    source_version: Option<String>,
    source_type_override: Option<String>,
    source_location_override: Option<String>,
    buildspec_override: Option<String>,
    artifacts_override: Option<Artifacts>,
    #[serde(default)]
    environment_variables_override: Vec<Variable>,
    environment_type_override: Option<String>,
    image_override: Option<String>,
    compute_type_override: Option<String>,
    privileged_mode_override: Option<bool>,
    timeout_in_minutes_override: Option<u64>,
    queued_timeout_in_minutes_override: Option<u64>,
    service_role_override: Option<String>,
    encryption_key_override: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Overrides that would change the result and are not done here.
const NOT_DONE: [&str; 5] = [
    "secondarySourcesOverride",
    "secondarySourcesVersionOverride",
    "secondaryArtifactsOverride",
    "debugSessionEnabled",
    "autoRetryLimitOverride",
];
/// How long an idempotency token holds: five minutes, says CodeBuild's service model.
const TOKEN_SECONDS: i64 = 5 * 60;

/// What CodePipeline adds to a build that it starts.
pub(super) struct FromPipeline {
    /// `codepipeline/<pipeline>`.
    pub(super) initiator: String,
    /// The source's own revision.
    pub(super) revision: Option<String>,
    pub(super) files: Files,
    /// The artifacts that must be left.
    pub(super) outputs: Vec<String>,
}

impl CodeBuild {
    /// Starts a build; the same token with the same request is the same build.
    ///
    /// # Errors
    /// As CodeBuild refuses it.
    pub(super) fn start(self: &Arc<Self>, input: Value, from: Option<FromPipeline>) -> Result<Build, AwsError> {
        let mut without_token = input.clone();
        if let Some(map) = without_token.as_object_mut() {
            map.remove("idempotencyToken");
        }
        let asked: Asked = read(input)?;
        if let Some(key) = NOT_DONE.into_iter().find(|key| asked.rest.get(*key).is_some_and(is_wanted)) {
            return Err(invalid(format!("{key} is not done by the wire; see docs/wire.md")));
        }
        let now = self.clock.now();
        let mut books = self.books();
        books.tokens.retain(|_, used| now.as_second() - used.at.as_second() < TOKEN_SECONDS);
        if let Some(used) = asked.idempotency_token.as_ref().and_then(|token| books.tokens.get(token)) {
            if used.asked != without_token {
                let words =
                    "The parameters of the request do not match those of the request that used this idempotency token";
                return Err(invalid(words));
            }
            let build = books.builds.get(&used.build).cloned();
            return build.ok_or_else(|| AwsError::internal("the build of this token is gone"));
        }
        let Some(project) = books.projects.get_mut(&asked.project_name) else {
            let arn = self.arn(&format!("project/{}", shown(&asked.project_name)));
            return Err(AwsError::refused("ResourceNotFoundException", format!("Project cannot be found: {arn}")));
        };
        let token = asked.idempotency_token.clone();
        let pipeline_starts = from.is_some();
        let declared = overridden(&project.declared, asked.clone(), pipeline_starts)?;
        let (initiator, revision, files, outputs) = match from {
            Some(from) => (from.initiator, from.revision, from.files, from.outputs),
            None => (
                "wire".to_owned(),
                asked.source_version.clone(),
                files(&declared, asked.source_version.as_deref())?,
                Vec::new(),
            ),
        };
        project.builds += 1;
        let build =
            Self::new_build(project, &declared, asked.source_version, revision, initiator, now, without_token.clone());
        let id = build.id();
        books.builds.insert(id.clone(), build.clone());
        books.order.push(id.clone());
        if let Some(token) = token {
            books.tokens.insert(token, Used { asked: without_token, build: id.clone(), at: now });
        }
        drop(books);
        self.set_out(Order { id, declared, files, outputs, build: build.clone() });
        Ok(build)
    }

    fn new_build(
        project: &Project,
        declared: &Declared,
        source_version: Option<String>,
        revision: Option<String>,
        initiator: String,
        now: Timestamp,
        asked: Value,
    ) -> Build {
        Build {
            uuid: ids::uuid(),
            number: project.builds,
            project: declared.name.clone(),
            source: declared.source.clone(),
            source_version,
            resolved_source_version: revision,
            artifacts: declared.artifacts.clone(),
            artifacts_location: None,
            environment: declared.environment.clone(),
            service_role: declared.service_role.clone(),
            encryption_key: declared.encryption_key.clone().unwrap_or_default(),
            timeout_in_minutes: declared.timeout_in_minutes,
            queued_timeout_in_minutes: declared.queued_timeout_in_minutes,
            initiator,
            started: now,
            ended: None,
            status: Status::InProgress,
            phases: Vec::new(),
            exported: BTreeMap::new(),
            left: Vec::new(),
            asked,
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
        }
    }
}

/// Whether an override asks for something: `false`, 0 and an empty list do not.
fn is_wanted(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != json!(0) && *value != json!([])
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(150).collect()
}

/// The project as this build sees it.
fn overridden(project: &Declared, asked: Asked, pipeline_starts: bool) -> Result<Declared, AwsError> {
    let mut declared = project.clone();
    let source = &mut declared.source;
    source.buildspec = asked.buildspec_override.or(source.buildspec.take());
    source.kind = asked.source_type_override.unwrap_or_else(|| source.kind.clone());
    source.location = asked.source_location_override.or(source.location.take());
    let environment = &mut declared.environment;
    environment.kind = asked.environment_type_override.unwrap_or_else(|| environment.kind.clone());
    environment.image = asked.image_override.unwrap_or_else(|| environment.image.clone());
    environment.compute_type = asked.compute_type_override.unwrap_or_else(|| environment.compute_type.clone());
    environment.privileged_mode = asked.privileged_mode_override.unwrap_or(environment.privileged_mode);
    check::variables(&asked.environment_variables_override)?;
    environment.environment_variables =
        overlaid(&environment.environment_variables, asked.environment_variables_override);
    declared.artifacts = asked.artifacts_override.unwrap_or(declared.artifacts);
    declared.timeout_in_minutes = asked.timeout_in_minutes_override.unwrap_or(declared.timeout_in_minutes);
    declared.queued_timeout_in_minutes =
        asked.queued_timeout_in_minutes_override.unwrap_or(declared.queued_timeout_in_minutes);
    declared.service_role = asked.service_role_override.unwrap_or(declared.service_role);
    declared.encryption_key = asked.encryption_key_override.or(declared.encryption_key);
    if declared.source.kind == "CODEPIPELINE" && !pipeline_starts {
        let words =
            "a project whose source is CODEPIPELINE is started by a pipeline; override its source to start it alone";
        return Err(invalid(words));
    }
    if !pipeline_starts && declared.artifacts.kind == "CODEPIPELINE" {
        declared.artifacts = Artifacts { kind: "NO_ARTIFACTS".to_owned(), rest: Map::new() };
    }
    if !pipeline_starts {
        check::declared(&declared)?;
    }
    check::environment(&declared.environment)?;
    check::timeouts(declared.timeout_in_minutes, declared.queued_timeout_in_minutes)?;
    Ok(declared)
}

/// Where the files of a build that nobody but its starter knows come from.
fn files(declared: &Declared, version: Option<&str>) -> Result<Files, AwsError> {
    let source = &declared.source;
    let location = source.location.clone().unwrap_or_default();
    match source.kind.as_str() {
        "NO_SOURCE" => Ok(Files::Nothing),
        "S3" => {
            let plain = location.strip_prefix("arn:aws:s3:::").unwrap_or(&location);
            let (bucket, key) = plain
                .split_once('/')
                .ok_or_else(|| invalid(format!("source.location is bucket/key, and {} is not", shown(plain))))?;
            Ok(Files::S3 { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) })
        }
        other => Ok(Files::Unreachable(format!("the wire has no source {other}; give it S3, NO_SOURCE or a pipeline"))),
    }
}
