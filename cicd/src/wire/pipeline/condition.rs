//! Conditions of a stage, and the one kind of rule that is looked at here: `VariableCheck`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use super::variables::{Known, resolve, resolve_all};
use crate::wire::ids;
use crate::wire::shape::declaration::{Condition, ConditionResult, Conditions, RuleDeclaration};
use crate::wire::shape::told::ErrorDetails;

/// A condition that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) at: Timestamp,
    pub(super) rules: Vec<CheckedRule>,
    /// What it leads to, when it is not met.
    pub(super) result: Option<ConditionResult>,
    /// Somebody let it pass.
    pub(super) overridden: bool,
}

/// A rule that was looked at.
#[derive(Debug, Clone)]
pub(super) struct CheckedRule {
    pub(super) id: String,
    pub(super) rule: RuleDeclaration,
    pub(super) resolved: BTreeMap<String, String>,
    pub(super) summary: String,
    /// It did not hold.
    pub(super) failed: bool,
    /// It could not be looked at.
    pub(super) error: Option<ErrorDetails>,
}

impl Checked {
    /// `ConditionExecutionStatus`.
    pub(super) fn word(&self) -> &'static str {
        match self.result {
            _ if self.overridden => "Overridden",
            None => "Succeeded",
            Some(_) if self.rules.iter().any(|rule| rule.error.is_some()) => "Errored",
            Some(_) => "Failed",
        }
    }

    /// What it comes to, in words.
    pub(super) fn summary(&self) -> String {
        let broken: Vec<&str> = self.rules.iter().filter(|r| r.failed).map(|r| r.rule.name.as_str()).collect();
        match self.result {
            None => "every rule holds".to_owned(),
            Some(_) => format!("not met: {}", broken.join(", ")),
        }
    }
}

/// Looks at a stage's conditions. All rules must hold; when one does not, the condition's result is what happens.
pub(super) fn check(conditions: &Conditions, known: &Known, now: Timestamp) -> Option<Checked> {
    let condition: &Condition = conditions.conditions.first()?;
    let rules: Vec<CheckedRule> = condition.rules.iter().map(|rule| look_at(rule, known)).collect();
    let met = rules.iter().all(|rule| !rule.failed);
    let result = (!met).then(|| condition.result.unwrap_or(ConditionResult::Fail));
    Some(Checked { at: now, rules, result, overridden: false })
}

fn look_at(rule: &RuleDeclaration, known: &Known) -> CheckedRule {
    let looked = resolve_all(&rule.configuration, known)
        .map_err(|unknown| format!("nothing is known of {}", unknown.join(", ")))
        .and_then(|resolved| holds(&rule.configuration, known).map(|holds| (resolved, holds)));
    let (resolved, failed, summary, error) = match looked {
        Ok((resolved, true)) => (resolved, false, "the variable check holds".to_owned(), None),
        Ok((resolved, false)) => (resolved, true, "the variable check does not hold".to_owned(), None),
        Err(why) => {
            let error = ErrorDetails { code: "ConfigurationError".to_owned(), message: Some(why.clone()) };
            (rule.configuration.clone(), true, why, Some(error))
        }
    };
    CheckedRule { id: ids::uuid(), rule: rule.clone(), resolved, summary, failed, error }
}

/// Whether a `VariableCheck` holds.
fn holds(configuration: &BTreeMap<String, String>, known: &Known) -> Result<bool, String> {
    let of = |key: &str| configuration.get(key).map(String::as_str).unwrap_or_default();
    let unknown = |reference: String| format!("nothing is known of {reference}");
    let variable = resolve(of("Variable"), known).map_err(unknown)?;
    let value = resolve(of("Value"), known).map_err(unknown)?;
    match of("Operator") {
        "EQ" => Ok(variable == value),
        "NE" => Ok(variable != value),
        "CONTAINS" => Ok(variable.contains(&value)),
        "MATCHES" => matches(&value, &variable),
        other => Err(format!("the operator {other:?} is none of EQ, NE, CONTAINS, MATCHES")),
    }
}

/// Whether a pattern describes the whole text. Ours: the service does not say whether a part would do.
fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    let whole = format!("(?:{pattern})$");
    let regex = Regex::new(&whole).map_err(|error| format!("the pattern {pattern:?} cannot be read: {error}"))?;
    Ok(regex.is_match(Input::new(text).anchored(Anchored::Yes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(operator: &str, value: &str) -> Checked {
        let configuration = [("Variable", "#{variables.STAGES}"), ("Value", value), ("Operator", operator)];
        let conditions: Conditions =
            serde_json::from_value(serde_json::json!({"conditions": [{"result": "SKIP", "rules": [
            {"name": "r", "ruleTypeId": {"category": "Rule", "provider": "VariableCheck"},
             "configuration": configuration.iter().copied().collect::<BTreeMap<_, _>>()}]}]}))
            .unwrap();
        let known =
            Known::from([("variables".to_owned(), BTreeMap::from([("STAGES".to_owned(), ",lint,test,".to_owned())]))]);
        check(&conditions, &known, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_variable_is_compared() {
        let cases = [
            ("EQ", ",lint,test,", true),
            ("EQ", ",lint,", false),
            ("NE", "x", true),
            ("NE", ",lint,test,", false),
            ("CONTAINS", ",lint,", true),
            ("CONTAINS", ",int,", false),
            ("MATCHES", ",lint,.*", true),
            ("MATCHES", "lint|test", false),
            ("MATCHES", ",.+|x", true),
        ];
        for (operator, value, holds) in cases {
            let expected = (!holds).then_some(ConditionResult::Skip);
            assert_eq!(checked(operator, value).result, expected, "{operator} {value}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_met_and_says_why() {
        for (operator, value) in [("MATCHES", "("), ("LIKE", "x"), ("EQ", "#{variables.GONE}")] {
            let checked = checked(operator, value);
            assert_eq!(
                (checked.result, checked.word()),
                (Some(ConditionResult::Skip), "Errored"),
                "{operator} {value}"
            );
            assert!(checked.rules[0].error.is_some());
        }
    }
}
