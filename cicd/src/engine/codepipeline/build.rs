//! What a build says of itself.

use std::collections::BTreeMap;

use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::types::{Build as Told, BuildPhase, StatusType};

use super::trouble::unavailable_or_refused;
use crate::engine::EngineError;

/// A build that is over.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Build {
    /// Which phase failed and why, in one line; empty when none did.
    pub(super) detail: String,
    pub(super) timed_out: bool,
    pub(super) stopped: bool,
    /// It was killed for want of memory, as it seems.
    pub(super) out_of_memory: bool,
    /// The machine that it ran on: `BUILD_GENERAL1_SMALL`.
    pub(super) compute: String,
    pub(super) project: String,
    /// Where people read its log.
    pub(super) log: Option<String>,
    pub(super) exports: BTreeMap<String, String>,
    /// Of its artifact, when it says so.
    pub(super) sha256: Option<String>,
}

/// The longest text of a phase that is kept, in characters.
const WORDS_MAX: usize = 300;

/// Asks for builds; those that are not there any more are left out.
pub(super) async fn ask(builds: &Client, ids: &[String]) -> Result<Vec<(String, Build)>, EngineError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let told = builds.batch_get_builds().set_ids(Some(ids.to_vec())).send().await;
    let told = told.map_err(|error| unavailable_or_refused("CodeBuild's BatchGetBuilds", &error))?;
    Ok(told.builds().iter().filter_map(|build| Some((build.id()?.to_owned(), Build::of(build)))).collect())
}

impl Build {
    fn of(told: &Told) -> Self {
        let failed = told.phases().iter().find(|phase| phase.phase_status().is_some_and(|it| !is_well(it)));
        let words = failed.map(words).unwrap_or_default();
        let out_of_memory = is_out_of_memory(&words);
        let compute = told.environment().map(|environment| environment.compute_type().as_str().to_owned());
        let compute = compute.unwrap_or_default();
        let phase = failed.and_then(|phase| phase.phase_type()).map(|phase| phase.as_str().to_owned());
        let verdict = if out_of_memory { format!(" (out of memory on {compute})") } else { String::new() };
        let status = told.build_status();
        let exports = told.exported_environment_variables().iter();
        Self {
            detail: phase.map(|phase| format!("{phase}: {words}{verdict}")).unwrap_or_default(),
            timed_out: status == Some(&StatusType::TimedOut)
                || failed.and_then(BuildPhase::phase_status) == Some(&StatusType::TimedOut),
            stopped: status == Some(&StatusType::Stopped),
            out_of_memory,
            compute,
            project: told.project_name().unwrap_or_default().to_owned(),
            log: told.logs().and_then(|logs| logs.deep_link()).map(str::to_owned),
            exports: exports
                .filter_map(|pair| Some((pair.name()?.to_owned(), pair.value().unwrap_or_default().to_owned())))
                .collect(),
            sha256: told.artifacts().and_then(|artifacts| artifacts.sha256_sum()).map(str::to_owned),
        }
    }
}

fn is_well(status: &StatusType) -> bool {
    matches!(status, StatusType::Succeeded | StatusType::InProgress)
}

/// What a phase says of its failure. `CodeBuild` wraps a command that failed in words of its own.
fn words(phase: &BuildPhase) -> String {
    let contexts = phase.contexts().iter().rev();
    let message = contexts.filter_map(|context| context.message()).find(|message| !message.trim().is_empty());
    let Some(message) = message else {
        return phase.phase_status().map(|status| status.as_str().to_ascii_lowercase()).unwrap_or_default();
    };
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = one_line.strip_prefix("Error while executing command: ").and_then(|it| it.split_once(". Reason: "));
    let said = match command {
        Some((command, reason)) => format!("{command}: {reason}"),
        None => one_line,
    };
    said.chars().take(WORDS_MAX).collect()
}

/// A process that is killed by the kernel ends with 128 + 9; `CodeBuild` and Lambda say more when the whole machine was full.
fn is_out_of_memory(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("exit status 137")
        || words.contains("out of memory")
        || words.contains("outofmemory")
        || words.contains("signal: killed")
}

#[cfg(test)]
mod tests {
    use aws_sdk_codebuild::types::{BuildPhaseType, PhaseContext};

    use super::*;

    fn failed(message: &str) -> Build {
        let context = PhaseContext::builder().status_code("COMMAND_EXECUTION_ERROR").message(message).build();
        let phase = |kind, status| BuildPhase::builder().phase_type(kind).phase_status(status);
        let told = Told::builder()
            .id("p:1")
            .build_status(StatusType::Failed)
            .phases(phase(BuildPhaseType::Install, StatusType::Succeeded).build())
            .phases(phase(BuildPhaseType::Build, StatusType::Failed).contexts(context).build())
            .phases(phase(BuildPhaseType::PostBuild, StatusType::Failed).build());
        Build::of(&told.build())
    }

    #[test]
    fn the_first_phase_that_failed_says_why() {
        let build = failed("Error while executing command: sh test.sh. Reason: exit status 7");
        assert_eq!((build.detail.as_str(), build.out_of_memory), ("BUILD: sh test.sh: exit status 7", false));
        assert_eq!(failed("a\nb").detail, "BUILD: a b");
        assert_eq!(failed("").detail, "BUILD: failed");
        assert!(failed(&"x".repeat(5000)).detail.len() < 400);
    }

    #[test]
    fn want_of_memory_is_recognised() {
        for message in [
            "Error while executing command: make. Reason: exit status 137",
            "Build container found dead before completing the build. Build container died because it was out of memory, or \
             the Docker image is not supported.",
        ] {
            assert!(failed(message).out_of_memory, "{message}");
            assert!(failed(message).detail.contains("(out of memory on "), "{message}");
        }
        assert!(!failed("exit status 1").out_of_memory);
    }

    #[test]
    fn a_timeout_and_a_stop_are_told_apart() {
        let told = |status| Build::of(&Told::builder().build_status(status).build());
        assert!(told(StatusType::TimedOut).timed_out && told(StatusType::Stopped).stopped);
        // Observed: a build that took too long is failed, its phase is what timed out.
        let phase = BuildPhase::builder().phase_type(BuildPhaseType::Build).phase_status(StatusType::TimedOut).build();
        assert!(Build::of(&Told::builder().build_status(StatusType::Failed).phases(phase).build()).timed_out);
    }
}
