//! What a stage does: CodeBuild's buildspec, version 0.2.
//!
//! * [`Buildspec::parse`] tells every problem at once, each with its place; a key that CodeBuild does not know is one.
//! * What CodeBuild knows and the local engine does not do is kept as written and told in [`Buildspec::notes`]; what
//!   cannot be left out without changing the result (secrets, another machine's shell) is told in
//!   [`Buildspec::unmet`], and a stage that asks for it fails instead of running without it.
//! * Text stays as written: `3.10` is `3.10`, `$PATH:/x` is not expanded.

use std::collections::BTreeMap;
use std::fmt;

use crate::problem::Problem;
use crate::yaml::{self, Node};

mod artifacts;
mod env;
mod json;
mod lint;
mod others;
mod phases;
mod reader;

pub use lint::Around;
use reader::Reader;

/// A buildspec that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Buildspec {
    /// Variables and the shell.
    pub env: Env,
    /// The phases that are written, in the order in which they run.
    pub phases: Vec<Phase>,
    /// What is kept of the result.
    pub artifacts: Option<Artifacts>,
    /// What is known and not done here, by its key, as written: `run-as`, `proxy`, `batch`, `reports`, `cache`.
    pub others: BTreeMap<String, serde_json::Value>,
    /// What is asked for and left out by an engine that uses this machine's own tools, a sentence each.
    pub notes: Vec<String>,
}

/// The `env` of a buildspec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Env {
    /// What runs the commands.
    pub shell: Shell,
    /// Variables, literally.
    pub variables: BTreeMap<String, String>,
    /// Variables out of the Parameter Store, by the parameter's name.
    pub parameter_store: BTreeMap<String, String>,
    /// Variables out of the Secrets Manager, by the secret's reference.
    pub secrets_manager: BTreeMap<String, String>,
    /// Variables handed to later stages.
    pub exported: Vec<String>,
    /// Whether CodeBuild's git credential helper is wanted, when the buildspec says.
    pub git_credential_helper: Option<bool>,
}

/// What runs the commands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shell {
    /// `sh`, also when nothing is said.
    #[default]
    Sh,
    /// `bash`.
    Bash,
    /// A shell of Windows, as written.
    Windows(String),
}

/// The names of phases. CodeBuild has no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseName {
    /// `install`
    Install,
    /// `pre_build`
    PreBuild,
    /// `build`
    Build,
    /// `post_build`
    PostBuild,
}

/// One phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// Commands, one after the other until one fails.
    pub commands: Vec<String>,
    /// Commands that run whatever came before.
    pub finally: Vec<String>,
    /// What a failure does, when the buildspec says.
    pub on_failure: Option<OnFailure>,
    /// Tools that are asked for, by name.
    pub runtime_versions: BTreeMap<String, String>,
    /// The user that is asked for.
    pub run_as: Option<String>,
}

/// What a failed phase does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnFailure {
    /// Ends the build.
    Abort,
    /// Goes on with the next phase.
    Continue,
    /// Runs the build again, in CodeBuild; as written after `RETRY-`.
    Retry(String),
}

/// What is kept of a build's result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Artifacts {
    /// The stage's artifact.
    pub main: ArtifactSet,
    /// Further ones by their id, which is safe in a file name.
    pub secondary: BTreeMap<String, ArtifactSet>,
}

/// Files that make one artifact.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArtifactSet {
    /// Patterns below the base directory.
    pub files: Vec<String>,
    /// Where they are looked for; a pattern too, with one or more folders.
    pub base_directory: Option<String>,
    /// All files go to the top.
    pub discard_paths: bool,
    /// Patterns that are left out, below the base directory.
    pub exclude_paths: Vec<String>,
    /// The artifact's name in a bucket.
    pub name: Option<String>,
    /// Whether symbolic links are kept, when the buildspec says.
    pub enable_symlinks: Option<bool>,
    /// The prefix in a bucket.
    pub s3_prefix: Option<String>,
}

/// The keys of a buildspec.
const KEYS: [&str; 9] = ["version", "run-as", "env", "proxy", "batch", "phases", "reports", "artifacts", "cache"];

impl Buildspec {
    /// Reads a buildspec.
    ///
    /// # Errors
    /// Every problem, each with its place.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let root = yaml::parse(text)?;
        let mut reader = Reader::default();
        let spec = reader.buildspec(&root);
        if reader.problems.is_empty() {
            Ok(spec)
        } else {
            reader.problems.sort_by_key(|problem| (problem.place.line, problem.place.column));
            Err(reader.problems)
        }
    }

    /// The phase of that name, when it is written.
    pub fn phase(&self, name: PhaseName) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// What is asked for, cannot be had on this machine and cannot be left out either, a sentence each.
    pub fn unmet(&self) -> Vec<String> {
        let names = |wanted: &BTreeMap<String, String>| wanted.keys().cloned().collect::<Vec<_>>().join(", ");
        let mut unmet = Vec::new();
        if !self.env.parameter_store.is_empty() {
            let names = names(&self.env.parameter_store);
            unmet.push(format!("env.parameter-store asks for {names}, and this engine has no Parameter Store"));
        }
        if !self.env.secrets_manager.is_empty() {
            let names = names(&self.env.secrets_manager);
            unmet.push(format!("env.secrets-manager asks for {names}, and this engine has no Secrets Manager"));
        }
        unmet.extend(self.unmet_shell());
        unmet
    }

    /// The shell that is asked for and cannot be had on this machine, a sentence.
    pub fn unmet_shell(&self) -> Option<String> {
        match &self.env.shell {
            Shell::Windows(shell) => Some(format!("env.shell asks for {shell}, and this engine has sh and bash")),
            Shell::Sh | Shell::Bash => None,
        }
    }
}

impl Reader {
    fn buildspec(&mut self, root: &Node) -> Buildspec {
        let mut spec = Buildspec {
            env: Env::default(),
            phases: Vec::new(),
            artifacts: None,
            others: BTreeMap::new(),
            notes: Vec::new(),
        };
        if root.is_null() {
            self.problem(root, "the buildspec is empty", "begin with `version: 0.2` and `phases:`");
            return spec;
        }
        let Some(entries) = self.entries(root, "a buildspec", &KEYS) else { return spec };
        for (key, node) in entries {
            match key {
                "version" => self.version(node),
                "env" => spec.env = self.env(node),
                "phases" => spec.phases = self.phases(node),
                "artifacts" => spec.artifacts = self.artifacts(node),
                other => self.other(other, node, &mut spec.others),
            }
        }
        if root.get("version").is_none() {
            self.problem(root, "there is no `version`", "write `version: 0.2` first");
        }
        if root.get("phases").is_none() {
            self.problem(root, "there are no `phases`", "write `phases:` with at least one of them, such as `build:`");
        }
        spec.notes = spec.what_is_left_out();
        spec
    }

    fn version(&mut self, node: &Node) {
        match self.text(node, "version").as_deref() {
            None | Some("0.2") => {}
            Some("0.1") => {
                let help = "write `version: 0.2`; commands then share one shell";
                self.problem(node, "version 0.1 is not run by this version", help);
            }
            Some(other) => self.problem(node, format!("version `{other}` is not known"), "write `version: 0.2`"),
        }
    }
}

impl PhaseName {
    /// All, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Install, Self::PreBuild, Self::Build, Self::PostBuild];

    /// Its key in a buildspec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::PreBuild => "pre_build",
            Self::Build => "build",
            Self::PostBuild => "post_build",
        }
    }
}

/// As CodeBuild's log writes it: `PRE_BUILD`.
impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_str().to_uppercase())
    }
}

#[cfg(test)]
mod tests;
