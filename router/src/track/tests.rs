use proptest::prelude::*;

use super::*;
use crate::run::sample;

fn id(name: char) -> CommitId {
    CommitId::new(format!("{:02x}", u32::from(name)).repeat(20)).unwrap()
}

/// `A>B`, `.>A` for a new ref, `B>.` for a deleted one; a digit behind it is the time of the push.
fn push(told: &str) -> Arrival {
    let mut chars = told.chars();
    let mut end = || chars.next().filter(|c| *c != '.').map(id);
    let before = end();
    end();
    let commit = end();
    let pushed_at = chars.next().map(|second| sample::at(i64::from(second.to_digit(36).unwrap())));
    Arrival { commit, before, pushed_at, seen: false, visit: 1, supersedes: true }
}

fn track() -> Track {
    let push = sample::push("main", 'a');
    Track::new(push.repository, push.git_ref)
}

/// Takes pushes in as they are told, and asks where the ref is when that is what it takes.
fn tell(track: &mut Track, told: &str, tip: Tip<'_>) -> (Place, u32) {
    let arrival = push(told);
    let place = track.place(&arrival, Tip::Unasked).or_else(|Doubt| track.place(&arrival, tip)).unwrap();
    let at = track.enter(arrival, place);
    (place, track.arrivals[at].visit)
}

fn told(all: &[&str]) -> Track {
    let mut track = track();
    for told in all {
        tell(&mut track, told, Tip::Unknown);
    }
    track
}

/// The way as a word: `ABA`.
fn way(track: &Track) -> String {
    let name = |commit: &CommitId| char::from(u8::from_str_radix(&commit.as_str()[..2], 16).unwrap());
    track.arrivals.iter().map(|arrival| arrival.commit.as_ref().map_or('.', name)).collect()
}

#[test]
fn a_push_that_is_told_twice_is_one() {
    let mut track = told(&[".>A", "A>B"]);
    assert_eq!(tell(&mut track, "A>B", Tip::Unasked), (Place::Same(1), 1));
    let mut track = told(&[".>A", "A>B", "B>C"]);
    assert_eq!(tell(&mut track, "A>B", Tip::Unasked), (Place::Same(1), 1), "late, through another hook");
}

#[test]
fn back_and_forth_by_force_is_a_new_push_each_time() {
    let track = told(&[".>A", "A>B1", "B>A2", "A>B3", "B>A4"]);
    assert_eq!(way(&track), "ABABA");
    assert_eq!(track.arrivals.iter().map(|arrival| arrival.visit).collect::<Vec<_>>(), [1, 1, 2, 2, 3]);
}

#[test]
fn without_times_the_ref_tells_a_second_visit_from_a_second_telling() {
    let there = told(&[".>A", "A>B", "B>A"]);
    let (a, b) = (id('A'), id('B'));
    for (tip, place) in [
        (Tip::At(Some(&b)), (Place::New(3), 2)),
        (Tip::At(Some(&a)), (Place::Same(1), 1)),
        (Tip::At(None), (Place::Same(1), 1)),
        (Tip::Unknown, (Place::New(3), 2)),
    ] {
        assert_eq!(there.place(&push("A>B"), Tip::Unasked), Err(Doubt));
        assert_eq!(tell(&mut there.clone(), "A>B", tip), place, "{tip:?}");
    }
}

#[test]
fn with_times_nobody_is_asked() {
    let mut track = told(&[".>A0", "A>B1", "B>A5"]);
    assert_eq!(tell(&mut track, "A>B1", Tip::Unasked).0, Place::Same(1), "through another hook");
    assert_eq!(tell(&mut track, "A>B6", Tip::Unasked), (Place::New(3), 2));
}

#[test]
fn a_push_that_is_told_late_stands_where_it_was_pushed() {
    for (before, late, after) in [
        (&[".>A", "B>C"][..], "A>B", "ABC"),
        (&[".>A", "B>C", "C>D"], "A>B", "ABCD"),
        (&[".>A", "A>B", "C>D"], "B>C", "ABCD"),
        (&["B>C"], "A>B", "BC"),
        (&["B>C", "C>D"], ".>B", "BCD"),
        (&[".>A0", "X>D9"], "Q>C5", "ACD"),
        (&[".>A", "A>B", ".>C"], "B>.", "AB.C"),
    ] {
        let mut track = told(before);
        tell(&mut track, late, Tip::Unasked);
        assert_eq!(way(&track), after, "{before:?} and then {late}");
    }
}

