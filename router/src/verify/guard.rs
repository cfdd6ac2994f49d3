//! What a delivery must prove at one door.

use base64::Engine as _;

use crate::secret::Secret;

/// The proof that is asked for. Several secrets are accepted at once while one is being changed.
///
/// Made by its constructors only: one with an empty secret would believe everybody.
#[derive(Clone)]
pub enum Guard {
    /// `X-Hub-Signature-256`.
    #[non_exhaustive]
    Github {
        /// The webhook's secrets.
        secrets: Vec<Secret>,
    },
    /// `webhook-signature`, which GitLab sends since 19.0 when a signing token is set.
    #[non_exhaustive]
    GitlabSigned {
        /// The keys that the signing tokens stand for.
        keys: Vec<Secret>,
    },
    /// `X-Gitlab-Token`: the token itself goes over the line, and nothing ties it to the body.
    #[non_exhaustive]
    GitlabToken {
        /// The webhook's tokens.
        tokens: Vec<Secret>,
    },
    /// `X-Pointsman-Signature-256`, made by a local repository's hook.
    #[non_exhaustive]
    Local {
        /// The hook's secrets.
        secrets: Vec<Secret>,
    },
}

/// Why a configured secret cannot guard anything. Nothing of the secret is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// There is none.
    #[error("no secret is given: a door without one would stay shut")]
    None,
    /// It is empty: everybody knows that one.
    #[error("a secret is empty: make one of 32 random bytes or more")]
    Empty,
    /// It is not a signing token.
    #[error("a signing token is whsec_ and then base64: copy it from the webhook's settings as it is shown there")]
    NotSigningToken,
    /// Its key has the wrong length.
    #[error("the key in a signing token has 24 to 64 bytes, this one has {0}")]
    KeyLength(usize),
}

impl Guard {
    /// Asks for GitHub's signature.
    ///
    /// # Errors
    /// [`BadSecret`] when there is no secret or one is empty.
    pub fn github(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, BadSecret> {
        Ok(Self::Github { secrets: each(secrets, not_empty)? })
    }

    /// Asks for GitLab's signature, made with one of these signing tokens (`whsec_...`).
    ///
    /// # Errors
    /// [`BadSecret`] when there is no token or one is not a signing token.
    pub fn gitlab_signed(tokens: impl IntoIterator<Item = Secret>) -> Result<Self, BadSecret> {
        Ok(Self::GitlabSigned { keys: each(tokens, |token| signing_key(&token))? })
    }

    /// Asks for GitLab's plain token.
    ///
    /// # Errors
    /// [`BadSecret`] when there is no token or one is empty.
    pub fn gitlab_token(tokens: impl IntoIterator<Item = Secret>) -> Result<Self, BadSecret> {
        Ok(Self::GitlabToken { tokens: each(tokens, not_empty)? })
    }

    /// Asks for the signature of a local repository's hook.
    ///
    /// # Errors
    /// [`BadSecret`] when there is no secret or one is empty.
    pub fn local(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, BadSecret> {
        Ok(Self::Local { secrets: each(secrets, not_empty)? })
    }
}

/// The key that a signing token (`whsec_` and base64) stands for.
///
/// # Errors
/// [`BadSecret`] when it is not one, or its key does not have 24 to 64 bytes.
pub fn signing_key(token: &Secret) -> Result<Secret, BadSecret> {
    let text = token.expose().strip_prefix(b"whsec_").ok_or(BadSecret::NotSigningToken)?;
    let key = base64::engine::general_purpose::STANDARD.decode(text).map(Secret::new);
    let key = key.map_err(|_| BadSecret::NotSigningToken)?;
    let length = key.expose().len();
    if (24..=64).contains(&length) { Ok(key) } else { Err(BadSecret::KeyLength(length)) }
}

fn not_empty(secret: Secret) -> Result<Secret, BadSecret> {
    if secret.expose().is_empty() { Err(BadSecret::Empty) } else { Ok(secret) }
}

fn each(
    given: impl IntoIterator<Item = Secret>,
    check: impl Fn(Secret) -> Result<Secret, BadSecret>,
) -> Result<Vec<Secret>, BadSecret> {
    let checked = given.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
    if checked.is_empty() { Err(BadSecret::None) } else { Ok(checked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_and_an_empty_secret_are_refused() {
        type Make = fn(Vec<Secret>) -> Result<Guard, BadSecret>;
        for make in [Guard::github as Make, Guard::gitlab_token, Guard::local] {
            assert_eq!(make(vec![]).err(), Some(BadSecret::None));
            assert_eq!(make(vec![Secret::new("good"), Secret::new("")]).err(), Some(BadSecret::Empty));
            assert!(make(vec![Secret::new("good")]).is_ok());
        }
        assert_eq!(Guard::gitlab_signed([]).err(), Some(BadSecret::None));
    }

    #[test]
    fn a_signing_token_is_checked_and_decoded() {
        let token = |bytes: usize| {
            Secret::new(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(vec![7; bytes])))
        };
        assert_eq!(signing_key(&token(32)).map(|key| key.expose().to_vec()), Ok(vec![7; 32]));
        assert_eq!(signing_key(&token(23)).err(), Some(BadSecret::KeyLength(23)));
        assert_eq!(signing_key(&token(65)).err(), Some(BadSecret::KeyLength(65)));
        assert!(signing_key(&token(24)).is_ok() && signing_key(&token(64)).is_ok());
        for bad in [
            "",
            "plain",
            "whsec_***",
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        ] {
            assert_eq!(signing_key(&Secret::new(bad)).err(), Some(BadSecret::NotSigningToken), "{bad}");
        }
    }

    #[test]
    fn a_refusal_shows_nothing_of_the_secret() {
        let refused = Guard::gitlab_signed([Secret::new("whsec_hush!")]).err().unwrap();
        assert!(!refused.to_string().contains("hush"), "{refused}");
    }
}
