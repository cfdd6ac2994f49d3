//! The demo's repository: a bare one with a hook, and a working tree to push from.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::Stage;

/// The files of the first commit.
const FILES: [(&str, &str); 12] = [
    ("README.md", include_str!("../../../../demo/README.md")),
    ("docs/index.md", include_str!("../../../../demo/docs/index.md")),
    ("infra/network.json.in", include_str!("../../../../demo/infra/network.json.in")),
    ("src/price.sh", include_str!("../../../../demo/src/price.sh")),
    ("src/shop.sh", include_str!("../../../../demo/src/shop.sh")),
    ("tests/price_test.sh", include_str!("../../../../demo/tests/price_test.sh")),
    ("buildspecs/lint.yml", include_str!("../../../../../buildspecs/lint.yml")),
    ("buildspecs/test.yml", include_str!("../../../../../buildspecs/test.yml")),
    ("buildspecs/app-build.yml", include_str!("../../../../../buildspecs/app-build.yml")),
    ("buildspecs/app-deploy.yml", include_str!("../../../../../buildspecs/app-deploy.yml")),
    ("buildspecs/infra-synth.yml", include_str!("../../../../../buildspecs/infra-synth.yml")),
    ("buildspecs/infra-deploy.yml", include_str!("../../../../../buildspecs/infra-deploy.yml")),
];

/// A working tree and the bare repository it pushes to.
pub(super) struct Repository {
    tree: PathBuf,
}

/// Makes both, with the first commit on `main`; from then on every push calls the service.
pub(super) async fn make(stage: &Stage, server: &str) -> anyhow::Result<Repository> {
    let bare = stage.path("repositories").join("demo.git");
    let tree = stage.path("tree");
    git(stage.root.path(), &["init", "--quiet", "--bare", "--initial-branch=main", &bare.to_string_lossy()]).await?;
    git(stage.root.path(), &["init", "--quiet", "--initial-branch=main", &tree.to_string_lossy()]).await?;
    let repository = Repository { tree };
    for (path, text) in FILES {
        repository.write(path, text)?;
    }
    repository.commit("a shop that knows its prices").await?;
    repository.git(&["remote", "add", "origin", &bare.to_string_lossy()]).await?;
    repository.push("main").await?;
    install_hook(stage, &bare, server)?;
    Ok(repository)
}

/// The hook is this very program.
fn install_hook(stage: &Stage, bare: &Path, server: &str) -> anyhow::Result<()> {
    let exe = std::env::current_exe().context("this program does not know where it is")?;
    let hook = format!(
        "#!/bin/sh\nexec {} hook --repository demo --server {} --secret-file {} --actor dana\n",
        quoted(&exe.to_string_lossy()),
        quoted(server),
        quoted(&stage.path("secret").to_string_lossy()),
    );
    let path = bare.join("hooks/post-receive");
    std::fs::create_dir_all(bare.join("hooks"))?;
    std::fs::write(&path, hook)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Repository {
    /// Writes a file of the working tree.
    pub(super) fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let path = self.tree.join(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    /// Commits everything.
    pub(super) async fn commit(&self, message: &str) -> anyhow::Result<()> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", message]).await.map(drop)
    }

    /// Pushes a branch or tag; what the hook says is dropped.
    pub(super) async fn push(&self, name: &str) -> anyhow::Result<()> {
        self.git(&["push", "--quiet", "origin", name]).await.map(drop)
    }

    /// Runs git in the working tree.
    pub(super) async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        git(&self.tree, args).await
    }
}

/// git, deaf to the settings of whoever runs the demo.
async fn git(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Dana"), ("GIT_AUTHOR_EMAIL", "dana@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Dana"), ("GIT_COMMITTER_EMAIL", "dana@example.com")])
        .env_remove("GIT_DIR")
        .kill_on_drop(true)
        .output()
        .await
        .context("git could not be started; the demo needs it")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", args.first().unwrap_or(&""), said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
