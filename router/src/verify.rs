//! Is this delivery genuine?
//!
//! * Nothing of a delivery is looked at before its proof holds. A [`Verified`] is that proof, and the only thing the
//!   readers in [`crate::event`] take.
//! * The proof is over the raw bytes as they came; nobody parses and writes them again in between.
//! * Comparing takes the same time whatever differs, and every secret is tried, so that secrets can be changed without
//!   a gap: add the new one here, change it at the forge, take the old one away.
//! * What we computed never leaves this module, other than through [`sign`], which is for those who send.
//! * A route with a signing token never falls back to the plain token: whoever knew the token could then leave the
//!   signature out. For the same reason GitHub's older `X-Hub-Signature` (SHA-1) is not looked at.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

mod guard;
mod headers;
pub mod sign;

pub use guard::{BadSecret, Guard, signing_key};
pub use headers::Headers;

/// The header that carries GitHub's signature.
pub const GITHUB_SIGNATURE: &str = "x-hub-signature-256";
/// The header that carries the signature of a local repository's hook.
pub const LOCAL_SIGNATURE: &str = "x-pointsman-signature-256";
/// The header that carries GitLab's plain token.
pub const GITLAB_TOKEN: &str = "x-gitlab-token";
/// The headers that GitLab's signature is spread over: the delivery's id, its second and the signatures themselves.
pub const WEBHOOK_ID: &str = "webhook-id";
/// See [`WEBHOOK_ID`].
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// See [`WEBHOOK_ID`].
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// How far the time of a signed delivery may lie from ours, either way. A recorded delivery is useless after that.
pub const WINDOW_SECONDS: u64 = 5 * 60;

/// The length of an HMAC-SHA256. A shorter tag is not a shorter proof but none.
const TAG: usize = 32;

/// A delivery that was proved genuine: made by [`verify`], read by [`crate::event::read`].
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    headers: &'a Headers,
    body: &'a [u8],
}

impl<'a> Verified<'a> {
    /// Takes a delivery on the word of a person at this machine (`explain` with a file), or of the store, which keeps
    /// none that was not proved when it came (`plan`, `replay`). Never for what the network brings: the doors are held to
    /// that by `tests/src/arrows.rs`.
    pub fn vouched_for(headers: &'a Headers, body: &'a [u8]) -> Self {
        Self { headers, body }
    }

    /// Its headers. Only GitLab's signature covers any of them, and that one only the delivery's id and time.
    pub fn headers(&self) -> &'a Headers {
        self.headers
    }

    /// Its raw body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Why a delivery is not believed, in words for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A header of the proof is not there.
    #[error("the signature is missing: set the webhook's secret at the forge, the same as here")]
    Missing,
    /// A header of the proof is not in its form.
    #[error("the signature is not in the form that this forge sends")]
    Malformed,
    /// A header of the proof is there twice, and nobody can tell which one counts.
    #[error("a header of the signature was sent twice")]
    Doubled,
    /// The proof does not hold.
    #[error("the signature does not match: is the webhook's secret at the forge the same as here?")]
    Wrong,
    /// The proof holds, and was made too long ago or too far ahead.
    #[error("the signature is right but its time is more than five minutes off: sent again, or a clock is wrong")]
    Stale,
}

impl Rejected {
    /// The label it is counted under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Doubled => "doubled",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
        }
    }
}

/// Proves a delivery genuine, or says why it is not believed.
///
/// # Errors
/// [`Rejected`], to be answered 401.
pub fn verify<'a>(
    guard: &Guard,
    headers: &'a Headers,
    body: &'a [u8],
    now: Timestamp,
) -> Result<Verified<'a>, Rejected> {
    match guard {
        Guard::Github { secrets } => hex_signature(secrets, headers, GITHUB_SIGNATURE, body)?,
        Guard::Local { secrets } => hex_signature(secrets, headers, LOCAL_SIGNATURE, body)?,
        Guard::GitlabSigned { keys } => webhook_signature(keys, headers, body, now)?,
        Guard::GitlabToken { tokens } => plain_token(tokens, headers)?,
    }
    Ok(Verified { headers, body })
}

