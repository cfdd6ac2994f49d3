//! An execution is started.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::Trigger;
use crate::wire::pipeline::machine::start::{self, Asked};
use crate::wire::pipeline::{declare, limits};
use crate::wire::shape::asked::{SourceRevisionOverride, StartPipelineExecution};
use crate::wire::shape::check::{Check, of_a_line, of_a_variable};
use crate::wire::shape::told;

/// Starts an execution. A token that was used before brings the execution it began, whatever else is asked for; what is
/// asked for must be right even so.
pub(super) fn start(wire: &Arc<Wire>, asked: StartPipelineExecution) -> Result<told::ExecutionId, AwsError> {
    check(&asked)?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &asked.name)?;
        asked.source_revisions.iter().try_for_each(|revision| check_revision(pipeline, revision))?;
        let replayed = asked
            .client_request_token
            .as_ref()
            .and_then(|token| pipeline.executions.iter().find(|execution| execution.token.as_ref() == Some(token)));
        if let Some(execution) = replayed {
            return Ok(told::ExecutionId { pipeline_execution_id: execution.id.clone() });
        }
        let trigger = Trigger { kind: "StartPipelineExecution", detail: turn.locality.caller() };
        let asked = Asked {
            variables: asked.variables.into_iter().map(|variable| (variable.name, variable.value)).collect(),
            overrides: asked.source_revisions,
            token: asked.client_request_token,
        };
        let pipeline_execution_id = start::begin(pipeline, asked, trigger, turn)?;
        Ok(told::ExecutionId { pipeline_execution_id })
    })
}

fn check(asked: &StartPipelineExecution) -> Result<(), AwsError> {
    let mut check = Check::new();
    check.name("name", &asked.name);
    // The model wants at least one; the service has been seen to take an empty list.
    check.count("variables", asked.variables.len(), 0, limits::VARIABLES);
    for (at, variable) in (1..).zip(&asked.variables) {
        let name = format!("variables.{at}.member.name");
        check.text(&name, &variable.name, 1, 128, (of_a_variable, r"[A-Za-z0-9@\-_]+"));
        let value = format!("variables.{at}.member.value");
        check.text(&value, &variable.value, 1, limits::VALUE, (of_a_line, ".*"));
    }
    if let Some(token) = &asked.client_request_token {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        check.text("clientRequestToken", token, 1, 128, (allowed, "^[a-zA-Z0-9-]+$"));
    }
    check.count("sourceRevisions", asked.source_revisions.len(), 0, 50);
    for (at, revision) in (1..).zip(&asked.source_revisions) {
        let of = |member: &str| format!("sourceRevisions.{at}.member.{member}");
        let kinds = ["COMMIT_ID", "IMAGE_DIGEST", "S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"];
        check.name(&of("actionName"), &revision.action_name);
        check.word(&of("revisionType"), &revision.revision_type, &kinds);
        check.text(&of("revisionValue"), &revision.revision_value, 1, 1500, (of_a_line, ".*"));
    }
    check.done()?;
    let mut names = BTreeSet::new();
    match asked.variables.iter().find(|variable| !names.insert(&variable.name)) {
        Some(twice) => Err(declare::in_use(&twice.name)),
        None => Ok(()),
    }
}

/// A revision is of a source action, of the type that this source has.
fn check_revision(pipeline: &Pipeline, revision: &SourceRevisionOverride) -> Result<(), AwsError> {
    let mut actions = pipeline.declaration.stages.iter().flat_map(|stage| &stage.actions);
    let source = actions.find(|action| action.is_source() && action.name == revision.action_name);
    let Some(source) = source else {
        return Err(AwsError::invalid(
            "The action name provided in the source revision is not valid. The action must be a source action in your \
             pipeline.",
        ));
    };
    let provider = source.action_type_id.provider.as_str();
    let kind = revision.revision_type.as_str();
    let fits = match provider {
        "S3" => kind.starts_with("S3_"),
        "ECR" => kind == "IMAGE_DIGEST",
        _ => kind == "COMMIT_ID",
    };
    if !fits {
        let name = &source.name;
        return Err(AwsError::invalid(format!(
            "The revision type {kind} does not fit the source action {name} ({provider})"
        )));
    }
    let allowed = source.configuration.get("AllowOverrideForS3ObjectKey").is_some_and(|allowed| allowed == "true");
    if kind == "S3_OBJECT_KEY" && !allowed {
        return Err(AwsError::invalid(format!(
            "The source action {} does not allow the S3 object key to be overridden; set AllowOverrideForS3ObjectKey to true",
            source.name
        )));
    }
    Ok(())
}
