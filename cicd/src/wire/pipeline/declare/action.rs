//! What an action of each type may be configured with, and how many artifacts it takes and leaves.

use std::ops::RangeInclusive;

use crate::wire::error::AwsError;
use crate::wire::shape::declaration::ActionDeclaration;

/// What is known of an action type.
struct Known {
    required: &'static [&'static str],
    optional: &'static [&'static str],
    inputs: RangeInclusive<usize>,
    outputs: RangeInclusive<usize>,
}

/// The types whose configuration is checked; of others everything is taken.
fn known(action: &ActionDeclaration) -> Option<Known> {
    let kind = &action.action_type_id;
    let known = match (kind.category.as_str(), kind.owner.as_str(), kind.provider.as_str()) {
        ("Source", "AWS", "S3") => Known {
            required: &["S3Bucket", "S3ObjectKey"],
            optional: &["AllowOverrideForS3ObjectKey", "PollForSourceChanges"],
            inputs: 0..=0,
            outputs: 1..=1,
        },
        ("Approval", "AWS", "Manual") => Known {
            required: &[],
            optional: &["NotificationArn", "CustomData", "ExternalEntityLink", "IsSummaryRequired"],
            inputs: 0..=0,
            outputs: 0..=0,
        },
        ("Build" | "Test", "AWS", "CodeBuild") => Known {
            required: &["ProjectName"],
            optional: &[
                "PrimarySource",
                "BatchEnabled",
                "BuildspecOverride",
                "CombineArtifacts",
                "EnvironmentVariables",
            ],
            inputs: 1..=5,
            outputs: 0..=5,
        },
        ("Deploy", "AWS", "ECS") => Known {
            required: &["ClusterName", "ServiceName"],
            optional: &["FileName", "DeploymentTimeout"],
            inputs: 1..=1,
            outputs: 0..=0,
        },
        ("Deploy", "AWS", "CodeDeploy") => Known {
            required: &["ApplicationName", "DeploymentGroupName"],
            optional: &[],
            inputs: 1..=1,
            outputs: 0..=0,
        },
        ("Deploy", "AWS", "CloudFormation") => Known {
            required: &["ActionMode", "StackName"],
            optional: &[
                "ChangeSetName",
                "TemplatePath",
                "RoleArn",
                "Capabilities",
                "TemplateConfiguration",
                "ParameterOverrides",
                "OutputFileName",
            ],
            inputs: 0..=10,
            outputs: 0..=1,
        },
        _ => return None,
    };
    Some(known)
}

/// Checks one action by itself.
pub(super) fn check(action: &ActionDeclaration) -> Result<(), AwsError> {
    let name = &action.name;
    let refused = |why: String| Err(AwsError::refused("InvalidActionDeclarationException", why));
    if action.timeout_in_minutes.is_some() && !action.is_approval() {
        return refused(format!("Action {name} has timeoutInMinutes, which only a manual approval may have"));
    }
    let Some(known) = known(action) else { return Ok(()) };
    let given = |key: &&&str| action.configuration.contains_key(**key);
    if let Some(missing) = known.required.iter().find(|key| !given(key)) {
        return refused(format!(
            "Action configuration for action '{name}' is missing required configuration '{missing}'"
        ));
    }
    let may_be = |key: &String| known.required.contains(&key.as_str()) || known.optional.contains(&key.as_str());
    if let Some(unknown) = action.configuration.keys().find(|key| !may_be(key)) {
        return refused(format!("Action configuration for action '{name}' contains unknown configuration '{unknown}'"));
    }
    let artifacts = [
        ("input", action.input_artifacts.len(), known.inputs),
        ("output", action.output_artifacts.len(), known.outputs),
    ];
    for (what, count, allowed) in artifacts {
        if !allowed.contains(&count) {
            let (least, most) = allowed.into_inner();
            let rule = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            return refused(format!("Action {name} has {count} {what} artifacts; its type takes {rule}"));
        }
    }
    let is_topic = |arn: &str| arn.starts_with("arn:aws") && arn.split(':').nth(2) == Some("sns");
    match action.configuration.get("NotificationArn") {
        Some(arn) if !(arn.contains("#{") || is_topic(arn)) => {
            refused(format!("Action {name}: the NotificationArn {arn} is no ARN of a topic"))
        }
        _ => primary_source(action),
    }
}

fn primary_source(action: &ActionDeclaration) -> Result<(), AwsError> {
    if action.action_type_id.provider != "CodeBuild" || action.input_artifacts.len() < 2 {
        return Ok(());
    }
    let named = action.configuration.get("PrimarySource");
    if named.is_some_and(|named| action.input_artifacts.iter().any(|input| input.name == *named)) {
        return Ok(());
    }
    let message =
        format!("Action {} has several input artifacts; its PrimarySource must name one of them", action.name);
    Err(AwsError::refused("InvalidActionDeclarationException", message))
}
