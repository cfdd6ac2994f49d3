//! What conditions a stage may have.

use crate::wire::error::AwsError;
use crate::wire::pipeline::limits;
use crate::wire::shape::declaration::{
    Condition, ConditionResult, Conditions, ExecutionMode, PipelineDeclaration, RuleDeclaration, StageDeclaration,
};

fn refused(stage: &StageDeclaration, why: impl std::fmt::Display) -> AwsError {
    AwsError::refused("InvalidStageDeclarationException", format!("Stage {}: {why}", stage.name))
}

pub(super) fn check(declaration: &PipelineDeclaration, stage: &StageDeclaration) -> Result<(), AwsError> {
    use ConditionResult::{Fail, Retry, Rollback, Skip};
    of(stage, "beforeEntry", stage.before_entry.as_ref(), &[Fail, Skip])?;
    of(stage, "onSuccess", stage.on_success.as_ref(), &[Fail, Rollback])?;
    let on_failure = stage.on_failure.as_ref();
    if on_failure.is_some_and(|failure| failure.conditions.as_ref().is_some_and(|conditions| !conditions.is_empty())) {
        return Err(refused(stage, "the wire looks at no conditions of onFailure; give it a result"));
    }
    let result = on_failure.and_then(|failure| failure.result);
    if result == Some(Skip) {
        return Err(refused(stage, "onFailure cannot have the result SKIP"));
    }
    if on_failure.is_some_and(|failure| failure.retry_configuration.is_some()) && result != Some(Retry) {
        return Err(refused(stage, "a retryConfiguration needs the result RETRY"));
    }
    let on_success = stage.on_success.iter().flat_map(|conditions| &conditions.conditions);
    let rolls_back = result == Some(Rollback) || on_success.into_iter().any(|c| c.result == Some(Rollback));
    if rolls_back && declaration.execution_mode == Some(ExecutionMode::Parallel) {
        return Err(refused(stage, "a pipeline in PARALLEL mode cannot have conditions with the result ROLLBACK"));
    }
    Ok(())
}

fn of(
    stage: &StageDeclaration,
    what: &str,
    conditions: Option<&Conditions>,
    results: &[ConditionResult],
) -> Result<(), AwsError> {
    let Some(conditions) = conditions else { return Ok(()) };
    let [condition] = conditions.conditions.as_slice() else {
        return Err(refused(stage, format_args!("{what} must have exactly one condition")));
    };
    let Condition { result, rules } = condition;
    if !result.is_some_and(|result| results.contains(&result)) {
        return Err(refused(stage, format_args!("the condition of {what} must have one of the results {results:?}")));
    }
    if !(1..=5).contains(&rules.len()) {
        return Err(refused(stage, format_args!("the condition of {what} must have 1 to 5 rules")));
    }
    rules.iter().try_for_each(|rule| of_rule(stage, rule))
}

fn of_rule(stage: &StageDeclaration, rule: &RuleDeclaration) -> Result<(), AwsError> {
    let name = &rule.name;
    let provider = rule.rule_type_id.provider.as_str();
    if provider != "VariableCheck" {
        return Err(refused(
            stage,
            format_args!("the rule {name}: the wire looks at VariableCheck only, not at {provider}"),
        ));
    }
    let of = |key: &str| rule.configuration.get(key).map(String::as_str).unwrap_or_default();
    if let Some(missing) = ["Variable", "Operator"].iter().find(|key| of(key).is_empty()) {
        return Err(refused(stage, format_args!("the rule {name} has no {missing}")));
    }
    if !["EQ", "NE", "CONTAINS", "MATCHES"].contains(&of("Operator")) {
        return Err(refused(stage, format_args!("the rule {name}: the operator must be EQ, NE, CONTAINS or MATCHES")));
    }
    let unknown = rule.configuration.keys().find(|key| !["Variable", "Value", "Operator"].contains(&key.as_str()));
    if let Some(unknown) = unknown {
        return Err(refused(stage, format_args!("the rule {name} contains unknown configuration '{unknown}'")));
    }
    if rule.configuration.values().any(|value| value.chars().count() > limits::RULE_VALUE) {
        return Err(refused(stage, format_args!("the rule {name} has a value of more than 10000 characters")));
    }
    Ok(())
}
