//! Pipelines are created, read, changed and deleted.

use std::sync::Arc;

use super::page::Page;
use super::tags;
use crate::wire::Wire;
use crate::wire::error::AwsError;
use crate::wire::pipeline::book::Pipeline;
use crate::wire::pipeline::execution::Trigger;
use crate::wire::pipeline::machine::start::{self, Asked};
use crate::wire::pipeline::machine::stop;
use crate::wire::pipeline::{declare, limits};
use crate::wire::shape::asked;
use crate::wire::shape::check::Check;
use crate::wire::shape::declaration::{PipelineDeclaration, PipelineType};
use crate::wire::shape::told;

/// A pipeline begins with version 1, and with an execution.
pub(super) fn create(wire: &Arc<Wire>, asked: asked::CreatePipeline) -> Result<told::Written, AwsError> {
    let declaration = declare::accept(asked.pipeline)?;
    let tags = tags::accept(asked.tags)?;
    wire.turn(|book, turn| {
        let name = declaration.name.clone();
        if book.pipelines.contains_key(&name) {
            let message =
                format!("A pipeline with the name '{name}' already exists in account '{}'", turn.locality.account);
            return Err(AwsError::refused("PipelineNameInUseException", message));
        }
        if book.pipelines.len() >= limits::PIPELINES {
            let message = format!("The account has {} pipelines, the most it may have", limits::PIPELINES);
            return Err(AwsError::refused("LimitExceededException", message));
        }
        let mut pipeline = Pipeline::new(declaration, turn.now);
        pipeline.tags = tags;
        let told = told::Written {
            pipeline: PipelineDeclaration::clone(&pipeline.declaration),
            tags: Some(tags::told(&pipeline.tags)).filter(|tags| !tags.is_empty()),
        };
        let trigger = Trigger { kind: "CreatePipeline", detail: turn.locality.caller() };
        start::begin(&mut pipeline, Asked::default(), trigger, turn)?;
        book.pipelines.insert(name, pipeline);
        Ok(told)
    })
}

/// A new version; executions that share the stages are cancelled.
pub(super) fn update(wire: &Arc<Wire>, asked: asked::UpdatePipeline) -> Result<told::Written, AwsError> {
    let declaration = declare::accept(asked.pipeline)?;
    wire.turn(|book, turn| {
        let pipeline = book.pipeline_mut(&turn.locality.account, &declaration.name)?;
        stop::cancel_all(pipeline, turn);
        pipeline.version += 1;
        let declaration = Arc::new(PipelineDeclaration { version: Some(pipeline.version), ..declaration });
        pipeline.versions.insert(pipeline.version, Arc::clone(&declaration));
        pipeline.declaration = declaration;
        pipeline.updated = turn.now;
        pipeline.forget();
        Ok(told::Written { pipeline: PipelineDeclaration::clone(&pipeline.declaration), tags: None })
    })
}

/// The pipeline as it is, or as it was.
pub(super) fn get(wire: &Arc<Wire>, asked: asked::GetPipeline) -> Result<told::GetPipeline, AwsError> {
    Check::new().name("name", &asked.name).done()?;
    wire.look(|book| {
        let pipeline = book.pipeline(&wire.locality.account, &asked.name)?;
        let version = asked.version.unwrap_or(pipeline.version);
        let declaration = pipeline.versions.get(&version).ok_or_else(|| {
            let message = format!("Pipeline '{}' does not have a version {version}", asked.name);
            AwsError::refused("PipelineVersionNotFoundException", message)
        })?;
        let metadata = told::Metadata {
            pipeline_arn: wire.locality.pipeline_arn(&asked.name),
            created: pipeline.created.into(),
            updated: pipeline.updated.into(),
        };
        Ok(told::GetPipeline { pipeline: PipelineDeclaration::clone(declaration), metadata })
    })
}

/// The pipeline goes with its history. One that is not there is deleted already.
pub(super) fn delete(wire: &Arc<Wire>, asked: asked::OfPipeline) -> Result<(), AwsError> {
    Check::new().name("name", &asked.name).done()?;
    wire.turn(|book, _| Ok(book.pipelines.remove(&asked.name))).map(drop)
}

/// All pipelines by name, with `more` among them.
pub(super) fn list(
    wire: &Arc<Wire>,
    asked: asked::ListPipelines,
    more: Vec<told::PipelineSummary>,
) -> Result<told::ListPipelines, AwsError> {
    let page = Page::asked("pipelines", asked.max_results, 1000, asked.next_token.as_deref())?;
    let summary = |(name, pipeline): (&String, &Pipeline)| told::PipelineSummary {
        name: name.clone(),
        version: pipeline.version,
        pipeline_type: pipeline.declaration.pipeline_type.unwrap_or(PipelineType::V1),
        execution_mode: pipeline.mode(),
        created: pipeline.created.into(),
        updated: pipeline.updated.into(),
    };
    let mut all: Vec<_> = wire.look(|book| book.pipelines.iter().map(summary).collect());
    all.extend(more);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let (pipelines, next_token) = page.cut(all);
    Ok(told::ListPipelines { pipelines, next_token })
}
