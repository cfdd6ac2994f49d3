//! The rule file that is in force.
//!
//! A file that cannot be read or compiled never replaces the last good one; the page and the log say what is wrong with it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use router::problem::Problem;
use router::rules::Rules;
use tokio::sync::Mutex;

/// The rules in force and what is wrong with the file since, if anything.
pub struct RulesFile {
    path: PathBuf,
    current: ArcSwap<Rules>,
    problem: ArcSwapOption<RulesProblem>,
    seen: Mutex<Option<Stamp>>,
}

/// Why the file as it is now is not in force.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesProblem {
    /// Since when.
    pub at: Timestamp,
    /// All that is wrong, one line each.
    pub text: String,
}

/// What tells that a file was written or another put in its place: cheaper than reading it every second. A file's own time and
/// length say too little: tools that unpack or copy set the time as they please.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    changed: (i64, i64),
    bytes: u64,
}

impl Stamp {
    async fn of(path: &Path) -> Option<Self> {
        let meta = tokio::fs::metadata(path).await.ok()?;
        Some(Self { file: (meta.dev(), meta.ino()), changed: (meta.ctime(), meta.ctime_nsec()), bytes: meta.len() })
    }
}

impl RulesFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// All that is wrong with it: a service does not start on a bad file.
    pub async fn open(path: &Path) -> Result<Self, String> {
        let stamp = Stamp::of(path).await;
        let rules = load(path).await?;
        Ok(Self {
            path: path.to_owned(),
            current: ArcSwap::from_pointee(rules),
            problem: ArcSwapOption::empty(),
            seen: Mutex::new(stamp),
        })
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<Rules> {
        self.current.load_full()
    }

    /// Why a newer file is not in force.
    pub fn problem(&self) -> Option<Arc<RulesProblem>> {
        self.problem.load_full()
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again when it has been written since.
    pub async fn refresh(&self, now: Timestamp) {
        let mut seen = self.seen.lock().await;
        let stamp = Stamp::of(&self.path).await;
        if *seen == stamp {
            return;
        }
        *seen = stamp;
        match load(&self.path).await {
            Ok(rules) => {
                tracing::info!(rules = rules.hash(), "new rules are in force");
                self.current.store(Arc::new(rules));
                self.problem.store(None);
            }
            Err(text) => {
                tracing::error!(path = %self.path.display(), "the rule file is bad; the last good one stays in force:\n{text}");
                self.problem.store(Some(Arc::new(RulesProblem { at: now, text })));
            }
        }
    }
}

async fn load(path: &Path) -> Result<Rules, String> {
    let shown = path.display();
    let bytes = tokio::fs::read(path).await.map_err(|e| format!("{shown}: {e}"))?;
    let text = String::from_utf8(bytes).map_err(|e| format!("{shown}: not UTF-8: {e}"))?;
    Rules::parse(&text).map_err(|problems| problems.iter().map(|p| line(path, p)).collect::<Vec<_>>().join("\n"))
}

fn line(path: &Path, problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}:{}:{}: {}{help}", path.display(), problem.place.line, problem.place.column, problem.message)
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
        let file = RulesFile::open(&path).await.unwrap();
        let before = file.current().hash().to_owned();
        std::fs::rename(&other, &path).unwrap();
        file.refresh(Timestamp::UNIX_EPOCH).await;
        assert_ne!(file.current().hash(), before);
    }
}
