//! An approval is announced on its topic.

use async_trait::async_trait;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};
use jiff::Timestamp;
use serde_json::json;

use super::machine::Order;
use crate::wire::Locality;
use crate::wire::action::ActionFailure;

/// What is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// At most 100 characters.
    pub subject: String,
    /// JSON.
    pub message: String,
}

/// Takes notices.
#[async_trait]
pub trait Topics: Send + Sync + 'static {
    /// Publishes one on the topic with this ARN.
    ///
    /// # Errors
    /// `ConfigurationError`, `PermissionError` or `SystemUnavailable`, with words.
    async fn publish(&self, arn: &str, notice: &Notice) -> Result<(), ActionFailure>;
}

/// Publishes a notice, if there is somewhere to publish it.
pub(super) async fn publish(topics: Option<&dyn Topics>, arn: &str, notice: &Notice) -> Result<(), ActionFailure> {
    match topics {
        Some(topics) => topics.publish(arn, notice).await,
        None => Err(ActionFailure {
            code: "ConfigurationError".to_owned(),
            message: format!("The topic {arn} cannot be reached: the wire has no SNS endpoint"),
        }),
    }
}

/// The notice of an approval, in the form that CodePipeline has been seen to send.
pub(super) fn notice(order: &Order, locality: &Locality) -> Notice {
    let Order { pipeline, stage, run, .. } = order;
    let (region, action, token) = (&locality.region, &run.action.name, &run.id);
    let console =
        format!("https://console.aws.amazon.com/codesuite/codepipeline/pipelines/{pipeline}/view?region={region}");
    let message = json!({
        "region": region,
        "consoleLink": console,
        "approval": {
            "pipelineName": pipeline,
            "stageName": stage,
            "actionName": action,
            "token": token,
            "expires": run.expires.map(minute),
            "externalEntityLink": run.resolved.get("ExternalEntityLink"),
            "approvalReviewLink": format!("{console}#/{stage}/{action}/approve/{token}"),
            "customData": run.resolved.get("CustomData"),
        },
    });
    let subject = format!("APPROVAL NEEDED: AWS CodePipeline {} for action {}", short(pipeline), short(action));
    Notice { subject, message: message.to_string() }
}

/// To the minute, without seconds: most parsers refuse it.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

fn short(name: &str) -> String {
    if name.chars().count() > 24 {
        format!("{}...", name.chars().take(24).collect::<String>())
    } else {
        name.to_owned()
    }
}

/// An SNS endpoint.
#[derive(Debug, Clone)]
pub struct SnsTopics(pub aws_sdk_sns::Client);

#[async_trait]
impl Topics for SnsTopics {
    async fn publish(&self, arn: &str, notice: &Notice) -> Result<(), ActionFailure> {
        let published = self.0.publish().topic_arn(arn).subject(&notice.subject).message(&notice.message).send().await;
        let Err(error) = published else { return Ok(()) };
        let (code, message) = match error.code() {
            Some("AuthorizationError" | "AccessDenied" | "AccessDeniedException") => (
                "PermissionError",
                format!(
                    "The Pipeline or Action role does not have permission to publish to topics in Amazon SNS. Add the \
                     sns:Publish permission for {arn} to the role's policy, and then try again."
                ),
            ),
            Some("NotFound" | "NotFoundException" | "InvalidParameter" | "InvalidParameterException") => {
                ("ConfigurationError", format!("The topic {arn} does not exist or does not take plain messages"))
            }
            _ => ("SystemUnavailable", format!("The topic {arn} cannot be reached: {}", DisplayErrorContext(&error))),
        };
        Err(ActionFailure { code: code.to_owned(), message })
    }
}
