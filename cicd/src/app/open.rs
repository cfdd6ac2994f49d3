//! Puts the parts together as the settings say.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use router::id::{ForgeKind, ForgeName};
use router::run::Person;
use router::secret::Secret;
use router::verify::Guard;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{App, Door, OnAws, Renewable, Wake};
use crate::access::Access;
use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::{EngineChoice, ForgeSettings, Settings, StoreChoice};
use crate::engine::codepipeline::{Clients, CodePipelineConfig, CodePipelineEngine};
use crate::engine::{Engine, EngineEvent};
use crate::forge::github::{Github, GithubSettings};
use crate::forge::gitlab::{Gitlab, GitlabSettings};
use crate::forge::renewed::Renewed;
use crate::forge::{Forge, Forges};
use crate::logs::Logs;
use crate::notice;
use crate::queue::Queue;
use crate::receive::Heard;
use crate::rules_file::RulesFile;
use crate::store::Store;
use crate::sweep::Keep;

#[cfg(feature = "machine")]
mod machine;
#[cfg(not(feature = "machine"))]
mod nowhere;
#[cfg(not(feature = "machine"))]
use nowhere as machine;

/// Events that may wait for the listener.
const EVENTS_WAITING: usize = 256;

/// Opens everything. The receiver is where the engine tells what happens.
///
/// # Errors
/// What cannot be opened, in words for whoever starts the service.
pub async fn open(
    settings: &Settings,
    base_url: String,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<(App, mpsc::Receiver<EngineEvent>)> {
    let aws = settings.to_aws.as_ref();
    let rules = RulesFile::open(&settings.rules, aws).await;
    let rules = Arc::new(rules.map_err(|text| anyhow!("the rules cannot be used\n{text}"))?);
    let store = store(settings, aws, Arc::clone(&clock)).await?;
    let folders = ["logs", "artifacts"].map(|name| settings.data.join(name)).to_vec();
    let keep = Keep { folders, ..settings.keep.clone() };
    let logs = Logs::new(settings.data.join("logs"));
    let (forges, renewed) = forges(settings, &rules)?;
    let (events, told) = mpsc::channel(EVENTS_WAITING);
    let engine: Arc<dyn Engine> = match settings.engine {
        EngineChoice::Local => machine::engine(settings, &forges, Arc::clone(&clock), logs.clone(), events).await?,
        EngineChoice::CodePipeline => {
            let bucket =
                settings.aws.source_bucket.as_deref().context("the engine codepipeline needs a source bucket")?;
            let config = CodePipelineConfig::new(&settings.aws.prefix, bucket);
            // What is told after a start would be told to a frozen process.
            let events = (!settings.in_lambda).then_some(events);
            let clients = Clients::new(aws.config().await);
            CodePipelineEngine::new(config, clients, forges.clone(), Arc::clone(&store), Arc::clone(&clock), events)
        }
    };
    let app = App {
        clock,
        store,
        engine,
        forges,
        doors: doors(settings)?,
        rules,
        logs,
        keep,
        access: Access::new(tokens(settings)).knowing(settings.identities.clone()),
        base_url,
        wake: Wake::default(),
        beside: TaskTracker::new(),
        on_aws: OnAws {
            queue: match &settings.aws.queue_url {
                Some(url) => Some(Queue::new(aws.config().await, url.clone())),
                None => None,
            },
            #[cfg(feature = "machine")]
            topics: machine::topics(settings, aws).await?,
            notifications: match &settings.aws.notification_topic {
                Some(arn) => Some(notice::Topic::new(aws.config().await, arn.clone())),
                None => None,
            },
            vault: settings.vault.clone().map(|vault| (vault, renewed)),
        },
    };
    Ok((app, told))
}

async fn store(settings: &Settings, aws: &Aws, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Store>> {
    match settings.store {
        StoreChoice::Sqlite => machine::store(settings, clock).await,
        StoreChoice::Dynamodb => {
            let table = settings.aws.table.as_deref().context("the store dynamodb needs a table")?;
            let client = aws_sdk_dynamodb::Client::new(aws.config().await);
            let opened = machine::table(settings, client, table, clock).await;
            let opened = opened.with_context(|| format!("the table {table}"))?;
            Ok(Arc::new(opened.keeping(settings.keep.deliveries, settings.keep.runs)))
        }
    }
}

/// Puts exchanged secrets in force. Either all of them can be used, or none is.
pub(super) fn renew(app: &App, settings: &Settings, renewed: &Renewable) -> anyhow::Result<()> {
    let fresh = doors(settings)?;
    let of = |forge: &ForgeSettings| Ok(remote(forge)?.map(|opened| (forge.name.clone(), opened)));
    let opened: Vec<_> =
        settings.forges.iter().filter_map(|forge| of(forge).transpose()).collect::<anyhow::Result<_>>()?;
    for (name, door) in fresh {
        if let Some(known) = app.doors.get(&name) {
            known.guard.store(door.guard.into_inner());
        }
    }
    for (name, forge) in opened {
        if let Some(known) = renewed.get(&name) {
            known.renew(forge);
        }
    }
    app.access.renew(tokens(settings));
    Ok(())
}

fn tokens(settings: &Settings) -> Vec<(Person, Secret)> {
    settings.people.iter().map(|person| (person.name.clone(), person.token.clone())).collect()
}

fn doors(settings: &Settings) -> anyhow::Result<BTreeMap<ForgeName, Door>> {
    let door = |forge: &ForgeSettings| {
        let guard = match forge.kind {
            ForgeKind::Github => Guard::github(forge.webhook_secrets.clone()),
            ForgeKind::Gitlab if !forge.signing_keys.is_empty() => Guard::gitlab_signed(forge.signing_keys.clone()),
            ForgeKind::Gitlab => Guard::gitlab_token(forge.webhook_tokens.clone()),
            ForgeKind::Local => Guard::local(forge.webhook_secrets.clone()),
        };
        let guard = guard.with_context(|| format!("the forge {}", forge.name))?;
        Ok((
            forge.name.clone(),
            Door { kind: forge.kind, guard: ArcSwap::from_pointee(guard), heard: Heard::default() },
        ))
    };
    settings.forges.iter().map(door).collect()
}

/// The forges that can be told something: those with a token, and this machine; and which of them can get another token.
fn forges(settings: &Settings, rules: &Arc<RulesFile>) -> anyhow::Result<(Forges, Renewable)> {
    let (mut forges, mut renewed) = (Forges::new(), BTreeMap::new());
    for forge in &settings.forges {
        if forge.kind == ForgeKind::Local {
            forges.insert(forge.name.clone(), machine::forge(forge, rules)?);
        } else if let Some(opened) = remote(forge)? {
            let opened = Arc::new(Renewed::new(opened));
            renewed.insert(forge.name.clone(), Arc::clone(&opened));
            forges.insert(forge.name.clone(), opened);
        }
    }
    Ok((forges, renewed))
}

/// A forge elsewhere, when there is a token for it.
fn remote(forge: &ForgeSettings) -> anyhow::Result<Option<Box<dyn Forge>>> {
    let Some(token) = forge.token.clone() else { return Ok(None) };
    Ok(match forge.kind {
        ForgeKind::Github => {
            let settings = GithubSettings { api_url: forge.api_url.clone(), web_url: None, token };
            Some(Box::new(Github::new(settings)?))
        }
        ForgeKind::Gitlab => {
            let url = forge.api_url.clone().unwrap_or(GITLAB.parse()?);
            Some(Box::new(Gitlab::new(GitlabSettings { url, token })?))
        }
        ForgeKind::Local => None,
    })
}

/// GitLab's own installation.
const GITLAB: &str = "https://gitlab.com";
