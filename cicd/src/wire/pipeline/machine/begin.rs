//! An action begins.

use std::collections::BTreeMap;

use jiff::ToSpan;

use super::{Effect, Order, Turn, end, tell};
use crate::wire::action::ActionEnd;
use crate::wire::ids;
use crate::wire::pipeline::artifact::Artifact;
use crate::wire::pipeline::execution::{ActionRun, ActionStatus, Execution};
use crate::wire::pipeline::limits;
use crate::wire::pipeline::variables::resolve_all;
use crate::wire::shape::declaration::ActionDeclaration;

/// Begins an action, or lets it fail at once when it lacks something.
pub(super) fn action(execution: &mut Execution, stage: usize, action: ActionDeclaration, turn: &mut Turn<'_>) {
    let ready = ready(execution, &action);
    let bucket = execution.bucket(action.region.as_ref().unwrap_or(&turn.locality.region));
    let pipeline = &execution.declaration.name;
    let outputs = action.output_artifacts.iter().map(|o| Artifact::reserve(&bucket, pipeline, &o.name)).collect();
    let kind = &action.action_type_id;
    let minutes = match action.is_approval() {
        true => action.timeout_in_minutes.unwrap_or(limits::APPROVAL_MINUTES),
        false => limits::minutes(&kind.category, &kind.provider),
    };
    let expires = turn.now.checked_add(i64::from(minutes).minutes()).ok();
    let mut run = ActionRun {
        id: ids::uuid(),
        stage,
        action,
        status: ActionStatus::InProgress,
        started: turn.now,
        updated: turn.now,
        resolved: BTreeMap::new(),
        inputs: vec![],
        outputs,
        external_id: None,
        external_url: None,
        summary: None,
        error: None,
        variables: BTreeMap::new(),
        updated_by: None,
        expires,
    };
    execution.updated = turn.now;
    match ready {
        Ok((resolved, inputs)) => {
            (run.resolved, run.inputs) = (resolved, inputs);
            tell::action(execution, &run, "STARTED", turn);
            turn.effects.push(Effect::Begin(Box::new(Order {
                pipeline: execution.declaration.name.clone(),
                execution: execution.id.clone(),
                stage: execution.stage(stage).name.clone(),
                run: run.clone(),
                overrides: execution.overrides.iter().filter(|o| o.action_name == run.action.name).cloned().collect(),
            })));
            execution.actions.push(run);
        }
        Err(why) => {
            tell::action(execution, &run, "STARTED", turn);
            let id = run.id.clone();
            execution.actions.push(run);
            end::ended(execution, &id, ActionEnd::failed("ConfigurationError", why).into(), turn);
        }
    }
}

/// The configuration with its variables, and the artifacts it takes.
fn ready(
    execution: &Execution,
    action: &ActionDeclaration,
) -> Result<(BTreeMap<String, String>, Vec<Artifact>), String> {
    // A source is looked at before there is anything to put in; the service knows no variables there.
    let resolved = match action.is_source() {
        true => action.configuration.clone(),
        false => resolve_all(&action.configuration, &execution.known())
            .map_err(|unknown| format!("The action's configuration names unknown variables: {}", unknown.join(", ")))?,
    };
    let size: usize = resolved.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > limits::RESOLVED_CONFIGURATION {
        return Err(format!("The action's configuration with its variables has {size} bytes, more than 100 KB"));
    }
    let input = |name: &String| {
        let found = execution.artifacts.get(name).filter(|artifact| artifact.zip.is_some());
        found
            .cloned()
            .ok_or_else(|| format!("The input artifact {name} does not exist: the action that makes it has not run"))
    };
    let inputs = action.input_artifacts.iter().map(|artifact| input(&artifact.name)).collect::<Result<_, _>>()?;
    Ok((resolved, inputs))
}
