//! Reads GitHub's refusals.

use std::time::Duration;

use jiff::fmt::rfc2822;
use octocrab::GitHubError;
use router::secret::Secret;

use crate::forge::TryLater;
use crate::forge::refusal::Refusal;
use crate::forge::words::{heard, with_causes};

/// What GitHub asks for when it names no time.
const MINUTE: Duration = Duration::from_secs(60);

/// Its limits renew every hour; no wait is longer than that, whatever a header says.
const HOUR: Duration = Duration::from_secs(3600);

/// Right after a push GitHub may not know the commit everywhere.
const REPLICATION: Duration = Duration::from_secs(5);

/// A commit that is unknown so often in a row is gone.
const VANISHED_AFTER: u32 = 5;

/// What an error means.
pub(super) fn read(error: &octocrab::Error, token: &Secret) -> Refusal {
    let octocrab::Error::GitHub { source, .. } = error else {
        let words = heard(&with_causes(error), token);
        return Refusal::Later(TryLater::new(format!("GitHub cannot be reached: {words}")));
    };
    let code = source.status_code.as_u16();
    let why = format!("GitHub answers {code}: {}", heard(&words(source), token));
    if let Some(wait) = wait_asked(source) {
        return Refusal::Later(TryLater::new(why).after(wait.clamp(Duration::from_secs(1), HOUR)));
    }
    match code {
        401 => Refusal::Token(format!("{why}; the token was not accepted and must be replaced")),
        403 => Refusal::Never(format!("{why}; the token may not do this")),
        404 => Refusal::Never(format!("{why}; the repository is gone, or the token may not see it")),
        422 if source.message.starts_with("No commit found") => {
            Refusal::Later(TryLater::new(why).after(REPLICATION).at_most(VANISHED_AFTER))
        }
        408 | 409 | 500.. => Refusal::Later(TryLater::new(why)),
        _ => Refusal::Never(why),
    }
}

/// The message, and the first detail, which says more: `Validation Failed: description is too long`.
fn words(error: &GitHubError) -> String {
    let detail = error.errors.iter().flatten().find_map(|detail| detail.get("message")?.as_str());
    detail.map_or_else(|| error.message.clone(), |detail| format!("{}: {detail}", error.message))
}

/// How long GitHub asks to be left alone, in the order in which its documentation wants that looked for. A 403 that asks
/// for nothing is a matter of permissions.
fn wait_asked(error: &GitHubError) -> Option<Duration> {
    let code = error.status_code.as_u16();
    if !matches!(code, 403 | 429) {
        return None;
    }
    let header = |name: &str| error.headers.as_ref()?.get(name)?.to_str().ok().map(str::trim);
    if let Some(seconds) = header("retry-after").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_secs(seconds));
    }
    if header("x-ratelimit-remaining") == Some("0") {
        // By the clock that GitHub reads itself, so ours may be wrong.
        let now = header("date").and_then(|text| rfc2822::parse(text).ok()).map(|date| date.timestamp().as_second());
        let reset = error.rate_limit_reset.and_then(|seconds| i64::try_from(seconds).ok());
        let left = reset.zip(now).and_then(|(reset, now)| u64::try_from(reset.saturating_sub(now)).ok());
        return Some(left.map_or(MINUTE, Duration::from_secs));
    }
    // Its second kind of limit may come without a header; older servers call that abuse.
    let is_limit = ["rate limit", "abuse detection"].iter().any(|words| error.message.contains(words));
    (code == 429 || is_limit).then_some(MINUTE)
}
