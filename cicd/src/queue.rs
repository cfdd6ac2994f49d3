//! The queue between a delivery and its decision, on AWS: SQS FIFO.
//!
//! * A message names a delivery that is durable already; it says nothing that is not in the table.
//! * Its group is the repository and ref, so pushes of one ref are decided one after the other, in the order they came in. Group and
//!   deduplication id are digests: names of refs are longer than SQS allows, and not in its letters.
//! * A message that fails comes again after a time that grows, see `again`.
//! * When the queue cannot be reached the delivery is answered 202 all the same, for it is durable: the sweep decides what no message
//!   leads to. To answer 503 would make it worse: GitHub does not send again by itself.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use router::event::Delivered;
use router::id::{DeliveryId, ForgeName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::app::App;
use crate::dispatch;
use crate::order;
use crate::store::Delivery;

mod again;

/// A queue that does not answer within this is left out: the forge waits for us.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The queue that deliveries wait in.
pub struct Queue {
    client: Client,
    url: Url,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The forge that sent the delivery.
    pub forge: ForgeName,
    /// The delivery.
    pub delivery: DeliveryId,
}

/// A message as the queue hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// What it is called when it is given back.
    pub id: String,
    /// The group it belongs to.
    pub group: String,
    /// What it says.
    pub body: String,
    /// By which this handing out of it is known to the queue.
    pub receipt: String,
    /// How often it was handed out, this time included.
    pub times: u32,
}

/// Why a message is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotDone {
    /// It may work later.
    Later,
    /// It never will.
    Never,
}

impl Queue {
    /// The queue at this address.
    pub fn new(config: &SdkConfig, url: Url) -> Self {
        Self { client: Client::new(config), url }
    }

    /// Puts a durable delivery in. That it cannot is told to the log only: the sweep finds the delivery.
    pub async fn put(&self, delivery: &Delivery) {
        let message = Message { forge: delivery.forge.clone(), delivery: delivery.delivered.id.clone() };
        let body = serde_json::to_string(&message).expect("a message is made of texts");
        let sent = self
            .client
            .send_message()
            .queue_url(self.url.as_str())
            .message_group_id(group(delivery))
            .message_deduplication_id(digest(&[message.forge.as_str(), message.delivery.as_str()]))
            .message_body(body)
            .send();
        if let Err(why) = answered(sent).await {
            tracing::error!(delivery.id = %message.delivery, "the queue was not told; the sweep will find the delivery: {why}");
        }
    }
}

/// Waits until the queue has answered, or says why it has not.
async fn answered<T, E: Error>(asked: impl Future<Output = Result<T, E>>) -> Result<(), String> {
    match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(DisplayErrorContext(error).to_string()),
        Err(_elapsed) => Err("it did not answer in time".to_owned()),
    }
}

/// Decides what messages lead to, each group in its order. Gives back the ids of those that must come again: the first of a
/// group that failed, and all after it, which stay behind it.
pub async fn take(app: &App, messages: &[Queued]) -> Vec<String> {
    let (mut stuck, mut failed) = (BTreeMap::new(), Vec::new());
    for message in messages {
        let after = match stuck.get(&message.group) {
            Some(after) => *after,
            None => match decide(app, message).await {
                Ok(()) => continue,
                Err(why) => again::after(why, message.times),
            },
        };
        stuck.insert(&message.group, after);
        if let Some(queue) = &app.on_aws.queue {
            queue.hide(message, after).await;
        }
        failed.push(message.id.clone());
    }
    failed
}

async fn decide(app: &App, queued: &Queued) -> Result<(), NotDone> {
    let message: Message = match serde_json::from_str(&queued.body) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(message.id = queued.id, "a message of the queue cannot be read: {error}");
            return Err(NotDone::Never);
        }
    };
    match dispatch::dispatch_one(app, &message.forge, &message.delivery).await {
        Ok(()) => Ok(()),
        Err(trouble) => {
            tracing::error!(message.id = queued.id, delivery.id = %message.delivery, "not decided: {trouble}");
            Err(NotDone::Later)
        }
    }
}

fn group(delivery: &Delivery) -> String {
    let Delivered { id, event } = &delivery.delivered;
    let repository = event.repository().map(ToString::to_string).unwrap_or_default();
    let git_ref = order::arrival(id, event).map(|(_, git_ref, _)| git_ref.to_string()).unwrap_or_default();
    digest(&[delivery.forge.as_str(), &repository, &git_ref])
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
