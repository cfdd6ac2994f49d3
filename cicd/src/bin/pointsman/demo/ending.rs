//! The end of `demo --once`: every run final, each commit's statuses, the archives compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cicd::app::App;
use cicd::report::desired;
use cicd::store::{Commit, RunFilter};
use console::style;
use router::id::{ForgeKind, RepoPath, Repository};
use router::run::RunState;
use sha2::{Digest, Sha256};

use super::story::Pushed;
use crate::terminal::say;

/// Waits until each push is decided and every run is over.
pub(super) async fn everything_final(app: &App, pushed: &[Pushed]) -> anyhow::Result<()> {
    loop {
        let deliveries = app.store.deliveries(pushed.len() + 1, None).await?;
        let all_decided = deliveries.len() >= pushed.len() && deliveries.iter().all(|record| record.decision.is_some());
        if all_decided && app.store.runs(RunFilter::Live).await?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Prints what came of each push, and tells whether it is what the rule file says.
pub(super) async fn tell(app: &App, pushed: &[Pushed], environments: &Path) -> anyhow::Result<bool> {
    let mut as_said = true;
    for push in pushed {
        let commit = Commit {
            repository: Repository {
                forge: ForgeKind::Local.default_name(),
                kind: ForgeKind::Local,
                path: RepoPath::new("demo")?,
            },
            git_ref: push.git_ref.clone(),
            commit: push.commit.clone(),
        };
        say(format!("\n{} {}", style(push.git_ref.short()).bold(), style(push.commit.short()).dim()));
        for status in desired(app, &commit).await? {
            say(format!(
                "  {:<46} {:<8} {}",
                status.context,
                format!("{:?}", status.state).to_lowercase(),
                status.description
            ));
        }
        let runs = app.store.runs(RunFilter::OfCommit(commit.repository, commit.commit)).await?;
        let here = runs.iter().filter(|run| run.key.git_ref == push.git_ref);
        let went: Vec<_> = here.map(|run| (run.key.route.as_str(), run.state)).collect();
        let must: Vec<_> = push.routes.iter().map(|route| (*route, RunState::Succeeded)).collect();
        if went != must {
            say(format!("  {} went {went:?}, and should have gone {must:?}", style("✘").red()));
            as_said = false;
        }
    }
    Ok(archives_are_equal(environments)? && as_said)
}

/// Each commit's archive must be the same bytes in every environment it reached.
fn archives_are_equal(environments: &Path) -> anyhow::Result<bool> {
    let mut archives: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for file in walkdir::WalkDir::new(environments).sort_by_file_name() {
        let file = file?;
        if file.file_name() == "shop.tar.gz" {
            let parts: Vec<String> = file.path().iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let [.., environment, commit, _] = parts.as_slice() else { continue };
            let hash = hex::encode(Sha256::digest(std::fs::read(file.path())?));
            archives.entry(commit.clone()).or_default().push((environment.clone(), hash));
        }
    }
    say(format!("\n{}", style("Built once, the same bytes everywhere:").bold()));
    let mut equal = !archives.is_empty();
    for (commit, places) in &archives {
        let hashes: Vec<_> =
            places.iter().map(|(environment, hash)| format!("{environment} {}", &hash[..16])).collect();
        say(format!("  {} {}", &commit[..8], hashes.join("  ")));
        equal &= places.windows(2).all(|pair| pair[0].1 == pair[1].1);
    }
    Ok(equal)
}
