//! Where events go: a queue that the executor never waits for, and one task that empties it, an event after the other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// Events that wait for their targets. What comes when it is full is logged and lost.
const WAITING: usize = 10_000;
/// Events that a slow listener may lag behind.
const TAPPED: usize = 4096;
/// Pauses between the tries of a target; then the event is logged and lost. AWS goes on for 24 hours.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(2), Duration::from_secs(5)];

/// Takes events.
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// What it is, for the log.
    fn name(&self) -> String;

    /// Delivers one.
    ///
    /// # Errors
    /// Why not; it is tried again.
    async fn deliver(&self, event: &Value) -> Result<(), String>;
}

/// The way out.
#[derive(Debug)]
pub struct Outlet {
    queue: Option<mpsc::Sender<Arc<Value>>>,
    tap: broadcast::Sender<Arc<Value>>,
}

impl Outlet {
    /// Opens it. Events are delivered until `stop`.
    pub fn open(targets: Vec<Arc<dyn Target>>, stop: &CancellationToken) -> Self {
        Self::open_with(targets, PAUSES, stop)
    }

    fn open_with(targets: Vec<Arc<dyn Target>>, pauses: [Duration; 4], stop: &CancellationToken) -> Self {
        let tap = broadcast::Sender::new(TAPPED);
        if targets.is_empty() {
            return Self { queue: None, tap };
        }
        let (queue, waiting) = mpsc::channel(WAITING);
        tokio::spawn(stop.clone().run_until_cancelled_owned(empty(waiting, targets, pauses)));
        Self { queue: Some(queue), tap }
    }

    /// Tells an event, and never waits.
    pub fn tell(&self, event: Value) {
        let event = Arc::new(event);
        let _nobody_listens = self.tap.send(Arc::clone(&event));
        if let Some(queue) = &self.queue
            && let Err(error) = queue.try_send(event)
        {
            tracing::error!(%error, "an event is lost: too many wait for their targets");
        }
    }

    /// Listens to what is told from now on.
    pub fn tap(&self) -> broadcast::Receiver<Arc<Value>> {
        self.tap.subscribe()
    }
}

async fn empty(mut waiting: mpsc::Receiver<Arc<Value>>, targets: Vec<Arc<dyn Target>>, pauses: [Duration; 4]) {
    while let Some(event) = waiting.recv().await {
        for target in &targets {
            deliver(target.as_ref(), &event, pauses).await;
        }
    }
}

async fn deliver(target: &dyn Target, event: &Value, pauses: [Duration; 4]) {
    let mut pauses = pauses.into_iter();
    loop {
        let Err(why) = target.deliver(event).await else { return };
        let target = target.name();
        match pauses.next() {
            Some(pause) => {
                tracing::warn!(target, why, "an event was not taken; it is sent again");
                tokio::time::sleep(pause).await;
            }
            None => {
                tracing::error!(target, why, id = %event["id"], "an event is lost: it was refused too often");
                return;
            }
        }
    }
}

/// An EventBridge bus.
#[derive(Debug, Clone)]
pub struct EventBridge {
    /// Its client.
    pub client: aws_sdk_eventbridge::Client,
    /// The bus's name or ARN; none is the default bus.
    pub bus: Option<String>,
    /// Sent instead of `aws.codepipeline`, which only AWS itself may put on a bus.
    pub source: Option<String>,
}

#[async_trait]
impl Target for EventBridge {
    fn name(&self) -> String {
        format!("EventBridge {}", self.bus.as_deref().unwrap_or("default"))
    }

    async fn deliver(&self, event: &Value) -> Result<(), String> {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let seconds = text("time").parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second).unwrap_or_default();
        let resources =
            event["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .source(self.source.clone().unwrap_or_else(|| text("source")))
            .detail_type(text("detail-type"))
            .detail(event["detail"].to_string())
            .time(aws_sdk_eventbridge::primitives::DateTime::from_secs(seconds))
            .set_resources(Some(resources.collect()))
            .set_event_bus_name(self.bus.clone())
            .build();
        let put = self.client.put_events().entries(entry).send().await;
        let put = put.map_err(|error| aws_sdk_eventbridge::error::DisplayErrorContext(error).to_string())?;
        let refused =
            put.entries().iter().find_map(|entry| entry.error_code().map(|code| (code, entry.error_message())));
        match refused {
            Some((code, message)) => Err(format!("{code}: {}", message.unwrap_or_default())),
            None => Ok(()),
        }
    }
}

/// An SNS topic, which gets the event as EventBridge would hand it on.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    /// Its client.
    pub client: aws_sdk_sns::Client,
    /// The topic's ARN.
    pub arn: String,
}

#[async_trait]
impl Target for SnsTopic {
    fn name(&self) -> String {
        self.arn.clone()
    }

    async fn deliver(&self, event: &Value) -> Result<(), String> {
        let published = self.client.publish().topic_arn(&self.arn).message(event.to_string()).send().await;
        published.map(drop).map_err(|error| aws_sdk_sns::error::DisplayErrorContext(error).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::sync::Notify;

    use super::*;

    #[derive(Default)]
    struct Lame {
        failures: AtomicUsize,
        taken: Mutex<Vec<Value>>,
        woken: Notify,
    }

    #[async_trait]
    impl Target for Lame {
        fn name(&self) -> String {
            "lame".to_owned()
        }

        async fn deliver(&self, event: &Value) -> Result<(), String> {
            let left = self.failures.load(Ordering::SeqCst);
            if left > 0 {
                self.failures.store(left - 1, Ordering::SeqCst);
                return Err("not now".to_owned());
            }
            self.taken.lock().unwrap().push(event.clone());
            self.woken.notify_one();
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_target_that_fails_gets_every_event_in_its_order_or_loses_one_after_five_tries() {
        let target = Arc::new(Lame { failures: AtomicUsize::new(2), ..Lame::default() });
        let targets = vec![Arc::clone(&target) as Arc<dyn Target>];
        let outlet = Outlet::open_with(targets, [Duration::from_millis(1); 4], &CancellationToken::new());
        let mut tap = outlet.tap();
        (1..=3).for_each(|id| outlet.tell(json!({"id": id})));
        assert_eq!(tap.recv().await.unwrap()["id"], 1, "who listens in hears it whatever the target does");
        let taken = async |count: usize| {
            while target.taken.lock().unwrap().len() < count {
                target.woken.notified().await;
            }
        };
        taken(3).await;
        target.failures.store(5, Ordering::SeqCst);
        (4..=5).for_each(|id| outlet.tell(json!({"id": id})));
        taken(4).await;
        let ids: Vec<Value> = target.taken.lock().unwrap().iter().map(|event| event["id"].clone()).collect();
        assert_eq!(ids, [1, 2, 3, 5].map(Value::from));
    }
}
