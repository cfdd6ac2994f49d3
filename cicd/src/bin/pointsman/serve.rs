//! `serve`: a service that stays.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use cicd::aws::Aws;
use cicd::clock::SystemClock;
use cicd::config::{Flags, ProcessVars, Settings};
use cicd::service::Service;
use cicd::vault;
use console::style;
use tokio_util::sync::CancellationToken;

use crate::signals::asked_to_end;
use crate::terminal::{plain, say};

mod wire;

/// Flags; each has a variable and a line in the settings file too, see docs/configuration.md.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen. Other than loopback only with `[auth]` configured.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for the database, logs, artifacts and caches.
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// What remembers: `sqlite`, or `dynamodb` with a table under `[aws]`.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// What runs pipelines: `local` or `codepipeline`.
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// The public address, for links in statuses.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The settings file.
    #[arg(long, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    config: Option<String>,
    /// How many stages and deploys may be at work at once; one for each processor otherwise.
    #[arg(long, value_name = "NUMBER")]
    slots: Option<String>,
    /// How long deliveries and their receipts are kept; 90d otherwise.
    #[arg(long, value_name = "AGE")]
    keep_deliveries: Option<String>,
    /// How long runs are kept after their end; 90d otherwise.
    #[arg(long, value_name = "AGE")]
    keep_runs: Option<String>,
    /// How long the logs and artifacts of runs are kept after their end; 30d otherwise.
    #[arg(long, value_name = "AGE")]
    keep_files: Option<String>,
    /// Print what the stages write, too.
    #[arg(long)]
    logs: bool,
    #[command(flatten)]
    wire: wire::Args,
}

pub(crate) fn run(args: &Args, rules: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Args {
        listen,
        data,
        store,
        engine,
        base_url,
        config,
        slots,
        keep_deliveries,
        keep_runs,
        keep_files,
        logs,
        wire,
    } = args;
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("POINTSMAN_LOG").unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .with_ansi(console::user_attended_stderr())
        .init();
    let flags = Flags {
        listen: listen.clone(),
        rules: rules.map(|path| path.to_string_lossy().into_owned()),
        data: data.clone(),
        store: store.clone(),
        engine: engine.clone(),
        base_url: base_url.clone(),
        config: config.clone(),
        slots: slots.clone(),
        keep_deliveries: keep_deliveries.clone(),
        keep_runs: keep_runs.clone(),
        keep_files: keep_files.clone(),
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let settings = vault::load(flags, Box::new(ProcessVars), Arc::new(Aws::new())).await?;
        settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        serve(settings, *logs, wire).await
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings, logs: bool, wire: &wire::Args) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut service = Service::open(&settings, Arc::new(SystemClock), &stop).await?;
    if let Some(front) = wire::open(wire, &settings, &service.app.base_url).await? {
        service = service.with_wire(front);
        say(format!("answering CodePipeline and CodeBuild at {}", service.app.base_url));
    }
    // Before it says that it is there: whoever reads that may ask it to end at once.
    end_when_asked(stop);
    say(format!("listening at {}", service.app.base_url));
    if logs {
        let mut lines = service.app.logs.listen();
        tokio::spawn(async move {
            while let Ok(line) = lines.recv().await {
                say(format!("{} {}", style(format!("{} {}", line.run, line.step)).dim(), plain(&line.line)));
            }
        });
    }
    service.run().await
}

fn end_when_asked(stop: CancellationToken) {
    match asked_to_end() {
        Ok(asked) => {
            tokio::spawn(async move {
                asked.await;
                tracing::info!("stopping: requests are finished, runs are left to be resumed");
                stop.cancel();
            });
        }
        Err(trouble) => tracing::warn!("signals cannot be heard, only a kill ends this: {trouble}"),
    }
}
