//! What pipelines tell: to the bus, but what is lost on the way, and what is held to be told otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use async_trait::async_trait;
use cicd::wire::events::outlet::{EventBridge, Target};
use cicd::wire::front::Front;
use serde_json::{Value, json};

use super::variable;

/// What becomes of a repository's events.
enum Way {
    /// They are lost.
    Lost,
    /// They are kept here.
    Held(Vec<Value>),
}

/// The way to the bus.
pub(super) struct Events {
    bus: EventBridge,
    ways: Mutex<BTreeMap<String, Way>>,
    front: OnceLock<Weak<Front>>,
}

impl Events {
    pub(super) fn to(bus: EventBridge) -> Self {
        Self { bus, ways: Mutex::default(), front: OnceLock::new() }
    }

    /// Who can be asked which repository an event is about.
    pub(super) fn of(&self, front: &Arc<Front>) {
        self.front.set(Arc::downgrade(front)).unwrap_or_else(|_| unreachable!("it is set once"));
    }

    pub(super) fn lose(&self, repository: &str) {
        self.ways().insert(repository.to_owned(), Way::Lost);
    }

    pub(super) fn hold(&self, repository: &str) {
        self.ways().insert(repository.to_owned(), Way::Held(Vec::new()));
    }

    /// What was held so far, in its order; more is held.
    pub(super) fn held(&self, repository: &str) -> Vec<Value> {
        match self.ways().get(repository) {
            Some(Way::Held(events)) => events.clone(),
            Some(Way::Lost) | None => Vec::new(),
        }
    }

    /// Tells the bus an event that was held.
    pub(super) async fn tell(&self, event: &Value) {
        self.bus.deliver(event).await.expect("the bus takes it");
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<String, Way>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository that an event is about, without its forge.
    async fn repository(&self, event: &Value) -> Option<String> {
        let detail = &event["detail"];
        let front = self.front.get()?.upgrade()?;
        let asked = json!({"pipelineName": detail["pipeline"], "pipelineExecutionId": detail["execution-id"]});
        let told = front.answer("CodePipeline_20150709", "GetPipelineExecution", asked).await.ok()?;
        let repository = variable(&told, "REPOSITORY")?;
        Some(repository.split_once(':').map_or(repository, |(_, path)| path).to_owned())
    }
}

#[async_trait]
impl Target for Events {
    fn name(&self) -> String {
        self.bus.name()
    }

    async fn deliver(&self, event: &Value) -> Result<(), String> {
        let repository = self.repository(event).await.unwrap_or_default();
        match self.ways().get_mut(&repository) {
            Some(Way::Lost) => return Ok(()),
            Some(Way::Held(events)) => {
                events.push(event.clone());
                return Ok(());
            }
            None => {}
        }
        self.bus.deliver(event).await
    }
}
