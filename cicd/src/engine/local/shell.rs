//! Runs the commands of a step: a fresh shell for each, with what the one before left behind.
//!
//! A fresh shell, because `exit 1` in a command must end that command and nothing else. The wrapper hands on the working
//! directory, all variables, exported or not, and with bash the functions; shell options, limits and the umask
//! are not handed on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use router::buildspec::Shell;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

use super::group::Group;
use crate::logs::StepLog;

/// Reads what the last shell left, runs the command, writes what this one leaves. `cwd.new` is written last: without it
/// the rest does not count.
const WRAPPER: &str = r#"if [ -f "$1/state" ]; then . "$1/state" 2>/dev/null; fi
__pointsman_dir=$1
export CODEBUILD_BUILD_SUCCEEDING="$2"
shift 2
unset __pointsman_saved
__pointsman_save() {
  { __pointsman_status=$?; set +eux; } 2>/dev/null
  if [ -n "${__pointsman_saved-}" ]; then return; fi
  if [ -n "${BASH_VERSION-}" ]; then { declare -p; declare -f; } >|"$__pointsman_dir/state.new"
  else { set; export -p; } >|"$__pointsman_dir/state.new"; fi
  pwd >|"$__pointsman_dir/cwd.new"
  __pointsman_saved=yes
}
trap __pointsman_save EXIT
. "$__pointsman_dir/command.sh"
__pointsman_save
exit "$__pointsman_status"
"#;

/// The most that a pipe is thought to hold.
const PIPE_MAX: usize = 1024 * 1024;

/// The shell of one step.
pub(super) struct Session {
    program: PathBuf,
    /// Where the wrapper, the command and the state are.
    folder: PathBuf,
    /// Where a command starts whose predecessor removed its own working directory.
    home: PathBuf,
    cwd: PathBuf,
    /// What the first command is given; the later ones get it, as it became, from the state.
    environment: BTreeMap<String, String>,
    output: Receiver,
    input: PipeWriter,
}

impl Session {
    /// A session that works in `home` and keeps its state in `folder`.
    pub(super) fn new(
        shell: &Shell,
        folder: PathBuf,
        home: PathBuf,
        environment: BTreeMap<String, String>,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("run.sh"), WRAPPER)?;
        let (output, input) = io::pipe()?;
        let output = Receiver::from_owned_fd(OwnedFd::from(output))?;
        Ok(Self { program: program(shell)?, folder, cwd: home.clone(), home, environment, output, input })
    }

    /// Runs one command and returns its exit status. What it prints goes to the log, in the order in which it prints it.
    pub(super) async fn run(
        &mut self,
        group: &Group,
        command: &str,
        succeeding: bool,
        log: &mut StepLog,
    ) -> io::Result<i32> {
        std::fs::write(self.folder.join("command.sh"), format!("{command}\n"))?;
        let _none_left = std::fs::remove_file(self.folder.join("cwd.new"));
        if !self.cwd.is_dir() {
            log.say(&format!(
                "The working directory {} is gone; going on in {}",
                self.cwd.display(),
                self.home.display()
            ))?;
            self.cwd.clone_from(&self.home);
        }
        let mut shell = Command::new(&self.program);
        if self.program.ends_with("bash") {
            shell.args(["--noprofile", "--norc"]);
        }
        shell.arg(self.folder.join("run.sh")).arg(&self.folder).arg(if succeeding { "1" } else { "0" });
        shell.env_clear().current_dir(&self.cwd).stdin(Stdio::null());
        if !self.folder.join("state").exists() {
            shell.envs(&self.environment);
        }
        shell.stdout(self.input.try_clone()?).stderr(self.input.try_clone()?);
        group.join(&mut shell);
        let mut child = shell.spawn()?;
        drop(shell);
        let mut buffer = [0; 16 * 1024];
        let ended = loop {
            tokio::select! {
                read = self.output.read(&mut buffer) => log.output(&buffer[..read?])?,
                ended = child.wait() => break ended?,
            }
        };
        self.drain(log)?;
        self.keep_state()?;
        Ok(ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or(0)))
    }

    /// Writes what has been printed and not read yet. No more than a pipe holds: a process in the background may print
    /// for ever.
    pub(super) fn drain(&self, log: &mut StepLog) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let mut drained = 0;
        while let Ok(read @ 1..) = self.output.try_read(&mut buffer)
            && drained < PIPE_MAX
        {
            log.output(&buffer[..read])?;
            drained += read;
        }
        log.end_output()
    }

    /// The values of variables as the last command left them; those that are not set are left out.
    pub(super) async fn values(
        &mut self,
        group: &Group,
        names: &[&str],
        log: &mut StepLog,
    ) -> io::Result<BTreeMap<String, String>> {
        let names: Vec<_> = names.iter().filter(|name| is_identifier(name)).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let file = self.folder.join("values");
        let _none_left = std::fs::remove_file(&file);
        let words: String = names.iter().map(|name| format!(" \"${{{name}+x}}${{{name}-}}\"")).collect();
        let command = format!("printf '%s\\0'{words} >|\"$__pointsman_dir/values\"");
        self.run(group, &command, true, log).await?;
        let bytes = std::fs::read(&file).unwrap_or_default();
        let values = bytes.split(|byte| *byte == 0).map(|value| String::from_utf8_lossy(value));
        let set = names
            .iter()
            .zip(values)
            .filter_map(|(name, value)| value.strip_prefix('x').map(|value| ((**name).to_owned(), value.to_owned())));
        Ok(set.collect())
    }

    fn keep_state(&mut self) -> io::Result<()> {
        let mut cwd = match std::fs::read(self.folder.join("cwd.new")) {
            // The shell was killed or replaced itself: what stood before still stands.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            cwd => cwd?,
        };
        cwd.pop_if(|byte| *byte == b'\n');
        std::fs::rename(self.folder.join("state.new"), self.folder.join("state"))?;
        if !cwd.is_empty() {
            self.cwd = PathBuf::from(OsString::from_vec(cwd));
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn program(shell: &Shell) -> io::Result<PathBuf> {
    let sought = match shell {
        Shell::Sh => return Ok(PathBuf::from("/bin/sh")),
        Shell::Bash => "bash",
        Shell::Windows(name) => name,
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(sought)).find(|file| file.is_file());
    found.or_else(|| Some(Path::new("/bin").join(sought)).filter(|file| file.is_file())).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("the buildspec asks for {sought}, and this machine has none"))
    })
}

#[cfg(test)]
mod tests;
