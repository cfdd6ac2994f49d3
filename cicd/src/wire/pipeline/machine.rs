//! How executions go on: a pure core. It takes what happened and the time, changes what is known, and says what is to be
//! done ([`Effect`]). It reads no clock, no file and no network, and waits for nothing.
//!
//! | module | what happens |
//! |---|---|
//! | [`start`], [`stop`], [`retry`], [`rollback`] | somebody asks |
//! | [`stage`] | a stage begins its actions, and ends |
//! | [`begin`], [`end`] | an action begins, and ends |
//! | [`tell`] | the events |

use jiff::Timestamp;
use serde_json::Value;

use super::book::Pipeline;
use super::condition;
use super::execution::{ActionRun, Execution, Kind, Place, StageStatus, Status};
use crate::wire::Locality;
use crate::wire::shape::asked::SourceRevisionOverride;
use crate::wire::shape::declaration::{ConditionResult, ExecutionMode};

mod begin;
pub(super) mod end;
pub(super) mod retry;
pub(super) mod rollback;
mod stage;
pub(super) mod start;
pub(super) mod stop;
mod tell;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// Tell an event.
    Tell(Value),
    /// Do an action.
    Begin(Box<Order>),
}

/// An action to be done.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) pipeline: String,
    pub(super) execution: String,
    pub(super) stage: String,
    pub(super) run: ActionRun,
    /// What the start said of its sources.
    pub(super) overrides: Vec<SourceRevisionOverride>,
}

/// One turn of the core: where and when it is, and what comes of it.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) locality: &'a Locality,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl<'a> Turn<'a> {
    /// A turn that nothing has come of yet.
    pub(super) fn new(locality: &'a Locality, now: Timestamp) -> Self {
        Self { locality, now, effects: vec![] }
    }
}

/// Lets every execution of a pipeline go on as far as it can.
pub(super) fn settle(pipeline: &mut Pipeline, turn: &mut Turn<'_>) {
    let mut moved = true;
    while moved {
        moved = false;
        for at in 0..pipeline.executions.len() {
            if pipeline.executions[at].status.is_live() {
                moved |= step(pipeline, at, turn);
            }
        }
    }
    pipeline.forget();
}

/// Moves one execution one step, and says whether it moved.
fn step(pipeline: &mut Pipeline, at: usize, turn: &mut Turn<'_>) -> bool {
    match pipeline.executions[at].place {
        Place::Before(stage) => wait_or_enter(pipeline, at, stage, turn),
        Place::In(stage) => {
            let step = stage::step(&mut pipeline.executions[at], stage, turn);
            if step == stage::Step::Rollback {
                rollback::by_itself(pipeline, at, stage, turn);
            }
            step != stage::Step::Nothing
        }
        Place::Halted(_) | Place::Done => false,
    }
}

fn wait_or_enter(pipeline: &mut Pipeline, at: usize, stage: usize, turn: &mut Turn<'_>) -> bool {
    if pipeline.executions[at].stop.is_some() {
        stop::now(&mut pipeline.executions[at], stage, turn);
        return true;
    }
    if may_enter(pipeline, at, stage) {
        pipeline.entries += 1;
        let entry = pipeline.entries;
        enter(&mut pipeline.executions[at], stage, entry, turn);
        return true;
    }
    let waits = |newer: &Execution| newer.status.is_live() && newer.place == Place::Before(stage);
    let superseded =
        pipeline.executions[at].mode == ExecutionMode::Superseded && pipeline.executions[at + 1..].iter().any(waits);
    if superseded {
        end_execution(&mut pipeline.executions[at], Status::Superseded, Place::Halted(stage), turn);
    }
    superseded
}

fn may_enter(pipeline: &Pipeline, at: usize, stage: usize) -> bool {
    let execution = &pipeline.executions[at];
    let waits = |older: &Execution| older.status.is_live() && older.place == Place::Before(stage);
    let alone = || {
        let name = &execution.stage(stage).name;
        pipeline.occupant(name).is_none() && !pipeline.executions[..at].iter().any(waits)
    };
    pipeline.is_open(&execution.declaration, stage) && (execution.mode == ExecutionMode::Parallel || alone())
}

/// Enters a stage, unless its condition keeps the execution out.
fn enter(execution: &mut Execution, stage: usize, entry: u64, turn: &mut Turn<'_>) {
    let known = execution.known();
    let conditions = execution.stage(stage).before_entry.clone();
    let run = &mut execution.stages[stage];
    (run.entry, run.started, run.failed) = (entry, Some(turn.now), false);
    run.settled.clear();
    execution.updated = turn.now;
    let run = &mut execution.stages[stage];
    if let Some(conditions) = conditions.filter(|_| !run.entry_overridden) {
        run.before_entry = condition::check(&conditions, &known, turn.now);
    }
    let kept_out = run.before_entry.as_ref().filter(|checked| !checked.overridden).and_then(|checked| checked.result);
    match kept_out {
        Some(ConditionResult::Skip) => {
            run.status = Some(StageStatus::Skipped);
            go_on(execution, stage, turn);
        }
        Some(_) => {
            tell::stage(execution, stage, "STARTED", turn);
            stage::fail(execution, stage, turn);
        }
        None => {
            run.status = Some(StageStatus::InProgress);
            execution.place = Place::In(stage);
            tell::stage(execution, stage, "STARTED", turn);
        }
    }
}

/// Goes on behind a stage.
fn go_on(execution: &mut Execution, stage: usize, turn: &mut Turn<'_>) {
    if execution.kind == Kind::Standard && stage + 1 < execution.stages.len() {
        execution.place = Place::Before(stage + 1);
    } else {
        end_execution(execution, Status::Succeeded, Place::Done, turn);
    }
}

/// Ends an execution.
fn end_execution(execution: &mut Execution, status: Status, place: Place, turn: &mut Turn<'_>) {
    (execution.status, execution.place, execution.updated) = (status, place, turn.now);
    let state = match status {
        Status::Cancelled => "CANCELED".to_owned(),
        other => other.word().to_uppercase(),
    };
    tell::pipeline(execution, &state, turn);
}
