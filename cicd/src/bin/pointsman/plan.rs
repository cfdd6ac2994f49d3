//! `pointsman plan`: which decisions would another rule file change?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use cicd::store::sqlite;
use router::event::{self, Delivered, Event};
use router::id::ForgeKind;
use router::rules::{Comparison, Decision, OwnWord, Rules};
use router::verify::{Headers, Verified};
use serde_json::Value;

use crate::format::Format;
use crate::own::OwnArgs;
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
    #[command(flatten)]
    own: OwnArgs,
}

/// Prints what changes. Exit code 0, 2 or 1, see [`Args`].
pub(crate) fn run(args: &Args, format: Format) -> anyhow::Result<ExitCode> {
    let sides = [Side::read(&args.old, &args.own)?, Side::read(&args.new, &args.own)?];
    let mut compared = Comparison::default();
    if let Some(folder) = &args.deliveries {
        let files = recorded(folder)?;
        let hand_over = |give: &mut dyn FnMut(Kept)| {
            files.into_iter().for_each(|file| give(Kept::File(file)));
            Ok(())
        };
        compared.extend(compare(&sides, hand_over)?);
    }
    if let Some(folder) = &args.data {
        let hand_over = |give: &mut dyn FnMut(Kept)| {
            sqlite::history(folder, |delivered| give(Kept::Read(delivered.to_owned())))
                .with_context(|| format!("the data folder {}", folder.display()))
        };
        compared.extend(compare(&sides, hand_over)?);
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

/// A rule file with what repositories say beside it.
struct Side {
    rules: Rules,
    own: Option<OwnWord>,
}

impl Side {
    fn read(path: &Path, own: &OwnArgs) -> anyhow::Result<Self> {
        let text = read(path).map_err(anyhow::Error::msg)?;
        let rules = Rules::parse(&text).map_err(|problems| {
            let first = problems.first().map(|problem| format!("line {}: {}", problem.place.line, problem.message));
            let (count, path) = (problems.len(), path.display());
            anyhow::anyhow!("{path} has {count} mistakes, see `pointsman check {path}`: {}", first.unwrap_or_default())
        })?;
        let own = own.read(&rules)?;
        Ok(Self { rules, own })
    }

    fn decide(&self, event: &Event) -> Decision {
        self.rules.decide_with(event, self.own.as_ref())
    }
}

/// A delivery as it is kept.
enum Kept {
    /// Recorded in a file.
    File(PathBuf),
    /// The JSON of what a service has read of it.
    Read(String),
}

impl Kept {
    fn delivered(&self) -> anyhow::Result<Delivered> {
        match self {
            Self::File(path) => read_recorded(path),
            Self::Read(json) => serde_json::from_str(json).context("a delivery of the data folder cannot be read"),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::File(_) => BATCH_BYTES / BATCH_FILES,
            Self::Read(json) => json.len(),
        }
    }
}

/// Deliveries that are handed to a thread together, by their size or by their number.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_FILES: usize = 64;

/// Decides deliveries by both files, on all processors. They are put together in their order, and only a few batches are in memory.
fn compare(
    sides: &[Side; 2],
    hand_over: impl FnOnce(&mut dyn FnMut(Kept)) -> anyhow::Result<()>,
) -> anyhow::Result<Comparison> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (give, take) = sync_channel::<(usize, Vec<Kept>)>(threads);
    let take = Mutex::new(take);
    let next = || take.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let work = || -> anyhow::Result<Vec<(usize, Comparison)>> {
        let mut done = Vec::new();
        while let Ok((number, batch)) = next() {
            // After a mistake the others are taken and left, so that whoever hands them over does not wait.
            done.push(batch_of(sides, &batch).map(|compared| (number, compared)));
        }
        done.into_iter().collect()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut batch, mut bytes, mut number) = (Vec::new(), 0, 0);
        let mut send = |batch: &mut Vec<Kept>| {
            // Nobody takes it only when a worker has panicked, which is told below.
            let _taken = give.send((number, std::mem::take(batch)));
            number += 1;
        };
        let handed = hand_over(&mut |kept| {
            bytes += kept.bytes();
            batch.push(kept);
            if bytes >= BATCH_BYTES {
                bytes = 0;
                send(&mut batch);
            }
        });
        send(&mut batch);
        drop(give);
        let mut parts = Vec::new();
        for worker in workers {
            parts.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        handed?;
        parts.sort_unstable_by_key(|(number, _)| *number);
        let mut all = Comparison::default();
        parts.into_iter().for_each(|(_, part)| all.extend(part));
        Ok(all)
    })
}

