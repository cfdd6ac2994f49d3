//! `approve`, `reject`, `cancel`, `retry`, `start`.

use std::process::ExitCode;

use router::id::{DeliveryId, EnvironmentName, RunId};
use serde_json::{Value, json};

use crate::client::{Server, block_on};
use crate::format::Format;
use crate::terminal::{plain, say};

/// A gate and an answer.
#[derive(clap::Args)]
pub(crate) struct GateArgs {
    /// The run, as `pointsman runs` lists it.
    run: RunId,
    /// The environment whose gate waits.
    environment: EnvironmentName,
    /// Why, for those who read it later.
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    comment: String,
    #[command(flatten)]
    who: Who,
}

/// A run.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// The run, as `pointsman runs` lists it.
    run: RunId,
    #[command(flatten)]
    who: Who,
}

/// A delivery.
#[derive(clap::Args)]
pub(crate) struct StartArgs {
    /// The delivery whose receipt offers a start.
    delivery: DeliveryId,
    #[command(flatten)]
    who: Who,
}

#[derive(clap::Args)]
struct Who {
    /// Who decides, where the service asks for no token; you, by your login name.
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "")]
    name: String,
    #[command(flatten)]
    server: Server,
}

pub(crate) fn gate(args: &GateArgs, answer: &str, format: Format) -> anyhow::Result<ExitCode> {
    let GateArgs { run, environment, comment, who } = args;
    let body = json!({"answer": answer, "comment": comment, "as": who.name});
    ask(who, &format!("/runs/{run}/gates/{environment}"), &body, format)
}

pub(crate) fn run(args: &RunArgs, verb: &str, format: Format) -> anyhow::Result<ExitCode> {
    let RunArgs { run, who } = args;
    ask(who, &format!("/runs/{run}/{verb}"), &json!({"as": who.name}), format)
}

pub(crate) fn start(args: &StartArgs, format: Format) -> anyhow::Result<ExitCode> {
    let StartArgs { delivery, who } = args;
    ask(who, &format!("/deliveries/{delivery}/start"), &json!({"as": who.name}), format)
}

fn ask(who: &Who, path: &str, body: &Value, format: Format) -> anyhow::Result<ExitCode> {
    let run = block_on(who.server.post(path, body))?;
    match format {
        Format::Json | Format::Sarif => say(serde_json::to_string_pretty(&run)?),
        Format::Human => {
            let text = |key: &str| plain(run[key].as_str().unwrap_or_default());
            say(format!("{} {}: {}  {}", text("id"), text("state"), text("because"), text("url")));
        }
    }
    Ok(ExitCode::SUCCESS)
}
