//! Runs what a buildspec says in a folder that is ready: its phases, and what they leave in variables.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use router::buildspec::{ArtifactSet, Buildspec};

use super::environment::VALUE_MAX;
use super::group::Group;
use super::job::{Halt, Leash};
use super::phases::{Bench, Built, Witness};
use super::shell::Session;
use crate::logs::StepLog;

/// A build that is ready to begin.
pub(crate) struct Build<'a> {
    /// What it does.
    pub(crate) spec: &'a Buildspec,
    /// Its own folder; the environment has it as [`super::group::MARK`].
    pub(crate) folder: &'a Path,
    /// Where its commands begin.
    pub(crate) source: &'a Path,
    /// What its first command finds in its environment.
    pub(crate) variables: BTreeMap<String, String>,
    /// What ends it early.
    pub(crate) leash: Leash,
    /// How long its processes may take to end when they are asked to.
    pub(crate) kill_grace: Duration,
}

/// What a build's commands came to, before its artifacts are kept.
pub(crate) struct Worked {
    pub(crate) built: Built,
    /// Exported variables.
    pub(crate) exports: BTreeMap<String, String>,
    /// The values of variables that `artifacts` names.
    pub(crate) named: BTreeMap<String, String>,
}

impl Build<'_> {
    /// Runs the phases. No process of it is left when this returns.
    pub(crate) async fn run(self, log: &mut StepLog, witness: &mut dyn Witness) -> Result<Worked, Halt> {
        let Self { spec, folder, source, variables, leash, kill_grace } = self;
        let mut session = Session::new(&spec.env.shell, folder.join("shell"), source.to_owned(), variables)?;
        let group = Group::new(&folder.display().to_string())?;
        let worked = commands(spec, &mut session, &group, &leash, log, witness).await;
        group.end(kill_grace).await;
        session.drain(log)?;
        worked
    }
}

async fn commands(
    spec: &Buildspec,
    session: &mut Session,
    group: &Group,
    leash: &Leash,
    log: &mut StepLog,
    witness: &mut dyn Witness,
) -> Result<Worked, Halt> {
    let built = Bench { session, group, leash, log: &mut *log, witness }.build(spec).await?;
    let exported: Vec<_> =
        spec.env.exported.iter().map(String::as_str).filter(|name| !name.starts_with("AWS_")).collect();
    let mut exports = leash.hold(session.values(group, &exported, log)).await??;
    for name in exported.iter().filter(|name| exports.get(**name).is_some_and(|value| value.len() > VALUE_MAX)) {
        log.say(&format!("env.exported-variables: {name} is longer than {VALUE_MAX} bytes and is not exported"))?;
    }
    exports.retain(|_, value| value.len() <= VALUE_MAX);
    let sets = spec.artifacts.iter().flat_map(|all| std::iter::once(&all.main).chain(all.secondary.values()));
    let texts = sets.flat_map(|set| set.files.iter().chain(&set.exclude_paths).chain(&set.base_directory));
    let named: Vec<_> = texts.flat_map(|text| variables_in(text)).map(|(_, name)| name).collect();
    let named = leash.hold(session.values(group, &named, log)).await??;
    Ok(Worked { built, exports, named })
}

/// An artifact's patterns with the values of the variables in them.
pub(crate) fn filled_in(set: &ArtifactSet, named: &BTreeMap<String, String>) -> ArtifactSet {
    ArtifactSet {
        files: set.files.iter().map(|text| expand(text, named)).collect(),
        exclude_paths: set.exclude_paths.iter().map(|text| expand(text, named)).collect(),
        base_directory: set.base_directory.as_ref().map(|text| expand(text, named)),
        ..set.clone()
    }
}

/// The `$NAME` and `${NAME}` in a text: each with its length as written.
fn variables_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let braced = inner.len() != rest.len();
        let written = end + 1 + if braced { 2 } else { 0 };
        let closed = !braced || inner[end..].starts_with('}');
        (end > 0 && closed).then(|| (&text[at..at + written], &inner[..end]))
    })
}

/// Puts the values of variables into a text; what is not set is empty.
fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((written, name)) = variables_in(rest).next() {
        let at = rest.find(written).unwrap_or(0);
        expanded.push_str(&rest[..at]);
        expanded.push_str(values.get(name).map_or("", String::as_str));
        rest = &rest[at + written.len()..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_artifact_paths_are_filled_in() {
        let values =
            BTreeMap::from([("A", "x"), ("A_B", "y$A")].map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (text, expected) in [
            ("$A/b", "x/b"),
            ("${A}b/$A_B-$A", "xb/y$A-x"),
            ("$NONE*", "*"),
            ("cost $ 5 ${A $(date)", "cost $ 5 ${A $(date)"),
            ("$$A", "$x"),
        ] {
            assert_eq!(expand(text, &values), expected, "{text}");
        }
    }
}
