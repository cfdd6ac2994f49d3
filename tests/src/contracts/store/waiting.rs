//! What waits, as whoever watches is told.

use cicd::store::{Backlog, Change, Settled, Waiting};
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
