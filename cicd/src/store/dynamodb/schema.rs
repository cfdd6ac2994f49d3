//! The table itself.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TimeToLiveSpecification, TimeToLiveStatus,
};

use crate::store::StoreError;

/// The one index: what is shown or due in an order, see [`super`].
pub(super) const INDEX: &str = "lists";
/// The attribute that says when an item may be taken away, in seconds since 1970.
pub(super) const EXPIRES: &str = "expires";

/// How long a new table may take to come up.
const CREATION_MAX: Duration = Duration::from_secs(120);

/// Makes the table as [`super::DynamoStore::open`] wants it, and returns when it can be used: on demand, with its index,
/// with expiry on.
///
/// # Errors
/// [`StoreError::Unavailable`] when it exists already or may not be made.
pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
    let text = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        definition.build().expect("name and type are given")
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .set_key_schema(Some(keys("listed", "place")))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .expect("name and keys are given");
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(["pk", "sk", "listed", "place"].map(text).to_vec()))
        .set_key_schema(Some(keys("pk", "sk")))
        .global_secondary_indexes(index)
        .send()
        .await?;
    let waited = client.wait_until_table_exists().table_name(table).wait(CREATION_MAX).await;
    waited.map_err(|error| StoreError::Unavailable(format!("the new table {table} does not come up: {error}")))?;
    let expiry = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true);
    let expiry = expiry.build().expect("attribute and whether are given");
    client.update_time_to_live().table_name(table).time_to_live_specification(expiry).send().await?;
    Ok(())
}

/// Whether the table is as it must be.
pub(super) async fn check(client: &Client, table: &str) -> Result<(), StoreError> {
    let described = client.describe_table().table_name(table).send();
    let expiry = client.describe_time_to_live().table_name(table).send();
    let (described, expiry) = tokio::join!(described, expiry);
    let described = described?.table.unwrap_or_else(|| TableDescription::builder().build());
    let wrong = |what: &str| StoreError::Unavailable(format!("the table {table} is not as it must be: {what}"));
    if described.key_schema() != keys("pk", "sk") {
        return Err(wrong("its keys are not pk and sk"));
    }
    let index = described.global_secondary_indexes().iter().find(|index| index.index_name() == Some(INDEX));
    if index.is_none_or(|index| index.key_schema() != keys("listed", "place")) {
        return Err(wrong("it has no index lists with the keys listed and place"));
    }
    let expiry = expiry?.time_to_live_description;
    let on = expiry.is_some_and(|expiry| {
        let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
        expiry.attribute_name() == Some(EXPIRES) && expiry.time_to_live_status().is_some_and(|it| on.contains(it))
    });
    if !on {
        return Err(wrong("nothing expires, turn time to live on for its attribute expires"));
    }
    Ok(())
}

fn keys(partition: &str, sort: &str) -> Vec<KeySchemaElement> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .map(|(name, kind)| {
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            element.build().expect("name and kind are given")
        })
        .to_vec()
}
