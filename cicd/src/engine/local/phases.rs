//! The phases of a build: their order, what a failure does to it, and how CodeBuild's log tells it.

use router::buildspec::{Buildspec, OnFailure, Phase, PhaseName};

use super::group::Group;
use super::job::{Halt, Leash};
use super::shell::Session;
use crate::logs::StepLog;

/// CodeBuild's code for a command that failed.
const COMMAND_FAILED: &str = "COMMAND_EXECUTION_ERROR";

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhaseEnd<'a> {
    /// Well.
    Succeeded,
    /// Not well: CodeBuild's status code, and its message.
    Failed(&'a str, &'a str),
    /// The build's time was over.
    TimedOut,
    /// The build was stopped.
    Stopped,
}

/// Hears how a build gets on. A phase ends once before the next one begins.
pub(crate) trait Witness: Send {
    /// A phase begins; its name as CodeBuild writes it, `PRE_BUILD`.
    fn begins(&mut self, phase: &str);
    /// It has ended.
    fn ends(&mut self, phase: &str, how: PhaseEnd<'_>);
}

/// Nobody need hear: it stands in the log.
impl Witness for () {
    fn begins(&mut self, _phase: &str) {}
    fn ends(&mut self, _phase: &str, _how: PhaseEnd<'_>) {}
}

/// A phase that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Why, for the run: `BUILD: sh test.sh: exit status 1`.
    pub(crate) detail: String,
    /// The buildspec says to go on.
    pub(super) continued: bool,
}

/// What the phases came to.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// The phases that failed, in their order.
    pub(crate) failures: Vec<Failure>,
    /// No phase ended the build before its artifacts.
    pub(crate) to_the_end: bool,
}

/// Whether anything comes after a phase that failed. Left to itself, a build goes on after `build` and `post_build` and
/// ends after the phases before them.
pub(super) fn goes_on(phase: PhaseName, on_failure: Option<&OnFailure>) -> bool {
    match on_failure {
        Some(OnFailure::Continue) => true,
        Some(OnFailure::Abort) => false,
        Some(OnFailure::Retry(_)) | None => matches!(phase, PhaseName::Build | PhaseName::PostBuild),
    }
}

/// The failure that a build ends with. CodeBuild does not document whether a phase with `on-failure: CONTINUE` spoils the
/// build; what people report, and what we do, is that it does not.
pub(crate) fn verdict(failures: &[Failure]) -> Option<&Failure> {
    failures.iter().find(|failure| !failure.continued)
}

/// What the commands of a step are run with.
pub(super) struct Bench<'a> {
    pub(super) session: &'a mut Session,
    pub(super) group: &'a Group,
    pub(super) leash: &'a Leash,
    pub(super) log: &'a mut StepLog,
    pub(super) witness: &'a mut dyn Witness,
}

