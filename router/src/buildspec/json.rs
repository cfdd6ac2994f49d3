//! A buildspec as `pointsman check --format json` prints it: the buildspec's own keys, lists always as lists.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{ArtifactSet, Artifacts, Buildspec, Env, OnFailure, Phase, Shell};

impl Buildspec {
    /// The model: `{"version", "env", "phases": {"build": {"commands": [...], "finally": [...]}}, "artifacts", ...}`.
    /// What the buildspec does not say is left out.
    pub fn to_json(&self) -> Json {
        let mut model: Map<String, Json> = self.others.clone().into_iter().collect();
        model.insert("version".to_owned(), json!("0.2"));
        model.insert("env".to_owned(), env(&self.env));
        let phases: Map<String, Json> = self.phases.iter().map(|it| (it.name.as_str().to_owned(), phase(it))).collect();
        model.insert("phases".to_owned(), Json::Object(phases));
        if let Some(it) = &self.artifacts {
            model.insert("artifacts".to_owned(), artifacts(it));
        }
        Json::Object(model)
    }
}

fn env(env: &Env) -> Json {
    let mut model = Map::new();
    let shell = match &env.shell {
        Shell::Sh => None,
        Shell::Bash => Some("bash"),
        Shell::Windows(text) => Some(text.as_str()),
    };
    put(&mut model, "shell", shell.map(Json::from));
    put(&mut model, "variables", texts(&env.variables));
    put(&mut model, "parameter-store", texts(&env.parameter_store));
    put(&mut model, "secrets-manager", texts(&env.secrets_manager));
    put(&mut model, "exported-variables", list(&env.exported));
    put(&mut model, "git-credential-helper", env.git_credential_helper.map(Json::from));
    Json::Object(model)
}

fn phase(phase: &Phase) -> Json {
    let mut model = Map::new();
    model.insert("commands".to_owned(), json!(phase.commands));
    model.insert("finally".to_owned(), json!(phase.finally));
    let on_failure = phase.on_failure.as_ref().map(|what| match what {
        OnFailure::Abort => "ABORT".to_owned(),
        OnFailure::Continue => "CONTINUE".to_owned(),
        OnFailure::Retry(how) if how.is_empty() => "RETRY".to_owned(),
        OnFailure::Retry(how) => format!("RETRY-{how}"),
    });
    put(&mut model, "on-failure", on_failure.map(Json::from));
    put(&mut model, "runtime-versions", texts(&phase.runtime_versions));
    put(&mut model, "run-as", phase.run_as.clone().map(Json::from));
    Json::Object(model)
}

fn artifacts(artifacts: &Artifacts) -> Json {
    let mut model = set(&artifacts.main);
    if !artifacts.secondary.is_empty() {
        let sets = artifacts.secondary.iter().map(|(id, it)| (id.clone(), Json::Object(set(it))));
        model.insert("secondary-artifacts".to_owned(), Json::Object(sets.collect()));
    }
    Json::Object(model)
}

fn set(set: &ArtifactSet) -> Map<String, Json> {
    let mut model = Map::new();
    model.insert("files".to_owned(), json!(set.files));
    put(&mut model, "name", set.name.clone().map(Json::from));
    put(&mut model, "discard-paths", set.discard_paths.then_some(Json::Bool(true)));
    put(&mut model, "base-directory", set.base_directory.clone().map(Json::from));
    put(&mut model, "exclude-paths", list(&set.exclude_paths));
    put(&mut model, "enable-symlinks", set.enable_symlinks.map(Json::from));
    put(&mut model, "s3-prefix", set.s3_prefix.clone().map(Json::from));
    model
}

fn put(model: &mut Map<String, Json>, key: &str, value: Option<Json>) {
    if let Some(value) = value {
        model.insert(key.to_owned(), value);
    }
}

fn texts(named: &BTreeMap<String, String>) -> Option<Json> {
    (!named.is_empty()).then(|| json!(named))
}

fn list(items: &[String]) -> Option<Json> {
    (!items.is_empty()).then(|| json!(items))
}
