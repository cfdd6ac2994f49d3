//! What is seen on AWS, as events of our run. Pure: the one mapping for events and for looks.
//!
//! It may say too much: [`news`] keeps what moves the run.

use jiff::Timestamp;
use router::id::EnvironmentName;
use router::run::{Applied, Artifact, GateState, Outcome, Person, Run, RunEvent, Stop};

use super::names;
use super::seen::{Action, ActionState, Execution, ExecutionState};

/// What of these events moves the run, in order.
pub(super) fn news(run: &Run, events: Vec<RunEvent>, now: Timestamp) -> Vec<RunEvent> {
    let mut run = run.clone();
    events.into_iter().filter(|event| run.apply(event, now) == Applied::Moved).collect()
}

/// What an execution means for its run: everything that its actions say, and, when it is over, an end for a run that has none by
/// then.
pub(super) fn of_execution(run: &Run, execution: &Execution) -> Vec<RunEvent> {
    let mut events: Vec<_> = execution.actions.iter().flat_map(|action| of_action(run, action)).collect();
    events.extend(end(run, execution));
    events
}

/// Stale for a run that has come to its own end.
fn end(run: &Run, execution: &Execution) -> Option<RunEvent> {
    let summary = execution.summary.as_deref().map(|summary| format!(": {summary}")).unwrap_or_default();
    let stopped = |by: &str| Person::new(by).ok().map(|by| RunEvent::StopAsked { stop: Stop::By(by) });
    match execution.state {
        ExecutionState::InProgress | ExecutionState::Stopping => None,
        ExecutionState::Failed => Some(RunEvent::Failed { why: format!("the execution failed on AWS{summary}") }),
        ExecutionState::Stopped => stopped("somebody on AWS"),
        ExecutionState::Superseded => stopped("CodePipeline, which let a newer execution pass it"),
        ExecutionState::Cancelled => stopped("CodePipeline, because its pipeline was changed"),
        ExecutionState::Succeeded => {
            let pipeline = &run.plan.pipeline;
            let why = format!(
                "the execution ended on AWS without all that was decided; is the pipeline {pipeline} deployed as the rule \
                 file has it?"
            );
            Some(RunEvent::Failed { why })
        }
    }
}

/// What one action means.
pub(super) fn of_action(run: &Run, action: &Action) -> Vec<RunEvent> {
    if run.plan.stages.iter().any(|stage| stage.name.as_str() == action.stage) {
        return if action.name == action.stage { of_stage(run, action) } else { Vec::new() };
    }
    if action.stage == names::SOURCE {
        return of_source(action);
    }
    let environment = names::environment_of(&action.stage);
    let Some(environment) = environment.filter(|name| run.environments.iter().any(|place| place.name == *name)) else {
        return Vec::new();
    };
    match action.name.strip_prefix(names::DEPLOY) {
        None if action.name == names::GATE => of_gate(run, action, environment),
        None => Vec::new(),
        Some("") => of_deploy(run, action, environment),
        // A step of it, `deploy-1`: the deploy is over when the last one is, or any has failed.
        Some(_) if action.state == ActionState::Succeeded => vec![RunEvent::DeployStarted { environment }],
        Some(_) => of_deploy(run, action, environment),
    }
}

fn of_source(action: &Action) -> Vec<RunEvent> {
    match action.state {
        ActionState::InProgress | ActionState::Succeeded | ActionState::Abandoned | ActionState::Cancelled => {
            Vec::new()
        }
        ActionState::Failed => {
            let words = action.words.as_deref().unwrap_or("it does not say why");
            vec![RunEvent::Failed { why: format!("CodePipeline cannot take the commit's files: {words}") }]
        }
    }
}

