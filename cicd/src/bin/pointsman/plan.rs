//! `pointsman plan`: which decisions would another rule file change?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use cicd::store::sqlite;
use router::event::{self, Delivered};
use router::id::ForgeKind;
use router::rules::{Comparison, Rules};
use router::verify::{Headers, Verified};
use serde_json::Value;

use crate::format::Format;
use crate::problems::{read, read_bytes};

/// Decisions change.
const CHANGES: u8 = 2;
/// The largest recorded delivery: a body of GitHub's limit, and its headers.
const DELIVERY_BYTES_MAX: usize = 40 * 1024 * 1024;

/// Decides recorded deliveries by both files and prints what changes. Exit code: 0 nothing changes, 2 something does, 1 an error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The rule file that is in force.
    old: PathBuf,
    /// The rule file that is to be.
    new: PathBuf,
    /// A folder of recorded deliveries: each `NAME.json` a body with its headers in `NAME.headers` (`Name: value` lines), or
    /// {"headers": {...}, "body": ...} in one.
    #[arg(long, value_name = "DIR", required_unless_present = "data")]
    deliveries: Option<PathBuf>,
    /// A service's data folder; it may be running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print a table in Markdown, for a comment on a pull request.
    #[arg(long)]
    markdown: bool,
}

/// Prints what changes. Exit code 0, 2 or 1, see [`Args`].
pub(crate) fn run(args: &Args, format: Format) -> anyhow::Result<ExitCode> {
    let (old, new) = (rules(&args.old)?, rules(&args.new)?);
    let mut compared = Comparison::default();
    if let Some(folder) = &args.deliveries {
        recorded(folder, |delivered| compared.add(&old, &new, &delivered))?;
    }
    if let Some(folder) = &args.data {
        sqlite::history(folder, |delivered| compared.add(&old, &new, &delivered))
            .with_context(|| format!("the data folder {}", folder.display()))?;
    }
    let mut out = std::io::stdout().lock();
    let is_same = compared.changed == 0;
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&compared.sorted())?)?,
        _ if args.markdown => write!(out, "{}", compared.to_markdown())?,
        _ => write!(out, "{}", compared.to_text())?,
    }
    Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) })
}

fn rules(path: &Path) -> anyhow::Result<Rules> {
    let text = read(path).map_err(anyhow::Error::msg)?;
    Rules::parse(&text).map_err(|problems| {
        let first = problems.first().map(|problem| format!("line {}: {}", problem.place.line, problem.message));
        let (count, path) = (problems.len(), path.display());
        anyhow::anyhow!("{path} has {count} mistakes, see `pointsman check {path}`: {}", first.unwrap_or_default())
    })
}

/// Reads every recorded delivery of a folder, in the order of their names. A file on this machine is believed without its signature.
fn recorded(folder: &Path, mut each: impl FnMut(Delivered)) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    if files.is_empty() {
        bail!("{} holds no NAME.json", folder.display());
    }
    for path in files {
        let bytes = read_bytes(&path, DELIVERY_BYTES_MAX).map_err(anyhow::Error::msg)?;
        let (headers, body) = parts(&path, bytes)?;
        let headers = Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        each(event::read(
            kind(&headers, &path)?,
            &kind(&headers, &path)?.default_name(),
            &Verified::vouched_for(&headers, &body),
        ));
    }
    Ok(())
}

type Parts = (Vec<(String, String)>, Vec<u8>);

fn parts(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Parts> {
    let beside = path.with_extension("headers");
    if beside.exists() {
        let text = read(&beside).map_err(anyhow::Error::msg)?;
        let line =
            |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        return Ok((text.lines().filter_map(line).collect(), bytes));
    }
    let whole = || format!("{} has no headers: put them into {}", path.display(), beside.display());
    let value: Value = serde_json::from_slice(&bytes).with_context(whole)?;
    let (Some(headers), Some(body)) = (value.get("headers").and_then(Value::as_object), value.get("body")) else {
        bail!(whole());
    };
    let headers = headers.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Ok((headers.collect(), body.into_bytes()))
}

/// The forge whose event header it has.
fn kind(headers: &Headers, path: &Path) -> anyhow::Result<ForgeKind> {
    let known = [
        ("x-github-event", ForgeKind::Github),
        ("x-gitlab-event", ForgeKind::Gitlab),
        ("x-pointsman-event", ForgeKind::Local),
    ];
    let kind = known.into_iter().find(|(name, _)| headers.text(name).is_some()).map(|(_, kind)| kind);
    kind.with_context(|| {
        format!("{} has no X-GitHub-Event, X-Gitlab-Event or X-Pointsman-Event header", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str =
        "version: 1\nrepositories: [{local: demo}]\nroutes: [{name: ROUTE, any: true, pipeline: none}]\n";

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn both_forms_of_a_recorded_delivery_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let body = format!(r#"{{"repository": "demo", "ref": "refs/heads/main", "after": "{}"}}"#, "a".repeat(40));
        write(folder.path(), "one.json", &body);
        write(folder.path(), "one.headers", "X-Pointsman-Event: push\nContent-Type: application/json\n");
        write(folder.path(), "two.json", &format!(r#"{{"headers": {{"x-pointsman-event": "push"}}, "body": {body}}}"#));
        write(folder.path(), "readme.txt", "not a delivery");
        let mut seen = Vec::new();
        recorded(folder.path(), |delivered| seen.push(delivered.event)).unwrap();
        assert_eq!(seen.len(), 2);
        assert!(seen[0] == seen[1] && seen[0].as_push().is_some(), "{seen:?}");

        let old = write(folder.path(), "old.yaml", &RULES.replace("ROUTE", "one"));
        let new = write(folder.path(), "new.yaml", &RULES.replace("ROUTE", "two"));
        let plan = |old: &PathBuf, new: &PathBuf| {
            let args = Args {
                old: old.clone(),
                new: new.clone(),
                deliveries: Some(folder.path().to_owned()),
                data: None,
                markdown: true,
            };
            format!("{:?}", run(&args, Format::Human).unwrap())
        };
        assert_eq!(plan(&old, &old), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(plan(&old, &new), format!("{:?}", ExitCode::from(CHANGES)));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |folder: &Path| format!("{:#}", recorded(folder, |_| {}).unwrap_err());
        assert!(refused(folder.path()).contains("no NAME.json"));
        write(folder.path(), "one.json", "{}");
        assert!(refused(folder.path()).contains("one.headers"));
        write(folder.path(), "one.headers", "x-other: push");
        assert!(refused(folder.path()).contains("X-GitHub-Event"));
    }
}
