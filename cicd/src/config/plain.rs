//! The settings of the service itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use jiff::SignedDuration;
use url::Url;

use super::file::File;
use super::gather::{Gather, Given, beside};
use super::keys::{BASE_URL, DATA, ENGINE, KEEP_DELIVERIES, KEEP_FILES, KEEP_RUNS, Key, LISTEN, RULES, SLOTS, STORE};
use super::{EngineChoice, Flags, Origin, RulesPlace, StoreChoice};
use crate::aws::NoObject;
use crate::sweep::Keep;

const DEFAULT_RULES: &str = "pointsman.yaml";
const DEFAULT_DATA: &str = ".pointsman";

/// The settings that are one text each, read.
pub(super) struct Plain {
    pub(super) listen: SocketAddr,
    pub(super) rules: RulesPlace,
    pub(super) data: PathBuf,
    pub(super) store: StoreChoice,
    pub(super) engine: EngineChoice,
    pub(super) base_url: Option<String>,
    pub(super) slots: NonZeroUsize,
    pub(super) keep: Keep,
}

/// Reads them; one that is wrong is reported and has its default's place.
pub(super) fn read(flags: &Flags, file: &File, gather: &mut Gather<'_>) -> Plain {
    let mut given = |flag: &Option<String>, key: Key| -> Option<Given> {
        let by_flag = flag.clone().map(|text| Given { text, origin: Origin::Flag(key.flag) });
        let given = by_flag.or_else(|| gather.variable(key.variable)).or_else(|| file.plain.get(key.file).cloned())?;
        Some(Given { text: gather.text(&given)?, origin: given.origin })
    };
    let (listen, rules, data) = (given(&flags.listen, LISTEN), given(&flags.rules, RULES), given(&flags.data, DATA));
    let (engine, base_url) = (given(&flags.engine, ENGINE), given(&flags.base_url, BASE_URL));
    let (slots, store) = (given(&flags.slots, SLOTS), given(&flags.store, STORE));
    let (deliveries, runs) = (given(&flags.keep_deliveries, KEEP_DELIVERIES), given(&flags.keep_runs, KEEP_RUNS));
    let files = given(&flags.keep_files, KEEP_FILES);
    let usual = Keep::default();
    let keep = Keep {
        deliveries: age(deliveries, usual.deliveries, gather),
        runs: age(runs, usual.runs, gather),
        files: age(files, usual.files, gather),
        ..usual
    };
    let place = |given: Option<Given>, default: &str| {
        given.map_or_else(|| PathBuf::from(default), |given| beside(&given.origin, &given.text))
    };
    Plain {
        listen: listen.and_then(|given| address(&given, gather)).unwrap_or(default_listen()),
        rules: match rules {
            Some(given) if given.text.starts_with(S3) => in_s3(&given, gather),
            rules => RulesPlace::File(place(rules, DEFAULT_RULES)),
        },
        data: place(data, DEFAULT_DATA),
        store: store.and_then(|given| choice("store", &STORES, &given, gather)).unwrap_or(StoreChoice::Sqlite),
        engine: engine.and_then(|given| choice("engine", &ENGINES, &given, gather)).unwrap_or(EngineChoice::Local),
        base_url: base_url.and_then(|given| links(&given, gather)),
        slots: slots.and_then(|given| number(&given, gather)).unwrap_or_else(processors),
        keep,
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self {
            listen: default_listen(),
            rules: RulesPlace::File(PathBuf::from(DEFAULT_RULES)),
            data: PathBuf::from(DEFAULT_DATA),
            store: StoreChoice::Sqlite,
            engine: EngineChoice::Local,
            base_url: None,
            slots: processors(),
            keep: Keep::default(),
        }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8700))
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn address(given: &Given, gather: &mut Gather<'_>) -> Option<SocketAddr> {
    let read = given.text.parse().ok();
    if read.is_none() {
        let message = format!("{:?} is not an address to listen at", given.text);
        gather.wrong(&given.origin, message, "write an IP address and a port: 127.0.0.1:8700");
    }
    read
}

const S3: &str = "s3://";
const STORES: [(&str, StoreChoice); 2] = [("sqlite", StoreChoice::Sqlite), ("dynamodb", StoreChoice::Dynamodb)];
const ENGINES: [(&str, EngineChoice); 2] =
    [("local", EngineChoice::Local), ("codepipeline", EngineChoice::CodePipeline)];

fn choice<C: Copy>(what: &str, known: &[(&str, C)], given: &Given, gather: &mut Gather<'_>) -> Option<C> {
    if let Some((_, choice)) = known.iter().find(|(word, _)| *word == given.text) {
        return Some(*choice);
    }
    let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
    gather.wrong(
        &given.origin,
        format!("there is no {what} {:?}", given.text),
        format!("write {}", words.join(" or ")),
    );
    None
}

fn in_s3(given: &Given, gather: &mut Gather<'_>) -> RulesPlace {
    match given.text.parse() {
        Ok(object) => RulesPlace::S3(object),
        Err(error) => {
            let error: NoObject = error;
            gather.wrong(&given.origin, error.to_string(), "write s3://bucket/key");
            Plain::default().rules
        }
    }
}

fn links(given: &Given, gather: &mut Gather<'_>) -> Option<String> {
    web_address(given, gather).map(|url| url.as_str().trim_end_matches('/').to_owned())
}

/// An address that a browser or a client can be sent to.
pub(super) fn web_address(given: &Given, gather: &mut Gather<'_>) -> Option<Url> {
    let read = Url::parse(&given.text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.query().is_none()
    });
    if read.is_none() {
        gather.wrong(
            &given.origin,
            "this is not a web address",
            "write http:// or https://, a host, and no user, password or query: https://ci.example.org",
        );
    }
    read
}

fn number(given: &Given, gather: &mut Gather<'_>) -> Option<NonZeroUsize> {
    let read = given.text.parse().ok();
    if read.is_none() {
        gather.wrong(&given.origin, format!("{:?} is not a number of steps", given.text), "write a number from 1 on");
    }
    read
}

/// `90d`, `12h`; at least an hour, because what is under way must find what came before it.
fn age(given: Option<Given>, usual: SignedDuration, gather: &mut Gather<'_>) -> SignedDuration {
    let Some(given) = given else { return usual };
    let hours = match given.text.strip_suffix('d') {
        Some(days) => days.parse::<i64>().ok().and_then(|days| days.checked_mul(24)),
        None => given.text.strip_suffix('h').and_then(|hours| hours.parse().ok()),
    };
    match hours.filter(|hours| (1..=24 * 36_500).contains(hours)) {
        Some(hours) => SignedDuration::from_hours(hours),
        None => {
            let message = format!("{:?} is not a time to keep things", given.text);
            gather.wrong(&given.origin, message, "write a number of days or hours, an hour at least: 90d, 12h");
            usual
        }
    }
}
