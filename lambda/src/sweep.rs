//! The schedule: whatever it brings, everything is compared with the truth.

use std::sync::Arc;

use cicd::invocation::Invocations;
use cicd::store::StoreError;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Sweeps whenever the schedule says so until Lambda ends the process.
///
/// # Errors
/// When the process does not run in Lambda, or Lambda's runtime API fails.
pub async fn serve(invocations: Arc<Invocations>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let invocations = Arc::clone(&invocations);
        async move { handle(&invocations, event).await.map_err(Error::from) }
    }))
    .await
}

/// Sweeps once.
///
/// # Errors
/// The store does not answer; the next sweep does what this one could not.
pub async fn handle(invocations: &Invocations, event: LambdaEvent<Value>) -> Result<(), StoreError> {
    let swept = invocations.sweep(crate::until(&event.context)).await;
    swept.inspect_err(|trouble| tracing::error!("not swept: {trouble}"))
}
