//! `logs`: what stages and deploys wrote.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use router::id::RunId;
use router::run::RunState;
use serde_json::Value;

use crate::client::{Server, block_on};
use crate::terminal::{coloured, say};

/// A run's log.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run, as `pointsman runs` lists it.
    run: RunId,
    /// Only this stage, or `deploy-<environment>`; all that began otherwise.
    step: Option<String>,
    /// Go on until the run is over.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match block_on(print(args)) {
        // Whoever read has seen enough, as `| head` does.
        Err(trouble) if is_reader_gone(&trouble) => Ok(ExitCode::SUCCESS),
        printed => printed.map(|()| ExitCode::SUCCESS),
    }
}

fn is_reader_gone(trouble: &anyhow::Error) -> bool {
    trouble.downcast_ref::<std::io::Error>().is_some_and(|trouble| trouble.kind() == std::io::ErrorKind::BrokenPipe)
}

async fn print(args: &Args) -> anyhow::Result<()> {
    let mut offsets: Vec<(String, u64)> = Vec::new();
    loop {
        let run = args.server.get(&format!("/runs/{}.json", args.run)).await?;
        let over = is_over(&run);
        if let Some(wanted) = args.step.as_ref().filter(|wanted| !planned(&run).contains(wanted)) {
            bail!("the run has no step {wanted:?}; it has {}", planned(&run).join(", "));
        }
        for step in steps(&run).into_iter().filter(|step| args.step.as_ref().is_none_or(|wanted| wanted == step)) {
            if !offsets.iter().any(|(name, _)| *name == step) {
                if args.step.is_none() {
                    say(format!("== {step}"));
                }
                offsets.push((step.clone(), 0));
            }
            for (_, from) in offsets.iter_mut().filter(|(name, _)| *name == step) {
                *from = drain(args, &step, *from).await?;
            }
        }
        if over || !args.follow {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Prints what is there from an offset on; returns where the next begins.
async fn drain(args: &Args, step: &str, mut from: u64) -> anyhow::Result<u64> {
    loop {
        let (text, next) = args.server.text(&format!("/runs/{}/logs/{step}?from={from}", args.run)).await?;
        if text.is_empty() || next <= from {
            return Ok(from);
        }
        let text = if console::user_attended() { coloured(&text) } else { text };
        std::io::stdout().write_all(text.as_bytes())?;
        from = next;
    }
}

/// All steps, in their order.
fn planned(run: &Value) -> Vec<String> {
    every_step(run).map(|(name, _)| name).collect()
}

/// The steps that began, in their order.
fn steps(run: &Value) -> Vec<String> {
    every_step(run).filter(|(_, work)| work["started_at"].is_string()).map(|(name, _)| name).collect()
}

/// Each step's name, and its work.
fn every_step(run: &Value) -> impl Iterator<Item = (String, &Value)> {
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let stages = run["stages"].as_array().into_iter().flatten().map(move |stage| (name(stage), stage));
    let places = run["environments"].as_array().into_iter().flatten();
    stages.chain(places.map(move |place| (format!("deploy-{}", name(place)), &place["deploy"])))
}

fn is_over(run: &Value) -> bool {
    serde_json::from_value::<RunState>(run["state"].clone()).is_ok_and(RunState::is_terminal)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn steps_that_did_not_begin_are_known_and_not_printed() {
        let run = serde_json::json!({
            "stages": [{"name": "lint", "started_at": "2026-01-01T00:00:00Z"}, {"name": "build", "started_at": null}],
            "environments": [{"name": "prod", "deploy": {"started_at": null}}],
        });
        assert_eq!(steps(&run), ["lint"]);
        assert_eq!(planned(&run), ["lint", "build", "deploy-prod"]);
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        let of = |kind: ErrorKind| is_reader_gone(&std::io::Error::from(kind).into());
        assert!(of(ErrorKind::BrokenPipe));
        assert!(!of(ErrorKind::StorageFull));
    }
}
