//! What was made durable of late and nobody has decided yet: it is decided without being read again.
//!
//! What stands here stands in the database too. While [`Fresh`] knows that it has all that waits there, nobody looks there; what it cannot
//! hold is let go of, and then the database is asked until it has shown that nothing waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{Decided, Undecided};

/// So many bytes are held, what deliveries say counted as JSON.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What each delivery takes beside what it says.
const EACH_BYTES: usize = 256;

/// Undecided deliveries, shared by the writer, which adds and takes away, and whoever decides.
#[derive(Clone, Default)]
pub(super) struct Fresh(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    rows: BTreeMap<i64, (Undecided, usize)>,
    bytes: usize,
    /// Nothing waits in the database that does not stand here.
    is_all: bool,
    /// How often everything was let go of.
    overflows: u64,
}

/// A moment of [`Fresh`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u64);

/// The row of a delivery that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: i64,
    /// What was decided about is what the row says, and nothing that was looked up since.
    pub(super) says_the_same: bool,
}

impl Fresh {
    /// The oldest of all that waits, when all of it stands here; else when that was found out.
    pub(super) fn undecided(&self, most: usize) -> Result<Vec<Undecided>, Moment> {
        let held = self.lock();
        if !held.is_all {
            return Err(Moment(held.overflows));
        }
        Ok(held.rows.values().take(most).map(|(undecided, _)| undecided.clone()).collect())
    }

    /// At some time since this moment nothing waited in the database: what has come later stands here.
    pub(super) fn nothing_waited(&self, since: Moment) {
        let mut held = self.lock();
        if since == Moment(held.overflows) {
            held.is_all = true;
        }
    }

    /// A delivery is durable now, in this row. What it says takes so many bytes.
    pub(super) fn add(&self, seq: i64, undecided: Undecided, bytes: usize) {
        let (mut held, bytes) = (self.lock(), bytes + EACH_BYTES);
        if held.bytes + bytes > MOST_BYTES {
            *held = Held { overflows: held.overflows + 1, ..Held::default() };
            return;
        }
        held.bytes += bytes;
        held.rows.insert(seq, (undecided, bytes));
    }

    /// These rows are decided, durably.
    pub(super) fn remove(&self, rows: &[i64]) {
        let mut held = self.lock();
        for seq in rows {
            if let Some((_, bytes)) = held.rows.remove(seq) {
                held.bytes -= bytes;
            }
        }
    }

    /// The rows of those that were given out here. They are looked for in that order, in one pass.
    pub(super) fn rows(&self, all: &[Decided]) -> Vec<Option<Row>> {
        let held = self.lock();
        if !held.is_all {
            return vec![None; all.len()];
        }
        let mut rest = held.rows.iter();
        all.iter()
            .map(|decided| {
                let is_it = |(_, (undecided, _)): &(&i64, &(Undecided, usize))| {
                    undecided.delivered.id == decided.delivered.id && undecided.forge == decided.forge
                };
                let (seq, (undecided, _)) = rest.find(is_it)?;
                let says_the_same = Arc::ptr_eq(&undecided.delivered.event, &decided.delivered.event);
                Some(Row { seq: *seq, says_the_same })
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use router::event::{About, Delivered, Event};
    use router::id::DeliveryId;
    use router::rules::{Decision, Verdict};

    use super::*;

    fn undecided(n: usize) -> Undecided {
        let about = About { what: "ping".to_owned(), repository: None, actor: String::new() };
        let id = DeliveryId::new(format!("d-{n}")).unwrap();
        let delivered = Delivered { id, event: Event::Ping(about).into() };
        Undecided { forge: "github".parse().unwrap(), delivered }
    }

    fn decided(of: &Undecided) -> Decided {
        let decision = Decision {
            verdict: Verdict::Refused,
            because: Vec::new(),
            nearest_miss: None,
            rules: String::new(),
            shadows: Vec::new(),
        };
        Decided { forge: of.forge.clone(), delivered: of.delivered.clone(), decision, runs: Vec::new() }
    }

    /// One that knows that nothing waits elsewhere.
    fn fresh() -> Fresh {
        let fresh = Fresh::default();
        fresh.nothing_waited(fresh.undecided(1).unwrap_err());
        fresh
    }

    #[test]
    fn what_waits_is_given_in_the_order_of_its_rows_until_it_is_decided() {
        let fresh = fresh();
        let [one, two, three] = [1, 2, 3].map(undecided);
        for (seq, undecided) in [(2, &two), (1, &one), (3, &three)] {
            fresh.add(seq, undecided.clone(), 10);
        }
        assert_eq!(fresh.undecided(2), Ok(vec![one.clone(), two.clone()]));
        let looked_up = Decided { delivered: undecided(2).delivered, ..decided(&two) };
        let elsewhere = Decided { forge: "gitlab".parse().unwrap(), ..decided(&three) };
        let row = |seq, says_the_same| Some(Row { seq, says_the_same });
        let all = [decided(&one), looked_up, elsewhere];
        assert_eq!(fresh.rows(&all), [row(1, true), row(2, false), None]);
        fresh.remove(&[1, 2, 9]);
        assert_eq!(fresh.undecided(9), Ok(vec![three]));
    }

    #[test]
    fn what_it_cannot_hold_is_asked_of_the_database_until_nothing_waits_there() {
        let fresh = fresh();
        fresh.add(1, undecided(1), 10);
        let known_before = Moment(0);
        fresh.add(2, undecided(2), MOST_BYTES);
        let moment = fresh.undecided(9).unwrap_err();
        fresh.nothing_waited(known_before);
        assert_eq!(fresh.undecided(9), Err(moment), "what came in between was let go of");
        fresh.add(3, undecided(3), 10);
        assert_eq!(fresh.undecided(9), Err(moment), "the second still waits in the database");
        assert_eq!(fresh.rows(&[decided(&undecided(3))]), [None], "the database gave it out");
        fresh.nothing_waited(moment);
        assert_eq!(fresh.undecided(9), Ok(vec![undecided(3)]));
        fresh.remove(&[3]);
        assert_eq!(fresh.lock().bytes, 0);
    }
}
