//! What is told of a run after its end: the end stands, and each of its stages shows how it really ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cicd::app::{self, App};
use cicd::engine::{Engine, EngineError, EngineEvent, Look, Sight};
use cicd::observe::observe;
use cicd::store::RunFilter;
use cicd::sweep::{Sweeper, alone};
use router::id::ForgeKind;
use router::run::{Outcome, Run, RunEvent, RunState};

use super::house::{House, RULES, Stopped};
use crate::world::{Pushed, Repo};

/// An engine elsewhere, as far as it can be asked.
#[derive(Default)]
struct Elsewhere(Mutex<Vec<RunEvent>>);

#[async_trait]
impl Engine for Elsewhere {
    fn name(&self) -> &'static str {
        "elsewhere"
    }

    async fn start(&self, run: &Run) -> Result<Vec<RunEvent>, EngineError> {
        Ok(vec![RunEvent::Executing { execution: format!("e-{}", run.id) }])
    }

    async fn stop(&self, _: &Run) -> Result<(), EngineError> {
        Ok(())
    }

    async fn leave(&self) {}

    async fn look(&self, _: &Run) -> Result<Look, EngineError> {
        Ok(Look { sight: Sight::Idle, missed: self.0.lock().unwrap().clone() })
    }

    async fn hear(&self, _: &str) -> Result<Vec<EngineEvent>, EngineError> {
        Ok(Vec::new())
    }
}

/// The parts of a service whose engine is elsewhere, without workers.
async fn parts() -> (Repo, Stopped, App, Arc<Elsewhere>) {
    let two = "{name: feature, branch: '**', pipeline: application, stages: [test, build]}";
    let rules = RULES.replace("{name: feature, branch: '**', pipeline: application, stages: [test]}", two);
    assert!(rules.contains(two));
    let house = House::with_rules(&rules).await;
    let shop = house.shop(ForgeKind::Github);
    let (world, settings) = house.stop().await;
    let (app, _) = app::open(&settings, "http://here".to_owned(), Arc::new(world.clock.clone())).await.unwrap();
    let engine = Arc::new(Elsewhere::default());
    let app = App { engine: Arc::clone(&engine) as Arc<dyn Engine>, ..app };
    (shop, world, app, engine)
}

/// The run of a push, begun.
async fn begun(app: &App, sweeper: &mut Sweeper, shop: &Repo, pushed: &Pushed) -> Run {
    let headers = pushed.delivery.headers();
    let headers = router::verify::Headers::new(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let forge = ForgeKind::Github.default_name();
    cicd::receive::receive(app, &forge, &headers, pushed.delivery.body().clone()).await.unwrap();
    alone(app, sweeper).await.unwrap();
    let of_commit = RunFilter::OfCommit(shop.repository(), pushed.commit.clone());
    app.store.runs(of_commit).await.unwrap().pop().expect("it is begun")
}

fn ended(stage: &str, outcome: Outcome) -> RunEvent {
    RunEvent::StageEnded { stage: stage.parse().unwrap(), outcome, artifact: None, exports: BTreeMap::new() }
}

fn failed() -> Outcome {
    Outcome::Failed("exit status 3".to_owned())
}

/// What the forge shows on the commit, without words.
fn shown(world: &Stopped, pushed: &Pushed) -> Vec<String> {
    let lines = world.shown(ForgeKind::Github, &pushed.commit).into_iter();
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

const FAILED: [&str; 3] =
    ["pointsman failure", "pointsman/application/build failure", "pointsman/application/test success"];

/// Every order of so many things.
fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(of - 1).into_iter();
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, of - 1);
        order
    };
    shorter.flat_map(|order| (0..of).map(move |at| insert(&order, at)).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn in_whatever_order_a_failure_is_told_the_commit_shows_the_same() {
    let (shop, world, app, _) = parts().await;
    let mut sweeper = Sweeper::default();
    let started = |stage: &str| RunEvent::StageStarted { stage: stage.parse().unwrap() };
    let events = [started("test"), ended("test", Outcome::Succeeded), started("build"), ended("build", failed())];
    for order in orders(events.len()) {
        let branch = format!("feature/{order:?}").replace(['[', ']', ',', ' '], "");
        let pushed = shop.push(&branch, |work| work.write("src/b.rs", format!("// {branch}\n")));
        let run = begun(&app, &mut sweeper, &shop, &pushed).await;
        for at in &order {
            observe(&app, &run.id, &events[*at]).await.unwrap();
            alone(&app, &mut sweeper).await.unwrap();
        }
        assert_eq!(shown(&world, &pushed), FAILED, "{order:?}");
    }
}

#[tokio::test]
async fn a_success_that_was_overtaken_and_lost_is_found_by_the_sweep() {
    let (shop, world, app, engine) = parts().await;
    let mut sweeper = Sweeper::default();
    let pushed = shop.push("feature/a", |work| work.write("src/b.rs", "fn b() {}\n"));
    let run = begun(&app, &mut sweeper, &shop, &pushed).await;
    observe(&app, &run.id, &ended("build", failed())).await.unwrap();
    alone(&app, &mut sweeper).await.unwrap();
    assert_eq!(app.store.run(&run.id).await.unwrap().unwrap().state, RunState::Failed);
    assert!(!FAILED.iter().all(|line| shown(&world, &pushed).contains(&(*line).to_owned())), "nobody has told of test");

    engine.0.lock().unwrap().push(ended("test", Outcome::Succeeded));
    for _ in 0..3 {
        world.clock.advance_seconds(300);
        alone(&app, &mut sweeper).await.unwrap();
    }
    assert_eq!(shown(&world, &pushed), FAILED);
}
