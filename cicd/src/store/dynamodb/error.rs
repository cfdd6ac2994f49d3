//! DynamoDB's errors in our words.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::StoreError;

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    fn from(error: SdkError<E, R>) -> Self {
        let Some(code) = error.code() else { return Self::Unavailable(chain(&error)) };
        let said = error.message().unwrap_or("it does not say why");
        match code {
            "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" => {
                Self::Unavailable("the table is throttled".to_owned())
            }
            "TransactionConflictException" | "TransactionInProgressException" => busy(),
            "ResourceNotFoundException" => Self::Unavailable("the table does not exist".to_owned()),
            _ => Self::Unavailable(format!("DynamoDB answers {code}: {said}")),
        }
    }
}

/// It was tried often enough.
pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("others keep writing the same items, or the table is throttled".to_owned())
}

/// Items of a batch were put off again and again.
pub(super) fn put_off() -> StoreError {
    StoreError::Unavailable("the table puts requests off, it is throttled".to_owned())
}

/// What failed, and why: the SDK's own text names only the first ("dispatch failure").
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut why = error.source();
    while let Some(error) = why {
        said = format!("{said}: {error}");
        why = error.source();
    }
    said
}
