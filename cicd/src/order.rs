//! Finds the place of a push among the pushes of its ref, whatever the order in which they are told.
//!
//! What can be said without asking is said by [`router::track`]; only in doubt is the forge asked where the ref is.

use jiff::Timestamp;
use router::event::{Event, Push};
use router::id::{CommitId, DeliveryId, GitRef, Repository};
use router::run::{Applied, Run, RunEvent, Stop};
use router::track::{Arrival, Doubt, Place, Tip, Track};
use sha2::{Digest, Sha256};

use crate::app::App;

/// How the id of a delivery begins that nobody sent: the sweep saw where a ref is.
const SEEN: &str = "seen-";

/// The id of the delivery that the sweep makes up for what it saw: one for each state of what is known of the ref.
pub(crate) fn seen_id(repository: &Repository, git_ref: &GitRef, commit: &CommitId, version: u64) -> DeliveryId {
    let what = format!("{repository}\n{git_ref}\n{commit}\n{version}");
    let digest = hex::encode(&Sha256::digest(what)[..16]);
    DeliveryId::new(format!("{SEEN}{digest}")).expect("letters and digits are an id")
}

/// Whether the sweep made a delivery up.
pub(crate) fn was_seen(id: &DeliveryId) -> bool {
    id.as_str().starts_with(SEEN)
}

/// The ref that an event moved, and how.
pub(crate) fn arrival(id: &DeliveryId, event: &Event) -> Option<(Repository, GitRef, Arrival)> {
    if let Event::Deleted(gone) = event {
        return Some((gone.repository.clone(), gone.git_ref.clone(), Arrival::gone(gone)));
    }
    let push = event.as_push()?;
    let arrival = Arrival { seen: was_seen(id), ..Arrival::of(&push) };
    Some((push.repository.clone(), push.git_ref.clone(), arrival))
}

/// Takes an arrival in at its place, and says where that is.
pub(crate) async fn enter(app: &App, track: &mut Track, arrival: Arrival) -> usize {
    let place = match track.place(&arrival, Tip::Unasked) {
        Ok(place) => place,
        Err(Doubt) => ask(app, track, &arrival).await,
    };
    track.enter(arrival, place)
}

async fn ask(app: &App, track: &Track, arrival: &Arrival) -> Place {
    // A change request is opened, closed and opened again at one commit, and is told with and without where it came from:
    // each of its commits counts once.
    if matches!(track.git_ref, GitRef::Request(_)) {
        let known = track.arrivals.iter().rposition(|other| other.commit == arrival.commit);
        return known.map_or(Place::New(track.arrivals.len()), Place::Same);
    }
    let tip = match app.forges.get(&track.repository.forge) {
        Some(forge) => forge.tip(&track.repository, &track.git_ref).await.map_err(Some),
        None => Err(None),
    };
    if let Err(Some(why)) = &tip {
        tracing::warn!(repo.name = %track.repository, "where the ref is cannot be asked, so pushes count in the order in which they are told: {why}");
    }
    let tip = tip.as_ref().map_or(Tip::Unknown, |tip| Tip::At(tip.as_ref()));
    track.place(arrival, tip).unwrap_or(Place::New(track.arrivals.len()))
}

/// The visit that a push which was decided before belongs to, and its index when it is still known.
pub(crate) fn known(track: &Track, push: &Push) -> Option<usize> {
    track.arrivals.iter().rposition(|arrival| {
        arrival.commit.as_ref() == Some(&push.commit) && (arrival.before == push.before || arrival.seen)
    })
}

/// Those of these live runs whose push came before the arrival of this index, as they are once `newer` has taken their place.
pub(crate) fn superseded(track: &Track, at: usize, newer: &CommitId, live: Vec<Run>, now: Timestamp) -> Vec<Run> {
    let stop = superseded_by(newer);
    let older = live.into_iter().filter(|run| is_older(track, run, at));
    older.filter_map(|mut run| (run.apply(&stop, now) == Applied::Moved).then_some(run)).collect()
}

/// A newer push takes the place of a run.
pub(crate) fn superseded_by(commit: &CommitId) -> RunEvent {
    RunEvent::StopAsked { stop: Stop::SupersededBy(commit.clone()) }
}

/// Whether a run's push came before the arrival of this index. One that is not known any more came long before.
fn is_older(track: &Track, run: &Run, than: usize) -> bool {
    track.find(&run.key.commit, run.key.visit).is_none_or(|at| at < than)
}
