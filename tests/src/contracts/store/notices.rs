//! What waits to be told to subscribers.

use cicd::store::{Change, Committed, Decided, Notice};

use super::super::samples;
use super::{Bench, Shelf};

fn notice(n: u32) -> Notice {
    let at = samples::noon() + jiff::SignedDuration::from_secs(i64::from(n));
    Notice {
        id: format!("decision/github/{}", samples::delivery_id(n)),
        at,
        subject: format!("subject {n}"),
        message: "{}".to_owned(),
    }
}

fn telling(some: impl IntoIterator<Item = u32>) -> Change {
    Change { notices: some.into_iter().map(notice).collect(), ..Change::default() }
}

pub(super) async fn notices_wait_in_their_order_until_they_are_told<S: Shelf>(bench: Bench<S>) {
    bench.holds(telling([3, 1])).await;
    bench.holds(telling([2, 1])).await;
    let bench = bench.reopen().await;
    let waiting = bench.store.notices(9).await.unwrap();
    assert_eq!(waiting, [notice(1), notice(2), notice(3)]);
    assert_eq!(bench.store.notices(2).await.unwrap().len(), 2);
    bench.store.notice_told(&waiting[0]).await.unwrap();
    bench.store.notice_told(&waiting[0]).await.unwrap();
    assert_eq!(bench.store.notices(9).await.unwrap(), [notice(2), notice(3)]);
}

pub(super) async fn notices_hold_with_their_change_or_not_at_all<S: Shelf>(bench: Bench<S>) {
    let vanished = router::run::Run { version: 3, ..samples::run(1) };
    let conflict = Change { runs: vec![vanished], ..telling([1]) };
    assert_eq!(bench.store.commit(conflict).await.unwrap(), Committed::Conflict);
    assert!(bench.store.notices(9).await.unwrap().is_empty());
    for n in 0..40 {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
    }
    let decided = (0..40).map(|n| Decided { runs: Vec::new(), ..samples::decided(n) }).collect();
    let many = Change { decided, owed: (0..40).map(samples::commit).collect(), ..telling((0..40).chain([99])) };
    bench.holds(many).await;
    assert_eq!(bench.store.notices(99).await.unwrap().len(), 41);
}
