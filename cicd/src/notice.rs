//! What people who subscribed to the notification topic are told: decisions, and what happens at gates.
//!
//! A notice is written in the same write as what it tells of, and taken away when SNS has it. So a crash loses none, a silent SNS delays
//! notices and nothing else, and one may come twice: its `id` says so. `docs/aws.md` shows the messages.

use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;
use jiff::Timestamp;
use router::id::{DeliveryId, EnvironmentName, ForgeName};
use router::run::{Run, RunEvent};
use serde_json::{Value, json};

use crate::app::App;
use crate::aws::TopicArn;
use crate::store::{Change, Decided, Notice, StoreError};

/// SNS's own limit, in ASCII characters.
const SUBJECT_MAX: usize = 100;
/// A topic that does not answer is left alone until the next look: other work waits for it in a function.
const PUBLISH_WITHIN: Duration = Duration::from_secs(5);
/// Notices taken from the store at once.
const BATCH: usize = 64;

/// The topic that decisions and gates are published to.
pub struct Topic {
    client: Client,
    arn: TopicArn,
}

impl Topic {
    /// This topic.
    pub fn new(config: &SdkConfig, arn: TopicArn) -> Self {
        let region = Region::new(arn.region().to_owned());
        let config = aws_sdk_sns::config::Builder::from(config).region(region).build();
        Self { client: Client::from_conf(config), arn }
    }

    async fn publish(&self, notice: &Notice) -> Result<(), String> {
        let asked =
            self.client.publish().topic_arn(self.arn.as_str()).subject(&notice.subject).message(&notice.message);
        match tokio::time::timeout(PUBLISH_WITHIN, asked.send()).await {
            Ok(answer) => answer.map(drop).map_err(|error| DisplayErrorContext(error).to_string()),
            Err(_elapsed) => Err("SNS did not answer in time".to_owned()),
        }
    }
}

/// Publishes what waits, oldest first. What SNS does not take now waits for the next time.
///
/// # Errors
/// [`StoreError`].
pub async fn publish(app: &App) -> Result<(), StoreError> {
    let Some(topic) = &app.on_aws.notifications else { return Ok(()) };
    loop {
        let waiting = app.store.notices(BATCH).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        for notice in waiting {
            if let Err(why) = topic.publish(&notice).await {
                tracing::warn!(notice.id, "a notice is told later: {why}");
                return Ok(());
            }
            app.store.notice_told(&notice).await?;
        }
    }
}

/// Adds what a decision has to tell.
pub(crate) fn decision(app: &App, change: &mut Change, decided: &Decided) {
    let Some(push) = decided.delivered.event.as_push() else { return };
    let id = decision_id(&decided.forge, &decided.delivered.id);
    let (verdict, name) = (decided.decision.verdict.word(), push.git_ref.to_string());
    let subject = format!("{verdict}: {} {name}", push.repository.path);
    let message = json!({
        "id": id, "is": "decision", "verdict": verdict, "because": decided.decision.because,
        "repository": push.repository.to_string(), "ref": name, "commit": push.commit.as_str(),
        "delivery": decided.delivered.id.as_str(), "runs": decided.runs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "link": format!("{}/deliveries/{}", app.base_url, decided.delivered.id),
    });
    add(app, change, id, &subject, message);
}

/// Adds what an event that moved a run has to tell of a gate.
pub(crate) fn gate(app: &App, change: &mut Change, run: &Run, event: &RunEvent) {
    let Some((environment, word, by)) = at_gate(event) else { return };
    let id = format!("gate/{}/{environment}/{word}/{}", run.id, run.version);
    let subject = format!("{environment} {word}: {} {}", run.key.repository.path, run.key.git_ref);
    let message = json!({
        "id": id, "is": "gate", "environment": environment.as_str(), "state": word, "by": by,
        "repository": run.key.repository.to_string(), "ref": run.key.git_ref.to_string(),
        "commit": run.key.commit.as_str(), "run": run.id.to_string(),
        "link": format!("{}/runs/{}", app.base_url, run.id),
    });
    add(app, change, id, &subject, message);
}

fn at_gate(event: &RunEvent) -> Option<(&EnvironmentName, &'static str, Option<&str>)> {
    match event {
        RunEvent::GateReached { environment } => Some((environment, "waits", None)),
        RunEvent::Approved { environment, by, .. } => Some((environment, "approved", Some(by.as_str()))),
        RunEvent::Rejected { environment, by, .. } => Some((environment, "rejected", Some(by.as_str()))),
        RunEvent::GatePassed { environment, by } => Some((environment, "passed", Some(by.as_str()))),
        RunEvent::GateOpened { environment } => Some((environment, "open", None)),
        RunEvent::GateExpired { environment } => Some((environment, "expired", None)),
        _ => None,
    }
}

/// What the notice of a decision is called.
pub(crate) fn decision_id(forge: &ForgeName, delivery: &DeliveryId) -> String {
    format!("decision/{forge}/{delivery}")
}

fn add(app: &App, change: &mut Change, id: String, subject: &str, message: Value) {
    if app.on_aws.notifications.is_some() {
        let at: Timestamp = app.clock.now();
        change.notices.push(Notice { id, at, subject: plain(subject), message: message.to_string() });
    }
}

/// As SNS takes it: ASCII without control characters, a hundred at the most.
fn plain(subject: &str) -> String {
    let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    subject.chars().map(ascii).take(SUBJECT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        assert_eq!(plain("start: acme/shop feature/ü\n🚂"), "start: acme/shop feature/???");
        assert_eq!(plain(&"x".repeat(300)).len(), 100);
    }
}
