//! A gate that waits: what stands before it, who may decide, and the two answers.

use jiff::Timestamp;
use maud::{Markup, html};
use router::pipeline::Approval;
use router::run::{EnvironmentRun, GateState, Identity, Person, Run, Team, Vote, Voter};

use super::super::visit::Visit;
use super::{Tone, badge, parts};

/// The gates of a run that wait for people.
pub(crate) fn waiting(run: &Run) -> impl Iterator<Item = (&EnvironmentRun, &Approval)> {
    run.environments.iter().filter_map(|place| {
        let approval = approval(run, place)?;
        let waits = place.gate.state == GateState::Waiting && run.missing_at(&place.name) > 0;
        waits.then_some((place, approval))
    })
}

fn approval<'a>(run: &'a Run, place: &EnvironmentRun) -> Option<&'a Approval> {
    run.plan.environments.iter().find(|planned| planned.name == place.name)?.approval.as_ref()
}

/// One waiting gate with its two answers. On the first page it says which run it belongs to.
pub(crate) fn card(
    visit: &Visit,
    run: &Run,
    place: &EnvironmentRun,
    approval: &Approval,
    alone: bool,
    now: Timestamp,
) -> Markup {
    let id = format!("comment-{}-{}", run.id, place.name);
    let level = if alone { "into" } else { "this gate opens the way into" };
    html! {
        article.gate-card {
            div.what {
                p.into { (badge(Tone::Wait, "waiting")) " " (level) " " strong { (place.name) } }
                @if alone {
                    h3 { a href={ "/runs/" (run.id) } { bdi { (parts::title(run)) } } }
                    p.meta {
                        (parts::origin(run))
                        span { "route " b { (run.key.route) } }
                        @if !run.actor.is_empty() { span { "by " bdi { (run.actor) } } }
                    }
                    (parts::small_track(run))
                }
                p.meta {
                    @if let Some(since) = place.gate.since { span { "waits for " (parts::lasts(since, now)) } }
                    @if let Some(until) = place.gate.expires_at { span { "closes " (parts::time(until)) } }
                    @if let Some(artifact) = &run.artifact {
                        span { "artifact " code.commit title=(artifact.sha256) { (short(&artifact.sha256)) } }
                    }
                }
                (who(run, place, approval))
            }
            (answers(visit, run, place, approval, &id))
        }
    }
}

fn who(run: &Run, place: &EnvironmentRun, approval: &Approval) -> Markup {
    let missing = run.missing_at(&place.name);
    html! {
        p.meta {
            span {
                (missing) " more " @if missing == 1 { "yes" } @else { "different people’s yes" } " of "
                b { (approval.by.join(", ")) }
                @if approval.not_author && run.makers().are_unknown() { "; one more, for nobody knows who made the commit" }
                @else if approval.not_author { ", but not of " bdi { (makers(run)) } ", who made it" }
            }
        }
        @for vote in &place.gate.approvals {
            p.vote { (badge(Tone::Good, "yes")) " " bdi { (vote.by) } (by_team(vote)) @if !vote.comment.is_empty() { ": " q { (vote.comment) } } }
        }
    }
}

/// The team by which somebody's yes counts, when they are not named themselves.
pub(crate) fn by_team(vote: &Vote) -> Markup {
    let team = vote.entry.as_deref().filter(|entry| !entry.starts_with("user:"));
    html! { @if let Some(team) = team { " of " (team) } }
}

/// Whoever pushed it, and its author when that is another name.
fn makers(run: &Run) -> String {
    let mut names = vec![run.actor.as_str(), &run.author.login, &run.author.email];
    names.retain(|name| !name.is_empty());
    names.dedup();
    names.join(", ")
}

/// What somebody who looks at a gate should know before they answer. No forge is asked for it.
fn hint(person: &Person, also: &[Identity], run: &Run, approval: &Approval) -> Option<String> {
    let may = |teams: &[Team]| approval.allows(Voter { person, also, teams }, &run.makers()).map(str::to_owned);
    if may(&[]).is_ok() {
        return None;
    }
    let asked: Vec<Team> = approval.asks(also, &run.key.repository).into_iter().map(|(team, ..)| team).collect();
    Some(match may(&asked) {
        Ok(_) => {
            let asked: Vec<String> = asked.iter().map(Team::to_string).collect();
            format!("Your answer counts if you are in {}, which is asked when you give it", asked.join(" or "))
        }
        Err(refusal) => refusal.to_string(),
    })
}

fn answers(visit: &Visit, run: &Run, place: &EnvironmentRun, approval: &Approval, id: &str) -> Markup {
    let hint = visit.who.as_ref().and_then(|who| hint(who, &visit.also, run, approval));
    let has_said_yes = visit.who.as_ref().is_some_and(|who| place.gate.approvals.iter().any(|vote| vote.by == *who));
    html! {
        form.answers method="post" action={ "/runs/" (run.id) "/gates/" (place.name) } {
            label for=(id) { "Comment" }
            textarea id=(id) name="comment" rows="2" maxlength="1000" placeholder="Why (optional)" {}
            div.buttons {
                button.yes name="answer" value="approve" disabled[has_said_yes] {
                    "Approve " span.hidden { (place.name) " of " (parts::title(run)) }
                }
                button.no name="answer" value="reject" { "Reject " span.hidden { (place.name) " of " (parts::title(run)) } }
            }
            @if has_said_yes { p.hint { "You have said yes." } }
            @else if let Some(hint) = hint { p.hint { (hint) "." } }
        }
    }
}

/// The first digits of a hash, enough to see that two are the same.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
