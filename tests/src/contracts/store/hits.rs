//! How often routes were hit.

use cicd::hits::{Hits, day};
use cicd::store::{Change, Decided};
use router::id::RouteName;
use router::rules::{Shadow, Verdict};

use super::super::samples;
use super::{Bench, Shelf};

fn decided(n: u32) -> Decided {
    Decided { runs: Vec::new(), ..samples::decided(n) }
}

fn route(name: &str) -> RouteName {
    RouteName::new(name).unwrap()
}

pub(super) async fn hits_are_counted_by_the_day_once_for_each_delivery<S: Shelf>(bench: Bench<S>) {
    let today = day(bench.now());
    for n in 0..40 {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
    }
    let mut all: Vec<Decided> = (0..38).map(decided).collect();
    all[1].decision.verdict = Verdict::Ignore { rule: "docs: a.b#c".to_owned() };
    all[2].decision.verdict = Verdict::Nothing { route: Some(route("the-rest")) };
    all[3].decision.verdict = Verdict::Nothing { route: None };
    let shadow = |name: &str| Shadow { route: route(name), chain: Vec::new(), because: Vec::new() };
    all[4].decision.shadows = vec![shadow("next"), shadow("main")];
    bench.holds(Change { decided: all.clone(), ..Change::default() }).await;
    // Decided again, nothing new is counted.
    bench.holds(Change { decided: vec![all[2].clone(), all[5].clone()], ..Change::default() }).await;
    bench.clock.advance_seconds(86_400);
    bench.holds(Change { decided: vec![decided(38)], ..Change::default() }).await;
    let bench = bench.reopen().await;
    bench.holds(Change { decided: vec![decided(39)], ..Change::default() }).await;

    let mut first = Hits::default();
    first.routes.extend([("main".to_owned(), 35), ("the-rest".to_owned(), 1)]);
    first.shadows.extend([("main".to_owned(), 1), ("next".to_owned(), 1)]);
    first.ignored.insert("docs: a.b#c".to_owned(), 1);
    assert_eq!(bench.store.hits(today, today).await.unwrap(), first);
    let mut both = first.clone();
    both.routes.insert("main".to_owned(), 37);
    assert_eq!(bench.store.hits(today - 30, today + 1).await.unwrap(), both);
    assert_eq!(bench.store.hits(today - 30, today - 1).await.unwrap(), Hits::default());
}

/// A file may have a hundred shadows, and each decides.
pub(super) async fn many_shadows_are_all_counted<S: Shelf>(bench: Bench<S>) {
    let today = day(bench.now());
    let mut all: Vec<Decided> = (0..12).map(decided).collect();
    for (n, decided) in (0..).zip(&mut all) {
        bench.store.remember(&samples::delivery(n)).await.unwrap();
        let names = (0..100).map(|at| format!("shadow-of-a-long-name-{n}-{at}"));
        let shadow = |name: String| Shadow { route: route(&name), chain: Vec::new(), because: Vec::new() };
        decided.decision.shadows = names.map(shadow).collect();
    }
    bench.holds(Change { decided: all, ..Change::default() }).await;
    let hits = bench.store.hits(today, today).await.unwrap();
    assert_eq!((hits.shadows.len(), hits.shadows.values().sum::<u64>(), hits.routes["main"]), (1200, 1200, 12));
}
