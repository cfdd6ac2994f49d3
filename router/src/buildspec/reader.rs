//! Reads pieces of the tree and collects what is wrong with them.

use std::collections::BTreeMap;

use crate::problem::{Problem, nearest};
use crate::yaml::{Node, Value};

/// Collects problems while a document is read; a piece that cannot be read is left empty.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn problem(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(node.place, message).help(help));
    }

    /// The entries of a map whose keys are known. Null is an empty map; anything else is a problem.
    pub(super) fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Vec<(&'n str, &'n Node)>> {
        let entries = self.any_entries(node, what)?;
        let (known_ones, strangers): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| known.contains(&key.text().unwrap_or("")));
        for (key, _) in strangers {
            let text = key.text().unwrap_or("");
            let help = match nearest(text, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("it has {}", known.join(", ")),
            };
            self.problem(key, format!("{what} has no key `{}`", shown(text)), help);
        }
        Some(known_ones.into_iter().map(|(key, value)| (key.text().unwrap_or(""), value)).collect())
    }

    /// The entries of a map with keys of any name.
    pub(super) fn any_entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n Node, &'n Node)>> {
        if node.is_null() {
            return Some(Vec::new());
        }
        let Some(entries) = node.mapping() else {
            self.problem(node, format!("{what} is a map, and this is {}", node.kind()), "write `key: value` lines");
            return None;
        };
        Some(entries.iter().map(|(key, value)| (key, value)).collect())
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            self.problem(
                node,
                format!("`{what}` is text, and this is {}", node.kind()),
                "write one text, quoted if in doubt",
            );
        }
        text
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let value = node.boolean();
        if value.is_none() {
            let text = node.text().map_or_else(|| node.kind().to_owned(), |text| format!("`{}`", shown(text)));
            self.problem(node, format!("`{what}` is yes or no, and this is {text}"), "write yes or no");
        }
        value
    }

    /// Texts, in a list or a single one.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        match &node.value {
            Value::Sequence(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            Value::Scalar { .. } | Value::Mapping(_) => self.text(node, what).into_iter().collect(),
        }
    }

    /// A map of names to texts; nothing stands for the empty text.
    pub(super) fn named_texts(&mut self, node: &Node, what: &str) -> BTreeMap<String, String> {
        let mut named = BTreeMap::new();
        for (key, value) in self.any_entries(node, &format!("`{what}`")).unwrap_or_default() {
            let Some(name) = self.text(key, what) else { continue };
            let value = if value.is_null() { Some(String::new()) } else { self.text(value, &format!("{what}.{name}")) };
            if let Some(value) = value {
                named.insert(name, value);
            }
        }
        named
    }
}

/// A text from the document as a message shows it: its first line, at most 80 characters.
pub(super) fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() > 80 { line.chars().take(79).chain(['…']).collect() } else { line.to_owned() }
}