/// `sha256=<64 lower-case hexadecimal digits>`, exactly: upper case, spaces and shortened tags are nobody's form.
fn hex_signature(secrets: &[Secret], headers: &Headers, name: &str, body: &[u8]) -> Result<(), Rejected> {
    let value = headers.one(name)?.ok_or(Rejected::Missing)?;
    let digits = value.strip_prefix(b"sha256=").ok_or(Rejected::Malformed)?;
    if digits.iter().any(u8::is_ascii_uppercase) {
        return Err(Rejected::Malformed);
    }
    let mut claimed = [0; TAG];
    hex::decode_to_slice(digits, &mut claimed).map_err(|_| Rejected::Malformed)?;
    holds(secrets, &[body], &[claimed])
}

/// Standard Webhooks: a list of signatures over `{id}.{timestamp}.{body}`, of which those marked `v1` are ours to check.
fn webhook_signature(keys: &[Secret], headers: &Headers, body: &[u8], now: Timestamp) -> Result<(), Rejected> {
    let part = |name| headers.one(name)?.ok_or(Rejected::Missing);
    let (id, second, list) = (part(WEBHOOK_ID)?, part(WEBHOOK_TIMESTAMP)?, part(WEBHOOK_SIGNATURE)?);
    // With a full stop in the id, the id could take in the time and the head of the body, and what is left of the body
    // would pass as a genuine one.
    if id.is_empty() || id.iter().any(|b| !b.is_ascii_graphic() || *b == b'.') {
        return Err(Rejected::Malformed);
    }
    let sent_at = seconds(second).ok_or(Rejected::Malformed)?;
    let claimed: Vec<[u8; TAG]> = list.split(|b| *b == b' ').filter_map(version_one).collect();
    if claimed.is_empty() {
        return Err(Rejected::Malformed);
    }
    holds(keys, &[id, b".", second, b".", body], &claimed)?;
    // Last, so that "stale" counts what is genuine and late, and nothing that was made up.
    if now.as_second().abs_diff(sent_at) > WINDOW_SECONDS {
        return Err(Rejected::Stale);
    }
    Ok(())
}

fn seconds(digits: &[u8]) -> Option<i64> {
    if digits.iter().all(u8::is_ascii_digit) { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

fn version_one(entry: &[u8]) -> Option<[u8; TAG]> {
    use base64::Engine as _;
    let text = entry.strip_prefix(b"v1,")?;
    base64::engine::general_purpose::STANDARD.decode(text).ok()?.try_into().ok()
}

/// The token itself, compared by its digest: a digest's length says nothing about the token's.
fn plain_token(tokens: &[Secret], headers: &Headers) -> Result<(), Rejected> {
    let claimed = Sha256::digest(headers.one(GITLAB_TOKEN)?.ok_or(Rejected::Missing)?);
    let mut genuine = false;
    for token in tokens {
        genuine |= bool::from(Sha256::digest(token.expose()).ct_eq(&claimed));
    }
    if genuine { Ok(()) } else { Err(Rejected::Wrong) }
}

/// Whether any claimed tag is one that any secret makes of the parts. `|=` on purpose: nothing is skipped.
fn holds(secrets: &[Secret], parts: &[&[u8]], claimed: &[[u8; TAG]]) -> Result<(), Rejected> {
    use hmac::Mac as _;
    let mut genuine = false;
    for secret in secrets {
        let tag = sign::mac(secret, parts);
        for claimed in claimed {
            genuine |= tag.clone().verify_slice(claimed).is_ok();
        }
    }
    if genuine { Ok(()) } else { Err(Rejected::Wrong) }
}

#[cfg(test)]
mod tests;
