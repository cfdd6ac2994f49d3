//! What waits, as whoever watches is told.

use cicd::store::{Backlog, Change, Decided, Settled, Waiting};
use jiff::SignedDuration;
use router::run::RunEvent;

use super::{Bench, Shelf, samples};

pub(super) async fn what_waits_is_counted_with_its_age<S: Shelf>(bench: Bench<S>) {
    let read = async || bench.store.backlog().await.unwrap();
    let since_noon =
        |count, seconds| Waiting { count, since: Some(samples::noon() + SignedDuration::from_secs(seconds)) };
    assert_eq!(read().await, Backlog::default());

    for n in 1..=3 {
        let mut delivery = samples::delivery(n);
        delivery.received_at = samples::noon() + SignedDuration::from_secs(i64::from(n));
        bench.store.remember(&delivery).await.unwrap();
    }
    assert_eq!(read().await, Backlog { decisions: since_noon(3, 1), ..Backlog::default() });
    bench.holds(samples::start(1)).await;
    let run = bench.run(1).await;
    let started = Waiting { count: 1, since: Some(run.created_at) };
    // The service's own clock, which tells milliseconds.
    let owed = |since| Waiting { count: 1, since: Some(since) };
    let waiting = Backlog { decisions: since_noon(2, 2), starts: started, statuses: owed(bench.now()) };
    assert_eq!(read().await, waiting);

    // A debt that fails and is put off, and becomes larger in between, waits since it was made first.
    let debt = bench.due().await.remove(0);
    let later = bench.now() + SignedDuration::from_secs(60);
    bench.store.settle(&debt, &[], Settled::Later(later, "no answer".to_owned())).await.unwrap();
    bench.clock.advance_seconds(30);
    bench.holds(Change { owed: vec![samples::commit(1)], ..Change::default() }).await;
    assert_eq!(read().await, waiting);

    let mut run = run;
    run.apply(&RunEvent::Started, bench.now());
    bench.holds(Change { runs: vec![run], ..Change::default() }).await;
    bench.clock.advance_seconds(60);
    let debt = bench.due().await.remove(0);
    bench.store.settle(&debt, &[], Settled::Paid).await.unwrap();
    assert_eq!(read().await, Backlog { decisions: since_noon(2, 2), ..Backlog::default() });
    bench.holds(Change { owed: vec![samples::commit(1)], ..Change::default() }).await;
    assert_eq!(read().await.statuses, owed(bench.now()), "paid, and owed anew");
}

pub(super) async fn what_has_just_come_waits_like_what_stood_there<S: Shelf>(bench: Bench<S>) {
    let waits = async |bench: &Bench<S>| bench.store.undecided(9).await.unwrap();
    assert_eq!(waits(&bench).await, []);
    for n in [1, 2, 3, 1] {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
    }
    let [one, two, three] = [1, 2, 3].map(|n| samples::undecided(samples::delivery(n)));
    assert_eq!(waits(&bench).await, [one.clone(), two.clone(), three.clone()]);
    // One with what was looked up since, one as it came.
    let as_it_came = Decided { delivered: two.delivered.clone(), runs: vec![], ..samples::decided(2) };
    bench.holds(Change { decided: vec![samples::decided(1), as_it_came], ..Change::default() }).await;
    assert_eq!(waits(&bench).await, std::slice::from_ref(&three));
    let bench = bench.reopen().await;
    assert_eq!(waits(&bench).await, [three]);
    for (n, delivered) in [(1, samples::decided(1).delivered), (2, two.delivered)] {
        let record = bench.store.delivery(&samples::delivery_id(n)).await.unwrap().unwrap();
        assert_eq!((record.delivered, record.decision.is_some()), (delivered, true));
    }
}