impl Bench<'_> {
    /// Runs the phases.
    pub(super) async fn build(&mut self, spec: &Buildspec) -> Result<Built, Halt> {
        let mut built = Built::default();
        for name in PhaseName::ALL {
            let told = name.to_string();
            self.log.say(&format!("Entering phase {told}"))?;
            self.witness.begins(&told);
            let phase = spec.phase(name);
            let failed = match phase {
                Some(phase) => self.phase(phase, built.failures.is_empty()).await?,
                None => None,
            };
            let words = failed.as_ref().map(|it| (COMMAND_FAILED, it.0.as_str()));
            phase_complete(self.log, &told, words)?;
            self.witness
                .ends(&told, words.map_or(PhaseEnd::Succeeded, |(code, message)| PhaseEnd::Failed(code, message)));
            let Some((_, detail)) = failed else { continue };
            let on_failure = phase.and_then(|phase| phase.on_failure.as_ref());
            built.failures.push(Failure { detail, continued: on_failure == Some(&OnFailure::Continue) });
            if !goes_on(name, on_failure) {
                return Ok(built);
            }
        }
        built.to_the_end = true;
        Ok(built)
    }

    /// Runs one phase; its failure in CodeBuild's words and in ours.
    async fn phase(&mut self, phase: &Phase, succeeding: bool) -> Result<Option<(String, String)>, Halt> {
        let mut failed = None;
        for commands in [&phase.commands, &phase.finally] {
            for command in commands {
                let status = match self.command(command, succeeding && failed.is_none()).await {
                    Err(halt) => return Err(self.cut_short(phase.name, halt)?),
                    Ok(status) => status,
                };
                if status != 0 {
                    failed.get_or_insert_with(|| in_words(phase.name, command, status));
                    break;
                }
            }
        }
        Ok(failed)
    }

    async fn command(&mut self, command: &str, succeeding: bool) -> Result<i32, Halt> {
        self.log.say(&format!("Running command {}", command.trim_end()))?;
        let status = self.leash.hold(self.session.run(self.group, command, succeeding, self.log)).await??;
        if status != 0 {
            let words = format!("Command did not exit successfully {} exit status {status}", command.trim_end());
            self.log.say(&words)?;
        }
        Ok(status)
    }

    fn cut_short(&mut self, phase: PhaseName, halt: Halt) -> Result<Halt, Halt> {
        self.log.end_output()?;
        let (state, how) = match &halt {
            Halt::TimedOut => ("TIMED_OUT", PhaseEnd::TimedOut),
            Halt::Stopped => ("STOPPED", PhaseEnd::Stopped),
            Halt::Failed(why) | Halt::RunOver(why) => ("FAILED", PhaseEnd::Failed(COMMAND_FAILED, why)),
        };
        self.witness.ends(&phase.to_string(), how);
        self.log.say(&format!("Phase complete: {phase} State: {state}"))?;
        Ok(halt)
    }
}

/// The two lines that end a phase; `failed` is CodeBuild's code and the message.
pub(crate) fn phase_complete(log: &mut StepLog, phase: &str, failed: Option<(&str, &str)>) -> std::io::Result<()> {
    let state = if failed.is_some() { "FAILED" } else { "SUCCEEDED" };
    let (code, message) = failed.unwrap_or_default();
    log.say(&format!("Phase complete: {phase} State: {state}"))?;
    log.say(&format!("Phase context status code: {code} Message: {message}"))
}

fn in_words(phase: PhaseName, command: &str, status: i32) -> (String, String) {
    let reason = format!("Error while executing command: {}. Reason: exit status {status}", command.trim_end());
    let mut lines = command.trim().lines();
    let first: String = lines.next().unwrap_or("").chars().take(200).collect();
    let more = if lines.next().is_some() { " ..." } else { "" };
    (reason, format!("{phase}: {first}{more}: exit status {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_failed_phase() {
        use PhaseName::{Build, Install, PostBuild, PreBuild};
        let followed: Vec<_> = PhaseName::ALL.into_iter().filter(|phase| goes_on(*phase, None)).collect();
        assert_eq!(followed, [Build, PostBuild]);
        for phase in [Install, PreBuild, Build, PostBuild] {
            assert!(goes_on(phase, Some(&OnFailure::Continue)));
            assert!(!goes_on(phase, Some(&OnFailure::Abort)));
            assert_eq!(goes_on(phase, Some(&OnFailure::Retry(String::new()))), goes_on(phase, None));
        }
    }

    #[test]
    fn a_continued_failure_does_not_spoil_the_build() {
        let failure = |detail: &str, continued| Failure { detail: detail.to_owned(), continued };
        assert_eq!(verdict(&[failure("a", true)]), None);
        assert_eq!(verdict(&[failure("a", true), failure("b", false)]), Some(&failure("b", false)));
    }

    #[test]
    fn a_failure_is_told_in_one_line() {
        let (reason, detail) = in_words(PhaseName::Build, "sh test.sh\nmore\n", 7);
        assert_eq!(detail, "BUILD: sh test.sh ...: exit status 7");
        assert_eq!(reason, "Error while executing command: sh test.sh\nmore. Reason: exit status 7");
    }
}
