//! The `phases` of a buildspec, and their commands.

use super::reader::{Reader, shown};
use super::{OnFailure, Phase, PhaseName};
use crate::yaml::{Node, Value};

const KEYS: [&str; 5] = ["run-as", "on-failure", "runtime-versions", "commands", "finally"];

impl Reader {
    pub(super) fn phases(&mut self, node: &Node) -> Vec<Phase> {
        let known = PhaseName::ALL.map(PhaseName::as_str);
        let Some(entries) = self.entries(node, "`phases`", &known) else { return Vec::new() };
        if node.mapping().is_none_or(<[_]>::is_empty) {
            self.problem(node, "`phases` is empty", "write at least one of them, such as `build:` with its commands");
        }
        let mut phases = Vec::new();
        for name in PhaseName::ALL {
            for (_, value) in entries.iter().filter(|(key, _)| *key == name.as_str()) {
                phases.push(self.phase(name, value));
            }
        }
        phases
    }

    fn phase(&mut self, name: PhaseName, node: &Node) -> Phase {
        let key = name.as_str();
        let mut phase = Phase {
            name,
            commands: Vec::new(),
            finally: Vec::new(),
            on_failure: None,
            runtime_versions: std::collections::BTreeMap::new(),
            run_as: None,
        };
        let Some(entries) = self.entries(node, &format!("the phase `{key}`"), &KEYS) else { return phase };
        for (entry, value) in entries {
            match entry {
                "commands" => phase.commands = self.commands(value, &format!("{key}.commands")),
                "finally" => phase.finally = self.commands(value, &format!("{key}.finally")),
                "on-failure" => phase.on_failure = self.on_failure(value),
                "run-as" => phase.run_as = self.text(value, &format!("{key}.run-as")),
                _ if name == PhaseName::Install => {
                    phase.runtime_versions = self.named_texts(value, "install.runtime-versions");
                }
                _ => self.problem(value, "`runtime-versions` stands in another phase", "move it to `install`"),
            }
        }
        let written = node.get("commands").is_some_and(|commands| !commands.is_null());
        if name != PhaseName::Install && !written {
            let help = format!("write `commands:` below it, or leave `{key}` out");
            self.problem(node, format!("the phase `{key}` has no commands"), help);
        }
        phase
    }

    /// Commands, in a list or a single one. What YAML reads as a map is what people write most often by mistake.
    fn commands(&mut self, node: &Node, what: &str) -> Vec<String> {
        let items = match &node.value {
            Value::Sequence(items) => items.as_slice(),
            Value::Scalar { .. } if node.is_null() => &[],
            Value::Scalar { .. } | Value::Mapping(_) => std::slice::from_ref(node),
        };
        items.iter().enumerate().filter_map(|(at, item)| self.command(item, &format!("{what}[{at}]"))).collect()
    }

    fn command(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Value::Mapping(entries) => {
                let text = entries.first().map(|(key, value)| as_typed(key, value)).unwrap_or_default();
                let message = format!("{what} is a command, and YAML reads `{}` as a key and its value", shown(&text));
                let quoted = text.lines().next().unwrap_or("").replace('\'', "''");
                self.problem(node, message, format!("quote the whole command: - '{}'", shown(&quoted)));
                None
            }
            Value::Sequence(_) => {
                self.problem(node, format!("{what} is a command, and this is a list"), "write one command per item");
                None
            }
            Value::Scalar { .. } if node.is_null() => {
                self.problem(node, format!("{what} is empty"), "write a command or take the line out");
                None
            }
            Value::Scalar { text, .. } if text.contains('\0') => {
                self.problem(node, format!("{what} holds a NUL byte, which no shell takes"), "take it out");
                None
            }
            Value::Scalar { text, .. } => Some(text.clone()),
        }
    }

    fn on_failure(&mut self, node: &Node) -> Option<OnFailure> {
        let text = self.text(node, "on-failure")?;
        match text.as_str() {
            "ABORT" => Some(OnFailure::Abort),
            "CONTINUE" => Some(OnFailure::Continue),
            "RETRY" => Some(OnFailure::Retry(String::new())),
            other => match other.strip_prefix("RETRY-") {
                Some(how) if !how.is_empty() => Some(OnFailure::Retry(how.to_owned())),
                _ => {
                    let help = "write ABORT, CONTINUE or RETRY";
                    self.problem(node, format!("`on-failure` knows no `{}`", shown(other)), help);
                    None
                }
            },
        }
    }
}

/// The command as it was typed, out of the key and the value that YAML made of it.
fn as_typed(key: &Node, value: &Node) -> String {
    let key = key.text().unwrap_or("");
    match value.text() {
        Some(value) => format!("{key}: {value}"),
        None => format!("{key}:"),
    }
}
