//! What the engine's world tells from outside: an event, brought by a topic.
//!
//! Late, doubled and reordered events do no harm: a run moves forward only. An event of something that is not ours means nothing.

use crate::app::App;
use crate::engine::EngineError;
use crate::observe::observe;
use crate::store::StoreError;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It cannot be read, and never will be.
    #[error("{0}")]
    Unreadable(String),
    /// Not now; it must be told again.
    #[error("{0}")]
    Later(String),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<EngineError> for NotTaken {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unavailable(why) | EngineError::NotYet(why) => Self::Later(why),
            EngineError::Refused(why) => Self::Unreadable(why),
        }
    }
}

/// Takes one message: an event's JSON, as a topic carried it.
///
/// # Errors
/// [`NotTaken`]; only [`NotTaken::Later`] is worth telling again.
pub async fn take(app: &App, message: &str) -> Result<(), NotTaken> {
    for told in app.engine.hear(message).await? {
        observe(app, &told.run, &told.event).await?;
    }
    Ok(())
}
