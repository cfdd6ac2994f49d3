//! Against real repositories in temporary folders.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use jiff::Timestamp;
use router::event::ChangedFiles;
use router::id::{ForgeKind, RepoPath};

use super::*;
use crate::clock::FakeClock;

/// A repository that tests write to.
pub(crate) struct Source(tempfile::TempDir);

impl Source {
    pub(crate) async fn new() -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        source.git(&["init", "-q", "-b", "main"]).await;
        source
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn git(&self, args: &[&str]) -> String {
        let output = tokio::process::Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) async fn commit(&self, file: &str, text: &str) -> CommitId {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "-m", "x"]).await;
        CommitId::new(self.git(&["rev-parse", "HEAD"]).await).unwrap()
    }

    pub(crate) fn fetch_from(&self) -> CloneFrom {
        CloneFrom { url: self.path().to_str().unwrap().to_owned(), authorization: None }
    }
}

pub(crate) fn repository() -> Repository {
    Repository {
        forge: ForgeKind::Local.default_name(),
        kind: ForgeKind::Local,
        path: RepoPath::new("acme/demo").unwrap(),
    }
}

fn known(names: &[&str]) -> ChangedFiles {
    ChangedFiles::Known(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
}

#[tokio::test]
async fn a_commit_is_fetched_once_and_checked_out_and_forgotten() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let commit = source.commit("a.txt", "one").await;
    source.git(&["branch", "x;echo${IFS}hi|sh"]).await;
    let mirrors = Mirrors::new(data.path().join("mirrors"), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &commit).await.unwrap();

    // The second time nobody is asked.
    let nowhere = CloneFrom { url: "/nowhere".to_owned(), authorization: None };
    mirrors.ensure(&repository(), &nowhere, &commit).await.unwrap();

    let folder = data.path().join("work");
    mirrors.check_out(&repository(), &commit, &folder).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).unwrap(), "one");
    std::fs::remove_dir_all(&folder).unwrap();
    mirrors.prune(&repository()).await.unwrap();
    mirrors.check_out(&repository(), &commit, &folder).await.unwrap();
}

#[tokio::test]
async fn a_commit_without_a_branch_is_asked_for_by_its_id() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    source.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]).await;
    let first = source.commit("a", "1").await;
    let lost = source.commit("a", "2").await;
    source.git(&["reset", "-q", "--hard", first.as_str()]).await;
    let mirrors = Mirrors::new(data.path(), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &lost).await.unwrap();
}

#[tokio::test]
async fn a_vanished_commit_and_a_silent_repository_are_different_things() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    source.commit("a", "1").await;
    let gone = CommitId::new("1".repeat(40)).unwrap();
    let mirrors = Mirrors::new(data.path(), FETCH_TIMEOUT);
    let answer = mirrors.ensure(&repository(), &source.fetch_from(), &gone).await;
    assert_eq!(answer, Err(GitError::CommitGone(gone.clone())));
    let nowhere = CloneFrom { url: "/nowhere/at/all".to_owned(), authorization: None };
    assert!(matches!(mirrors.ensure(&repository(), &nowhere, &gone).await, Err(GitError::Unreachable(_))));
}

#[tokio::test]
async fn an_address_that_is_a_command_is_not_run() {
    let data = tempfile::tempdir().unwrap();
    let mark = data.path().join("mark");
    let mirrors = Mirrors::new(data.path().join("m"), FETCH_TIMEOUT);
    let commit = CommitId::new("1".repeat(40)).unwrap();
    for url in [format!("ext::touch {}", mark.display()), format!("--upload-pack=touch {}", mark.display())] {
        let from = CloneFrom { url, authorization: None };
        assert!(matches!(mirrors.ensure(&repository(), &from, &commit).await, Err(GitError::Unreachable(_))));
    }
    assert!(!mark.exists());
}

#[tokio::test]
async fn lock_files_and_folders_of_a_dead_process_are_swept() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let first = source.commit("a", "1").await;
    let mirrors = Mirrors::new(data.path().join("m"), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &first).await.unwrap();
    let folder = data.path().join("work");
    mirrors.check_out(&repository(), &first, &folder).await.unwrap();
    let mirror = mirrors.of(&repository());
    std::fs::write(mirror.join("packed-refs.lock"), "").unwrap();
    std::fs::write(mirror.join("worktrees/work/locked"), "initializing").unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    mirrors.check_out(&repository(), &first, &folder).await.expect("also before the sweep");
    std::fs::write(mirror.join("worktrees/work/locked"), "initializing").unwrap();
    std::fs::remove_dir_all(&folder).unwrap();

    mirrors.sweep().await.unwrap();
    assert!(!mirror.join("packed-refs.lock").exists());
    assert!(!mirror.join("worktrees").exists());
}

