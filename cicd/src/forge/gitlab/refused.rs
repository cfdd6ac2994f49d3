//! Reads GitLab's refusals.

use std::time::Duration;

use gitlab::api::ApiError;
use router::secret::Secret;
use router::status::StatusState;

use super::wire::Unreachable;
use crate::forge::TryLater;
use crate::forge::refusal::Refusal;
use crate::forge::words::{heard, with_causes};

/// Another status of the same commit is being written.
const LOCKED: Duration = Duration::from_secs(2);

/// What is waited when GitLab asks to be left alone and does not say how long, and what is waited at most.
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What GitLab answered instead of doing it.
pub(super) struct Refused {
    /// The HTTP status; 0 when there was no answer.
    pub(super) code: u16,
    /// What it said, for people.
    pub(super) words: String,
    /// How long it asked to be left alone.
    wait: Option<Duration>,
}

/// Reads what the crate made of an answer.
pub(super) fn read(error: ApiError<Unreachable>, token: &Secret) -> Refused {
    let (code, said) = match error {
        ApiError::GitlabWithStatus { status, msg } => (status.as_u16(), msg),
        ApiError::GitlabObjectWithStatus { status, obj } | ApiError::GitlabUnrecognizedWithStatus { status, obj } => {
            (status.as_u16(), obj.to_string())
        }
        ApiError::GitlabService { status, .. } => (status.as_u16(), "no answer of an API".to_owned()),
        ApiError::MovedPermanently { location } => (301, format!("moved to {}", location.unwrap_or_default())),
        ApiError::GitlabRateLimited { retry_after, .. } => {
            let wait = if retry_after.is_zero() { MINUTE } else { retry_after.min(HOUR) };
            return Refused { code: 429, words: "GitLab answers 429: too many requests".to_owned(), wait: Some(wait) };
        }
        other => {
            let words = format!("GitLab cannot be reached: {}", heard(&with_causes(&other), token));
            return Refused { code: 0, words, wait: None };
        }
    };
    Refused { code, words: format!("GitLab answers {code}: {}", heard(&said, token)), wait: None }
}

impl Refused {
    /// GitLab refuses a step to the state that it shows already, and one from running back to pending. Neither is an error:
    /// it shows as much of the truth as it can, and the next state gets through.
    ///
    /// It says: `Cannot transition status via :run from :running (Reason(s): Status cannot transition via "run")`.
    pub(super) fn stays_at(&self, wanted: StatusState) -> bool {
        let from =
            self.words.split_once("Cannot transition status via ").and_then(|(_, rest)| rest.split_once(" from :"));
        let Some((_, rest)) = from.filter(|_| self.code == 400) else { return false };
        let shown = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        match wanted {
            StatusState::Pending => matches!(shown, "pending" | "running"),
            StatusState::Running => shown == "running",
            StatusState::Success => shown == "success",
            StatusState::Failure => shown == "failed",
            StatusState::Stopped => shown == "canceled",
        }
    }

    /// What it means.
    pub(super) fn refusal(self) -> Refusal {
        let Self { code, words, wait } = self;
        match code {
            401 => Refusal::Token(format!("{words}; the token was not accepted and must be replaced")),
            403 => Refusal::Never(format!("{words}; the token may not do this")),
            404 => Refusal::Never(format!("{words}; the commit or the project is gone, or the token may not see it")),
            409 => Refusal::Later(TryLater::new(words).after(LOCKED)),
            429 => Refusal::Later(TryLater::new(words).after(wait.unwrap_or(MINUTE))),
            301 | 400 | 402 | 405..=407 | 410..=428 | 430..=499 => Refusal::Never(words),
            // No answer, an answer that is none of the API's, a fault of GitLab's own.
            _ => Refusal::Later(TryLater::new(words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, words: &str) -> Refused {
        Refused { code, words: words.to_owned(), wait: None }
    }

    fn cannot(via: &str, from: &str) -> Refused {
        let reason = format!("(Reason(s): Status cannot transition via \"{via}\")");
        refused(400, &format!("GitLab answers 400: Cannot transition status via :{via} from :{from} {reason}"))
    }

    #[test]
    fn a_step_to_where_it_stands_is_no_error() {
        assert!(cannot("run", "running").stays_at(StatusState::Running));
        assert!(cannot("enqueue", "pending").stays_at(StatusState::Pending));
        assert!(cannot("enqueue", "running").stays_at(StatusState::Pending));
        assert!(cannot("success", "success").stays_at(StatusState::Success));
    }

    #[test]
    fn any_other_refused_step_is_one() {
        assert!(!cannot("run", "success").stays_at(StatusState::Running));
        assert!(!cannot("success", "running_or_so").stays_at(StatusState::Running));
        assert!(!refused(400, "name is missing").stays_at(StatusState::Running));
        assert!(!refused(500, &cannot("run", "running").words).stays_at(StatusState::Running));
        assert!(matches!(cannot("run", "success").refusal(), Refusal::Never(_)));
    }

    #[test]
    fn a_locked_commit_is_tried_again_soon() {
        let Refusal::Later(later) = refused(409, "busy").refusal() else { panic!("409 is not for ever") };
        assert_eq!(later.wait, Some(LOCKED));
    }
}
