//! The small things that every page shows alike.

use jiff::Timestamp;
use maud::{Markup, html};
use router::id::{CommitId, GitRef};
use router::run::{GateState, Run, Work, WorkState};

use super::Tone;

/// A moment: absolute in the markup and in the tooltip. The script turns it into an age and keeps that fresh.
pub(crate) fn time(at: Timestamp) -> Markup {
    let absolute = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let rfc = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(rfc) title=(absolute) { (at.strftime("%-d %b %H:%M UTC")) } }
}

/// A moment as an age: "3 min ago".
pub(crate) fn age(at: Timestamp, now: Timestamp) -> Markup {
    let absolute = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let rfc = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ago = match now.as_second() - at.as_second() {
        ..=9 => "just now".to_owned(),
        seconds => format!("{} ago", rough(seconds)),
    };
    html! { time.age datetime=(rfc) title=(absolute) data-age="ago" { (ago) } }
}

/// How long something took, or has taken until now.
pub(crate) fn took(work: &Work, now: Timestamp) -> Markup {
    let Some(started) = work.started_at else { return html! {} };
    match work.ended_at {
        Some(ended) => html! { (span(ended.as_second() - started.as_second())) },
        None => lasts(started, now),
    }
}

/// How long something has lasted.
pub(crate) fn lasts(since: Timestamp, now: Timestamp) -> Markup {
    let rfc = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(rfc) data-age="for" { (span(now.as_second() - since.as_second())) } }
}

/// Exact to the second below an hour: "2 min 10 s".
pub(crate) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn rough(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// A branch or a tag.
pub(crate) fn git_ref(git_ref: &GitRef) -> Markup {
    let kind = match git_ref {
        GitRef::Branch(_) => String::new(),
        GitRef::Tag(_) => "tag ".to_owned(),
        GitRef::Request(request) => format!("#{} ", request.number),
    };
    html! { span.ref title=(git_ref) { @if !kind.is_empty() { span.kind { (kind) } } bdi { (git_ref.short()) } } }
}

/// A commit.
pub(crate) fn commit(commit: &CommitId) -> Markup {
    html! { code.commit title=(commit) { (commit.short()) } }
}

/// Where a run comes from: repository, ref, commit.
pub(crate) fn origin(run: &Run) -> Markup {
    html! {
        span.origin {
            span.repository { (run.key.repository.path) }
            (git_ref(&run.key.git_ref))
            (commit(&run.key.commit))
        }
    }
}

/// What a run is called.
pub(crate) fn title(run: &Run) -> &str {
    if run.title.is_empty() { "(no message)" } else { &run.title }
}

/// The whole track of a run in one line of small marks.
pub(crate) fn small_track(run: &Run) -> Markup {
    let mut words = Vec::new();
    for stage in &run.stages {
        words.push(format!("{} {}", stage.name, word(stage.work.state)));
    }
    for place in &run.environments {
        let gate = gate_word(place.gate.state);
        words.push(match place.deploy.state {
            WorkState::Pending => format!("{} gate {gate}", place.name),
            state => format!("{} {}", place.name, word(state)),
        });
    }
    html! {
        span.small-track role="img" aria-label=(words.join(", ")) title=(words.join(", ")) {
            @for stage in &run.stages { i class=(Tone::from(stage.work.state).as_str()) {} }
            @for place in &run.environments {
                i class={ "gate " (Tone::from(place.gate.state).as_str()) } {}
                i class=(Tone::from(place.deploy.state).as_str()) {}
            }
        }
    }
}

/// A work's state in a word.
pub(crate) fn word(state: WorkState) -> &'static str {
    match state {
        WorkState::Pending => "pending",
        WorkState::Running => "running",
        WorkState::Succeeded => "succeeded",
        WorkState::Failed => "failed",
        WorkState::Stopped => "stopped",
    }
}

/// A gate's state in a word.
pub(crate) fn gate_word(state: GateState) -> &'static str {
    match state {
        GateState::Pending => "pending",
        GateState::Waiting => "waiting",
        GateState::Open => "open",
        GateState::Rejected => "rejected",
        GateState::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_as_people_tell_it() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let ago = |seconds: i64| age(Timestamp::from_second(1_700_000_000 - seconds).unwrap(), now).into_string();
        assert!(ago(3).ends_with(">just now</time>"));
        assert!(ago(59).ends_with(">59 s ago</time>"));
        assert!(ago(3599).ends_with(">59 min ago</time>"));
        assert!(ago(90_000).contains(r#"title="2023-11-13 21:13:20 UTC""#));
        assert_eq!([span(59), span(130), span(3700)], ["59 s", "2 min 10 s", "1 h 1 min"]);
    }
}
