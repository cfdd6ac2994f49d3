//! Secrets that are kept elsewhere: `secretsmanager:ARN[:json-key]` and `ssm:NAME`.
//!
//! The settings name them; whoever can fetch them brings what they say.

use std::collections::BTreeMap;

use router::secret::Secret;

/// The keys of a JSON secret that are looked for when none is named.
const USUAL_KEYS: [&str; 2] = ["token", "apiToken"];

/// A reference to a secret that is kept on AWS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// In Secrets Manager, by its ARN or name.
    SecretsManager(String),
    /// In the parameter store, by its name or ARN.
    Ssm(String),
}

impl Reference {
    /// Reads `ARN[:json-key]` or a name after its scheme; none when the scheme is another.
    pub fn read(text: &str) -> Option<(Self, Option<&str>)> {
        let (scheme, target) = text.split_once(':')?;
        match scheme {
            "ssm" => Some((Self::Ssm(target.to_owned()), None)),
            "secretsmanager" => {
                // An ARN has six colons; a name has none.
                let own_colons = if target.starts_with("arn:") { 6 } else { 0 };
                let end = target.match_indices(':').nth(own_colons).map(|(at, _)| at);
                let (id, key) = end.map_or((target, None), |at| (&target[..at], Some(&target[at + 1..])));
                Some((Self::SecretsManager(id.to_owned()), key.filter(|key| !key.is_empty())))
            }
            _ => None,
        }
    }

    /// The region that an ARN names.
    pub fn region(&self) -> Option<&str> {
        let (Self::SecretsManager(id) | Self::Ssm(id)) = self;
        id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
    }

    /// The name that the service is asked for.
    pub fn id(&self) -> &str {
        let (Self::SecretsManager(id) | Self::Ssm(id)) = self;
        id
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SecretsManager(id) => write!(f, "secretsmanager:{id}"),
            Self::Ssm(name) => write!(f, "ssm:{name}"),
        }
    }
}

/// What was fetched, or why it could not be.
#[derive(Clone, Default)]
pub struct Kept(pub BTreeMap<Reference, Result<Secret, String>>);

/// One value of a JSON secret.
///
/// # Errors
/// What is wrong, with the names of the keys that there are and without any value.
pub(super) fn of_key(bytes: &[u8], key: &str) -> Result<Vec<u8>, String> {
    let Some(object) = object(bytes) else { return Err(format!("it is not JSON, so it has no key {key:?}")) };
    match object.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(_) => Err(format!("its key {key:?} is no text")),
        None => Err(format!("it has no key {key:?}, but {}", keys(&object))),
    }
}

/// The secret itself: plain text as it is, JSON's `token` or `apiToken`. JSON without either is most likely a mistake: whoever took it
/// as it is would compare every signature with a brace.
///
/// # Errors
/// What is wrong, with the names of the keys that there are and without any value.
pub(super) fn plain(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let Some(object) = object(&bytes) else { return Ok(bytes) };
    match USUAL_KEYS.iter().find_map(|key| object.get(*key)?.as_str()) {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => {
            Err(format!("the secret is JSON, not plain text, and has no key token or apiToken, but {}", keys(&object)))
        }
    }
}

fn object(bytes: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    // A plain secret may begin with anything; only a whole object is one.
    bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(bytes).ok()).flatten()
}

fn keys(object: &serde_json::Map<String, serde_json::Value>) -> String {
    let names: Vec<String> = object.keys().take(20).map(|key| key.chars().take(40).collect()).collect();
    if names.is_empty() { "no key at all".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_or_an_arn_and_maybe_a_key() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:git/hook-AbCdEf";
        let read =
            |text: &str| Reference::read(text).map(|(reference, key)| (reference.to_string(), key.map(str::to_owned)));
        let told = |id: &str, key: Option<&str>| Some((format!("secretsmanager:{id}"), key.map(str::to_owned)));
        assert_eq!(read(&format!("secretsmanager:{arn}")), told(arn, None));
        assert_eq!(read(&format!("secretsmanager:{arn}:webhookSecret")), told(arn, Some("webhookSecret")));
        assert_eq!(read("secretsmanager:git/hook:apiToken"), told("git/hook", Some("apiToken")));
        assert_eq!(read("ssm:/pointsman/token"), Some(("ssm:/pointsman/token".to_owned(), None)));
        assert_eq!(read("env:NAME"), None);
        assert_eq!(Reference::SecretsManager(arn.to_owned()).region(), Some("eu-central-1"));
        assert_eq!(Reference::Ssm("/a/b".to_owned()).region(), None);
    }

    #[test]
    fn a_secret_is_plain_or_json_with_a_token() {
        let as_text = |text: &str| plain(text.as_bytes().to_vec()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(as_text("s3cret").as_deref(), Ok("s3cret"));
        assert_eq!(as_text("{not json").as_deref(), Ok("{not json"));
        assert_eq!(as_text(r#"{"token": "a"}"#).as_deref(), Ok("a"));
        assert_eq!(as_text(r#" {"user": "u", "apiToken": "b"}"#).as_deref(), Ok("b"));
        let mistaken = as_text(r#"{"username": "root", "password": "hunter2"}"#).unwrap_err();
        assert!(mistaken.contains("is JSON") && mistaken.contains("password, username"), "{mistaken}");
        assert!(!mistaken.contains("hunter2") && !mistaken.contains("root"), "{mistaken}");
    }

    #[test]
    fn a_named_key_is_taken_and_no_other() {
        let secret = br#"{"webhookSecret": "a", "port": 5}"#;
        assert_eq!(of_key(secret, "webhookSecret").as_deref(), Ok(&b"a"[..]));
        assert!(of_key(secret, "token").unwrap_err().contains("port, webhookSecret"));
        assert!(of_key(secret, "port").unwrap_err().contains("no text"));
        assert!(of_key(b"plain", "token").unwrap_err().contains("not JSON"));
    }
}
