//! Pages of a list. A token holds how far the reader has come and what the list was asked for, so that a token of
//! another list is refused.

use sha2::{Digest, Sha256};

use crate::wire::error::AwsError;
use crate::wire::shape::check::Check;

/// Which page is asked for.
pub(in crate::wire) struct Page {
    start: usize,
    size: usize,
    mark: String,
}

impl Page {
    /// Reads what was asked; `list` says everything that the list depends on.
    ///
    /// # Errors
    /// `ValidationException` for a size out of range, `InvalidNextTokenException`.
    pub(in crate::wire) fn asked(
        list: &str,
        size: Option<i64>,
        most: i64,
        token: Option<&str>,
    ) -> Result<Self, AwsError> {
        let size = size.unwrap_or(most);
        Check::new().number("maxResults", size, 1, most).done()?;
        let mark = hex::encode(&Sha256::digest(list)[..12]);
        let start = match token {
            None => 0,
            Some(token) => {
                let start =
                    token.split_once('-').filter(|(of, _)| *of == mark).and_then(|(_, start)| start.parse().ok());
                start.ok_or_else(|| AwsError::refused("InvalidNextTokenException", "The next token is invalid"))?
            }
        };
        Ok(Self { start, size: usize::try_from(size).unwrap_or(1), mark })
    }

    /// Cuts the page out, and says where the next begins. Lists grow at their beginning (the newest comes first), so the
    /// place is counted from the end.
    pub(in crate::wire) fn cut<T>(self, mut all: Vec<T>) -> (Vec<T>, Option<String>) {
        let seen = if self.start == 0 { 0 } else { all.len().saturating_sub(self.start) };
        let mut rest = all.split_off(seen.min(all.len()));
        if rest.len() <= self.size {
            return (rest, None);
        }
        let left = rest.split_off(self.size).len();
        (rest, Some(format!("{}-{left}", self.mark)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_though_the_list_grows() {
        let (first, token) = Page::asked("list", Some(2), 100, None).unwrap().cut(vec![5, 4, 3, 2, 1]);
        assert_eq!(first, [5, 4]);
        let (next, token) = Page::asked("list", Some(2), 100, token.as_deref()).unwrap().cut(vec![7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(next, [3, 2]);
        let (last, end) = Page::asked("list", Some(2), 100, token.as_deref()).unwrap().cut(vec![5, 4, 3, 2, 1]);
        assert_eq!((last, end), (vec![1], None));
        let refused = Page::asked("another", Some(2), 100, token.as_deref()).err().map(|error| error.code);
        assert_eq!(refused, Some("InvalidNextTokenException"));
        assert!(Page::asked("list", Some(101), 100, None).is_err());
    }
}
