//! The requests that the rest is made of. Every read of an item is strongly consistent; only the index is not.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};
use futures::future::try_join_all;

use super::error::put_off;
use super::item::{Item, s};
use super::key::Key;
use super::patience::{Pauses, patiently};
use super::schema::INDEX;
use super::update::Update;
use crate::store::StoreError;

/// Items that one request may read.
const READ_MAX: usize = 100;
/// Items that one request may write without a condition.
const WRITE_MAX: usize = 25;

/// Sorts after every place.
pub(super) const AFTER_ALL: &str = "~";

/// The one table.
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// Something that is written whatever stood there.
pub(super) enum Write {
    Put(Item),
    Delete(Key),
}

impl Table {
    /// The items that exist of these, by their keys.
    pub(super) async fn get(&self, mut keys: Vec<Key>) -> Result<HashMap<Key, Item>, StoreError> {
        // One request may not name an item twice.
        keys.sort_unstable_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        keys.dedup();
        let found = try_join_all(keys.chunks(READ_MAX).map(|some| self.get_some(some))).await?;
        found.into_iter().flatten().map(|item| Ok((Key::of(&item)?, item))).collect()
    }

    /// One item.
    pub(super) async fn get_one(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.item())).consistent_read(true);
        Ok(patiently(|| request.clone().send()).await?.item)
    }

    async fn get_some(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut wanted: Vec<Item> = keys.iter().map(Key::item).collect();
        let (mut found, mut pauses) = (Vec::with_capacity(keys.len()), Pauses::default());
        loop {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .expect("the keys are given");
            let request = self.client.batch_get_item().request_items(&self.name, asked);
            let answer = patiently(|| request.clone().send()).await?;
            let got = answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default();
            let progress = !got.is_empty();
            found.extend(got);
            let rest = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            match rest.filter(|rest| !rest.keys.is_empty()) {
                // What did not fit into 16 MB is asked for at once, what was throttled after a while.
                Some(rest) if progress => wanted = rest.keys,
                Some(rest) if pauses.pause().await => wanted = rest.keys,
                Some(_) => return Err(put_off()),
                None => return Ok(found),
            }
        }
    }

    /// Writes all of these in any order, and not as one: whoever needs more than that orders their calls.
    pub(super) async fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut requests: Vec<_> = writes.into_iter().map(Write::request).collect();
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(WRITE_MAX));
            self.write_some(requests).await?;
            requests = rest;
        }
        Ok(())
    }

    /// Takes away what leads to nothing any more, and lets expire what is over. Whoever follows a lead looks for
    /// themselves and would do this, so it does not matter when it fails.
    pub(super) async fn tidy(&self, writes: Vec<Write>) {
        if let Err(error) = self.write(writes).await {
            tracing::debug!(%error, "what is of no use any more stays until somebody meets it");
        }
    }

    async fn write_some(&self, mut requests: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut pauses = Pauses::default();
        loop {
            let request = self.client.batch_write_item().request_items(&self.name, requests);
            let answer = patiently(|| request.clone().send()).await?;
            let rest = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.name));
            match rest.filter(|rest| !rest.is_empty()) {
                None => return Ok(()),
                Some(rest) if pauses.pause().await => requests = rest,
                Some(_) => return Err(put_off()),
            }
        }
    }

    /// Changes one item. False when the condition does not hold.
    pub(super) async fn update(&self, update: Update) -> Result<bool, StoreError> {
        let request = update.request(&self.client, &self.name);
        match patiently(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every item of a partition whose sort key begins so, in their order.
    pub(super) async fn under(&self, pk: &str, begins: &str) -> Result<Vec<Item>, StoreError> {
        self.take(self.begins(pk, begins), usize::MAX).await
    }

    /// The last item of a partition whose sort key begins so.
    pub(super) async fn last_under(&self, pk: &str, begins: &str) -> Result<Option<Item>, StoreError> {
        Ok(self.take(self.begins(pk, begins).scan_index_forward(false), 1).await?.pop())
    }

    fn begins(&self, pk: &str, begins: &str) -> QueryFluentBuilder {
        let request = self.partition(pk).consistent_read(true);
        if begins.is_empty() {
            return request;
        }
        request
            .key_condition_expression("pk = :pk AND begins_with(sk, :begins)")
            .expression_attribute_values(":begins", s(begins))
    }

    /// A partition's items, from its first on.
    pub(super) fn partition(&self, pk: &str) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.name).key_condition_expression("pk = :pk");
        request.expression_attribute_values(":pk", s(pk))
    }

    /// The keys of a list of the index whose places stand before the given one.
    pub(super) fn listed_before(&self, list: &str, place: &str) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.name).index_name(INDEX);
        request
            .key_condition_expression("listed = :list AND place < :place")
            .expression_attribute_values(":list", s(list))
            .expression_attribute_values(":place", s(place))
    }

    /// The keys of a list of the index whose places stand after the given one.
    pub(super) fn listed_after(&self, list: &str, place: &str) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.name).index_name(INDEX);
        request
            .key_condition_expression("listed = :list AND place > :place")
            .expression_attribute_values(":list", s(list))
            .expression_attribute_values(":place", s(place))
    }

    /// The newest items of a list that stand before a place, newest first.
    pub(super) async fn newest(&self, list: &str, before: &str, most: usize) -> Result<Vec<Item>, StoreError> {
        let entries = self.take(self.listed_before(list, before).scan_index_forward(false), most).await?;
        let keys = entries.iter().map(Key::of).collect::<Result<Vec<_>, _>>()?;
        let mut found = self.get(keys.clone()).await?;
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    /// The first items that a query finds.
    pub(super) async fn take(&self, query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        let mut from = None;
        while found.len() < most {
            let limit = i32::try_from(most - found.len()).ok();
            let request = query.clone().set_limit(limit).set_exclusive_start_key(from);
            let answer = patiently(|| request.clone().send()).await?;
            found.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

impl Write {
    fn request(self) -> WriteRequest {
        let request = WriteRequest::builder();
        match self {
            Self::Put(item) => {
                request.put_request(PutRequest::builder().set_item(Some(item)).build().expect("the item is given"))
            }
            Self::Delete(key) => request
                .delete_request(DeleteRequest::builder().set_key(Some(key.item())).build().expect("the key is given")),
        }
        .build()
    }
}
