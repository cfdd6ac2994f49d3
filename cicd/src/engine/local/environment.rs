//! What a step's commands find in their environment.
//!
//! Nothing of this process's own environment is handed on but [`KEPT`]: its secrets are in there. Text from outside (the
//! branch, the actor) is only ever a value here, never part of a command.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use router::buildspec;
use router::run::Run;

use super::group::MARK;
use super::job::Job;

/// What is kept of this process's environment.
const KEPT: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "AWS_REGION", "AWS_DEFAULT_REGION"];
/// A longer value reaches no process.
pub(super) const VALUE_MAX: usize = 100 * 1024;

/// Where a step's folders are.
pub(super) struct Folders<'a> {
    /// The step's own folder.
    pub(super) step: &'a Path,
    /// Where the commit's files are.
    pub(super) source: &'a Path,
    /// Where temporary files go.
    pub(super) temporary: &'a Path,
    /// The unpacked artifacts of earlier stages, by name.
    pub(super) inputs: &'a [(String, std::path::PathBuf)],
}

/// The environment of a step's first command. The later ones win: this machine, the buildspec, the rule file, earlier
/// stages, then what we say ourselves.
///
/// # Errors
/// A name or a value that no process can be given, in words for the log.
pub(super) fn environment(
    job: &Job<'_>,
    env: &buildspec::Env,
    folders: &Folders<'_>,
    now: Timestamp,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = of_this_machine(folders.temporary);
    for source in [&env.variables, &job.run.plan.variables, job.exports] {
        all.extend(source.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    // What is not set below does not come from elsewhere either.
    all.retain(|name, _| !name.starts_with("POINTSMAN_") && !name.starts_with("CODEBUILD_"));
    all.extend(codebuild(job, folders, now));
    all.extend(pointsman(job, folders));
    all.into_iter().map(checked).collect()
}

/// What every build finds of this machine.
pub(crate) fn of_this_machine(temporary: &Path) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| KEPT.contains(&name.as_str()))
        .collect();
    all.insert("TERM".to_owned(), "dumb".to_owned());
    all.insert("TMPDIR".to_owned(), temporary.display().to_string());
    all
}

/// A variable that a process can be given.
///
/// # Errors
/// Why it can not, in words for the log.
pub(crate) fn checked((name, value): (String, String)) -> Result<(String, String), String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!("{name:?} is no name for a variable"));
    }
    if value.contains('\0') || value.len() > VALUE_MAX {
        return Err(format!("the variable {name} holds a NUL byte or more than {VALUE_MAX} bytes"));
    }
    Ok((name, value))
}

fn codebuild(job: &Job<'_>, folders: &Folders<'_>, now: Timestamp) -> Vec<(String, String)> {
    let Run { id, key, plan, .. } = job.run;
    let project = format!("{}-{}", plan.pipeline, job.name);
    let arn = |what: &str| format!("arn:aws:codebuild:local:000000000000:{what}");
    let mut all: Vec<(String, String)> = [
        ("BUILD_ID", format!("{project}:{id}")),
        ("BUILD_ARN", arn(&format!("build/{project}:{id}"))),
        ("BUILD_NUMBER", key.attempt.to_string()),
        ("BUILD_IMAGE", job.step.image.clone().unwrap_or_else(|| "local".to_owned())),
        ("BUILD_SUCCEEDING", "1".to_owned()),
        ("INITIATOR", format!("codepipeline/{}", plan.pipeline)),
        ("RESOLVED_SOURCE_VERSION", key.commit.to_string()),
        ("SOURCE_VERSION", key.commit.to_string()),
        ("SRC_DIR", folders.source.display().to_string()),
        ("START_TIME", now.as_millisecond().to_string()),
        ("PROJECT_ARN", arn(&format!("project/{project}"))),
    ]
    .map(|(name, value)| (format!("CODEBUILD_{name}"), value))
    .into();
    for (name, folder) in folders.inputs {
        let name = name.replace(['-', '.'], "_");
        all.push((format!("CODEBUILD_SRC_DIR_{name}"), folder.display().to_string()));
    }
    all
}

fn pointsman(job: &Job<'_>, folders: &Folders<'_>) -> Vec<(String, String)> {
    let Run { id, key, plan, .. } = job.run;
    let all = [
        ("RUN", Some(id.to_string())),
        ("REPOSITORY", Some(key.repository.path.to_string())),
        ("REF", Some(key.git_ref.to_string())),
        ("BRANCH", key.git_ref.branch().map(str::to_owned)),
        ("REQUEST", key.git_ref.request().map(|request| request.number.to_string())),
        ("SOURCE", key.git_ref.request().map(|request| request.source.clone())),
        ("TARGET", key.git_ref.request().map(|request| request.target.clone())),
        ("TAG", key.git_ref.tag().map(str::to_owned)),
        ("COMMIT", Some(key.commit.to_string())),
        ("ACTOR", Some(job.run.actor.clone())),
        ("ROUTE", Some(key.route.to_string())),
        ("PIPELINE", Some(plan.pipeline.to_string())),
        ("STAGE", Some(job.name.clone())),
        ("ENVIRONMENT", job.environment.map(ToString::to_string)),
        ("ARTIFACT_SHA256", job.artifact.map(|artifact| artifact.sha256.clone())),
    ];
    let said = all.into_iter().filter_map(|(name, value)| Some((format!("POINTSMAN_{name}"), value?)));
    let place = job.environment.map(|name| ("ENVIRONMENT".to_owned(), name.to_string()));
    said.chain(place).chain([(MARK.to_owned(), folders.step.display().to_string())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_process_can_be_given_is_refused() {
        let pair = |name: &str, value: &str| checked((name.to_owned(), value.to_owned()));
        assert!(pair("A", "b=c\n").is_ok());
        for (name, value) in [("", "a"), ("A=B", "a"), ("A\0", "a"), ("A", "a\0b"), ("A", &"x".repeat(VALUE_MAX + 1))] {
            assert!(pair(name, value).is_err(), "{name:?}");
        }
    }
}
