//! The one binary behind the four functions: a function's handler setting says which door it opens.

use std::process::ExitCode;
use std::sync::Arc;

use cicd::aws::Aws;
use cicd::clock::SystemClock;
use cicd::config::{Flags, ProcessVars, Settings, Vars};
use cicd::invocation::Invocations;
use cicd::{outbound, vault};
use lambda::{DOORS, callback, dispatch, sweep, webhook};
use lambda_http::Error;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Targets and their levels; `EnvFilter` knows more, and is larger than all that a door does itself.
    let told = ProcessVars.get("POINTSMAN_LOG").and_then(|told| told.parse::<Targets>().ok());
    let told = told.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(told).init();
    // Lambda ends the process of a function that panicked; this is all that is left of it.
    std::panic::set_hook(Box::new(|panic| tracing::error!("a panic: {panic}")));
    match open().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            tracing::error!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

/// Everything is opened before the first invocation: Lambda gives a function more processor while it begins.
async fn open() -> Result<(), Error> {
    let door = ProcessVars.get("_HANDLER").unwrap_or_default();
    if !DOORS.contains(&door.as_str()) {
        return Err(format!("there is no door {door:?}: set the function's handler to {}", DOORS.join(", ")).into());
    }
    let aws = Arc::new(Aws::new());
    aws.config().await;
    outbound::prepare();
    let settings = vault::load(Flags::default(), Box::new(ProcessVars), aws).await?;
    let settings = Settings { in_lambda: true, ..settings };
    settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let invocations =
        Arc::new(Invocations::open(&settings, Arc::new(SystemClock)).await.map_err(|e| format!("{e:#}"))?);
    match door.as_str() {
        "webhook" => webhook::serve(invocations).await,
        "dispatch" => dispatch::serve(invocations).await,
        "callback" => callback::serve(invocations).await,
        _ => sweep::serve(invocations).await,
    }
}
