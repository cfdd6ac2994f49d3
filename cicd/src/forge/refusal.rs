//! What a forge's refusal means, whatever was asked of it.

use std::time::Duration;

use router::event::ChangedFiles;

use super::{Told, TryLater};

/// A token is replaced by a person: looking every few minutes is soon enough, and spares the forge.
const TOKEN_WAIT: Duration = Duration::from_secs(600);

/// A forge did not do what it was asked.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// It may, later.
    Later(TryLater),
    /// It never will.
    Never(String),
    /// It does not know our token. Somebody may replace it, so what is owed stays owed.
    Token(String),
}

impl Refusal {
    /// What it means for a status.
    pub(super) fn told(self) -> Result<Told, TryLater> {
        match self {
            Self::Later(later) => Err(later),
            Self::Never(why) => Ok(Told::Never(why)),
            Self::Token(why) => Err(TryLater::new(why).after(TOKEN_WAIT)),
        }
    }

    /// What it means for a question that can be put again at any time.
    pub(super) fn unanswered(self) -> TryLater {
        match self {
            Self::Later(later) => later,
            Self::Never(why) | Self::Token(why) => TryLater::new(why),
        }
    }

    /// What it means for the files of a push. A push does not wait for a person: without evidence more is built, not less.
    pub(super) fn files(self) -> Result<ChangedFiles, TryLater> {
        match self {
            Self::Later(later) => Err(later),
            Self::Never(why) | Self::Token(why) => Ok(ChangedFiles::Unknown(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_keeps_a_status_owed_and_holds_no_push_up() {
        let wait = Refusal::Token("no".to_owned()).told().unwrap_err().wait;
        assert_eq!(wait, Some(TOKEN_WAIT));
        assert_eq!(Refusal::Token("no".to_owned()).files(), Ok(ChangedFiles::Unknown("no".to_owned())));
    }
}
