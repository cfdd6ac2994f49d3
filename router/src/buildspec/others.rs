//! What CodeBuild knows and the local engine does not do: checked, kept as written, and told.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::reader::Reader;
use super::{ArtifactSet, Buildspec, OnFailure};
use crate::yaml::{Node, Value};

impl Reader {
    /// Reads one of the keys that are kept as written.
    pub(super) fn other(&mut self, key: &str, node: &Node, others: &mut BTreeMap<String, Json>) {
        match key {
            "run-as" => drop(self.text(node, "run-as")),
            "proxy" => {
                for (key, value) in self.entries(node, "`proxy`", &["upload-artifacts", "logs"]).unwrap_or_default() {
                    self.boolean(value, &format!("proxy.{key}"));
                }
            }
            "batch" => {
                let keys = ["fast-fail", "build-list", "build-graph", "build-matrix", "build-fanout"];
                self.entries(node, "`batch`", &keys);
            }
            "reports" => self.reports(node),
            _ => self.cache(node),
        }
        others.insert(key.to_owned(), as_json(node));
    }

    fn reports(&mut self, node: &Node) {
        for (name, group) in self.any_entries(node, "`reports`").unwrap_or_default() {
            let what = format!("the report group `{}`", super::reader::shown(name.text().unwrap_or("")));
            let keys = ["files", "base-directory", "discard-paths", "file-format"];
            for (key, value) in self.entries(group, &what, &keys).unwrap_or_default() {
                match key {
                    "files" => drop(self.texts(value, "files")),
                    "discard-paths" => drop(self.boolean(value, "discard-paths")),
                    text => drop(self.text(value, text)),
                }
            }
        }
    }

    fn cache(&mut self, node: &Node) {
        let keys = ["paths", "key", "fallback-keys", "action"];
        for (key, value) in self.entries(node, "`cache`", &keys).unwrap_or_default() {
            match key {
                "paths" | "fallback-keys" => drop(self.texts(value, &format!("cache.{key}"))),
                _ => drop(self.text(value, &format!("cache.{key}"))),
            }
        }
    }
}

impl Buildspec {
    /// What a reader of the log must know of what is left out.
    pub(super) fn what_is_left_out(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for key in self.others.keys() {
            notes.push(match key.as_str() {
                "run-as" => "run-as: this engine runs every command as its own user".to_owned(),
                "reports" => "reports: test reports are not collected by this engine".to_owned(),
                "cache" => "cache: nothing is cached by this engine; every build begins without".to_owned(),
                "batch" => "batch: this engine runs one build, the phases written here".to_owned(),
                key => format!("{key}: has no meaning on this machine"),
            });
        }
        if self.env.git_credential_helper == Some(true) {
            notes.push("env.git-credential-helper: git has the credentials of this machine's user only".to_owned());
        }
        for name in self.env.exported.iter().filter(|name| name.starts_with("AWS_")) {
            notes.push(format!("env.exported-variables: {name} is not exported; names with AWS_ never are"));
        }
        for phase in &self.phases {
            let key = phase.name.as_str();
            for (tool, version) in &phase.runtime_versions {
                notes.push(format!(
                    "runtime-versions: {tool} {version} is asked for; this machine's own tools are used"
                ));
            }
            if let Some(user) = &phase.run_as {
                notes
                    .push(format!("{key}.run-as: {user} is asked for; this engine runs every command as its own user"));
            }
            if let Some(OnFailure::Retry(_)) = &phase.on_failure {
                notes.push(format!("{key}.on-failure: RETRY is not done by this engine; a failure is final"));
            }
        }
        if let Some(artifacts) = &self.artifacts {
            for set in std::iter::once(&artifacts.main).chain(artifacts.secondary.values()) {
                notes.extend(artifact_notes(set));
            }
        }
        notes
    }
}

fn artifact_notes(set: &ArtifactSet) -> Option<String> {
    let bucket_words = [("s3-prefix", set.s3_prefix.is_some()), ("name", set.name.is_some())];
    let said: Vec<_> = bucket_words.iter().filter(|(_, said)| *said).map(|(word, _)| *word).collect();
    (!said.is_empty()).then(|| {
        format!(
            "artifacts: {} says where in a bucket; this engine keeps artifacts by run and stage",
            said.join(" and ")
        )
    })
}

/// The tree as JSON, every scalar as its text.
fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => Json::Null,
        Value::Scalar { text, .. } => Json::String(text.clone()),
        Value::Sequence(items) => items.iter().map(as_json).collect(),
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.text().unwrap_or("").to_owned(), as_json(value)));
            Json::Object(entries.collect())
        }
    }
}
