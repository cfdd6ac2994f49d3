//! What is pushed, and where it must go.

use router::id::{CommitId, GitRef};

use super::repository::Repository;

/// One push of the demo.
pub(super) struct Pushed {
    /// What was pushed.
    pub(super) git_ref: GitRef,
    /// The commit.
    pub(super) commit: CommitId,
    /// The routes whose runs must succeed, in their order; none when the push must be ignored.
    pub(super) routes: &'static [&'static str],
}

/// Makes the commits and pushes them, for real.
pub(super) async fn push_all(repository: &Repository) -> anyhow::Result<Vec<Pushed>> {
    let mut pushed = Vec::new();

    repository.git(&["switch", "--quiet", "--create", "feature/login"]).await?;
    repository.write("src/login.sh", "#!/bin/sh\n# login NAME: greets whoever logs in.\necho \"hello, $1\"\n")?;
    repository.commit("greet whoever logs in").await?;
    pushed.push(push(repository, "feature/login", &["feature"]).await?);

    repository.git(&["switch", "--quiet", "--create", "release/1.0", "main"]).await?;
    repository.write("VERSION", "1.0\n")?;
    repository.commit("call it 1.0").await?;
    pushed.push(push(repository, "release/1.0", &["release"]).await?);

    repository.git(&["switch", "--quiet", "main"]).await?;
    repository.write("docs/prices.md", "# Prices\n\nTen items or more cost a tenth less.\n")?;
    repository.commit("tell how prices are made").await?;
    pushed.push(push(repository, "main", &[]).await?);

    repository.write("infra/queue.json.in", "{\"commit\": \"@COMMIT@\", \"queue\": {\"name\": \"orders\"}}\n")?;
    repository.write("src/order.sh", "#!/bin/sh\n# order ITEMS: takes an order.\necho \"ordered $1\"\n")?;
    repository.commit("take orders, and a queue for them").await?;
    pushed.push(push(repository, "main", &["infra", "main"]).await?);

    repository.git(&["tag", "v1.0.0", "main~2"]).await?;
    pushed.push(push(repository, "v1.0.0", &["release-tag"]).await?);
    Ok(pushed)
}

async fn push(repository: &Repository, name: &str, routes: &'static [&'static str]) -> anyhow::Result<Pushed> {
    let full = repository.git(&["rev-parse", "--symbolic-full-name", name]).await?;
    let commit = repository.git(&["rev-parse", &format!("{name}^{{commit}}")]).await?;
    repository.push(name).await?;
    Ok(Pushed { git_ref: GitRef::new(&full)?, commit: CommitId::new(commit)?, routes })
}
