//! `runs`: what runs, and what ran.

use std::process::ExitCode;

use console::style;
use router::id::RunId;
use router::run::RunState;
use serde_json::Value;

use crate::client::{Server, block_on};
use crate::format::Format;
use crate::terminal::{look, plain, say};

/// The newest runs, or one.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One run, with its stages, its gates and the statuses of its commit.
    run: Option<RunId>,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(args: &Args, format: Format) -> anyhow::Result<ExitCode> {
    let path = args.run.as_ref().map_or("/runs.json".to_owned(), |id| format!("/runs/{id}.json"));
    let answer = block_on(args.server.get(&path))?;
    match (format, &args.run) {
        (Format::Json | Format::Sarif, _) => say(serde_json::to_string_pretty(&answer)?),
        (Format::Human, Some(_)) => one(&answer),
        (Format::Human, None) => match answer.as_array().filter(|runs| !runs.is_empty()) {
            Some(runs) => runs.iter().for_each(|run| say(line(run))),
            None => say("no runs yet"),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value, key: &str) -> String {
    plain(value[key].as_str().unwrap_or_default())
}

fn line(run: &Value) -> String {
    let state: Option<RunState> = serde_json::from_value(run["state"].clone()).ok();
    let (sign, colour) = state.map_or(("?", console::Style::new()), look);
    let word = colour.apply_to(format!("{sign} {:<10}", text(run, "state")));
    let commit: String = text(run, "commit").chars().take(8).collect();
    let place = format!("{} {} {commit}", text(run, "repository"), text(run, "ref"));
    format!("{} {word} {:<14} {place}  {}", style(text(run, "id")).dim(), text(run, "route"), text(run, "because"))
}

fn one(run: &Value) {
    say(line(run));
    for stage in run["stages"].as_array().into_iter().flatten() {
        say(format!("  {:<24} {:<10} {}", text(stage, "name"), text(stage, "state"), text(stage, "detail")));
    }
    for place in run["environments"].as_array().into_iter().flatten() {
        let (gate, deploy) = (text(&place["gate"], "state"), text(&place["deploy"], "state"));
        say(format!("  {:<24} gate {gate}, deploy {deploy}", text(place, "name")));
    }
    if let Some(statuses) = run["statuses"].as_array().filter(|statuses| !statuses.is_empty()) {
        say("statuses of the commit:");
        for status in statuses {
            say(format!(
                "  {:<44} {:<8} {}",
                text(status, "context"),
                text(status, "state"),
                text(status, "description")
            ));
        }
    }
}
