//! Where there is no machine of one's own: settings that want one are refused.

use std::sync::Arc;

use anyhow::bail;

use crate::clock::Clock;
use crate::config::{ForgeSettings, Settings};
use crate::engine::{Engine, Events};
use crate::forge::{Forge, Forges};
use crate::logs::Logs;
use crate::rules_file::RulesFile;
use crate::store::dynamodb::DynamoStore;
use crate::store::{Store, StoreError};

pub(super) async fn engine(
    _: &Settings,
    _: &Forges,
    _: Arc<dyn Clock>,
    _: Logs,
    _: Events,
) -> anyhow::Result<Arc<dyn Engine>> {
    bail!("a function runs no pipelines itself: set POINTSMAN_ENGINE to codepipeline")
}

pub(super) async fn store(_: &Settings, _: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Store>> {
    bail!("a function has no disk to remember on: set POINTSMAN_STORE to dynamodb")
}

pub(super) fn forge(forge: &ForgeSettings, _: &Arc<RulesFile>) -> anyhow::Result<Arc<dyn Forge>> {
    bail!("the forge {} is a folder of some machine, and a function is on none: leave it out", forge.name)
}

/// The table as it is: it was looked at when it was deployed.
pub(super) async fn table(
    _: &Settings,
    client: aws_sdk_dynamodb::Client,
    table: &str,
    clock: Arc<dyn Clock>,
) -> Result<DynamoStore, StoreError> {
    DynamoStore::trusting(client, table, clock)
}