fn of_stage(run: &Run, action: &Action) -> Vec<RunEvent> {
    let Some(stage) = run.plan.stages.iter().find(|stage| stage.name.as_str() == action.stage) else {
        return Vec::new();
    };
    let mut events = vec![RunEvent::StageStarted { stage: stage.name.clone() }];
    events.extend(log(action).map(|url| RunEvent::StageLog { stage: stage.name.clone(), url }));
    if let Some(outcome) = outcome(action, stage.step.timeout_seconds) {
        let build = action.build.as_ref().filter(|_| outcome == Outcome::Succeeded);
        let artifact = build.and_then(|build| build.sha256.clone());
        events.push(RunEvent::StageEnded {
            stage: stage.name.clone(),
            outcome,
            artifact: artifact.map(|sha256| Artifact { stage: stage.name.clone(), sha256, bytes: 0 }),
            exports: build.map(|build| build.exports.clone()).unwrap_or_default(),
        });
    }
    events
}

fn of_deploy(run: &Run, action: &Action, environment: EnvironmentName) -> Vec<RunEvent> {
    let timeout = run.plan.step_at(&environment).map_or(0, |step| step.timeout_seconds);
    let mut events = vec![RunEvent::DeployStarted { environment: environment.clone() }];
    events.extend(log(action).map(|url| RunEvent::DeployLog { environment: environment.clone(), url }));
    events.extend(outcome(action, timeout).map(|outcome| RunEvent::DeployEnded { environment, outcome }));
    events
}

fn log(action: &Action) -> Option<String> {
    let of_build = action.build.as_ref().and_then(|build| build.log.clone());
    of_build.or_else(|| action.url.clone()).filter(|url| url.starts_with("https://"))
}

/// How a stage or a deploy ended; none while it has not.
fn outcome(action: &Action, timeout: u64) -> Option<Outcome> {
    Some(match (action.state, &action.build) {
        (ActionState::InProgress, _) => return None,
        (ActionState::Succeeded, _) => Outcome::Succeeded,
        (ActionState::Abandoned | ActionState::Cancelled, _) => Outcome::Stopped,
        (ActionState::Failed, Some(build)) if build.timed_out => Outcome::TimedOut(timeout),
        (ActionState::Failed, Some(build)) if build.stopped => Outcome::Stopped,
        (ActionState::Failed, Some(build)) if !build.detail.is_empty() => Outcome::Failed(build.detail.clone()),
        (ActionState::Failed, _) => {
            Outcome::Failed(action.words.clone().unwrap_or_else(|| "CodePipeline does not say why".to_owned()))
        }
    })
}

/// A gate is ours: what happens to it without us was done by somebody on AWS, and is taken as what it is.
fn of_gate(run: &Run, action: &Action, environment: EnvironmentName) -> Vec<RunEvent> {
    let reached = RunEvent::GateReached { environment: environment.clone() };
    let by = action.by.as_deref().map(person);
    match (action.state, by) {
        (ActionState::InProgress, _) => vec![reached],
        (ActionState::Succeeded, by) => {
            vec![reached, RunEvent::GatePassed { environment, by: by.unwrap_or_else(|| person("somebody")) }]
        }
        (ActionState::Failed, Some(by)) if !is_late(action) => {
            let comment = action.words.clone().unwrap_or_default();
            vec![reached, RunEvent::Rejected { environment, by, comment }]
        }
        (ActionState::Failed, _) => {
            let words = action.words.as_deref().unwrap_or("was the pipeline changed under way?");
            let why = format!("the gate of {environment} was closed on AWS: {words}");
            vec![reached, RunEvent::GateExpired { environment }, RunEvent::Failed { why }]
        }
        // The end of the execution says the rest.
        (ActionState::Abandoned | ActionState::Cancelled, _) => {
            let open = run.environments.iter().any(|it| it.name == environment && it.gate.state == GateState::Open);
            if open { Vec::new() } else { vec![reached] }
        }
    }
}

/// AWS has a clock of its own for gates.
fn is_late(action: &Action) -> bool {
    let words = action.words.as_deref().unwrap_or_default().to_ascii_lowercase();
    ["timed out", "timeout", "expired"].iter().any(|word| words.contains(word))
}

/// Somebody as AWS knows them: the end of their ARN.
fn person(arn: &str) -> Person {
    let name = arn.rsplit_once(':').map_or(arn, |(_, name)| name);
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    let fallback = || Person::new("somebody on AWS").expect("it is short and has no control characters");
    Person::new(format!("{} on AWS", name.trim())).unwrap_or_else(|_| fallback())
}

#[cfg(test)]
mod tests;
