//! The rule file that is in force: a file on this machine, or an object in S3.
//!
//! * A file that cannot be read or compiled never replaces the last good one; the page and the log say what is wrong with it.
//! * One that was found bad is not compiled again until it has changed; one that could not be read is looked for again at every
//!   look, and what is wrong is taken back as soon as it is there as it was.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use router::problem::Problem;
use router::rules::{Proof, Rules, TooTangled};
use tokio::sync::Mutex;

use crate::aws::Aws;
use crate::config::RulesPlace;

mod file;
mod s3;

use file::Stamp;
use s3::InS3;

/// The rules in force and what is wrong with the file since, if anything.
pub struct RulesFile {
    source: Source,
    current: ArcSwap<Rules>,
    problem: ArcSwapOption<RulesProblem>,
    seen: Mutex<Seen>,
    proved: Mutex<Option<Proved>>,
}

/// The hash of the rules that were proved, and what came of it.
type Proved = (String, Arc<Result<Proof, TooTangled>>);

/// Why the file as it is now is not in force.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesProblem {
    /// Since when.
    pub at: Timestamp,
    /// All that is wrong, one line each.
    pub text: String,
}

/// Where the file comes from.
enum Source {
    File(PathBuf),
    S3(InS3),
}

/// What was found at the last look.
struct Seen {
    version: Version,
    /// What is wrong with that version.
    problem: Option<Arc<RulesProblem>>,
    looked_at: Timestamp,
}

/// Tells that a file was written, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Version {
    File(Option<Stamp>),
    /// An entity tag.
    S3(String),
}

/// What a look found.
enum Found {
    Same,
    New(Version, Result<String, String>),
    /// It cannot be looked at now.
    Silent(String),
}

impl RulesFile {
    /// Reads the file for the first time. Of a bad object in a bucket with versions, the last good one is taken.
    ///
    /// # Errors
    /// All that is wrong with it: a service does not start on a bad file.
    pub async fn open(place: &RulesPlace, aws: &Aws) -> Result<Self, String> {
        let (source, first) = match place {
            RulesPlace::File(path) => {
                let (stamp, text) = (Stamp::of(path).await, file::read(path).await);
                (Source::File(path.clone()), (Version::File(stamp), text?))
            }
            RulesPlace::S3(object) => {
                let source = InS3::new(aws.config().await, object.clone());
                let (etag, text) =
                    source.get(None).await?.ok_or("S3 says it has not changed since nothing was read")?;
                (Source::S3(source), (Version::S3(etag), text?))
            }
        };
        let (version, text) = first;
        let shown = source.shown();
        let (rules, bad) = match (compile(&shown, &text), &source) {
            (Ok(rules), _) => (rules, None),
            (Err(bad), Source::S3(source)) => {
                let older = source.last_good(|text| compile(&shown, text).ok()).await;
                let rules = older.ok_or_else(|| bad.clone())?;
                tracing::error!(rules = rules.hash(), "{shown} is bad; an older version of it is in force:\n{bad}");
                (rules, Some(Arc::new(RulesProblem { at: Timestamp::UNIX_EPOCH, text: bad })))
            }
            (Err(bad), Source::File(_)) => return Err(bad),
        };
        Ok(Self {
            source,
            current: ArcSwap::from_pointee(rules),
            problem: ArcSwapOption::from(bad.clone()),
            seen: Mutex::new(Seen { version, problem: bad, looked_at: Timestamp::MIN }),
            proved: Mutex::new(None),
        })
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<Rules> {
        self.current.load_full()
    }

    /// What is proved of the rules in force. It may take seconds the first time, and is kept.
    pub async fn proof(&self) -> Arc<Result<Proof, TooTangled>> {
        let rules = self.current();
        let mut proved = self.proved.lock().await;
        if let Some((_, proof)) = proved.as_ref().filter(|(hash, _)| hash == rules.hash()) {
            return Arc::clone(proof);
        }
        let hash = rules.hash().to_owned();
        let proof = tokio::task::spawn_blocking(move || rules.prove()).await.expect("proving does not panic");
        let proof = Arc::new(proof);
        *proved = Some((hash, Arc::clone(&proof)));
        proof
    }

    /// Why a newer file is not in force.
    pub fn problem(&self) -> Option<Arc<RulesProblem>> {
        self.problem.load_full()
    }

    /// Reads the file again when it has been written since. S3 is not asked more often than every ten seconds.
    pub async fn refresh(&self, now: Timestamp) {
        let mut seen = self.seen.lock().await;
        let found = match &self.source {
            Source::File(path) => {
                let version = Version::File(Stamp::of(path).await);
                if version == seen.version { Found::Same } else { Found::New(version, file::read(path).await) }
            }
            Source::S3(source) => {
                let waited = now.duration_since(seen.looked_at);
                if waited >= jiff::SignedDuration::ZERO && waited < s3::LOOK_EVERY {
                    return;
                }
                seen.looked_at = now;
                source.look(&seen.version).await
            }
        };
        match found {
            // What could not be looked at for a while is as it was.
            Found::Same => self.problem.store(seen.problem.clone()),
            Found::New(version, text) => {
                let compiled = text.and_then(|text| compile(&self.source.shown(), &text));
                seen.version = version;
                seen.problem = self.take(compiled, now);
            }
            Found::Silent(why) => {
                // It is told once, not at every look.
                if self.problem.load().as_ref().is_none_or(|problem| problem.text != why) {
                    tracing::error!("the rules cannot be looked at; the last good ones stay in force: {why}");
                    self.problem.store(Some(Arc::new(RulesProblem { at: now, text: why })));
                }
            }
        }
    }

    fn take(&self, compiled: Result<Rules, String>, now: Timestamp) -> Option<Arc<RulesProblem>> {
        let problem = match compiled {
            Ok(rules) => {
                tracing::info!(rules = rules.hash(), "new rules are in force");
                self.current.store(Arc::new(rules));
                None
            }
            Err(text) => {
                let shown = self.source.shown();
                tracing::error!(path = shown, "the rule file is bad; the last good one stays in force:\n{text}");
                Some(Arc::new(RulesProblem { at: now, text }))
            }
        };
        self.problem.store(problem.clone());
        problem
    }
}

impl Source {
    fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::S3(source) => source.shown(),
        }
    }
}

fn compile(shown: &str, text: &str) -> Result<Rules, String> {
    Rules::parse(text).map_err(|problems| problems.iter().map(|p| line(shown, p)).collect::<Vec<_>>().join("\n"))
}

fn line(shown: &str, problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{shown}:{}:{}: {}{help}", problem.place.line, problem.place.column, problem.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(route: &str) -> String {
        format!("version: 1\nrepositories: [{{github: a/b}}]\nroutes: [{{name: {route}, any: true, pipeline: none}}]\n")
    }

    #[tokio::test]
    async fn a_file_put_in_its_place_is_seen_though_its_length_and_time_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("pointsman.yaml"), folder.path().join("other"));
        let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        for (path, route) in [(&path, "one"), (&other, "two")] {
            std::fs::write(path, rules(route)).unwrap();
            std::fs::File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
        }
        let file = RulesFile::open(&path.clone().into(), &Aws::new()).await.unwrap();
        let before = file.current().hash().to_owned();
        std::fs::rename(&other, &path).unwrap();
        file.refresh(Timestamp::UNIX_EPOCH).await;
        assert_ne!(file.current().hash(), before);
    }
}
