//! The other side: what a sender puts into its headers. For the hook of a local repository and for trying a door out.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::secret::Secret;

/// The value of `X-Hub-Signature-256`.
pub fn github(secret: &Secret, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(mac(secret, &[body]).finalize().into_bytes()))
}

/// The value of `X-Pointsman-Signature-256`.
pub fn local(secret: &Secret, body: &[u8]) -> String {
    github(secret, body)
}

/// The value of `webhook-signature`, for the `webhook-id` and the `webhook-timestamp` (in seconds) that go with it. The
/// key is what [`super::signing_key`] makes of a signing token.
pub fn gitlab(key: &Secret, id: &str, at: Timestamp, body: &[u8]) -> String {
    let second = at.as_second().to_string();
    let tag = mac(key, &[id.as_bytes(), b".", second.as_bytes(), b".", body]).finalize().into_bytes();
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(tag))
}

pub(super) fn mac(secret: &Secret, parts: &[&[u8]]) -> Hmac<Sha256> {
    let start = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("an HMAC's key may have any length");
    parts.iter().fold(start, |mac, part| mac.chain_update(part))
}
