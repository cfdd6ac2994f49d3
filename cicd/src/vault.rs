//! Secrets that are kept in AWS Secrets Manager and the parameter store: fetched before the service begins, and again when they
//! may have been exchanged.
//!
//! * They are fetched again every five minutes, and at once when a signature does not hold, though not more often than every thirty
//!   seconds: anybody can send a wrong signature.
//! * A secret that has vanished, or that would be a mistake, leaves the last good one in force, and is told loudly.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_config::Region;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use router::secret::Secret;
use tokio::sync::Mutex;

use crate::aws::Aws;
use crate::config::{ConfigErrors, Flags, Kept, Reference, Settings, Vars};

/// How old what was fetched may become.
const FETCH_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// How soon it is fetched again when something speaks for an exchange.
const URGENT_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Secrets fetched at the same time.
const AT_ONCE: usize = 4;

/// Fetches the secrets that the settings name, and the settings with them.
pub struct Vault {
    aws: Arc<Aws>,
    flags: Flags,
    vars: Box<dyn Vars + Send + Sync>,
    wanted: BTreeSet<Reference>,
    held: Mutex<Held>,
}

struct Held {
    kept: Kept,
    /// None until the first question about its age.
    fetched_at: Option<Timestamp>,
}

/// Why secrets are fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Time has passed.
    Age,
    /// A signature did not hold.
    Doubt,
}

/// Gathers the settings, secrets that are kept on AWS included. AWS is asked only when some are.
///
/// # Errors
/// Every mistake that was found; a secret that cannot be read is one.
pub async fn load(flags: Flags, vars: Box<dyn Vars + Send + Sync>, aws: Arc<Aws>) -> Result<Settings, ConfigErrors> {
    let wanted = Settings::references(&flags, vars.as_ref());
    if wanted.is_empty() {
        return Ok(Settings { to_aws: aws, ..Settings::load(&flags, vars.as_ref())? });
    }
    let kept = fetch(aws.config().await, &wanted).await;
    let settings = Settings::load_with(&flags, vars.as_ref(), &kept)?;
    let held = Mutex::new(Held { kept, fetched_at: None });
    let vault = Vault { aws: Arc::clone(&aws), flags, vars, wanted, held };
    Ok(Settings { to_aws: aws, vault: Some(Arc::new(vault)), ..settings })
}

impl Vault {
    /// The settings with the secrets as they are now, when one has changed since the last time.
    pub async fn refresh(&self, now: Timestamp, reason: Reason) -> Option<Settings> {
        let mut held = self.held.lock().await;
        let age = held.fetched_at.map(|at| now.duration_since(at));
        let enough = if reason == Reason::Doubt { URGENT_EVERY } else { FETCH_EVERY };
        match age {
            // They were fetched when the service began, a moment before this first question.
            None if reason == Reason::Age => {
                held.fetched_at = Some(now);
                return None;
            }
            Some(age) if age >= SignedDuration::ZERO && age < enough => return None,
            None | Some(_) => held.fetched_at = Some(now),
        }
        let mut fetched = fetch(self.aws.config().await, &self.wanted).await;
        let mut changed = false;
        for (reference, now) in &mut fetched.0 {
            let before = held.kept.0.get(reference).and_then(|before| before.as_ref().ok());
            match (&*now, before) {
                (Ok(now), Some(before)) => changed |= now.expose() != before.expose(),
                (Ok(_), None) => changed = true,
                (Err(why), Some(before)) => {
                    tracing::error!(secret = %reference, "the secret cannot be read; its last good value stays in force: {why}");
                    *now = Ok(before.clone());
                }
                (Err(_), None) => {}
            }
        }
        if !changed {
            return None;
        }
        match Settings::load_with(&self.flags, self.vars.as_ref(), &fetched) {
            Ok(settings) => {
                tracing::info!("secrets were exchanged; the new ones are in force");
                held.kept = fetched;
                Some(settings)
            }
            Err(mistakes) => {
                tracing::error!(
                    "a secret was exchanged for one that cannot be used; the last good ones stay in force: {mistakes}"
                );
                None
            }
        }
    }
}

async fn fetch(config: &SdkConfig, wanted: &BTreeSet<Reference>) -> Kept {
    let fetched = stream::iter(wanted.iter().cloned()).map(async |reference| {
        let found = one(config, &reference).await;
        (reference, found)
    });
    Kept(fetched.buffer_unordered(AT_ONCE).collect().await)
}

async fn one(config: &SdkConfig, reference: &Reference) -> Result<Secret, String> {
    let region = reference.region().map(|region| Region::new(region.to_owned())).or_else(|| config.region().cloned());
    match reference {
        Reference::SecretsManager(id) => {
            let config = aws_sdk_secretsmanager::config::Builder::from(config).region(region).build();
            let client = aws_sdk_secretsmanager::Client::from_conf(config);
            let answer = client.get_secret_value().secret_id(id).send().await;
            let answer = answer.map_err(|error| DisplayErrorContext(error).to_string())?;
            let binary = || answer.secret_binary().map(|bytes| bytes.as_ref().to_vec());
            let bytes = answer.secret_string().map(|text| text.as_bytes().to_vec()).or_else(binary);
            bytes.map(Secret::new).ok_or_else(|| "it has no value".to_owned())
        }
        Reference::Ssm(name) => {
            let config = aws_sdk_ssm::config::Builder::from(config).region(region).build();
            let client = aws_sdk_ssm::Client::from_conf(config);
            let answer = client.get_parameter().name(name).with_decryption(true).send().await;
            let answer = answer.map_err(|error| DisplayErrorContext(error).to_string())?;
            let value = answer.parameter.and_then(|parameter| parameter.value);
            value.map(Secret::new).ok_or_else(|| "it has no value".to_owned())
        }
    }
}
