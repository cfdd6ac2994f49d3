//! The command line: one enum, one match.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod check;
mod client;
mod decide;
mod demo;
mod explain;
mod format;
mod hook;
mod logs;
mod own;
mod plan;
mod problems;
mod prove;
mod runs;
mod sarif;
mod schema;
mod serve;
mod signals;
mod synth;
mod terminal;

use format::Format;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sets the points for pushes: decides which pipeline a push takes and how far it travels, runs it, holds it at gates and tells
/// the forge how it ended.
#[derive(Parser)]
#[command(name = "pointsman", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Start with `pointsman demo`: it needs nothing and shows everything.")]
struct Cli {
    /// How answers are written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The rule file.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "POINTSMAN_RULES",
        help = "The rule file [default: pointsman.yaml]"
    )]
    rules: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What a shell says of a program that wrote to a pipe which nobody reads: 128 and the number of the signal.
const ENDED_BY_PIPE: u8 = 141;

#[derive(Subcommand)]
enum Command {
    /// Show the whole way in a temporary folder: real pushes, real stages, a gate that waits for you.
    Demo(demo::Args),
    /// Take webhooks, run pipelines, show the page.
    Serve(serve::Args),
    /// Check the rule file with its tests, or a buildspec.
    Check(check::Args),
    /// Print the JSON Schema of rule files, with which editors complete and check them.
    Schema,
    /// Say where a push would go, and why.
    Explain(explain::Args),
    /// Print the pipelines as AWS is to have them, for infra/.
    Synth(synth::Args),
    /// Say what can and cannot happen, over every push there can be.
    Prove(prove::Args),
    /// Say which decisions another rule file would change.
    Plan(plan::Args),
    /// List the runs of a service, or show one with its statuses.
    Runs(runs::Args),
    /// Print the log of a run's stages and deploys.
    Logs(logs::Args),
    /// Say yes at a gate.
    Approve(decide::GateArgs),
    /// Say no at a gate.
    Reject(decide::GateArgs),
    /// Stop a run.
    Cancel(decide::RunArgs),
    /// Run again what ended.
    Retry(decide::RunArgs),
    /// Start what the receipt of a `start: manual` route offers.
    Start(decide::StartArgs),
    /// Tell a service of pushes to a repository on this machine; called by its post-receive hook.
    Hook(hook::Args),
    /// Print a script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let Cli { format, rules, command } = Cli::parse();
    if format == Format::Sarif && !matches!(command, Command::Check(_) | Command::Prove(_)) {
        terminal::complain(&anyhow::anyhow!("only `pointsman check` and `pointsman prove` write SARIF"));
        return ExitCode::FAILURE;
    }
    let done = match command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args, rules.as_deref()),
        Command::Check(args) => check::run(&args, rules.as_deref(), format),
        Command::Schema => schema::run(),
        Command::Explain(args) => explain::run(&args, rules.as_deref(), format),
        Command::Synth(args) => synth::run(&args, rules.as_deref(), format),
        Command::Prove(args) => prove::run(&args, rules.as_deref(), format),
        Command::Plan(args) => plan::run(&args, format),
        Command::Runs(args) => runs::run(&args, format),
        Command::Logs(args) => logs::run(&args),
        Command::Approve(args) => decide::gate(&args, "approve", format),
        Command::Reject(args) => decide::gate(&args, "reject", format),
        Command::Cancel(args) => decide::run(&args, "cancel", format),
        Command::Retry(args) => decide::run(&args, "retry", format),
        Command::Start(args) => decide::start(&args, format),
        Command::Hook(args) => hook::run(&args),
        Command::Completions { shell } => completions(shell).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|trouble| {
        // Whoever read it may have gone (`| head`): then there is nobody to tell.
        if terminal::is_nobody_reading(&trouble) {
            return ExitCode::from(ENDED_BY_PIPE);
        }
        terminal::complain(&trouble);
        ExitCode::FAILURE
    })
}

/// Written at once: the generator panics when nobody reads on.
fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pointsman", &mut script);
    Ok(std::io::stdout().lock().write_all(&script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
