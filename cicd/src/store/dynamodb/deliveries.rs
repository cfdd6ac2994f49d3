//! What came, and what was decided about it.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use router::id::{DeliveryId, ForgeName};

use super::item::{Item, json, n, nanoseconds, number, parsed, readable, s, text};
use super::key::{Key, UNDECIDED, decided_under, deliveries_of, of_commit};
use super::parts::{self, Parts};
use super::patience::patiently;
use super::schema::EXPIRES;
use super::table::{AFTER_ALL, Table, Write};
use super::update::Update;
use crate::store::{Commit, Delivery, DeliveryRecord, Remembered, StoreError, Undecided};

/// The list of all deliveries.
const LIST: &str = "deliveries";
/// Undecided deliveries that are looked up together.
const TOGETHER: usize = 100;

/// Keeps a delivery at this place. Its own item is written last: when that one is there, all is.
pub(super) async fn remember(
    table: &Table,
    delivery: &Delivery,
    stamp: &str,
    expires: i64,
) -> Result<Remembered, StoreError> {
    let (id, forge) = (&delivery.delivered.id, &delivery.forge);
    let place = format!("{stamp}#{id}#{forge}");
    let parts = Parts { id, forge, expires };
    let mut first = Vec::new();
    let delivered = parts.text(serde_json::to_string(&delivery.delivered)?, &mut first);
    let body = parts.bytes(&delivery.body, &mut first);
    let item = Key::delivery(id, forge).with([
        ("id", s(id.as_str())),
        ("forge", s(forge.as_str())),
        ("listed", s(LIST)),
        ("place", s(&place)),
        ("received_at", n(nanoseconds(delivery.received_at))),
        ("times", n(1)),
        ("headers", json(&delivery.headers)?),
        ("delivered", delivered),
        ("body", body),
        (EXPIRES, n(expires)),
    ]);
    first.push(Write::Put(pointer(&Key::undecided(&place), id, forge, expires)));
    table.write(first).await?;
    match put_new(table, item).await? {
        Put::New => Ok(Remembered::New),
        // The first answer was lost on its way, and the SDK asked again.
        Put::There(there) if there.get("place") == Some(&s(&place)) => Ok(Remembered::New),
        Put::There(_) => {
            table.update(Update::of(Key::delivery(id, forge)).count("times").only_if("attribute_exists(pk)")).await?;
            table.tidy(vec![Write::Delete(Key::undecided(&place))]).await;
            Ok(Remembered::Seen)
        }
    }
}

/// An item that leads to a delivery.
pub(super) fn pointer(key: &Key, id: &DeliveryId, forge: &ForgeName, expires: i64) -> Item {
    key.with([("id", s(id.as_str())), ("forge", s(forge.as_str())), (EXPIRES, n(expires))])
}

/// The delivery that an item leads to.
fn led_to(pointer: &Item) -> Result<Key, StoreError> {
    Ok(Key::delivery(&DeliveryId::new(text(pointer, "id")?)?, &ForgeName::new(text(pointer, "forge")?)?))
}

enum Put {
    New,
    There(Item),
}

async fn put_new(table: &Table, item: Item) -> Result<Put, StoreError> {
    let request = table
        .client
        .put_item()
        .table_name(&table.name)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match patiently(|| request.clone().send()).await {
        Ok(_) => Ok(Put::New),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(there)) => {
                Ok(Put::There(there.item.clone().unwrap_or_default()))
            }
            _ => Err(error.into()),
        },
    }
}

/// Oldest first.
pub(super) async fn undecided(table: &Table, most: usize) -> Result<Vec<Undecided>, StoreError> {
    let mut waiting: Vec<Item> = Vec::new();
    let mut from: Option<Item> = None;
    while waiting.len() < most {
        let limit = i32::try_from((most - waiting.len()).min(TOGETHER)).ok();
        let query = table.partition(UNDECIDED).consistent_read(true).set_limit(limit).set_exclusive_start_key(from);
        let answer = patiently(|| query.clone().send()).await?;
        waiting.extend(still_undecided(table, &answer.items.unwrap_or_default()).await?);
        from = answer.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }
    let read = read_parts(table, &waiting, &["delivered"]).await?;
    let undecided = |item: &Item| {
        let forge = ForgeName::new(text(item, "forge")?)?;
        Ok(Undecided { forge, delivered: parts::parsed(item, "delivered", &read)? })
    };
    Ok(waiting.iter().filter_map(|item| readable("delivery", item, undecided)).collect())
}

/// The first of them, as they stand in the table; one request's worth.
pub(super) async fn first_undecided(table: &Table, most: usize) -> Result<Vec<Item>, StoreError> {
    still_undecided(table, &table.take(table.partition(UNDECIDED).consistent_read(true), most).await?).await
}

