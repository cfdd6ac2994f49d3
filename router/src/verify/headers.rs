//! The headers of a delivery, as they came.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Rejected;

/// What may be kept and shown: what an event is, never what proves it. A list of what is allowed, so that a header
/// nobody thought of is not kept.
const KEPT: [&str; 18] = [
    "content-type",
    "idempotency-key",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-github-delivery",
    "x-github-enterprise-host",
    "x-github-enterprise-version",
    "x-github-event",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
    "x-gitlab-event",
    "x-gitlab-event-uuid",
    "x-gitlab-instance",
    "x-gitlab-webhook-uuid",
    "x-pointsman-delivery",
    "x-pointsman-event",
];

/// The most characters of a value that are kept.
const KEPT_LENGTH: usize = 500;

/// Names and raw values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

impl From<HeaderMap> for Headers {
    fn from(headers: HeaderMap) -> Self {
        Self(headers)
    }
}

impl Headers {
    /// Takes names in any case, and values as they are. What no request can hold is left out.
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_ref().as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_ref())) {
                headers.append(name, value);
            }
        }
        Self(headers)
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }

    /// The value of a header that must not be there twice: two readers would each pick another.
    ///
    /// # Errors
    /// [`Rejected::Doubled`].
    pub fn one(&self, name: &str) -> Result<Option<&[u8]>, Rejected> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Rejected::Doubled),
        }
    }

    /// The value as text, when the header is there once and is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.one(name).ok()??).ok()
    }

    /// What may be written down: event names, delivery and hook ids, who sent it and in which form. No signature, no
    /// token, no cookie, no authorization.
    pub fn kept(&self) -> Vec<(String, String)> {
        let may_stay = self.0.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
        may_stay.map(|(name, value)| (name.as_str().to_owned(), shown(value.as_bytes()))).collect()
    }
}

fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let end = text.char_indices().nth(KEPT_LENGTH).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

/// Shows [`Headers::kept`] only.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.kept()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case_was() {
        let headers = Headers::new([("X-GitHub-Event", "push"), ("x-other", "1")]);
        assert_eq!(headers.text("x-github-event"), Some("push"));
        assert_eq!(headers.one("x-none"), Ok(None));
    }

    #[test]
    fn a_doubled_header_has_no_single_value() {
        let headers = Headers::new([("X-A", "1"), ("x-a", "1")]);
        assert_eq!(headers.one("x-a"), Err(Rejected::Doubled));
        assert_eq!(headers.text("x-a"), None);
        assert_eq!(headers.all("x-a").count(), 2);
    }

    #[test]
    fn what_proves_a_delivery_is_neither_kept_nor_shown() {
        let proofs = [
            "Authorization",
            "Cookie",
            "X-Gitlab-Token",
            "X-Hub-Signature",
            "X-Hub-Signature-256",
            "Webhook-Signature",
            "X-Pointsman-Signature-256",
            "X-Amz-Security-Token",
        ];
        let headers =
            Headers::new(proofs.map(|name| (name, "hush")).into_iter().chain([("X-Gitlab-Event", "Push Hook")]));
        assert_eq!(headers.kept(), [("x-gitlab-event".to_owned(), "Push Hook".to_owned())]);
        assert!(!format!("{headers:?}").contains("hush"));
    }

    #[test]
    fn a_kept_value_is_text_of_a_bounded_length() {
        let headers = Headers::new([("User-Agent", vec![0xff; 10_000])]);
        assert_eq!(headers.kept()[0].1.chars().count(), KEPT_LENGTH);
        assert_eq!(headers.text("user-agent"), None);
    }
}
