//! Texts that are too large to stand in an item, or too costly.
//!
//! An item has at most 400 KB, and every change of it is paid by its whole size. So a delivery's body stands outside of
//! the delivery's item always, and other texts when they are long, in parts that are named by the text's digest: written
//! twice they are the same, and a redelivery with another body does not touch the first one's.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use router::id::{DeliveryId, ForgeName};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::item::{Item, n, number, s, text, wrong};
use super::key::Key;
use super::schema::EXPIRES;
use super::table::Write;
use crate::store::StoreError;

/// The bytes of one part; the rest of the 400 KB is more than its keys need.
const PART: usize = 384 * 1024;
/// A text up to this stands in its delivery's item. There are two of them, and they leave room for the rest.
const INLINE_MAX: usize = 64 * 1024;

/// Parts expire so many seconds after their delivery: what has expired goes in no order, and a delivery without its body
/// cannot be read.
const LONGER: i64 = 7 * 24 * 60 * 60;

/// The delivery whose texts these are.
pub(super) struct Parts<'d> {
    pub(super) id: &'d DeliveryId,
    pub(super) forge: &'d ForgeName,
    /// When the delivery may be taken away, in seconds since 1970.
    pub(super) expires: i64,
}

impl Parts<'_> {
    /// The attribute for a text, and its parts added to `writes` when it stands outside.
    pub(super) fn text(&self, of: String, writes: &mut Vec<Write>) -> AttributeValue {
        if of.len() <= INLINE_MAX { AttributeValue::S(of) } else { self.bytes(of.as_bytes(), writes) }
    }

    /// The attribute for bytes that stand outside, and their parts added to `writes`.
    pub(super) fn bytes(&self, of: &[u8], writes: &mut Vec<Write>) -> AttributeValue {
        let digest = hex::encode(Sha256::digest(of));
        let parts = of.chunks(PART);
        let count = parts.len();
        writes.extend(parts.enumerate().map(|(place, bytes)| {
            let bytes = AttributeValue::B(Blob::new(bytes));
            let key = Key::part(self.id, self.forge, &digest, place);
            Write::Put(key.with([("bytes", bytes), (EXPIRES, n(self.expires + LONGER))]))
        }));
        AttributeValue::M(HashMap::from([("digest".to_owned(), s(digest)), ("parts".to_owned(), n(count))]))
    }
}

/// The keys of the parts that an attribute of a delivery's item names; none when it holds the text itself.
pub(super) fn named(delivery: &Item, name: &str) -> Result<Vec<Key>, StoreError> {
    let Some(AttributeValue::M(of)) = delivery.get(name) else { return Ok(Vec::new()) };
    let (id, forge) = (DeliveryId::new(text(delivery, "id")?)?, ForgeName::new(text(delivery, "forge")?)?);
    let digest = text(of, "digest")?;
    Ok((0..number::<usize>(of, "parts")?).map(|part| Key::part(&id, &forge, digest, part)).collect())
}

/// The bytes that an attribute of a delivery's item stands for, out of the parts that were read.
pub(super) fn joined(delivery: &Item, name: &str, read: &HashMap<Key, Item>) -> Result<Vec<u8>, StoreError> {
    if let Some(AttributeValue::S(text)) = delivery.get(name) {
        return Ok(text.clone().into_bytes());
    }
    if !delivery.contains_key(name) {
        return Err(wrong(name));
    }
    let mut whole = Vec::new();
    for key in named(delivery, name)? {
        let part = read.get(&key).and_then(|item| item.get("bytes")).and_then(|bytes| bytes.as_b().ok());
        whole.extend_from_slice(part.ok_or_else(|| wrong(name))?.as_ref());
    }
    Ok(whole)
}

/// The value whose JSON an attribute of a delivery's item stands for.
pub(super) fn parsed<T: DeserializeOwned>(
    delivery: &Item,
    name: &str,
    read: &HashMap<Key, Item>,
) -> Result<T, StoreError> {
    Ok(serde_json::from_slice(&joined(delivery, name, read)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: &[u8]) -> (Item, HashMap<Key, Item>) {
        let (id, forge) = (DeliveryId::new("d-1").unwrap(), ForgeName::new("github").unwrap());
        let mut writes = Vec::new();
        let body = Parts { id: &id, forge: &forge, expires: 7 }.bytes(bytes, &mut writes);
        let item = Item::from([
            ("id".to_owned(), s(id.as_str())),
            ("forge".to_owned(), s(forge.as_str())),
            ("body".to_owned(), body),
        ]);
        let parts = writes.into_iter().filter_map(|write| match write {
            Write::Put(item) => Some((Key::of(&item).unwrap(), item)),
            Write::Delete(_) => None,
        });
        (item, parts.collect())
    }

    #[test]
    fn bytes_come_back_whole_whatever_their_length() {
        for (length, parts) in [(0, 0), (1, 1), (PART, 1), (PART + 1, 2), (12 * PART + 5, 13)] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (item, read) = kept(&bytes);
            assert_eq!((read.len(), named(&item, "body").unwrap().len()), (parts, parts));
            assert!(joined(&item, "body", &read).unwrap() == bytes, "{length}");
        }
    }

    #[test]
    fn a_part_that_is_missing_is_no_shorter_text() {
        let (item, mut read) = kept(&vec![7; 3 * PART]);
        read.remove(&named(&item, "body").unwrap()[1]);
        assert!(matches!(joined(&item, "body", &read), Err(StoreError::Corrupt(_))));
    }
}