/// The deliveries that pointers lead to. One that leads to nothing yet is left: its delivery may be on its way.
async fn still_undecided(table: &Table, pointers: &[Item]) -> Result<Vec<Item>, StoreError> {
    let keys = pointers.iter().map(led_to).collect::<Result<Vec<_>, _>>()?;
    let mut found = table.get(keys.clone()).await?;
    let (mut waiting, mut stale) = (Vec::new(), Vec::new());
    for (pointer, key) in pointers.iter().zip(keys) {
        let Some(delivery) = found.get(&key) else { continue };
        if delivery.contains_key("decision") || delivery.get("place") != pointer.get("sk") {
            stale.push(Write::Delete(Key::of(pointer)?));
        } else if let Some(delivery) = found.remove(&key) {
            waiting.push(delivery);
        }
    }
    table.tidy(stale).await;
    Ok(waiting)
}

/// As it came, with its body; of two forges that use the same id, the newer delivery.
pub(super) async fn original(table: &Table, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let Some(item) = newest(table, id).await? else { return Ok(None) };
    let read = read_parts(table, std::slice::from_ref(&item), &["delivered", "body"]).await?;
    Ok(Some(Delivery {
        forge: ForgeName::new(text(&item, "forge")?)?,
        received_at: received_at(&item)?,
        headers: parsed(&item, "headers")?,
        delivered: parts::parsed(&item, "delivered", &read)?,
        body: parts::joined(&item, "body", &read)?.into(),
    }))
}

/// By its id; of two forges that use the same one, the newer delivery.
pub(super) async fn one(table: &Table, id: &DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    Ok(records(table, newest(table, id).await?.into_iter().collect()).await?.pop())
}

async fn newest(table: &Table, id: &DeliveryId) -> Result<Option<Item>, StoreError> {
    let found = table.under(&deliveries_of(id), "").await?;
    Ok(found.into_iter().max_by_key(|item| text(item, "place").unwrap_or_default().to_owned()))
}

/// Newest first.
pub(super) async fn page(
    table: &Table,
    most: usize,
    before: Option<&DeliveryId>,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let place = match before {
        None => AFTER_ALL.to_owned(),
        Some(id) => match newest(table, id).await? {
            None => return Ok(Vec::new()),
            Some(item) => text(&item, "place")?.to_owned(),
        },
    };
    let items = table.newest(LIST, &place, most).await?;
    let read = read_parts(table, &items, &["delivered", "decision"]).await?;
    Ok(items.iter().filter_map(|item| readable("delivery", item, |item| record(item, &read))).collect())
}

/// The newest of those decided for the commit.
pub(super) async fn newest_of_commit(table: &Table, commit: &Commit) -> Result<Option<DeliveryRecord>, StoreError> {
    let partition = of_commit(&commit.repository, &commit.commit);
    let Some(pointer) = table.last_under(&partition, &decided_under(&commit.git_ref)).await? else { return Ok(None) };
    Ok(records(table, table.get_one(led_to(&pointer)?).await?.into_iter().collect()).await?.pop())
}

/// The parts of the named attributes of all these deliveries.
async fn read_parts(table: &Table, of: &[Item], names: &[&str]) -> Result<HashMap<Key, Item>, StoreError> {
    let mut keys = Vec::new();
    for item in of {
        for name in names {
            keys.extend(parts::named(item, name)?);
        }
    }
    if keys.is_empty() { Ok(HashMap::new()) } else { table.get(keys).await }
}

async fn records(table: &Table, items: Vec<Item>) -> Result<Vec<DeliveryRecord>, StoreError> {
    let read = read_parts(table, &items, &["delivered", "decision"]).await?;
    items.iter().map(|item| record(item, &read)).collect()
}

fn record(item: &Item, read: &HashMap<Key, Item>) -> Result<DeliveryRecord, StoreError> {
    let decided = item.contains_key("decision");
    Ok(DeliveryRecord {
        forge: ForgeName::new(text(item, "forge")?)?,
        received_at: received_at(item)?,
        times: number(item, "times")?,
        delivered: parts::parsed(item, "delivered", read)?,
        decision: decided.then(|| parts::parsed(item, "decision", read)).transpose()?,
        runs: if decided { parsed(item, "runs")? } else { Vec::new() },
    })
}

fn received_at(item: &Item) -> Result<Timestamp, StoreError> {
    let at: i64 = number(item, "received_at")?;
    Timestamp::from_nanosecond(at.into()).map_err(|error| StoreError::Corrupt(error.to_string()))
}