fn batch_of([old, new]: &[Side; 2], batch: &[Kept]) -> anyhow::Result<Comparison> {
    let mut compared = Comparison::default();
    for kept in batch {
        let delivered = kept.delivered()?;
        compared.add(&delivered, &old.decide(&delivered.event), new.decide(&delivered.event));
    }
    Ok(compared)
}

/// The recorded deliveries of a folder, in the order of their names.
fn recorded(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    if files.is_empty() {
        bail!("{} holds no NAME.json", folder.display());
    }
    Ok(files)
}

/// Reads a recorded delivery. A file on this machine is believed without its signature.
fn read_recorded(path: &Path) -> anyhow::Result<Delivered> {
    let bytes = read_bytes(path, DELIVERY_BYTES_MAX).map_err(anyhow::Error::msg)?;
    let (headers, body) = parts(path, bytes)?;
    let headers = Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let kind = kind(&headers, path)?;
    Ok(event::read(kind, &kind.default_name(), &Verified::vouched_for(&headers, &body)))
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
    let mut known = ForgeKind::ALL.into_iter();
    known.find(|kind| headers.text(event::meant_by(*kind)[0]).is_some()).with_context(|| {
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
        let files = recorded(folder.path()).unwrap();
        let seen: Vec<_> = files.iter().map(|file| read_recorded(file).unwrap().event).collect();
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
                own: OwnArgs::default(),
            };
            format!("{:?}", run(&args, Format::Human).unwrap())
        };
        assert_eq!(plan(&old, &old), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(plan(&old, &new), format!("{:?}", ExitCode::from(CHANGES)));
    }

    #[test]
    fn many_are_compared_in_their_order() {
        let own = OwnArgs::default();
        let folder = tempfile::tempdir().unwrap();
        let side =
            |route: &str| Side::read(&write(folder.path(), route, &RULES.replace("ROUTE", route)), &own).unwrap();
        let sides = [side("one"), side("two")];
        let delivery = |n: usize| {
            let push = r#"{"is":"push","repository":{"forge":"local","kind":"local","path":"demo"},"git_ref":"refs/heads/main","before":null,"commit":"1111111111111111111111111111111111111111","actor":"","created":false,"forced":false,"changed":{"known":[]},"message":""}"#;
            Kept::Read(format!(r#"{{"id":"d-{n}","event":{push}}}"#))
        };
        let many = |give: &mut dyn FnMut(Kept)| {
            (0..20_000).for_each(|n| give(delivery(n)));
            Ok(())
        };
        let compared = compare(&sides, many).unwrap();
        assert_eq!((compared.seen, compared.changed, compared.groups().len()), (20_000, 20_000, 1));
        let examples: Vec<&str> = compared.groups()[0].examples.iter().map(|one| one.delivery.as_str()).collect();
        assert_eq!(examples, ["d-0", "d-1", "d-2"]);
        let wrong = |give: &mut dyn FnMut(Kept)| {
            (0..20_000).for_each(|_| give(Kept::Read("{".to_owned())));
            Ok(())
        };
        assert!(compare(&sides, wrong).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |folder: &Path| match recorded(folder) {
            Ok(files) => format!("{:#}", read_recorded(&files[0]).unwrap_err()),
            Err(error) => format!("{error:#}"),
        };
        assert!(refused(folder.path()).contains("no NAME.json"));
        write(folder.path(), "one.json", "{}");
        assert!(refused(folder.path()).contains("one.headers"));
        write(folder.path(), "one.headers", "x-other: push");
        assert!(refused(folder.path()).contains("X-GitHub-Event"));
    }
}
