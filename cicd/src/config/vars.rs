//! The environment, the one place that reads it.

use std::collections::HashMap;

/// Where environment variables come from.
pub trait Vars {
    /// The variable's value; none when it is not set, or is no text.
    fn get(&self, key: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessVars;

impl Vars for ProcessVars {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    fn get(&self, key: &str) -> Option<String> {
        std::env::var(key).ok()
    }
}

impl Vars for HashMap<String, String> {
    fn get(&self, key: &str) -> Option<String> {
        self.get(key).cloned()
    }
}
