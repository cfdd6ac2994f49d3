//! The logs of stages and deploys: one file per step of a run, and the same lines live.
//!
//! Secrets are masked before a line is written or told.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use router::id::{RunId, StageName};
use tokio::sync::broadcast;

mod masks;
mod writer;

pub use masks::Masks;
pub use writer::StepLog;

/// One line as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Of which run.
    pub run: RunId,
    /// Of which step: a stage's name, or `deploy-<environment>`.
    pub step: String,
    /// The line, without its end.
    pub line: String,
}

/// Where logs are.
#[derive(Debug, Clone)]
pub struct Logs {
    folder: PathBuf,
    live: broadcast::Sender<LogLine>,
}

impl Logs {
    /// Logs under `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), live: broadcast::channel(1024).0 }
    }

    /// The file of one step. `step` is a checked name, or `deploy-` and one.
    pub fn file(&self, run: &RunId, step: &str) -> PathBuf {
        self.folder.join(run.as_str()).join(format!("{step}.log"))
    }

    /// The folder of one run.
    pub fn folder(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    /// Tells whoever listens; nobody need.
    pub fn tell(&self, line: LogLine) {
        let _nobody_listens = self.live.send(line);
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<LogLine> {
        self.live.subscribe()
    }

    /// The folder of all logs.
    pub fn root(&self) -> &Path {
        &self.folder
    }

    /// The steps of a run that have a log, by name.
    ///
    /// # Errors
    /// What the disk says; a run without logs has no steps.
    pub fn steps(&self, run: &RunId) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.folder(run)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            steps.extend(name.to_str().and_then(|name| name.strip_suffix(".log")).map(str::to_owned));
        }
        steps.sort();
        Ok(steps)
    }

    /// A piece of a step's log, whole lines as far as there are any: from a byte on, at most so many bytes, with the byte
    /// to go on from. `step` may come from outside. A log that is not there yet is empty.
    ///
    /// # Errors
    /// A step's name that is none, and what the disk says.
    pub fn read(&self, run: &RunId, step: &str, from: u64, most: usize) -> io::Result<(String, u64)> {
        if StageName::new(step).is_err() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no step's name"));
        }
        let mut file = match File::open(self.file(run, step)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((String::new(), from)),
            file => file?,
        };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most as u64).read_to_end(&mut bytes)?;
        if bytes.len() == most
            && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n')
        {
            bytes.truncate(end + 1);
        }
        let next = from + bytes.len() as u64;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::new("0123456789abcdef").unwrap()
    }

    #[test]
    fn a_log_is_read_piece_by_piece_in_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path());
        assert_eq!(logs.steps(&run()).unwrap(), Vec::<String>::new());
        assert_eq!(logs.read(&run(), "test", 0, 10).unwrap(), (String::new(), 0));
        std::fs::create_dir_all(logs.folder(&run())).unwrap();
        std::fs::write(logs.file(&run(), "test"), "one\nzwölf\nthree").unwrap();
        assert_eq!(logs.steps(&run()).unwrap(), ["test"]);
        assert_eq!(logs.read(&run(), "test", 0, 7).unwrap(), ("one\n".to_owned(), 4));
        assert_eq!(logs.read(&run(), "test", 4, 100).unwrap(), ("zwölf\nthree".to_owned(), 16));
        assert_eq!(logs.read(&run(), "test", 16, 100).unwrap(), (String::new(), 16));
    }

    #[test]
    fn a_step_from_outside_cannot_leave_the_folder() {
        let logs = Logs::new("/nowhere");
        for step in ["../x", "a/b", "", "."] {
            assert_eq!(logs.read(&run(), step, 0, 1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
