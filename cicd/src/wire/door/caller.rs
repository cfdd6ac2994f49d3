//! Who is asking, by the Signature Version 4 header.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST};
use router::secret::Secret;

use crate::http::guard::is_loopback;
use crate::wire::error::AwsError;
use crate::wire::runs::Asker;

/// Who may ask.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The access key ids that are let in; with none, every signed request is.
    pub access_keys: Vec<Secret>,
    /// Whether a request without a signature is let in too.
    pub unsigned: bool,
    /// Whether requests under any other name than a loopback one are refused.
    pub loopback_only: bool,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The caller as AWS would name it in a history.
    pub arn: String,
}

impl Credentials {
    /// Lets a request in, or not.
    ///
    /// # Errors
    /// `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `UnrecognizedClientException`.
    pub(super) fn admit(&self, headers: &HeaderMap, account: &str, asker: &Asker) -> Result<Caller, AwsError> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if self.loopback_only && !is_loopback(host) {
            let words = "without access keys the wire answers on loopback names only (127.0.0.1, localhost, [::1]); \
                         set POINTSMAN_WIRE_ACCESS_KEYS to open it to others";
            return Err(AwsError::refused("AccessDeniedException", words));
        }
        let caller = |name: &str| Caller { arn: format!("arn:aws:iam::{account}:user/{name}") };
        let Some(given) = headers.get(AUTHORIZATION) else {
            if self.unsigned {
                return Ok(caller("anonymous"));
            }
            return Err(AwsError::refused("MissingAuthenticationTokenException", "Missing Authentication Token"));
        };
        let Some(key) = given.to_str().ok().and_then(key_of) else {
            let words = "Authorization header is no Signature Version 4: it needs AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature";
            return Err(AwsError::refused("IncompleteSignatureException", words));
        };
        let known = self.access_keys.is_empty()
            || asker.is_proved
            || self.access_keys.iter().any(|it| it.expose() == key.as_bytes());
        if known {
            return Ok(caller("wire"));
        }
        Err(AwsError::refused("UnrecognizedClientException", "The security token included in the request is invalid."))
    }
}

/// The access key id that a request names.
pub(super) fn access_key(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok().and_then(key_of)
}

/// The access key id of an `Authorization` header.
fn key_of(header: &str) -> Option<&str> {
    let rest = header.strip_prefix("AWS4-HMAC-SHA256")?;
    let part = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name));
    let (credential, _, _) = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
    let (key, scope) = credential.split_once('/')?;
    (!key.is_empty() && scope.ends_with("/aws4_request")).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/codebuild/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=00";

    fn admit(credentials: &Credentials, header: Option<&str>) -> Result<Caller, &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header.parse().unwrap());
        }
        credentials.admit(&headers, "000000000000", &Asker::default()).map_err(|error| error.code)
    }

    #[test]
    fn a_caller_is_known_by_the_access_key() {
        let anybody = Credentials::default();
        assert!(admit(&anybody, Some(SIGNED)).unwrap().arn.ends_with("user/wire"));
        assert_eq!(admit(&anybody, None), Err("MissingAuthenticationTokenException"));
        assert_eq!(admit(&anybody, Some("Bearer x")), Err("IncompleteSignatureException"));
        let unsigned = Credentials { unsigned: true, ..Credentials::default() };
        assert!(admit(&unsigned, None).is_ok());
        let some = |key: &str| Credentials { access_keys: vec![Secret::new(key)], ..Credentials::default() };
        assert!(admit(&some("AKID"), Some(SIGNED)).is_ok());
        assert_eq!(admit(&some("OTHER"), Some(SIGNED)), Err("UnrecognizedClientException"));
        let at_home = Credentials { loopback_only: true, ..Credentials::default() };
        assert_eq!(admit(&at_home, Some(SIGNED)), Err("AccessDeniedException"), "the request names no host");
    }
}
