//! A refusal as the AWS JSON protocol says it.

/// Why an operation is refused: the exception's name, its words, and the HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The exception's shape name, `ValidationException`: the body's `__type`.
    pub code: &'static str,
    /// For people; clients show it.
    pub message: String,
    /// 400 for what the caller did, 500 for what we did.
    pub status: u16,
}

impl AwsError {
    /// The caller's mistake, by the name of one of the service model's exceptions.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400 }
    }

    /// Input that breaks the service model or the service's rules.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::refused("ValidationException", message)
    }

    /// An operation that is not offered.
    pub fn unknown_operation(operation: &str) -> Self {
        let shown: String = operation.chars().filter(|c| c.is_ascii_graphic()).take(80).collect();
        Self::refused(
            "UnknownOperationException",
            format!("the wire does not offer {shown}; docs/wire.md lists what it does"),
        )
    }

    /// Something of ours broke.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: "InternalFailure", message: message.into(), status: 500 }
    }
}
