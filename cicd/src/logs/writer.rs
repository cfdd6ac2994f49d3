//! Writes one step's log.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use router::id::RunId;
use router::secret::Secret;

use super::{LogLine, Logs, Masks};
use crate::clock::Clock;

/// A longer line is cut.
const LINE_MAX: usize = 16 * 1024;
/// What commands print beyond this is left out of the file.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// The log of one step while it is at work. Every line goes to the file and to whoever listens.
pub struct StepLog {
    logs: Logs,
    run: RunId,
    step: String,
    masks: Masks,
    clock: Arc<dyn Clock>,
    file: BufWriter<File>,
    written: u64,
    full: bool,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    /// The rest of the line has been cut off.
    cut: bool,
}

impl StepLog {
    /// Opens the log, after what is in it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(logs: &Logs, run: &RunId, step: &str, masks: Masks, clock: Arc<dyn Clock>) -> io::Result<Self> {
        std::fs::create_dir_all(logs.folder(run))?;
        let file = OpenOptions::new().create(true).append(true).open(logs.file(run, step))?;
        let written = file.metadata()?.len();
        let mut log = Self {
            logs: logs.clone(),
            run: run.clone(),
            step: step.to_owned(),
            masks,
            clock,
            file: BufWriter::new(file),
            written,
            full: false,
            rest: Vec::new(),
            cut: false,
        };
        if written > 0 {
            log.say("The step begins again; what stands above is from before the interruption")?;
        }
        Ok(log)
    }

    /// A line of our own, as CodeBuild writes them: `[Container] 2026/07/21 10:00:00 Entering phase BUILD`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn say(&mut self, words: &str) -> io::Result<()> {
        let now = self.clock.now().strftime("%Y/%m/%d %H:%M:%S");
        for line in format!("[Container] {now} {words}").lines() {
            self.line(line)?;
        }
        self.file.flush()
    }

    /// What a command printed, as it comes: cut into lines here.
    ///
    /// # Errors
    /// What the disk says.
    pub fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = LINE_MAX - self.rest.len();
            self.rest.extend_from_slice(&text[..text.len().min(room)]);
            self.cut |= text.len() > room;
            if whole {
                self.end_line()?;
            }
        }
        self.file.flush()
    }

    /// Ends a line that a command left open.
    ///
    /// # Errors
    /// What the disk says.
    pub fn end_output(&mut self) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.end_line()?;
        }
        self.file.flush()
    }

    /// From now on these must not stand in it either.
    pub fn mask(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        self.masks = self.masks.with(secrets);
    }

    /// The text as this log would show it.
    pub fn hide(&self, text: &str) -> String {
        self.masks.hide(text)
    }

    fn end_line(&mut self) -> io::Result<()> {
        let mut line = String::from_utf8_lossy(self.rest.strip_suffix(b"\r").unwrap_or(&self.rest)).into_owned();
        self.rest.clear();
        if std::mem::take(&mut self.cut) {
            line.push_str(" [the rest of this line is cut off]");
        }
        if self.full {
            return Ok(());
        }
        if self.written > FILE_MAX {
            self.full = true;
            let words = format!("The log has reached {} MiB; further output is left out", FILE_MAX >> 20);
            return self.say(&words);
        }
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let line = self.masks.hide(line);
        self.written += line.len() as u64 + 1;
        writeln!(self.file, "{line}")?;
        self.logs.tell(LogLine { run: self.run.clone(), step: self.step.clone(), line });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use router::secret::Secret;

    use super::*;
    use crate::clock::FakeClock;

    fn open(logs: &Logs) -> StepLog {
        let run = RunId::new("0123456789abcdef").unwrap();
        let clock = Arc::new(FakeClock::at("2026-07-21T10:00:00Z".parse().unwrap()));
        StepLog::open(logs, &run, "test", Masks::new([Secret::new("hunter2")]), clock).unwrap()
    }

    fn text(logs: &Logs) -> String {
        std::fs::read_to_string(logs.file(&RunId::new("0123456789abcdef").unwrap(), "test")).unwrap()
    }

    #[test]
    fn lines_come_together_and_secrets_do_not_show() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path());
        let mut live = logs.listen();
        let mut log = open(&logs);
        log.say("Entering phase BUILD").unwrap();
        log.output(b"pass hun").unwrap();
        log.output(b"ter2\r\n\xff\n\nopen").unwrap();
        log.end_output().unwrap();
        assert_eq!(text(&logs), "[Container] 2026/07/21 10:00:00 Entering phase BUILD\npass ***\n\u{fffd}\n\nopen\n");
        assert!(live.try_recv().unwrap().line.ends_with("Entering phase BUILD"));
        assert_eq!(live.try_recv().unwrap().line, "pass ***");
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path());
        let mut log = open(&logs);
        log.output(&vec![b'x'; LINE_MAX]).unwrap();
        log.output(b"yy\nz\n").unwrap();
        let text = text(&logs);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].ends_with("x [the rest of this line is cut off]") && lines[0].len() < LINE_MAX + 100);
        assert_eq!(lines[1], "z");
    }

    #[test]
    fn a_full_log_says_so_once_and_keeps_our_own_lines() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path());
        let mut log = open(&logs);
        log.written = FILE_MAX + 1;
        log.output(b"a\nb\n").unwrap();
        log.say("Phase complete: BUILD State: FAILED").unwrap();
        let text = text(&logs);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("64 MiB") && text.ends_with("FAILED\n"), "{text}");
    }

    #[test]
    fn what_was_written_before_an_interruption_stays() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(folder.path());
        open(&logs).output(b"before\n").unwrap();
        drop(open(&logs));
        assert!(text(&logs).starts_with("before\n[Container]"), "{}", text(&logs));
        assert!(text(&logs).contains("begins again"));
    }
}