#[test]
fn where_the_chain_is_torn_the_ref_tells() {
    let (c, d) = (id('C'), id('D'));
    for (tip, after) in [(Tip::At(Some(&d)), "ACD"), (Tip::At(Some(&c)), "ADC"), (Tip::Unknown, "ADC")] {
        let mut track = told(&[".>A", "X>D"]);
        tell(&mut track, "Y>C", tip);
        assert_eq!(way(&track), after, "{tip:?}");
    }
}

#[test]
fn what_was_seen_is_the_push_that_is_told_late() {
    let mut track = told(&[".>A"]);
    let seen = Arrival::seen(id('C'), Some(id('A')));
    let place = track.place(&seen, Tip::Unasked).unwrap();
    track.enter(seen, place);
    assert_eq!(tell(&mut track, "B>C", Tip::Unasked), (Place::Same(1), 1));
    assert_eq!(track.arrivals[1].before, Some(id('B')), "now it is known where it came from");
    assert_eq!(tell(&mut track, "A>B", Tip::Unasked).0, Place::New(1));
    assert_eq!(way(&track), "ABC");
}

#[test]
fn only_a_push_that_started_something_takes_a_place() {
    let mut track = told(&[".>A"]);
    let quiet = Arrival { supersedes: false, ..push("A>B") };
    track.enter(quiet, Place::New(1));
    assert_eq!(track.superseded_by(0), None);
    tell(&mut track, "B>C", Tip::Unasked);
    assert_eq!(
        (track.superseded_by(0), track.superseded_by(1), track.superseded_by(2)),
        (Some(&id('C')), Some(&id('C')), None)
    );
}

#[test]
fn only_the_last_arrivals_are_kept_and_the_newest_among_them() {
    let mut track = track();
    for second in 0..100 {
        let push = Arrival { pushed_at: Some(sample::at(second)), ..push(if second % 2 == 0 { "A>B" } else { "B>A" }) };
        let place = track.place(&push, Tip::Unknown).unwrap();
        track.enter(push, place);
    }
    assert_eq!((track.arrivals.len(), track.head().unwrap().visit), (KEPT, 50));
}

/// A ref's way, and the order in which its pushes are told, some of them twice.
fn told_somehow(names: &'static str) -> impl Strategy<Value = (Vec<char>, Vec<usize>)> {
    let way = prop::collection::vec(prop::sample::select(names.chars().collect::<Vec<_>>()), 2..9);
    way.prop_flat_map(|mut way| {
        way.dedup();
        let pushes = way.len() - 1;
        let order = prop::collection::vec(0..pushes.max(1), pushes..2 * pushes + 2);
        (Just(way), order)
    })
    .prop_map(|(way, order)| {
        let mut order: Vec<usize> = order.into_iter().filter(|nth| nth + 1 < way.len()).collect();
        let missing: Vec<usize> = (0..way.len() - 1).filter(|nth| !order.contains(nth)).collect();
        order.extend(missing);
        (way, order)
    })
}

proptest! {
    #[test]
    fn with_times_the_newest_push_ends_up_newest((way, order) in told_somehow("ABC")) {
        let mut track = track();
        for nth in order {
            let second = char::from_digit(u32::try_from(nth).unwrap(), 36).unwrap();
            tell(&mut track, &format!("{}>{}{second}", way[nth], way[nth + 1]), Tip::Unknown);
        }
        prop_assert!(track.arrivals.len() < way.len(), "no push is two");
        if way.len() > 1 {
            prop_assert_eq!(track.head().unwrap().commit.as_ref(), Some(&id(*way.last().unwrap())));
        }
    }

    #[test]
    fn without_times_a_way_without_rounds_is_found(mut way in Just("ABCDEFGH".chars().collect::<Vec<_>>()).prop_shuffle(),
                                                   order in prop::collection::vec(0..7usize, 7..20)) {
        way.truncate(8);
        let tip = id(way[7]);
        let mut track = track();
        let rest = (0..7).filter(|nth| !order.contains(nth)).collect::<Vec<_>>();
        for nth in order.into_iter().chain(rest) {
            tell(&mut track, &format!("{}>{}", way[nth], way[nth + 1]), Tip::At(Some(&tip)));
        }
        prop_assert_eq!(track.arrivals.len(), 7, "each push is one");
        prop_assert_eq!(&track.head().unwrap().commit, &Some(tip));
    }
}

#[test]
fn what_made_the_ref_came_first_wherever_the_ref_is_now() {
    let mut track = told(&["B>C"]);
    assert_eq!(tell(&mut track, ".>A", Tip::At(Some(&id('D')))), (Place::New(0), 1), "nobody has told of D yet");
    assert_eq!(way(&track), "AC");
    let mut track = told(&["B>C"]);
    assert_eq!(tell(&mut track, ".>A", Tip::At(Some(&id('A')))), (Place::New(1), 1), "deleted, and made anew");
}
