//! Where an object lies in S3.

use std::fmt;
use std::str::FromStr;

/// `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// The bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
}

impl fmt::Display for S3Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// A text that names no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the address of an object in S3")]
pub struct NoObject;

impl FromStr for S3Object {
    type Err = NoObject;

    fn from_str(text: &str) -> Result<Self, NoObject> {
        let (bucket, key) = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).ok_or(NoObject)?;
        let fits = is_bucket(bucket) && !key.is_empty() && key.len() <= 1024 && !key.contains(char::is_control);
        if fits { Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() }) } else { Err(NoObject) }
    }
}

/// Whether a text can be a bucket's name.
pub(crate) fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| plain(c) || c == '-' || c == '.')
        && name.starts_with(plain)
        && name.ends_with(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_a_bucket_and_a_key() {
        let object: S3Object = "s3://rules-bucket/team/pointsman.yaml".parse().unwrap();
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("rules-bucket", "team/pointsman.yaml"));
        assert_eq!(object.to_string(), "s3://rules-bucket/team/pointsman.yaml");
        for other in [
            "s3://rules-bucket",
            "s3://rules-bucket/",
            "s3:///key",
            "s3://Rules/key",
            "/pointsman.yaml",
            "s3://a_b_c/k",
        ] {
            assert!(other.parse::<S3Object>().is_err(), "{other}");
        }
    }
}
