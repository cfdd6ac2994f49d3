//! The `env` of a buildspec.

use super::reader::{Reader, shown};
use super::{Env, Shell};
use crate::yaml::Node;

const KEYS: [&str; 6] =
    ["shell", "variables", "parameter-store", "secrets-manager", "exported-variables", "git-credential-helper"];

impl Reader {
    pub(super) fn env(&mut self, node: &Node) -> Env {
        let mut env = Env::default();
        for (key, value) in self.entries(node, "`env`", &KEYS).unwrap_or_default() {
            match key {
                "shell" => env.shell = self.shell(value),
                "variables" => {
                    env.variables = self.named_texts(value, "env.variables");
                    self.names(value);
                }
                "parameter-store" => env.parameter_store = self.named_texts(value, "env.parameter-store"),
                "secrets-manager" => env.secrets_manager = self.named_texts(value, "env.secrets-manager"),
                "exported-variables" if value.is_null() => {}
                "exported-variables" => env.exported = self.texts(value, "env.exported-variables"),
                _ => env.git_credential_helper = self.boolean(value, "env.git-credential-helper"),
            }
        }
        env
    }

    fn shell(&mut self, node: &Node) -> Shell {
        let Some(text) = self.text(node, "env.shell") else { return Shell::Sh };
        match text.as_str() {
            "sh" | "/bin/sh" => Shell::Sh,
            "bash" | "/bin/bash" | "/usr/bin/bash" => Shell::Bash,
            "powershell.exe" | "cmd.exe" | "pwsh" => Shell::Windows(text),
            other => {
                self.problem(node, format!("the shell `{}` is not known", shown(other)), "write sh or bash");
                Shell::Sh
            }
        }
    }

    /// A name that no process can be given is told here, with its place, and not by the stage that would fail.
    fn names(&mut self, variables: &Node) {
        for (key, value) in variables.mapping().unwrap_or_default() {
            if key.text().is_some_and(|name| name.is_empty() || name.contains('=')) {
                self.problem(key, "this is no name for a variable", "use letters, digits and _");
            }
            if value.text().is_some_and(|text| text.contains('\0')) {
                self.problem(value, "a variable cannot hold a NUL byte", "take it out");
            }
        }
    }
}
