//! What a person or a program asks for in a body: a form or JSON, a few fields.

use axum::extract::{FromRequest, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body;
use super::error::Failure;
use super::webhooks::{BODY_TIME, is_media_type};
use crate::control::Answer;

/// Far more than a comment needs.
const BODY_LIMIT: usize = 64 * 1024;
/// What a comment may hold, in characters.
const COMMENT_MAX: usize = 1000;

/// The fields. Each use reads those it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    answer: Option<Word>,
    /// What the person says about it.
    pub(super) comment: String,
    /// Who decides, where names need no proof.
    #[serde(rename = "as")]
    pub(super) name: Option<String>,
    /// A token to log in with.
    pub(super) token: String,
    /// The page to go back to.
    pub(super) to: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Approve,
    Reject,
}

impl Asked {
    /// The answer to a gate.
    pub(super) fn answer(&self) -> Result<Answer, Failure> {
        match self.answer {
            Some(Word::Approve) => Ok(Answer::Approve),
            Some(Word::Reject) => Ok(Answer::Reject),
            None => Err(Failure::unclear("`answer` must be `approve` or `reject`")),
        }
    }

    /// Where to go back to: a path of this service, never another site.
    pub(super) fn way_back(&self) -> &str {
        let to = self.to.as_str();
        let is_ours =
            to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        if is_ours { to } else { "/" }
    }
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let asked: Self = fields(request, BODY_LIMIT).await?;
        if asked.comment.chars().count() > COMMENT_MAX {
            return Err(Failure::unclear(format!("a comment has at most {COMMENT_MAX} characters")));
        }
        Ok(asked)
    }
}

/// The fields of a body, a form or JSON, of at most so many bytes; an empty one has none.
pub(super) async fn fields<T: DeserializeOwned + Default>(request: Request, limit: usize) -> Result<T, Failure> {
    let (parts, body) = request.into_parts();
    let body = body::read(body, limit, BODY_TIME).await?.bytes;
    let unread = |error: &dyn std::fmt::Display| Failure::unclear(format!("the body cannot be read: {error}"));
    if is_media_type(&parts.headers, &["application/json"]) {
        serde_json::from_slice(&body).map_err(|error| unread(&error))
    } else if is_media_type(&parts.headers, &["application/x-www-form-urlencoded"]) {
        serde_urlencoded::from_bytes(&body).map_err(|error| unread(&error))
    } else if body.is_empty() {
        Ok(T::default())
    } else {
        Err(Failure::wrong_media("send application/json or application/x-www-form-urlencoded"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_here() {
        let back = |to: &str| Asked { to: to.to_owned(), ..Asked::default() }.way_back().to_owned();
        assert_eq!(back("/runs/1?step=a"), "/runs/1?step=a");
        for bad in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "javascript:1"] {
            assert_eq!(back(bad), "/", "{bad:?}");
        }
    }
}
