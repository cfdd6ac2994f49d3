//! Items and their attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{StoreError, unreadable};

/// An item as the protocol has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A text.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number.
pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A value as JSON text.
pub(super) fn json(of: &impl Serialize) -> Result<AttributeValue, StoreError> {
    Ok(s(serde_json::to_string(of)?))
}

/// An attribute that is a text.
pub(super) fn text<'i>(item: &'i Item, name: &str) -> Result<&'i str, StoreError> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or_else(|| wrong(name))
}

/// An attribute that is a number.
pub(super) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, StoreError> {
    let digits = item.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| wrong(name))
}

/// An attribute that is JSON text.
pub(super) fn parsed<T: DeserializeOwned>(item: &Item, name: &str) -> Result<T, StoreError> {
    Ok(serde_json::from_str(text(item, name)?)?)
}

/// What an item holds; none when it cannot be read, which is told and stops nobody.
pub(super) fn readable<T>(what: &'static str, item: &Item, read: impl Fn(&Item) -> Result<T, StoreError>) -> Option<T> {
    let which = || text(item, "pk").unwrap_or("an item without a key").to_owned();
    read(item).inspect_err(|why| unreadable(what, &which(), why)).ok()
}

/// What is said of an item whose attribute is not there, or is of another kind.
pub(super) fn wrong(name: &str) -> StoreError {
    StoreError::Corrupt(format!("an item of the table lacks {name}, or has another kind of it"))
}

/// Nanoseconds since 1970. What lies before is held at 1970, what lies beyond the year 2262 there.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().max(0)).unwrap_or(i64::MAX)
}

/// A time as a sort key, which is compared as text.
pub(super) fn sortable(nanoseconds: i64) -> String {
    format!("{nanoseconds:019}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_times_sort_later() {
        let noon: Timestamp = "2026-11-20T12:00:00.123456789Z".parse().unwrap();
        let times =
            [Timestamp::MIN, Timestamp::UNIX_EPOCH, noon, noon + jiff::SignedDuration::from_nanos(1), Timestamp::MAX];
        let keys = times.map(|at| sortable(nanoseconds(at)));
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 19), "{keys:?}");
        assert_eq!(Timestamp::from_nanosecond(keys[2].parse().unwrap()).unwrap(), noon);
    }

    #[test]
    fn what_is_missing_is_named() {
        let item = Item::from([("version".to_owned(), s("one"))]);
        for refused in [number::<u64>(&item, "version").map(|_| ()), text(&item, "place").map(|_| ())] {
            assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        }
    }
}
