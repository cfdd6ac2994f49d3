//! `logs`: what stages and deploys wrote.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

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
    block_on(print(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn print(args: &Args) -> anyhow::Result<()> {
    let mut offsets: Vec<(String, u64)> = Vec::new();
    loop {
        let run = args.server.get(&format!("/runs/{}.json", args.run)).await?;
        let over = is_over(&run);
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

/// The steps that began, in their order.
fn steps(run: &Value) -> Vec<String> {
    let began = |work: &Value| work["started_at"].is_string();
    let stages = run["stages"].as_array().into_iter().flatten().filter(|stage| began(stage));
    let places = run["environments"].as_array().into_iter().flatten().filter(|place| began(&place["deploy"]));
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    stages.map(name).chain(places.map(|place| format!("deploy-{}", name(place)))).collect()
}

fn is_over(run: &Value) -> bool {
    serde_json::from_value::<RunState>(run["state"].clone()).is_ok_and(RunState::is_terminal)
}
