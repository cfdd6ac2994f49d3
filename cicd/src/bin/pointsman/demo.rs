//! `demo`: the whole way in a temporary folder. Real repositories, real pushes, real stages, a real page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use cicd::app::App;
use cicd::clock::SystemClock;
use cicd::config::{ForgeSettings, Settings};
use cicd::service::Service;
use console::style;
use router::id::ForgeKind;
use router::secret::Secret;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::signals::asked_to_end;
use crate::terminal::say;

mod ending;
mod repository;
mod show;
mod story;

/// How the demo goes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Say yes at the gates without asking, wait until every run is final, print each commit's statuses and end.
    #[arg(long)]
    once: bool,
    /// Print what the stages write, too.
    #[arg(long)]
    logs: bool,
    /// The page's address; another free port when this one is taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: std::net::SocketAddr,
}

/// How long `--once` waits for the last run.
const ONCE_WITHIN: Duration = Duration::from_secs(300);

/// The demo's folders. Dropping it removes everything.
struct Stage {
    root: TempDir,
    secret: Secret,
}

impl Stage {
    fn new() -> anyhow::Result<Self> {
        let root = tempfile::Builder::new().prefix("pointsman-demo-").tempdir()?;
        for folder in ["repositories", "environments", "data"] {
            std::fs::create_dir(root.path().join(folder))?;
        }
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).context("no random numbers")?;
        let secret = hex::encode(bytes);
        std::fs::write(root.path().join("secret"), &secret)?;
        Ok(Self { root, secret: Secret::new(secret) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The rule file of this repository, with the demo's own folder for environments.
    fn write_rules(&self) -> anyhow::Result<PathBuf> {
        let text = include_str!("../../../../pointsman.yaml");
        let (clone, place) = (self.path("repositories/demo.git"), self.path("environments"));
        let named = format!(
            "{{local: demo, clone: {:?}, variables: {{DEPLOY_TO: {:?}}}}}",
            clone.to_string_lossy(),
            place.to_string_lossy()
        );
        let text = text.replacen("local: demo\n", &format!("{named}\n"), 1);
        let path = self.path("pointsman.yaml");
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn settings(&self, args: &Args) -> anyhow::Result<Settings> {
        let secrets = vec![self.secret.clone()];
        let forge = ForgeSettings { webhook_secrets: secrets, ..ForgeSettings::of(ForgeKind::Local) };
        let defaults = Settings::with_forges(vec![forge]);
        Ok(Settings { listen: args.listen, rules: self.write_rules()?.into(), data: self.path("data"), ..defaults })
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(args.listen.ip().is_loopback(), "the demo lets anybody open gates, so it listens on loopback only");
    let stage = Stage::new()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(play(args, &stage));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let left = stage.root.path().to_owned();
    stage.root.close().with_context(|| format!("{} could not be removed", left.display()))?;
    ended
}

async fn play(args: &Args, stage: &Stage) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let service = open(stage.settings(args)?, &stop).await?;
    let app = Arc::clone(&service.app);
    let serving = tokio::spawn(service.run());
    greet(&app, stage, args.once);

    let enough = CancellationToken::new();
    let show = tokio::spawn(show::show(Arc::clone(&app), args.logs, args.once, enough.clone()));
    let asked = asked_to_end()?;
    let performed = tokio::select! {
        performed = perform(args, stage, &app) => performed.map(Some),
        () = asked => Ok(None),
    };
    enough.cancel();
    show.await?;
    let ended = match performed {
        Ok(Some(pushed)) => conclude(&app, stage, &pushed).await,
        Ok(None) => Ok(ExitCode::SUCCESS),
        Err(trouble) => Err(trouble),
    };
    stop.cancel();
    serving.await??;
    ended
}

/// At the address that was asked for, or at any other port when another process has it.
async fn open(settings: Settings, stop: &CancellationToken) -> anyhow::Result<Service> {
    match Service::open(&settings, Arc::new(SystemClock), stop).await {
        Err(trouble) if cicd::service::is_port_taken(&trouble) => {
            let listen = std::net::SocketAddr::new(settings.listen.ip(), 0);
            Service::open(&Settings { listen, ..settings }, Arc::new(SystemClock), stop).await
        }
        opened => opened,
    }
}

fn greet(app: &App, stage: &Stage, once: bool) {
    say(format!("{}  {}", style("The page:").bold(), style(&app.base_url).cyan().underlined()));
    let (ends, gates) = match once {
        true => ("", "The gates into prod are opened without asking."),
        false => (" (Ctrl-C)", "The gates into prod wait for you: open them on the page, or as will be shown here."),
    };
    say(format!("Everything is under {} and goes when this ends{ends}.", stage.root.path().display()));
    say(style(gates).dim());
    say("");
}

/// Pushes, and with `--once` waits until every run is final; otherwise people open the gates until they have seen enough.
async fn perform(args: &Args, stage: &Stage, app: &App) -> anyhow::Result<Vec<story::Pushed>> {
    let repository = repository::make(stage, &app.base_url).await?;
    let pushed = story::push_all(&repository).await?;
    if !args.once {
        ending::everything_final(app, &pushed).await?;
        say(style("Every run is final. Look around on the page; Ctrl-C ends this.").dim());
        std::future::pending::<()>().await;
    }
    tokio::time::timeout(ONCE_WITHIN, ending::everything_final(app, &pushed))
        .await
        .map_err(|_| anyhow!("not every run was final after {} s", ONCE_WITHIN.as_secs()))??;
    Ok(pushed)
}

async fn conclude(app: &App, stage: &Stage, pushed: &[story::Pushed]) -> anyhow::Result<ExitCode> {
    if ending::tell(app, pushed, &stage.path("environments")).await? {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("the pushes did not go where the demo's rule file says")
}

/// This program, as a person here would call it.
fn myself() -> String {
    let Ok(exe) = std::env::current_exe() else { return "pointsman".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    let shown = exe.strip_prefix(&here).map(Path::to_owned).unwrap_or(exe);
    shown.display().to_string()
}
