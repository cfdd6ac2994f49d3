//! `hook`: called by a repository's post-receive hook, tells a service what was pushed.
//!
//! git gives one line for each ref on standard input: the old commit, the new commit, the ref (githooks(5)). Each becomes a signed
//! delivery to `POST /webhooks/local`.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use cicd::git;
use reqwest::Client;
use router::id::{CommitId, RepoPath};
use router::secret::Secret;
use router::verify::sign;
use serde_json::json;

use crate::client::block_on;
use crate::terminal::{complain, say};

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
    let told = block_on(async { Ok(tell_all(args, &secret, &lines).await) })?;
    Ok(if told == lines.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells of each ref and complains of those that could not be told: one that the service does not take keeps no other from being
/// told. Returns how many were.
async fn tell_all(args: &Args, secret: &Secret, lines: &[String]) -> usize {
    let mut told = 0;
    for line in lines {
        match tell(args, secret, line).await {
            Ok(()) => told += 1,
            Err(trouble) => {
                complain(&trouble);
                say(format!("pointsman: to tell it later, in this repository: {}", again(args, line)));
            }
        }
    }
    told
}

fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the secret in {}", path.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// The command that tells of one ref once more. Names of refs may hold anything.
fn again(args: &Args, line: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let Args { repository, server, forge, secret_file, actor } = args;
    let file = quoted(&secret_file.to_string_lossy());
    let options = format!("--server {} --forge {} --secret-file {file}", quoted(server), quoted(forge));
    format!("echo {} | pointsman hook --repository {repository} {options} --actor {}", quoted(line), quoted(actor))
}

/// The commit an object id stands for: an annotated tag's own id is not the commit that statuses belong to.
async fn commit(id: &str) -> anyhow::Result<Option<CommitId>> {
    let Some(id) = CommitId::or_zero(id)? else { return Ok(None) };
    Ok(Some(git::peeled(Path::new("."), &id).await.unwrap_or(id)))
}

async fn tell(args: &Args, secret: &Secret, line: &str) -> anyhow::Result<()> {
    let [before, after, git_ref] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        bail!("git gives `<old> <new> <ref>`, and this is {line:?}");
    };
    let none = "0".repeat(after.len());
    let (before, after) = (commit(before).await?, commit(after).await?);
    let (message, author) = match &after {
        Some(commit) => {
            let here = Path::new(".");
            (
                git::message(here, commit).await.unwrap_or_default(),
                git::author_email(here, commit).await.unwrap_or_default(),
            )
        }
        None => Default::default(),
    };
    let forced = match (&before, &after) {
        (Some(before), Some(after)) => !git::is_ancestor(Path::new("."), before, after).await.unwrap_or(true),
        _ => false,
    };
    let id_of = |commit: &Option<CommitId>| commit.as_ref().map_or(none.clone(), ToString::to_string);
    let body = json!({"repository": args.repository, "ref": git_ref, "before": id_of(&before), "after": id_of(&after),
        "actor": args.actor, "author": author, "message": message, "forced": forced});
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
                let status = answer.status();
                let said: serde_json::Value = answer.json().await.unwrap_or_default();
                let words = said["error"].as_str().map(|words| format!(": {words}")).unwrap_or_default();
                bail!("{} answered {status}{words}; this push is not known there", args.server);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::StatusCode;
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::Value;

    use super::*;

    /// A service that keeps which refs it was told, and refuses the first.
    async fn refuses_the_first(told: Arc<Mutex<Vec<String>>>) -> String {
        let take = move |Json(body): Json<Value>| async move {
            let mut told = told.lock().expect("no test panics while it holds this");
            told.push(body["ref"].as_str().unwrap_or_default().to_owned());
            let status = if told.len() == 1 { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED };
            (status, Json(json!({"error": "not this one"})))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/webhooks/local", post(take))).await });
        format!("http://{address}")
    }

    #[test]
    fn a_ref_cannot_leave_the_command_that_tells_it_again() {
        let args = Args {
            repository: RepoPath::new("shop").expect("a path"),
            server: "http://127.0.0.1:8700".into(),
            forge: "local".into(),
            secret_file: PathBuf::from("/etc/secret"),
            actor: "dana".into(),
        };
        assert!(
            again(&args, "a b refs/heads/x';id;'")
                .starts_with(r"echo 'a b refs/heads/x'\'';id;'\''' | pointsman hook ")
        );
    }

    #[tokio::test]
    async fn a_ref_that_is_refused_keeps_no_other_from_being_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let args = Args {
            repository: RepoPath::new("shop").expect("a path"),
            server: refuses_the_first(Arc::clone(&told)).await,
            forge: "local".into(),
            secret_file: PathBuf::new(),
            actor: "dana".into(),
        };
        let gone = "0".repeat(40);
        let lines = ["refs/heads/a", "refs/heads/b"].map(|name| format!("{} {gone} {name}", "1".repeat(40)));
        assert_eq!(tell_all(&args, &Secret::new("secret"), &lines).await, 1);
        assert_eq!(*told.lock().unwrap(), ["refs/heads/a", "refs/heads/b"]);
    }
}
