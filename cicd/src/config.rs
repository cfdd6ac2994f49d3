//! The settings of the service: from flags, then the environment, then `pointsman.toml`, then defaults.
//!
//! * Every mistake is reported, not the first alone, each with where it stands and what to write instead.
//! * A value may be a reference, `env:NAME` or `file:PATH`; in the file, a secret must be one.
//! * `docs/configuration.md` lists every key; a test holds it against [`keys`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use router::id::{ForgeKind, ForgeName};
use router::run::{Identity, Person};
use router::secret::Secret;
use url::Url;

use crate::sweep::Keep;

mod aws;
mod file;
mod forges;
mod gather;
mod kept;
pub mod keys;
mod mistakes;
mod people;
mod plain;
mod vars;

pub use aws::{AwsSettings, DEFAULT_PREFIX};
pub use kept::{Kept, Reference};
pub use mistakes::{ConfigErrors, Mistake, Origin};
pub use vars::{ProcessVars, Vars};

use crate::aws::{Aws, S3Object};
use crate::vault::Vault;
use gather::Gather;
use plain::Plain;

/// What the command line said; none where it said nothing.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`: another file than `pointsman.toml`.
    pub config: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--rules`
    pub rules: Option<String>,
    /// `--data`
    pub data: Option<String>,
    /// `--store`
    pub store: Option<String>,
    /// `--engine`
    pub engine: Option<String>,
    /// `--base-url`
    pub base_url: Option<String>,
    /// `--slots`
    pub slots: Option<String>,
    /// `--keep-deliveries`
    pub keep_deliveries: Option<String>,
    /// `--keep-runs`
    pub keep_runs: Option<String>,
    /// `--keep-files`
    pub keep_files: Option<String>,
}

/// The settings of the service, checked.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The rule file.
    pub rules: RulesPlace,
    /// The folder of its state.
    pub data: PathBuf,
    /// What remembers.
    pub store: StoreChoice,
    /// What runs pipelines.
    pub engine: EngineChoice,
    /// The address that links on forges lead to, without a slash at its end; none when it is where the service listens.
    pub base_url: Option<String>,
    /// How many steps run at once.
    pub slots: NonZeroUsize,
    /// How long things are kept.
    pub keep: Keep,
    /// The things on AWS.
    pub aws: AwsSettings,
    /// The way there.
    pub to_aws: Arc<Aws>,
    /// The process is one of Lambda's: it begins often, so it looks at nothing that was looked at when it was deployed.
    pub in_lambda: bool,
    /// Fetches the secrets that are kept there again, when some are.
    pub vault: Option<Arc<Vault>>,
    /// The forges, each under another name.
    pub forges: Vec<ForgeSettings>,
    /// Who may open gates, cancel and retry. Empty only on loopback.
    pub people: Vec<PersonToken>,
    /// The other names of people: accounts on forges, e-mail addresses.
    pub identities: BTreeMap<Person, Vec<Identity>>,
    /// What is allowed and unwise, for the log.
    pub warnings: Vec<String>,
}

/// Where the rule file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesPlace {
    /// On this machine.
    File(PathBuf),
    /// In S3.
    S3(S3Object),
}

impl From<PathBuf> for RulesPlace {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// What remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file in the data folder.
    Sqlite,
    /// A table on AWS.
    Dynamodb,
}

/// What runs pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// This machine.
    Local,
    /// AWS CodePipeline and CodeBuild.
    CodePipeline,
}

/// One forge. It has at least one secret that proves its deliveries.
pub struct ForgeSettings {
    /// What it is called here.
    pub name: ForgeName,
    /// Its kind.
    pub kind: ForgeKind,
    /// Its API; none for a local one.
    pub api_url: Option<Url>,
    /// GitHub's and the local forge's webhook secrets; any of them may have signed.
    pub webhook_secrets: Vec<Secret>,
    /// GitLab's signing tokens, `whsec_...` as given. When there are some, a signature is required.
    pub signing_keys: Vec<Secret>,
    /// GitLab's plain webhook tokens; they count only when there are no signing tokens.
    pub webhook_tokens: Vec<Secret>,
    /// The token that statuses are set with; without one, none are set.
    pub token: Option<Secret>,
}

impl ForgeSettings {
    /// The one forge of a kind, with nothing configured.
    pub fn of(kind: ForgeKind) -> Self {
        Self {
            name: kind.default_name(),
            kind,
            api_url: None,
            webhook_secrets: Vec::new(),
            signing_keys: Vec::new(),
            webhook_tokens: Vec::new(),
            token: None,
        }
    }
}

/// A person and the bearer token that proves them.
pub struct PersonToken {
    /// Who.
    pub name: Person,
    /// At least 20 characters.
    pub token: Secret,
}

impl Settings {
    /// Gathers the settings and checks them. Secrets that are kept on AWS are mistakes here: [`crate::vault::load`] fetches them.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn load(flags: &Flags, vars: &dyn Vars) -> Result<Self, ConfigErrors> {
        Self::load_with(flags, vars, &Kept::default())
    }

    /// The secrets kept elsewhere that the settings name, whatever else is wrong with them.
    pub fn references(flags: &Flags, vars: &dyn Vars) -> BTreeSet<Reference> {
        let nothing = Kept::default();
        let mut gather = Gather::new(vars, &nothing);
        Self::gather(flags, &mut gather);
        gather.wanted()
    }

    /// Gathers the settings with what was fetched from elsewhere.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn load_with(flags: &Flags, vars: &dyn Vars, kept: &Kept) -> Result<Self, ConfigErrors> {
        let mut gather = Gather::new(vars, kept);
        let settings = Self::gather(flags, &mut gather);
        Ok(Self { warnings: gather.finish()?, ..settings })
    }

    fn gather(flags: &Flags, gather: &mut Gather<'_>) -> Self {
        let file = file::read(flags.config.as_deref(), gather);
        let plain = plain::read(flags, &file, gather);
        let aws = aws::read(file.aws.as_ref(), gather);
        aws::check(&aws, plain.store, plain.engine, gather);
        let forges = forges::read(&file.forges, gather);
        let identities = people::identities(&file.people, gather);
        let people = people::read(&file.tokens, gather);
        people::guard_the_door(plain.listen, &people, gather);
        if forges.is_empty() {
            gather
                .warn("no forge is configured: no webhook will be accepted (see [[forges]] in docs/configuration.md)");
        }
        if plain.listen.ip().is_unspecified() && plain.base_url.is_none() {
            gather.warn("links on forges will lead to the address it listens at, which is none; set base_url");
        }
        Self { aws, people, identities, ..Self::of(plain, forges) }
    }

    /// What holds when nothing is said, with these forges.
    pub fn with_forges(forges: Vec<ForgeSettings>) -> Self {
        Self::of(Plain::default(), forges)
    }

    fn of(plain: Plain, forges: Vec<ForgeSettings>) -> Self {
        let Plain { listen, rules, data, store, engine, base_url, slots, keep } = plain;
        let (aws, people, warnings) = (AwsSettings::default(), Vec::new(), Vec::new());
        let (to_aws, in_lambda, vault) = (Arc::new(Aws::new()), false, None);
        Self {
            listen,
            rules,
            data,
            store,
            engine,
            base_url,
            slots,
            keep,
            aws,
            to_aws,
            in_lambda,
            vault,
            forges,
            people,
            identities: BTreeMap::new(),
            warnings,
        }
    }

    /// The address that links lead to, for a service that listens at `bound`.
    pub fn links(&self, bound: SocketAddr) -> String {
        self.base_url.clone().unwrap_or_else(|| format!("http://{bound}"))
    }
}

#[cfg(test)]
mod tests;
