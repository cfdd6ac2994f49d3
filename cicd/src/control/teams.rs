//! Whether a team of a gate's has somebody among its members, as a forge says it now.

use std::time::Duration;

use router::id::ForgeName;
use router::pipeline::Approval;
use router::run::{Identity, NotAllowed, Person, Run, Team, Voter};
use tokio::time::timeout;

use super::Refusal;
use crate::app::App;
use crate::forge::TryLater;

/// All forges together have so long; a function behind the page has 15 seconds for everything.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// The first of a gate's teams that has a person; none when the rules name them without it, or no team has them. Only accounts that the
/// settings say are theirs are asked about.
///
/// # Errors
/// [`Refusal::Unanswered`] when no forge said that they are in one of the teams, and one of those to be asked did not answer.
pub(super) async fn of(
    app: &App,
    run: &Run,
    approval: &Approval,
    person: &Person,
    also: &[Identity],
) -> Result<Vec<Team>, Refusal> {
    let by_name = approval.allows(Voter { person, also, teams: &[] }, &run.makers());
    let Err(NotAllowed::NotNamed { .. }) = by_name else { return Ok(Vec::new()) };
    let mut silent = None;
    let asked = async {
        for (team, forge, account) in approval.asks(also, &run.key.repository) {
            match ask(app, &team, &forge, account).await {
                Ok(true) => return Some(team),
                Ok(false) => {}
                Err(later) => silent = Some(format!("whether {account} is in {team}: {}", later.why)),
            }
        }
        None
    };
    let unanswered = match timeout(ASKED_WITHIN, asked).await {
        Ok(Some(team)) => return Ok(vec![team]),
        Ok(None) => silent,
        Err(_elapsed) => Some(format!("within {} seconds which teams {person} is in", ASKED_WITHIN.as_secs())),
    };
    let Some(unanswered) = unanswered else { return Ok(Vec::new()) };
    tracing::warn!(run.id = %run.id, %person, "a forge does not say {unanswered}");
    Err(Refusal::Unanswered(format!("nothing is decided: a forge does not say {unanswered}; try again")))
}

async fn ask(app: &App, team: &Team, forge: &ForgeName, account: &str) -> Result<bool, TryLater> {
    let is_of_its_kind = app.doors.get(forge).is_some_and(|door| door.kind == team.kind());
    match app.forges.get(forge) {
        Some(asked) if is_of_its_kind => asked.is_member(team, account).await,
        Some(_) | None => {
            Err(TryLater::new(format!("the settings have no {} called {forge} with a token", team.kind())))
        }
    }
}
