//! The topic's messages. Lambda lets only the topic invoke the function, so no signature is looked at here.

use std::sync::Arc;

use aws_lambda_events::event::sns::SnsEvent;
use cicd::callback::NotTaken;
use cicd::invocation::Invocations;
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Takes the topic's messages until Lambda ends the process.
///
/// # Errors
/// When the process does not run in Lambda, or Lambda's runtime API fails.
pub async fn serve(invocations: Arc<Invocations>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<SnsEvent>| {
        let invocations = Arc::clone(&invocations);
        async move { handle(&invocations, event).await.map_err(Error::from) }
    }))
    .await
}

/// Takes what one invocation brings.
///
/// # Errors
/// It must be told again: Lambda invokes the function twice more, and then keeps the event as a dead letter.
pub async fn handle(invocations: &Invocations, event: LambdaEvent<SnsEvent>) -> Result<(), NotTaken> {
    let until = crate::until(&event.context);
    let messages: Vec<String> = event.payload.records.into_iter().map(|record| record.sns.message).collect();
    let taken = invocations.callback(&messages, until).await;
    taken.inspect_err(|trouble| tracing::error!("it must be told again: {trouble}"))
}
