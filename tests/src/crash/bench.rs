//! One service, one repository, and what was promised.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use cicd::clock::SystemClock;

use super::binary::{PATIENCE, Running, Service};
use super::kills::quiet;
use super::ledger::Ledger;
use crate::world::{Pushed, Repo, World};

/// A repository whose pushes are told to a service, and what that has acknowledged.
pub(super) struct Bench {
    pub(super) world: World,
    shop: Repo,
    pub(super) service: Service,
    pub(super) ledger: Ledger,
}

impl Bench {
    pub(super) async fn new(rules: &str) -> Self {
        let world = World::by(Arc::new(SystemClock)).await;
        let data = world.folder("served").join("data");
        Self::on(world, data, rules)
    }

    pub(super) fn on(world: World, data: PathBuf, rules: &str) -> Self {
        let rules = world.file("pointsman.yaml", rules);
        let shop = world.github("acme/shop");
        shop.push("main", |work| work.write("ci/ok.yml", "version: 0.2\nphases: {build: {commands: ['true']}}\n"));
        let service = Service::new(&world, &rules, data);
        Self { world, shop, service, ledger: Ledger::default() }
    }

    pub(super) fn push(&self, branch: &str) -> Pushed {
        let text = format!("{branch} {}", self.ledger.pushed.len());
        self.shop.push(branch, |work| work.write("src/a.rs", text))
    }

    /// Sends it once and says what was answered.
    pub(super) async fn send(&mut self, to: &Running, pushed: &Pushed) -> StatusCode {
        let (code, _) = self.world.send(&pushed.delivery, &to.url).await;
        if code == StatusCode::ACCEPTED {
            self.acknowledged(pushed);
        }
        code
    }

    /// Sends it to a service that may die of it. What was answered before it died counts.
    pub(super) async fn send_to_one_that_dies(&mut self, to: &Running, pushed: &Pushed) {
        if pushed.delivery.try_send(&to.url).await == Some(StatusCode::ACCEPTED) {
            self.acknowledged(pushed);
        }
    }

    fn acknowledged(&mut self, pushed: &Pushed) {
        if self.ledger.acknowledged.insert(pushed.delivery.id().to_owned()) {
            self.ledger.pushed.push(("acme/shop".to_owned(), pushed.commit.clone()));
        }
    }

    /// Sends it until it is taken.
    pub(super) async fn send_until_taken(&mut self, to: &Running, pushed: &Pushed) {
        let end = Instant::now() + PATIENCE;
        while self.send(to, pushed).await != StatusCode::ACCEPTED {
            assert!(Instant::now() < end, "it is never taken:\n{}", self.service.said());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(super) async fn finish(self, running: Running) {
        quiet(&self.service).await;
        assert!(running.end().success());
        self.ledger.check(&self.world, &self.service.data).await;
    }
}
