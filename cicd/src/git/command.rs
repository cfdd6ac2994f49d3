//! One call of the git command: what it is given, how long it may take, what it said.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};

use super::GitError;
use crate::forge::CloneFrom;

/// The most that is read of what git prints.
const OUTPUT_MAX: u64 = 64 * 1024 * 1024;
/// How long git may take to tidy up when it is ended.
const GRACE: Duration = Duration::from_secs(2);

/// A call that is being put together.
pub(super) struct Git(Command);

/// What came of a call.
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Said {
    /// An error unless it went well.
    pub(super) fn well(self) -> Result<(), GitError> {
        if self.ok { Ok(()) } else { Err(GitError::Failed(last_words(&self.stderr))) }
    }
}

impl Git {
    /// A call that belongs to no repository.
    pub(super) fn bare() -> Self {
        let mut command = Command::new("git");
        command.env_clear();
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"));
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh").env("GIT_LFS_SKIP_SMUDGE", "1");
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        Self(command)
    }

    /// A call on the repository in `folder`, bare or not.
    pub(super) fn on(folder: &Path) -> Self {
        let inner = folder.join(".git");
        let mut git = Self::bare();
        git.0.arg("--git-dir").arg(if inner.exists() { &inner } else { folder });
        git
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    pub(super) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    /// Gives git the `Authorization` header, where no process list shows it.
    pub(super) fn authorized(mut self, from: &CloneFrom) -> Self {
        if let Some(value) = from.authorization.as_ref().and_then(|secret| secret.expose_str()) {
            self.0.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "http.extraHeader");
            self.0.env("GIT_CONFIG_VALUE_0", format!("Authorization: {value}"));
        }
        self
    }

    /// Starts it: what it prints, and how it ends, to be asked for after that. When both are dropped, it is ended.
    pub(super) fn stream(mut self) -> io::Result<(ChildStdout, impl Future<Output = io::Result<()>> + Send + use<>)> {
        let mut child = self.0.stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("git has no output"))?;
        let ended = async move {
            let ended = child.wait().await?;
            if ended.success() { Ok(()) } else { Err(io::Error::other(format!("git archive ended with {ended}"))) }
        };
        Ok((out, ended))
    }

    /// Runs it. When it takes too long, or this future is dropped, all that it started is ended.
    pub(super) async fn run(mut self, timeout: Duration) -> Result<Said, GitError> {
        let mut child =
            self.0.spawn().map_err(|e| GitError::Failed(format!("the git command cannot be started: {e}")))?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let all = async {
            if let (Some(out), Some(err)) = (out, err) {
                let (mut out, mut err) = (out.take(OUTPUT_MAX), err.take(OUTPUT_MAX));
                tokio::try_join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr))?;
            }
            child.wait().await
        };
        let Ok(ended) = tokio::time::timeout(timeout, all).await else {
            group.signal(Signal::TERM);
            let _killed_next = tokio::time::timeout(GRACE, child.wait()).await;
            return Err(GitError::TimedOut(timeout.as_secs()));
        };
        group.0 = None;
        Ok(Said { ok: ended?.success(), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
    }
}

/// What holds for every call, whatever a repository's or the user's configuration says.
///
/// What is fetched is kept as one pack, which is there as a whole or not at all: unpacked, a commit would be there before its files are, and
/// stay without them when git is killed in between.
const SETTINGS: [&str; 8] = [
    "fetch.unpackLimit=1",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "safe.directory=*",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "advice.detachedHead=false",
];

/// Ends whatever is left of the group when it goes away; none when the call is over.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            let _gone_already = kill_process_group(leader, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What git said about a repository, for people: no credentials, one line.
pub(super) fn said(stderr: &str, from: &CloneFrom) -> String {
    let mut words = last_words(stderr);
    if let Some(secret) = from.authorization.as_ref().and_then(|secret| secret.expose_str()) {
        words = words.replace(secret, "***");
        if let Some((_, token)) = secret.split_once(' ') {
            words = words.replace(token, "***");
        }
    }
    without_passwords(&words)
}

/// The last lines that say something, joined, at most 300 characters.
fn last_words(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = lines.iter().find(|line| line.starts_with("fatal:") || line.starts_with("error:")).or(lines.last());
    let words =
        told.map_or("it did not say why", |line| line.trim_start_matches("fatal: ").trim_start_matches("error: "));
    words.chars().take(300).collect()
}

/// Takes `user:password@` out of every address in a text.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or("").to_owned();
    for part in parts {
        clean.push_str("://");
        let host_ends = part.find(|c: char| c == '/' || c.is_whitespace() || c == '\'').unwrap_or(part.len());
        match part[..host_ends].rfind('@') {
            Some(at) => {
                clean.push_str("***");
                clean.push_str(&part[at..]);
            }
            None => clean.push_str(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_holds_no_credentials() {
        let secret = Some(router::secret::Secret::new("Basic c2VjcmV0"));
        let from = CloneFrom { url: "https://ann:pw@h/x".to_owned(), authorization: secret };
        let words = said("warn\nfatal: unable to access 'https://ann:pw@h/x/': Basic c2VjcmV0 c2VjcmV0\n", &from);
        assert_eq!(words, "unable to access 'https://***@h/x/': *** ***");
    }
}
