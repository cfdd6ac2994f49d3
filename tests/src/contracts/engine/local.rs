//! The embedded engine, on a repository in a temporary folder.

use std::path::Path;
use std::process::Stdio;

use cicd::clock::SystemClock;
use cicd::engine::local::{LocalConfig, LocalEngine};
use cicd::forge::CloneFrom;
use cicd::logs::Logs;

use super::*;

struct Local {
    engine: Arc<LocalEngine>,
    events: mpsc::Receiver<EngineEvent>,
    logs: Logs,
    repository: tempfile::TempDir,
    data: tempfile::TempDir,
    commits: usize,
}

/// Calls git in a folder.
pub(super) async fn git(folder: &Path, args: &[&str]) -> String {
    let git = tokio::process::Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let output = git.await.unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Commits the one file, and a number so that no two commits are one.
pub(super) async fn commit(folder: &Path, number: usize) -> CommitId {
    std::fs::write(folder.join("a.txt"), "one").unwrap();
    std::fs::write(folder.join("number"), number.to_string()).unwrap();
    git(folder, &["add", "-A"]).await;
    git(folder, &["commit", "-q", "-m", "x"]).await;
    CommitId::new(git(folder, &["rev-parse", "HEAD"]).await).unwrap()
}

#[async_trait]
impl Harness for Local {
    async fn new() -> Self {
        let (repository, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (sender, events) = mpsc::channel(64);
        let logs = Logs::new(data.path().join("logs"));
        let config = LocalConfig {
            kill_grace: Duration::from_millis(200),
            ..LocalConfig::new(data.path(), data.path().join("rules"))
        };
        let url = repository.path().display().to_string();
        let clone = Arc::new(move |_: &Repository| Some(CloneFrom { url: url.clone(), authorization: None }));
        let engine = LocalEngine::new(config, clone, Arc::new(SystemClock), logs.clone(), sender);
        let local = Self { engine, events, logs, repository, data, commits: 0 };
        git(local.repository.path(), &["init", "-q", "-b", "main"]).await;
        local
    }

    fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.engine) as Arc<dyn Engine>
    }

    fn events(&mut self) -> &mut mpsc::Receiver<EngineEvent> {
        &mut self.events
    }

    async fn prepare(&mut self, _run: &Run) {}

    async fn tell(&self, _run: &Run, events: Vec<RunEvent>) {
        assert_eq!(events, [], "what happens is told as events");
    }

    async fn known(&self, run: &Run) -> Run {
        run.clone()
    }

    async fn commit(&mut self) -> CommitId {
        self.commits += 1;
        commit(self.repository.path(), self.commits).await
    }

    fn log(&self, run: &Run, step: &str) -> String {
        self.logs.read(&run.id, step, 0, 1 << 20).unwrap().0
    }

    async fn printed(&self, run: &Run, step: &str, text: &str) {
        let mut lines = self.logs.listen();
        let printed = |log: String| log.lines().any(|line| line == text);
        let wait = async {
            while !printed(self.log(run, step)) {
                lines.recv().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the text in time");
    }

    fn anything_left(&self) -> bool {
        let work = self.data.path().join("work");
        let folders = std::fs::read_dir(&work).is_ok_and(|mut entries| entries.next().is_some());
        folders || processes_of(&work)
    }
}

/// Whether a process has this path in its environment, as every one of a step has.
pub(super) fn processes_of(work: &Path) -> bool {
    let work = work.to_str().unwrap().as_bytes();
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment.windows(work.len()).any(|window| window == work)
    })
}

#[tokio::test]
async fn the_local_engine_keeps_the_contract() {
    holds::<Local>().await;
}
