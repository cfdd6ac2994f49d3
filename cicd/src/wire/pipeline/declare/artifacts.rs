//! Artifacts are made once, and before they are taken.

use std::collections::BTreeMap;

use super::structure;
use crate::wire::error::AwsError;
use crate::wire::shape::declaration::PipelineDeclaration;

pub(super) fn check(declaration: &PipelineDeclaration) -> Result<(), AwsError> {
    let mut made = BTreeMap::new();
    for (at, stage) in declaration.stages.iter().enumerate() {
        for action in &stage.actions {
            for output in &action.output_artifacts {
                if made.insert(&output.name, (at, action.run_order)).is_some() {
                    return Err(structure(format!(
                        "Output Artifact Bundle name must be unique within the pipeline. {} has been used more than once.",
                        output.name
                    )));
                }
            }
        }
    }
    for (at, stage) in declaration.stages.iter().enumerate() {
        for action in &stage.actions {
            for input in &action.input_artifacts {
                if made.get(&input.name).is_none_or(|place| *place >= (at, action.run_order)) {
                    return Err(structure(format!(
                        "Input Artifact Bundle {} in action {} is not declared as Output Artifact Bundle in any of the \
                         preceding actions",
                        input.name, action.name
                    )));
                }
            }
        }
    }
    Ok(())
}
