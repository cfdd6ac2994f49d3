//! The variables that pipelines declare, and what a build is told of them.

use std::collections::{BTreeMap, BTreeSet};

use router::rules::{Pipeline, Rules};
use serde_json::json;

use super::Findings;
use super::model::Variable;
use crate::engine::codepipeline::names;

/// The longest `EnvironmentVariables` of an action, in characters, references as written.
const ENVIRONMENT_MAX: usize = 1000;
/// Of a run's own variables those that builds are told; the others steer the pipeline.
const STEERING: [&str; 2] = [names::STAGES, names::ENVIRONMENTS];

/// The names of the rule file's variables, of all repositories together.
pub(super) fn named(rules: &Rules, findings: &mut Findings) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for repository in rules.repositories() {
        for (name, value) in &repository.variables {
            let place = format!("the variable {name} of {}", repository.pattern());
            if names::VARIABLES.contains(&name.as_str()) {
                findings.mistake(&place, "on AWS this name is Pointsman's own; take another one");
            }
            if value.chars().count() > names::VALUE_MAX || value.contains(['\n', '\r']) {
                let text = format!("CodePipeline takes one line of at most {} characters", names::VALUE_MAX);
                findings.mistake(&place, text);
            }
            // It is put into a JSON text as it is.
            if value.contains(['"', '\\']) {
                findings.mistake(&place, "CodePipeline hands on no value with a quotation mark or a backslash");
            }
            all.insert(name.clone());
        }
    }
    let count = names::VARIABLES.len() + all.len();
    if count > names::VARIABLES_MAX {
        let room = names::VARIABLES_MAX - names::VARIABLES.len();
        findings.mistake("repositories", format!("{} variables; a pipeline on AWS has room for {room}", all.len()));
    }
    all
}

/// What a pipeline declares: [`names::RUN`] is required, so an execution that nobody decided fails at once.
pub(super) fn declared(named: &BTreeSet<String>) -> Vec<Variable> {
    let own = names::VARIABLES.into_iter().map(str::to_owned);
    let all = own.chain(named.iter().cloned());
    all.map(|name| Variable { default: (name != names::RUN).then(|| names::EMPTY.to_owned()), name }).collect()
}

/// The `EnvironmentVariables` of an action. The later ones win, as on a machine of one's own: the rule file, earlier stages, then
/// what we say ourselves.
pub(super) fn environment(
    place: &str,
    pipeline: &Pipeline,
    named: &BTreeSet<String>,
    exports: &[(String, String)],
    literals: &[(&str, String)],
    findings: &mut Findings,
) -> String {
    let reference = |name: &str| format!("#{{variables.{name}}}");
    let mut all: BTreeMap<String, String> = named.iter().map(|name| (name.clone(), reference(name))).collect();
    for (namespace, name) in exports {
        if !["CODEBUILD_", "POINTSMAN_", "AWS_"].iter().any(|taken| name.starts_with(taken)) {
            all.insert(name.clone(), format!("#{{{namespace}.{name}}}"));
        }
    }
    for name in names::VARIABLES.into_iter().filter(|name| !STEERING.contains(name)) {
        all.insert(format!("POINTSMAN_{name}"), reference(name));
    }
    all.insert("POINTSMAN_PIPELINE".to_owned(), pipeline.name.to_string());
    all.extend(literals.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let list: Vec<_> = all.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let text = serde_json::Value::from(list).to_string();
    let long = text.chars().count();
    if long > ENVIRONMENT_MAX {
        let text = format!(
            "its variables are {long} characters of JSON, and CodePipeline's action takes {ENVIRONMENT_MAX}; name fewer \
             variables in `repositories`, or export fewer in earlier stages"
        );
        findings.mistake(place, text);
    }
    text
}
