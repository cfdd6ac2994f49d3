//! The service as people run it: a process.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::world::{FakeForge, Keys, World};

/// The end of patience; nothing is waited for by the clock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Built once for all of these tests, by the cargo that runs them.
static BINARY: LazyLock<PathBuf> = LazyLock::new(build);

#[expect(clippy::disallowed_methods, reason = "cargo says with this variable which one it is")]
fn build() -> PathBuf {
    let tests = std::env::current_exe().expect("a test has a path");
    let folder = tests.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--workspace", "--bin", "pointsman"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo can be started").success(), "the binary cannot be built");
    folder.join("pointsman")
}

/// A service that is not started yet, or not any more.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) data: PathBuf,
    rules: PathBuf,
    api: String,
    /// Put before the command: `ulimit -n 64;`
    limits: String,
    /// More of its environment.
    variables: Vec<(&'static str, String)>,
    /// What it said, of all its lives.
    said: Arc<Mutex<Vec<String>>>,
}

/// A service at work. Dropped, it is killed.
pub(crate) struct Running {
    process: Child,
    /// Where it listens.
    pub(crate) url: String,
    lines: Receiver<String>,
}

impl Service {
    pub(crate) fn new(world: &World, rules: &Path, data: PathBuf) -> Self {
        let api = world.hub.api_url().to_string();
        Self { data, rules: rules.to_owned(), api, limits: String::new(), variables: Vec::new(), said: Arc::default() }
    }

    pub(crate) fn limited(&self, limits: &str) -> Self {
        Self { limits: limits.to_owned(), ..self.clone() }
    }

    pub(crate) fn with(&self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { variables: self.variables.iter().cloned().chain(variables).collect(), ..self.clone() }
    }

    /// The same, and it dies by itself at a point between two writes, when it comes there for the `nth` time.
    pub(crate) fn dying_at(&self, point: &str, nth: u64) -> Self {
        self.with([("POINTSMAN_DIE_AT", format!("{point}#{nth}"))])
    }

    #[expect(clippy::disallowed_methods, reason = "the world starts the service")]
    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(format!("{} exec \"$0\" \"$@\"", self.limits))
            .arg(&*BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--slots", "3", "--rules"])
            .arg(&self.rules)
            .arg("--data")
            .arg(&self.data)
            .current_dir(self.rules.parent().expect("a file has a folder"))
            .env("POINTSMAN_GITHUB_WEBHOOK_SECRET", Keys::GITHUB)
            .env("POINTSMAN_GITHUB_TOKEN", FakeForge::TOKEN)
            .env("POINTSMAN_GITHUB_API_URL", &self.api)
            .env("POINTSMAN_LOG", "info,cicd=debug")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    /// Starts it, and gives it once it says where it listens; none when it ended before.
    pub(crate) fn start(&self) -> Option<Running> {
        let mut process = self.command().spawn().expect("a shell can be started");
        let (tell, lines) = channel();
        let heard = Arc::clone(&self.said);
        read(process.stderr.take().expect("it is piped"), tell.clone(), Some(heard));
        let (tell_first, first) = channel();
        read(process.stdout.take().expect("it is piped"), tell_first, None);
        let url = loop {
            match first.recv_timeout(PATIENCE) {
                Ok(line) => match line.split_once("listening at ") {
                    Some((_, url)) => break url.trim().to_owned(),
                    None => continue,
                },
                Err(_) => {
                    let _gone = process.kill();
                    let _over = process.wait();
                    return None;
                }
            }
        };
        Some(Running { process, url, lines })
    }

    /// The end of what it said, for a test that fails.
    pub(crate) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said[said.len().saturating_sub(60)..].join("\n")
    }
}

/// Reads lines as they come, on a thread that ends with the pipe.
fn read(from: impl Read + Send + 'static, tell: Sender<String>, keep: Option<Arc<Mutex<Vec<String>>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if let Some(keep) = &keep {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            }
            let _nobody_waits = tell.send(line);
        }
    });
}

impl Running {
    /// Waits until it says something with these words, or for so long.
    pub(crate) fn says(&self, words: &str, within: Duration) -> bool {
        let end = Instant::now() + within;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(words) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// Kills it in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        let status = self.process.wait().expect("it can be waited for");
        assert_eq!(status.signal(), Some(9), "it had ended by itself: {status}");
    }

    /// Whether it dies by itself within some time, as by a kill.
    pub(crate) fn dies(&mut self, within: Duration) -> bool {
        let end = Instant::now() + within;
        while self.lives() {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = self.process.wait().expect("it can be waited for");
        assert_eq!(status.signal(), Some(9), "it had ended in another way: {status}");
        true
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it can be asked");
        self.process.wait().expect("it can be waited for")
    }

    /// Whether it still lives.
    pub(crate) fn lives(&mut self) -> bool {
        self.process.try_wait().expect("it can be looked at").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _over_already = self.process.kill();
        let _waited = self.process.wait();
    }
}
