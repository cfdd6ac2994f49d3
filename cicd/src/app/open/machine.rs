//! What stands on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use router::id::{ForgeKind, RepoPath, Repository};
use router::secret::Secret;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::{ForgeSettings, RulesPlace, Settings};
use crate::engine::local::{LocalConfig, LocalEngine};
use crate::engine::{Engine, Events};
use crate::forge::local::Local;
use crate::forge::{CloneFrom, Forge, Forges};
use crate::logs::{Logs, Masks};
use crate::rules_file::RulesFile;
use crate::sns::{Topics, Web};
use crate::store::dynamodb::DynamoStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// The engine in this process.
pub(super) async fn engine(
    settings: &Settings,
    forges: &Forges,
    clock: Arc<dyn Clock>,
    logs: Logs,
    events: Events,
) -> anyhow::Result<Arc<dyn Engine>> {
    let config = LocalConfig {
        slots: settings.slots.get(),
        masks: Masks::new(secrets(settings)),
        ..LocalConfig::new(settings.data.clone(), folder_of(&settings.rules))
    };
    let engine = LocalEngine::new(config, Arc::new(fetch_from(forges, settings)), clock, logs, events);
    engine.sweep_leftovers().await.context("what the last process left")?;
    Ok(engine)
}

/// The memory in the data folder.
pub(super) async fn store(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Store>> {
    let data = settings.data.clone();
    // An older one may have much to be brought forward.
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&data, clock)).await?;
    Ok(Arc::new(opened.with_context(|| format!("the data folder {}", settings.data.display()))?))
}

/// Central buildspecs stand beside the rule file; beside one in S3 there are none for this machine.
fn folder_of(rules: &RulesPlace) -> PathBuf {
    let RulesPlace::File(rules) = rules else { return PathBuf::from(".") };
    rules.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// All that a build must not show, should it get hold of it.
fn secrets(settings: &Settings) -> impl Iterator<Item = Secret> {
    let of_forges = settings.forges.iter().flat_map(|forge| {
        let proofs = [&forge.webhook_secrets, &forge.signing_keys, &forge.webhook_tokens];
        proofs.into_iter().flatten().chain(&forge.token)
    });
    of_forges.chain(settings.people.iter().map(|person| &person.token)).cloned()
}

/// GitHub's own installation.
const GITHUB: &str = "https://github.com";

/// Repositories of this machine.
pub(super) fn forge(forge: &ForgeSettings, rules: &Arc<RulesFile>) -> anyhow::Result<Arc<dyn Forge>> {
    Ok(Arc::new(Local::new(local_clone(forge, rules))))
}

/// A local repository is where the rule file's `clone` says.
fn local_clone(forge: &ForgeSettings, rules: &Arc<RulesFile>) -> impl Fn(&RepoPath) -> Option<String> + use<> {
    let (name, kind, rules) = (forge.name.clone(), forge.kind, Arc::clone(rules));
    move |path| {
        let repository = Repository { forge: name.clone(), kind, path: path.clone() };
        rules.current().clone_of(&repository).map(str::to_owned)
    }
}

/// Where git fetches from: as the forge says; a public repository of a forge without a token by its plain address.
fn fetch_from(forges: &Forges, settings: &Settings) -> impl Fn(&Repository) -> Option<CloneFrom> + Send + Sync + use<> {
    let forges = forges.clone();
    let plain: BTreeMap<_, _> = settings.forges.iter().map(|forge| (forge.name.clone(), web_root(forge))).collect();
    move |repository| match forges.get(&repository.forge) {
        Some(forge) => forge.fetch_from(repository),
        None => {
            let root = plain.get(&repository.forge)?.as_ref()?;
            Some(CloneFrom { url: format!("{root}/{}.git", repository.path), authorization: None })
        }
    }
}

fn web_root(forge: &ForgeSettings) -> Option<String> {
    let own =
        forge.api_url.as_ref().map(|url| url.as_str().trim_end_matches('/').trim_end_matches("/api/v3").to_owned());
    match forge.kind {
        ForgeKind::Github => Some(own.unwrap_or_else(|| GITHUB.to_owned())),
        ForgeKind::Gitlab => Some(own.unwrap_or_else(|| super::GITLAB.to_owned())),
        ForgeKind::Local => None,
    }
}

/// The topics whose messages come over HTTPS.
pub(super) async fn topics(settings: &Settings, aws: &Aws) -> anyhow::Result<Option<Topics>> {
    if settings.aws.callback_topics.is_empty() {
        return Ok(None);
    }
    let web = Web::new().context("a client for SNS's certificates")?;
    Ok(Some(Topics::new(aws.config().await.clone(), settings.aws.callback_topics.clone(), Box::new(web))))
}

/// The table, looked at unless it is a function that asks, which begins often.
pub(super) async fn table(
    settings: &Settings,
    client: aws_sdk_dynamodb::Client,
    table: &str,
    clock: Arc<dyn Clock>,
) -> Result<DynamoStore, StoreError> {
    match settings.in_lambda {
        true => DynamoStore::trusting(client, table, clock),
        false => DynamoStore::open(client, table, clock).await,
    }
}
