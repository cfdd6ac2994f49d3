//! `hook`: called by a repository's post-receive hook, tells a service what was pushed.
//!
//! git gives one line for each ref on standard input: the old commit, the new commit, the ref (githooks(5)). Each becomes a signed
//! delivery to `POST /webhooks/local`.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Client;
use router::id::{CommitId, RepoPath};
use router::secret::Secret;
use router::verify::sign;
use serde_json::json;

use crate::client::block_on;
use crate::terminal::say;

/// A repository on this machine and the service that shall know.
#[derive(clap::Args)]
#[command(
    after_help = "In the bare repository, hooks/post-receive:\n  #!/bin/sh\n  exec pointsman hook --repository shop --secret-file /etc/pointsman/local.secret"
)]
pub(crate) struct Args {
    /// The repository's name in the rule file (`local: NAME`).
    #[arg(long, value_name = "NAME")]
    repository: RepoPath,
    /// The service's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8700", env = "POINTSMAN_SERVER")]
    server: String,
    /// The configured forge's name.
    #[arg(long, value_name = "NAME", default_value = "local")]
    forge: String,
    /// A file with the secret that the service knows as `POINTSMAN_LOCAL_WEBHOOK_SECRET`.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Who pushed; your login name otherwise.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "")]
    actor: String,
}

/// How often a delivery is tried while the service cannot keep it.
const TRIES: u32 = 3;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let secret = read_secret(&args.secret_file)?;
    let lines = std::io::stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
    block_on(async {
        for line in &lines {
            tell(args, &secret, line).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the secret in {}", path.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

async fn tell(args: &Args, secret: &Secret, line: &str) -> anyhow::Result<()> {
    let [before, after, git_ref] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        bail!("git gives `<old> <new> <ref>`, and this is {line:?}");
    };
    let message = match CommitId::or_zero(after)? {
        Some(commit) => cicd::git::message(Path::new("."), &commit).await.unwrap_or_default(),
        None => String::new(),
    };
    let forced = match (CommitId::or_zero(before)?, CommitId::or_zero(after)?) {
        (Some(before), Some(after)) => !cicd::git::is_ancestor(Path::new("."), &before, &after).await.unwrap_or(true),
        _ => false,
    };
    let body = json!({"repository": args.repository, "ref": git_ref, "before": before, "after": after,
        "actor": args.actor, "message": message, "forced": forced});
    let body = body.to_string().into_bytes();
    let mut id = [0u8; 16];
    getrandom::fill(&mut id).context("no random numbers")?;
    let answer = post(args, secret, &hex::encode(id), body).await?;
    say(format!("pointsman: {} told, receipt at {}", short(git_ref), answer["receipt"].as_str().unwrap_or("(none)")));
    Ok(())
}

async fn post(args: &Args, secret: &Secret, id: &str, body: Vec<u8>) -> anyhow::Result<serde_json::Value> {
    let url = format!("{}/webhooks/{}", args.server.trim_end_matches('/'), args.forge);
    let client = Client::builder().timeout(Duration::from_secs(10)).build()?;
    let mut tries = 0;
    loop {
        tries += 1;
        let request = client
            .post(&url)
            .header("content-type", "application/json")
            .header("x-pointsman-event", "push")
            .header("x-pointsman-delivery", id)
            .header("x-pointsman-signature-256", sign::github(secret, &body))
            .body(body.clone());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
            Ok(answer) if tries == TRIES || !answer.status().is_server_error() => {
                bail!("{} answered {}; this push is not known there", args.server, answer.status());
            }
            Err(trouble) if tries == TRIES => {
                return Err(trouble.without_url())
                    .context(format!("{} does not answer; this push is not known there", args.server));
            }
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

fn short(git_ref: &str) -> &str {
    git_ref.strip_prefix("refs/heads/").or_else(|| git_ref.strip_prefix("refs/tags/")).unwrap_or(git_ref)
}
