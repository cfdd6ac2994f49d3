//! The `artifacts` of a buildspec.

use std::collections::BTreeMap;

use super::reader::{Reader, shown};
use super::{ArtifactSet, Artifacts};
use crate::yaml::Node;

const SET_KEYS: [&str; 7] =
    ["files", "name", "discard-paths", "base-directory", "exclude-paths", "enable-symlinks", "s3-prefix"];
const KEYS: [&str; 8] = [
    "files",
    "name",
    "discard-paths",
    "base-directory",
    "exclude-paths",
    "enable-symlinks",
    "s3-prefix",
    "secondary-artifacts",
];

impl Reader {
    pub(super) fn artifacts(&mut self, node: &Node) -> Option<Artifacts> {
        let main = self.artifact_set(node, "artifacts", &KEYS)?;
        let secondary = node.get("secondary-artifacts").map(|node| self.secondary(node)).unwrap_or_default();
        Some(Artifacts { main, secondary })
    }

    fn secondary(&mut self, node: &Node) -> BTreeMap<String, ArtifactSet> {
        let mut sets = BTreeMap::new();
        for (key, value) in self.any_entries(node, "`secondary-artifacts`").unwrap_or_default() {
            let id = key.text().unwrap_or("");
            let well = (1..=100).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
                && id.bytes().any(|b| b.is_ascii_alphanumeric());
            if !well {
                let help = "use 1 to 100 of A-Z a-z 0-9 . _ -";
                self.problem(key, format!("`{}` is no id for an artifact", shown(id)), help);
            }
            if let Some(set) = self.artifact_set(value, &format!("secondary-artifacts.{}", shown(id)), &SET_KEYS) {
                sets.insert(id.to_owned(), set);
            }
        }
        sets
    }

    fn artifact_set(&mut self, node: &Node, what: &str, keys: &[&str]) -> Option<ArtifactSet> {
        let mut set = ArtifactSet::default();
        for (key, value) in self.entries(node, &format!("`{what}`"), keys)? {
            let what = format!("{what}.{key}");
            match key {
                "files" => set.files = self.texts(value, &what),
                "name" => set.name = self.text(value, &what),
                "discard-paths" => set.discard_paths = self.boolean(value, &what).unwrap_or(false),
                "base-directory" => set.base_directory = self.text(value, &what),
                "exclude-paths" => set.exclude_paths = self.texts(value, &what),
                "enable-symlinks" => set.enable_symlinks = self.boolean(value, &what),
                "s3-prefix" => set.s3_prefix = self.text(value, &what),
                _secondary_is_read_by_the_caller => {}
            }
        }
        if node.get("files").is_none() {
            let help = "write `files:` with what to keep, such as '**/*'";
            self.problem(node, format!("`{what}` has no `files`"), help);
        }
        Some(set)
    }
}
