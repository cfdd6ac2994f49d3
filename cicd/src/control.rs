//! What people may ask of a run: yes or no at its gate, stop, again, start what was only offered.

use router::id::{DeliveryId, EnvironmentName, RouteName, RunId};
use router::rules::{Decision, Verdict};
use router::run::{GateState, Person, Run, RunEvent, Stop, Voter};

use crate::app::App;
use crate::dispatch;
use crate::observe::{Observed, observe};
use crate::store::{Change, Committed, StoreError};

mod teams;

/// A person's answer at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// Why a person's wish is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// Not as things stand now.
    #[error("{0}")]
    NotNow(String),
    /// Not by this person.
    #[error("{0}")]
    NotAllowed(String),
    /// Not while a forge does not say who is in its teams.
    #[error("{0}")]
    Unanswered(String),
    /// Not while the store does not answer.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// The longest comment that is kept, in characters.
const COMMENT_MAX: usize = 1000;

/// Says yes or no at a gate.
///
/// # Errors
/// [`Refusal`], in words for that person.
pub async fn decide_gate(
    app: &App,
    id: &RunId,
    environment: &EnvironmentName,
    answer: Answer,
    by: Person,
    comment: &str,
) -> Result<Run, Refusal> {
    let run = find(app, id).await?;
    let Some(index) = run.environments.iter().position(|place| place.name == *environment) else {
        return Err(Refusal::NotFound("this run does not travel to such an environment"));
    };
    let gate = &run.environments[index].gate;
    if gate.state != GateState::Waiting {
        return Err(Refusal::NotNow(format!("the gate of {environment} does not wait: {}", run.because)));
    }
    let Some(approval) = &run.plan.environments[index].approval else {
        return Err(Refusal::NotNow(format!("nobody need decide at {environment}; it opens when it is free")));
    };
    let also = app.access.also(&by);
    let teams = teams::of(app, &run, approval, &by, &also).await?;
    let voter = Voter { person: &by, also: &also, teams: &teams };
    approval.allows(voter, &run.makers()).map_err(|why| Refusal::NotAllowed(why.to_string()))?;
    let (environment, comment) = (environment.clone(), comment.chars().take(COMMENT_MAX).collect());
    let event = match answer {
        Answer::Approve => RunEvent::Approved { environment, by, also, teams, comment },
        Answer::Reject => RunEvent::Rejected { environment, by, comment },
    };
    moved(observe(app, id, &event).await?)
}

/// Stops a run, a deploy under way included.
///
/// # Errors
/// [`Refusal`], in words for that person.
pub async fn cancel(app: &App, id: &RunId, by: Person) -> Result<Run, Refusal> {
    find(app, id).await?;
    moved(observe(app, id, &RunEvent::StopAsked { stop: Stop::By(by) }).await?)
}

/// Starts the next attempt at a run that has ended, however it did, as the rules that are in force now decide its push: a gate that
/// was tightened since is not passed by the old plan.
///
/// # Errors
/// [`Refusal`], in words for that person.
pub async fn retry(app: &App, id: &RunId, by: Person) -> Result<Run, Refusal> {
    let run = find(app, id).await?;
    if !run.state.is_terminal() {
        return Err(Refusal::NotNow(format!("it is not over: {}", run.because)));
    }
    let gone = || Refusal::NotNow("the delivery that asked for it is not kept any more; push again".to_owned());
    let record = app.store.delivery(run.deliveries.first().ok_or_else(gone)?).await?.ok_or_else(gone)?;
    let decision = dispatch::decide_again(app, &record.delivered.event).await;
    let next = decision.chain_from(&run.key.route).and_then(|chain| run.again(&decision.rules, chain, app.clock.now()));
    let next = next.ok_or_else(|| no_longer(&run.key.route, &decision))?;
    if app.store.run(&next.id).await?.is_some() {
        return Err(Refusal::NotNow(format!("attempt {} exists already: run {}", next.key.attempt, next.id)));
    }
    tracing::info!(run.id = %next.id, again = %run.id, %by, "retry");
    let change = Change { owed: vec![crate::change::commit(&next)], runs: vec![next.clone()], ..Change::default() };
    match app.store.commit(change).await? {
        Committed::Yes => {
            app.wake.for_moved_runs();
            find(app, &next.id).await
        }
        Committed::Conflict | Committed::Busy(_) => Err(Refusal::NotNow("somebody else was faster; look again".into())),
    }
}

/// Starts what a receipt of a `start: manual` route offers.
///
/// # Errors
/// [`Refusal`], in words for that person.
pub async fn start_offered(app: &App, id: &DeliveryId, by: Person) -> Result<Run, Refusal> {
    let record = app.store.delivery(id).await?.ok_or(Refusal::NotFound("no such delivery"))?;
    let offers_none = || Refusal::NotNow("this delivery offers no start".to_owned());
    let (Some(push), Some(offered)) = (record.delivered.event.as_push(), &record.decision) else {
        return Err(offers_none());
    };
    let Verdict::Start { route, manual: true, .. } = &offered.verdict else { return Err(offers_none()) };
    let decision = dispatch::decide_again(app, &record.delivered.event).await;
    let chain = decision.chain_from(route).ok_or_else(|| no_longer(route, &decision))?;
    tracing::info!(delivery.id = %id, %by, "start by hand");
    dispatch::start_offered(app, id, &push, &decision.rules, chain).await?.ok_or_else(offers_none)
}

/// The rules have changed since.
fn no_longer(route: &RouteName, decision: &Decision) -> Refusal {
    let because = decision.because.join(", ");
    Refusal::NotNow(format!("the rules in force now do not send this push to {route}: {because}"))
}

async fn find(app: &App, id: &RunId) -> Result<Run, Refusal> {
    app.store.run(id).await?.ok_or(Refusal::NotFound("no such run"))
}

fn moved(observed: Observed) -> Result<Run, Refusal> {
    match observed {
        Observed::Moved(run) => Ok(*run),
        Observed::Stale(why) => Err(Refusal::NotNow(why.to_owned())),
        Observed::Busy(holder) => Err(Refusal::NotNow(format!("run {holder} holds the environment"))),
    }
}
