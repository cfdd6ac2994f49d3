//! Answers approvals.

use aws_sdk_codepipeline::types::{ApprovalResult, ApprovalStatus};
use router::id::EnvironmentName;
use router::run::{GateState, Run};

use super::seen::{Action, ActionState, Execution, Kind};
use super::trouble::{is, unavailable_or_refused};
use super::{Parts, names};
use crate::engine::EngineError;

/// The longest summary, in characters: the API model.
const SUMMARY_MAX: usize = 512;

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// It is given.
    Given,
    /// The approval does not wait any more; a look tells what it is.
    TooLate,
}

impl Parts {
    /// Opens the approval of each environment whose gate is open.
    pub(super) async fn open_gates(&self, run: &Run, execution: &Execution) -> Result<(), EngineError> {
        for action in execution.under_way().filter(|action| action.kind == Kind::Approval) {
            if is_open(run, action) {
                self.answer(run, action, ApprovalStatus::Approved).await?;
            }
        }
        Ok(())
    }

    /// Gives an approval our answer.
    pub(super) async fn answer(
        &self,
        run: &Run,
        gate: &Action,
        status: ApprovalStatus,
    ) -> Result<Answered, EngineError> {
        let summary = match status {
            ApprovalStatus::Approved => approved(run, gate),
            _ => run.because.clone(),
        };
        let summary: String = format!("Pointsman run {}: {summary}", run.id).chars().take(SUMMARY_MAX).collect();
        let result = ApprovalResult::builder().summary(summary).status(status).build();
        let put = self
            .pipelines
            .put_approval_result()
            .pipeline_name(self.pipeline_of(run))
            .stage_name(&gate.stage)
            .action_name(&gate.name)
            .token(&gate.id)
            .result(result.expect("summary and status are given"));
        match put.send().await {
            Ok(_) => Ok(Answered::Given),
            Err(error)
                if is(&error, "ApprovalAlreadyCompletedException") || is(&error, "InvalidApprovalTokenException") =>
            {
                Ok(Answered::TooLate)
            }
            Err(error) => Err(unavailable_or_refused("CodePipeline takes no answer at the gate", &error)),
        }
    }
}

/// Whether our gate there is open, and its approval waits.
pub(super) fn is_open(run: &Run, action: &Action) -> bool {
    let environment = names::environment_of(&action.stage);
    action.name == names::GATE
        && action.state == ActionState::InProgress
        && run.environments.iter().any(|place| Some(&place.name) == environment.as_ref() && place.holds_environment())
}

/// Whether our gate there is still closed.
pub(super) fn is_shut(run: &Run, environment: &EnvironmentName) -> bool {
    run.environments.iter().any(|place| place.name == *environment && place.gate.state != GateState::Open)
}

fn approved(run: &Run, gate: &Action) -> String {
    let environment = names::environment_of(&gate.stage);
    let place = run.environments.iter().find(|place| Some(&place.name) == environment.as_ref());
    let people: Vec<_> =
        place.into_iter().flat_map(|place| &place.gate.approvals).map(|vote| vote.by.as_str()).collect();
    if people.is_empty() { "nobody need decide here".to_owned() } else { format!("approved by {}", people.join(", ")) }
}
