//! `allow_repo`, and the file of a repository that it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::{IgnoreEntry, Reader, each, repository, route};
use crate::problem::{Place, nearest};
use crate::rules::repo::OwnBuildspec;
use crate::yaml::{self, Node, Value};

/// What a repository may be allowed to say for itself.
pub(in crate::rules) const KEYS: [&str; 3] = ["ignore", "variables", "buildspecs"];

/// A repository's file as written.
#[derive(Default)]
pub(in crate::rules) struct OwnFile {
    pub(in crate::rules) ignore: Vec<IgnoreEntry>,
    pub(in crate::rules) variables: BTreeMap<String, String>,
    pub(in crate::rules) buildspecs: Vec<(OwnBuildspec, Place)>,
}

/// `allow_repo: [ignore, buildspecs]`
pub(super) fn read_allowed(reader: &mut Reader, node: &Node) -> BTreeSet<&'static str> {
    let mut allowed = BTreeSet::new();
    for item in reader.one_or_more(node, "allow_repo") {
        let Some(text) = reader.text(item, "allow_repo") else { continue };
        match KEYS.into_iter().find(|key| *key == text) {
            Some(key) if allowed.insert(key) => {}
            Some(key) => reader.tell(item.place, format!("`{key}` stands twice in `allow_repo`")),
            None => {
                let help = match nearest(text, KEYS) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("it may say {}", KEYS.join(", ")),
                };
                reader.advise(item.place, format!("no repository can say `{}` for itself", super::shown(text)), help);
            }
        }
    }
    allowed
}

/// Reads the file of a repository; every problem is in the reader.
pub(in crate::rules) fn parse_repo_file(text: &str, allowed: &BTreeSet<&'static str>, reader: &mut Reader) -> OwnFile {
    const ALL: [&str; 4] = ["version", "ignore", "variables", "buildspecs"];
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err(mut problems) => {
            reader.problems.append(&mut problems);
            return OwnFile::default();
        }
    };
    let Some(fields) = reader.fields(&root, "a repository's file", &ALL) else { return OwnFile::default() };
    if let Some(version) = reader.need(&fields, "a repository's file", "version")
        && version.text() != Some("1")
    {
        reader.advise(version.place, "this version of the language is not known", "write `version: 1`");
    }
    for key in fields.among(&KEYS).into_iter().filter(|key| !allowed.contains(key)) {
        let help = "the rule file's `allow_repo` lists what may stand here";
        reader.advise(fields.key(key), format!("the platform does not let a repository set `{key}`"), help);
    }
    OwnFile {
        ignore: each(reader, fields.get("ignore"), "ignore", route::read_ignore),
        variables: fields.get("variables").map(|node| repository::variables(reader, node)).unwrap_or_default(),
        buildspecs: fields.get("buildspecs").map(|node| buildspecs(reader, node)).unwrap_or_default(),
    }
}

/// `{application: {test: ci/test.yml, deploy: ci/deploy.yml}}`
fn buildspecs(reader: &mut Reader, node: &Node) -> Vec<(OwnBuildspec, Place)> {
    let mut all = Vec::new();
    for (pipeline, stages) in entries(reader, node, "`buildspecs` is a map of pipelines to their stages") {
        for (stage, path) in entries(reader, stages, "a pipeline here is a map of stages to paths") {
            let name = reader.name(pipeline, "pipeline");
            let is_deploy = stage.text() == Some("deploy");
            let stage_name = if is_deploy { None } else { reader.name(stage, "stage").map(|name| name.value) };
            if let (Some(name), Some(path)) = (name, super::pipeline::path(reader, path))
                && (is_deploy || stage_name.is_some())
            {
                all.push((OwnBuildspec { pipeline: name.value, stage: stage_name, path }, stage.place));
            }
        }
    }
    all
}

fn entries<'a>(reader: &mut Reader, node: &'a Node, what: &str) -> &'a [(Node, Node)] {
    if !matches!(node.value, Value::Mapping(_)) {
        reader.tell(node.place, format!("{what}, and this is {}", node.kind()));
    }
    node.mapping().unwrap_or_default()
}
