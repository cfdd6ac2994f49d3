//! What a refusal of AWS means.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::engine::EngineError;

/// Refusals that may be none in a moment. What is over a limit for now is among them: a full pipeline has room again.
const FOR_NOW: [&str; 20] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
    "ConcurrentPipelineExecutionsLimitExceededException",
    "ConflictException",
    "ConcurrentModificationException",
    "OperationAborted",
    "AccountLimitExceededException",
    "InternalFailure",
    "InternalError",
    "InternalServerError",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
];

/// What it means for whoever asked; `what` was asked.
pub(super) fn unavailable_or_refused<E, R>(what: &str, error: &SdkError<E, R>) -> EngineError
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(answer) = error else {
        // It did not get there, or no answer came, or none that can be read.
        return EngineError::Unavailable(format!("{what}: {error}"));
    };
    let said = answer.err().meta();
    let code = said.code().unwrap_or("an error without a name");
    let message = said.message().filter(|message| !message.is_empty());
    let words = match message {
        Some(message) => format!("{what}: {message} ({code})"),
        None => format!("{what}: {code}"),
    };
    if FOR_NOW.contains(&code) { EngineError::Unavailable(words) } else { EngineError::Refused(words) }
}

/// Whether AWS refused with this word.
pub(super) fn is<E, R>(error: &SdkError<E, R>, code: &str) -> bool
where
    E: ProvideErrorMetadata,
{
    matches!(error, SdkError::ServiceError(answer) if answer.err().code() == Some(code))
}

/// An error and what lies behind it.
pub(super) fn said(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        behind = cause.source();
    }
    words
}
