//! `pointsman synth`: the pipelines as AWS is to have them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cicd::synth::{Model, PipelineModel, synth};
use router::rules::Rules;
use serde_json::json;

use crate::format::Format;
use crate::problems::{DEFAULT_RULES, Examined, read};

/// Prints what `infra/` makes the pipelines' stack of: stages with their machines, environments, gates, variables, artifacts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What goes before the names of pipelines and projects.
    #[arg(long, value_name = "NAME", env = "POINTSMAN_AWS_PREFIX", default_value = "pointsman")]
    prefix: String,
}

/// Exit code 0, or 1 with every mistake.
pub(crate) fn run(args: &Args, rules: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    let path = rules.unwrap_or(Path::new(DEFAULT_RULES));
    let mut out = std::io::stdout().lock();
    let rules = match compiled(path) {
        Ok(rules) => rules,
        Err(examined) => {
            match format {
                Format::Human => write!(out, "{}", examined.draw(console::colors_enabled(), 120))?,
                Format::Json | Format::Sarif => {
                    writeln!(out, "{}", json!({"ok": false, "problems": examined.to_json()}))?
                }
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let model = synth(&rules, &args.prefix, &|file| beside(path, file));
    match (&model, format) {
        (Ok(model), Format::Human) => write!(out, "{}", words(model))?,
        (Ok(model), Format::Json | Format::Sarif) => writeln!(out, "{}", serde_json::to_string_pretty(model)?)?,
        (Err(mistakes), Format::Human) => {
            for mistake in mistakes {
                writeln!(out, "{mistake}")?;
            }
        }
        (Err(mistakes), Format::Json | Format::Sarif) => {
            let problems: Vec<_> = mistakes.iter().map(|mistake| json!({"message": mistake})).collect();
            writeln!(out, "{}", json!({"ok": false, "problems": problems}))?;
        }
    }
    Ok(if model.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compiled(path: &Path) -> Result<Rules, Examined> {
    let file = path.display().to_string();
    match read(path) {
        Err(why) => Err(Examined::unreadable(file, why)),
        Ok(text) => Rules::parse(&text).map_err(|problems| Examined { file, text, problems, warnings: Vec::new() }),
    }
}

/// A file beside the rule file; none when there is no such file.
fn beside(rules: &Path, file: &str) -> Result<Option<String>, String> {
    let path: PathBuf = rules.parent().unwrap_or(Path::new("")).join(file);
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

/// For people: what would be there, and what should be known.
fn words(model: &Model) -> String {
    let pipelines: String = model.pipelines.iter().map(pipeline_words).collect();
    let notes: String = model.notes.iter().map(|note| format!("note: {note}\n")).collect();
    pipelines + &notes
}

fn pipeline_words(pipeline: &PipelineModel) -> String {
    let mut text = format!("{}\n", pipeline.pipeline);
    for stage in &pipeline.stages {
        let machine = &stage.project.machine;
        let steps =
            if machine.largest == machine.compute { String::new() } else { format!(" up to {}", machine.largest) };
        text += &format!(
            "  {}: {} {}{steps}, {}, {}m\n",
            stage.name, machine.kind, machine.compute, machine.image, stage.project.timeout_minutes
        );
    }
    for environment in &pipeline.environments {
        text += &format!("  {}: {}, then deploy\n", environment.stage, environment.gate.action);
    }
    text
}
