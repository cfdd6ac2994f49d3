//! A change of one item, as the protocol words it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update as Part};

use super::item::n;
use super::key::Key;

/// What to change in one item, and when.
pub(super) struct Update {
    key: Key,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    pub(super) fn of(key: Key) -> Self {
        Self {
            key,
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            condition: None,
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }

    /// Sets an attribute.
    pub(super) fn set(self, name: &str, value: AttributeValue) -> Self {
        self.set_to(name, &format!(":{name}"), value)
    }

    /// Sets an attribute unless it is there.
    pub(super) fn set_first(self, name: &str, value: AttributeValue) -> Self {
        self.set_to(name, &format!("if_not_exists({name}, :{name})"), value)
    }

    fn set_to(mut self, name: &str, to: &str, value: AttributeValue) -> Self {
        self.set.push(format!("{name} = {to}"));
        self.values.insert(format!(":{name}"), value);
        self
    }

    /// Sets an entry of a map that is there. The entry's name may be any text.
    pub(super) fn set_entry(mut self, map: &str, entry: &str, value: AttributeValue) -> Self {
        let place = self.set.len();
        self.set.push(format!("{map}.#e{place} = :e{place}"));
        self.names.insert(format!("#e{place}"), entry.to_owned());
        self.values.insert(format!(":e{place}"), value);
        self
    }

    /// Counts an attribute up; one that is not there counts from none.
    pub(super) fn count(mut self, name: &str) -> Self {
        self.add.push(format!("{name} :one"));
        self.values.insert(":one".to_owned(), n(1));
        self
    }

    /// Adds to a number. Its name may be any text.
    pub(super) fn add(mut self, name: &str, by: u64) -> Self {
        let place = self.add.len();
        self.add.push(format!("#a{place} :a{place}"));
        self.names.insert(format!("#a{place}"), name.to_owned());
        self.values.insert(format!(":a{place}"), n(by));
        self
    }

    /// Takes an attribute away.
    pub(super) fn remove(mut self, name: &str) -> Self {
        self.remove.push(name.to_owned());
        self
    }

    /// Changes only an item that is so.
    pub(super) fn only_if(mut self, condition: &str) -> Self {
        self.condition = Some(condition.to_owned());
        self
    }

    /// A value that the condition names.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn expression(&self) -> String {
        [("SET", &self.set), ("ADD", &self.add), ("REMOVE", &self.remove)]
            .into_iter()
            .filter(|(_, clauses)| !clauses.is_empty())
            .map(|(word, clauses)| format!("{word} {}", clauses.join(", ")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// As a request of its own.
    pub(super) fn request(self, client: &Client, table: &str) -> UpdateItemFluentBuilder {
        client
            .update_item()
            .table_name(table)
            .update_expression(self.expression())
            .set_key(Some(self.key.item()))
            .set_condition_expression(self.condition)
            .set_expression_attribute_names((!self.names.is_empty()).then_some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
    }

    /// As a part of a transaction.
    pub(super) fn part(self, table: &str) -> TransactWriteItem {
        let part = Part::builder()
            .table_name(table)
            .update_expression(self.expression())
            .set_key(Some(self.key.item()))
            .set_condition_expression(self.condition)
            .set_expression_attribute_names((!self.names.is_empty()).then_some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("table, key and expression are given");
        TransactWriteItem::builder().update(part).build()
    }
}
