//! The git command, as it is without anybody's settings.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The first commit's time; every further one of a repository is a minute later.
const FIRST_COMMIT: i64 = 1_767_225_600;

/// What every command of the world has set. Nothing here lives long enough to be tidied up or to survive a power cut.
const SETTINGS: [&str; 5] = [
    "init.defaultBranch=main",
    "core.quotePath=false",
    "advice.detachedHead=false",
    "maintenance.auto=false",
    "core.fsync=none",
];

/// A git command that sees none of the machine's settings and none of the caller's repositories.
pub(super) fn command(folder: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the world outside the service starts its own git")]
    let mut git = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"] {
        git.env_remove(name);
    }
    git.current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .args(SETTINGS.into_iter().flat_map(|setting| ["-c", setting]));
    git
}

/// The same, with a person and the time of a repository's `nth` commit.
pub(super) fn command_by(folder: &Path, person: &str, nth: i64) -> Command {
    let mut git = command(folder);
    let date = format!("{} +0000", FIRST_COMMIT + 60 * nth);
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), person)
            .env(format!("GIT_{role}_EMAIL"), format!("{person}@example.com"))
            .env(format!("GIT_{role}_DATE"), &date);
    }
    git
}

/// Runs a command and gives what it printed, or what it complained about.
pub(super) fn try_run(git: &mut Command) -> Result<String, String> {
    let done = git.stdin(Stdio::null()).output().expect("git is installed");
    if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
}

/// Runs a command that cannot fail unless the test is wrong.
pub(super) fn run(git: &mut Command) -> String {
    try_run(git).unwrap_or_else(|complaint| panic!("{git:?}: {complaint}"))
}

/// A commit's files as a forge packs them: a gzipped tar with one folder around everything.
pub(super) async fn packed(bare: &Path, commit: &str, around: &str) -> Vec<u8> {
    let mut git = command(bare);
    git.args(["archive", "--format=tar.gz", &format!("--prefix={around}/"), commit]);
    let done = tokio::task::spawn_blocking(move || pipe(git, b"")).await.expect("git ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Runs a command with an input and gives what it printed, byte by byte.
pub(super) fn pipe(mut git: Command, input: &[u8]) -> Output {
    let mut child =
        git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git starts");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    std::thread::scope(|scope| {
        // A git that has read enough closes its input: that is no failure.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("git ends")
    })
}

/// The commit that a name stands for, when there is one.
pub(super) fn commit_of(repo: &Path, name: &str) -> Option<String> {
    try_run(
        command(repo).args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(format!("{name}^{{commit}}")),
    )
    .ok()
}

/// The object that a ref points to, which for an annotated tag is no commit.
pub(super) fn object_of(repo: &Path, full_ref: &str) -> Option<String> {
    try_run(command(repo).args(["rev-parse", "--verify", "--quiet", "--end-of-options", full_ref])).ok()
}

/// How a path changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    /// `A`, `M`, `D` or `R`.
    pub(super) how: char,
    /// Where it is now, or was.
    pub(super) path: String,
    /// Where it was before it was moved.
    pub(super) from: Option<String>,
}

/// What a diff command (`diff`, `diff-tree`) says with `--name-status -z`.
pub(super) fn changes(repo: &Path, args: &[&str]) -> Result<Vec<Changed>, String> {
    let (verb, rest) = args.split_first().expect("a git command has a verb");
    let listed = try_run(command(repo).arg(verb).args(["--name-status", "-z"]).args(rest))?;
    let mut fields = listed.split('\0').map(str::trim_start).filter(|field| !field.is_empty());
    let mut changes = Vec::new();
    while let (Some(how), Some(path)) = (fields.next(), fields.next()) {
        let how = how.chars().next().expect("a status has a letter");
        let moved_to = matches!(how, 'R' | 'C').then(|| fields.next()).flatten();
        changes.push(match moved_to {
            Some(to) => Changed { how, path: to.to_owned(), from: Some(path.to_owned()) },
            None => Changed { how, path: path.to_owned(), from: None },
        });
    }
    Ok(changes)
}

/// A bare repository from which any commit can be fetched, as from the real forges.
pub(super) fn init_bare(bare: &Path) {
    std::fs::create_dir_all(bare).expect("a folder can be made in the world's folder");
    run(command(bare).args(["init", "--quiet", "--bare"]));
    // Settings of a command do not reach the other side of a push or a fetch.
    let settings = "[uploadpack]\nallowAnySHA1InWant = true\nallowFilter = true\n[receive]\nautogc = false\n";
    let mut config = std::fs::OpenOptions::new().append(true).open(bare.join("config")).expect("git made a config");
    config.write_all(settings.as_bytes()).expect("a file can be written in the world's folder");
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()
}
