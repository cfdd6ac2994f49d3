//! The queue's messages. Those that must come again are named, so that the others do not.

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use cicd::invocation::Invocations;
use cicd::queue::Queued;
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Takes the queue's messages until Lambda ends the process.
///
/// # Errors
/// When the process does not run in Lambda, or Lambda's runtime API fails.
pub async fn serve(invocations: Arc<Invocations>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        let invocations = Arc::clone(&invocations);
        async move { Ok::<_, Error>(handle(&invocations, event).await) }
    }))
    .await
}

/// Takes one batch.
pub async fn handle(invocations: &Invocations, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
    let until = crate::until(&event.context);
    let messages: Vec<Queued> = event.payload.records.into_iter().map(queued).collect();
    let failed = invocations.dispatch(&messages, until).await;
    let mut answer = SqsBatchResponse::default();
    answer.set_failures(failed);
    answer
}

fn queued(message: SqsMessage) -> Queued {
    let attribute = |name: &str| message.attributes.get(name).cloned().unwrap_or_default();
    Queued {
        group: attribute("MessageGroupId"),
        times: attribute("ApproximateReceiveCount").parse().unwrap_or(1),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
    }
}