#[tokio::test]
async fn changed_files_are_known_or_unknown() {
    let source = Source::new().await;
    let first = source.commit("a", "1").await;
    let second = source.commit("ü b\n", "2").await;
    assert_eq!(changed_files(source.path(), Some(&first), &second).await, known(&["ü b\n"]));
    let gone = CommitId::new("1".repeat(40)).unwrap();
    assert!(matches!(changed_files(source.path(), Some(&gone), &second).await, ChangedFiles::Unknown(_)));
    assert!(matches!(changed_files(Path::new("/nowhere"), None, &second).await, ChangedFiles::Unknown(_)));
}

#[tokio::test]
async fn a_new_branch_counts_from_where_it_left_head() {
    let source = Source::new().await;
    source.commit("a", "1").await;
    source.git(&["checkout", "-q", "-b", "side"]).await;
    let side = source.commit("b", "2").await;
    source.git(&["checkout", "-q", "main"]).await;
    let main = source.commit("c", "3").await;
    assert_eq!(changed_files(source.path(), None, &side).await, known(&["b"]));
    // The first push of HEAD itself is not to be told from a branch that stands beside it.
    assert!(matches!(changed_files(source.path(), None, &main).await, ChangedFiles::Unknown(_)));

    source.git(&["checkout", "-q", "--orphan", "alone"]).await;
    let alone = source.commit("d", "4").await;
    source.git(&["checkout", "-q", "main"]).await;
    assert_eq!(changed_files(source.path(), None, &alone).await, known(&["a", "c", "d"]));
}

#[tokio::test]
async fn git_that_takes_too_long_is_ended() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let commit = source.commit("a", "1").await;
    let mirrors = Mirrors::new(data.path(), Duration::ZERO);
    let answer = mirrors.ensure(&repository(), &source.fetch_from(), &commit).await;
    assert_eq!(answer, Err(GitError::TimedOut(0)));
}

#[tokio::test]
async fn a_repository_without_a_head_is_fetched() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let commit = source.commit("a", "1").await;
    source.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]).await;
    let mirrors = Mirrors::new(data.path(), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &commit).await.unwrap();
}

#[tokio::test]
async fn a_repository_of_the_longer_hashes_is_fetched() {
    let (source, data) = (Source(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    source.git(&["init", "-q", "-b", "main", "--object-format=sha256"]).await;
    let commit = source.commit("a", "1").await;
    assert_eq!(commit.as_str().len(), 64);
    let mirrors = Mirrors::new(data.path().join("m"), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &commit).await.unwrap();
    mirrors.check_out(&repository(), &commit, &data.path().join("work")).await.unwrap();
}

#[tokio::test]
async fn what_is_fetched_comes_whole_or_not_at_all() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let commit = source.commit("a", "1").await;
    let mirrors = Mirrors::new(data.path(), FETCH_TIMEOUT);
    mirrors.ensure(&repository(), &source.fetch_from(), &commit).await.unwrap();
    let objects = mirrors.of(&repository()).join("objects");
    let loose =
        std::fs::read_dir(&objects).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().len() == 2).count();
    assert_eq!(loose, 0, "a commit stands alone until its files follow, and git may be killed before");
    assert!(std::fs::read_dir(objects.join("pack")).unwrap().count() > 0);
}

#[tokio::test]
async fn a_mirror_that_nobody_uses_goes_away_and_comes_again() {
    let (source, data) = (Source::new().await, tempfile::tempdir().unwrap());
    let commit = source.commit("a", "1").await;
    let clock = FakeClock::at(Timestamp::from_second(1_000_000).unwrap());
    let mirrors = Mirrors::new(data.path().join("m"), FETCH_TIMEOUT).by(Arc::new(clock.clone()));
    let mirror = mirrors.of(&repository());
    let ensure = async || mirrors.ensure(&repository(), &source.fetch_from(), &commit).await.unwrap();
    ensure().await;
    clock.advance_seconds(100);
    ensure().await;
    mirrors.forget(Timestamp::from_second(1_000_100).unwrap()).await;
    assert!(mirror.is_dir(), "it was used since");
    mirrors.forget(Timestamp::from_second(1_000_101).unwrap()).await;
    assert!(!mirror.exists());
    ensure().await;
    std::fs::remove_file(mirror.join("pointsman-used")).unwrap();
    for _ in 0..2 {
        mirrors.forget(Timestamp::from_second(1_000_100).unwrap()).await;
        assert!(mirror.is_dir(), "one of which nothing is known is used now");
    }
}
