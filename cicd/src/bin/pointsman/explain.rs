//! `pointsman explain`: where would this push go, and why?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use router::event::{self, ChangedFiles, Delivered, Event, Push};
use router::id::{CommitId, DeliveryId, ForgeKind, ForgeName, GitRef, RepoPath, Repository};
use router::rules::{NamedRepository, OwnWord, Receipt, Rules};
use router::verify::{Headers, Verified};
use serde_json::json;

use crate::format::Format;
use crate::own::OwnArgs;
use crate::problems::{DEFAULT_RULES, Examined, read, read_bytes};

/// The largest body that a forge sends: GitHub's limit is 25 MB.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Prints the receipt of a recorded delivery, or of a push that is only described.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// The forge: github, gitlab, local, or the name of one in the rule file.
    #[arg(long, value_name = "NAME")]
    forge: Option<String>,
    /// The event header of a recorded delivery: push, "Push Hook".
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// The body of a recorded delivery, - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repo", "changed", "actor", "message", "created", "forced"])]
    delivery: Option<PathBuf>,
    /// The repository's path; the first that is named without a glob when left out.
    #[arg(long, value_name = "PATH")]
    repo: Option<String>,
    /// The branch that is pushed.
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["tag", "delivery"], required_unless_present_any = ["tag", "target", "delivery"])]
    branch: Option<String>,
    /// The tag that is pushed.
    #[arg(long, value_name = "TAG", conflicts_with = "delivery")]
    tag: Option<String>,
    /// The branch that a change request asks to change; what it is described by else is the same as of a push.
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["branch", "tag", "delivery", "created", "forced"])]
    target: Option<String>,
    /// The branch that it comes from.
    #[arg(long, value_name = "BRANCH", requires = "target")]
    source: Option<String>,
    /// It comes from another repository.
    #[arg(long, requires = "target")]
    fork: bool,
    /// A file that the push changes, once for each; `unknown`, or left out: nobody knows; empty: none.
    #[arg(long, value_name = "PATH")]
    changed: Vec<String>,
    /// Who pushes.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// The newest commit's message.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// The branch or tag is new.
    #[arg(long)]
    created: bool,
    /// The push rewrites history.
    #[arg(long)]
    forced: bool,
    #[command(flatten)]
    own: OwnArgs,
}

/// Prints the receipt. Exit code 0, or 1 when the rule file is wrong.
pub(crate) fn run(args: &Args, rules: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let path = rules.unwrap_or(Path::new(DEFAULT_RULES));
    let text = read(path).map_err(anyhow::Error::msg)?;
    let rules = match Rules::parse(&text) {
        Ok(rules) => rules,
        Err(problems) => {
            let wrong = Examined { file: path.display().to_string(), text, problems, warnings: Vec::new() };
            match format {
                Format::Human => write!(out, "{}", wrong.draw(console::colors_enabled(), 100))?,
                Format::Json | Format::Sarif => writeln!(out, "{}", json!({"ok": false, "problems": wrong.to_json()}))?,
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let own = args.own.read(&rules)?;
    let receipt = explain(args, &rules, own.as_ref())?;
    match format {
        Format::Human => write!(out, "{}", receipt.to_text())?,
        Format::Json | Format::Sarif => writeln!(out, "{}", serde_json::to_string_pretty(&receipt)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(args: &Args, rules: &Rules, own: Option<&OwnWord>) -> anyhow::Result<Receipt> {
    match (&args.delivery, &args.event) {
        (Some(path), Some(event)) => {
            let (forge, kind) = forge(args, rules, None)?;
            let delivered = delivered(path, event, kind, &forge)?;
            return Ok(Receipt::of(&forge, &delivered, &rules.decide_with(&delivered.event, own)));
        }
        (Some(_), None) => bail!("say with --event what the delivery's event header says"),
        (None, Some(_)) => bail!("--event belongs to --delivery"),
        (None, None) => {}
    }
    let push = described(args, rules)?;
    let forge = push.repository.forge.clone();
    let delivered = Delivered { id: DeliveryId::new("explain")?, event: Event::Push(push).into() };
    let receipt = Receipt::of(&forge, &delivered, &rules.decide_with(&delivered.event, own));
    // The commits of a push that never happened were only put in to have a push.
    Ok(Receipt { commit: None, before: None, ..receipt })
}

/// Reads a recorded delivery. A file on this machine is believed without its signature.
fn delivered(path: &Path, named: &str, kind: ForgeKind, forge: &ForgeName) -> anyhow::Result<Delivered> {
    let body = read_bytes(path, BODY_BYTES_MAX).map_err(anyhow::Error::msg)?;
    let [name, media_type] = event::meant_by(kind);
    let headers = Headers::new([(name, named), (media_type, "application/json")]);
    Ok(event::read(kind, forge, &Verified::vouched_for(&headers, &body)))
}

/// The push that the arguments describe.
fn described(args: &Args, rules: &Rules) -> anyhow::Result<Push> {
    let repo = match &args.repo {
        Some(repo) => repo.as_str(),
        None => rules
            .repositories()
            .iter()
            .find_map(NamedRepository::path)
            .context("the rule file names repositories by globs only: say which one with --repo")?,
    };
    let (forge, kind) = forge(args, rules, Some(repo))?;
    let full = match (&args.branch, &args.tag, &args.target) {
        (Some(branch), ..) => format!("refs/heads/{branch}"),
        (None, Some(tag), _) => format!("refs/tags/{tag}"),
        (None, None, Some(target)) => {
            let from = if args.fork { "::" } else { ":" };
            format!("refs/requests/1/{target}{from}{}", args.source.as_deref().unwrap_or("change"))
        }
        (None, None, None) => bail!("say what is pushed with --branch or --tag, or --target for a change request"),
    };
    Ok(Push {
        repository: Repository { forge, kind, path: RepoPath::new(repo)? },
        git_ref: GitRef::new(&full)?,
        before: None,
        commit: CommitId::new("1".repeat(40))?,
        actor: args.actor.clone().unwrap_or_default(),
        author: Default::default(),
        created: args.created,
        forced: args.forced,
        changed: changed(&args.changed),
        message: args.message.clone().unwrap_or_default(),
        pushed_at: None,
    })
}

fn changed(files: &[String]) -> ChangedFiles {
    match files {
        [] => ChangedFiles::Unknown("no --changed was given".to_owned()),
        [one] if one == "unknown" => ChangedFiles::Unknown("--changed says so".to_owned()),
        files => ChangedFiles::known(files.iter().filter(|file| !file.is_empty()).cloned()),
    }
}

/// The forge that was named; otherwise the one of the entry that names the repository, or of the first entry.
fn forge(args: &Args, rules: &Rules, repo: Option<&str>) -> anyhow::Result<(ForgeName, ForgeKind)> {
    let of =
        |entry: &NamedRepository| (entry.forge().cloned().unwrap_or_else(|| entry.kind().default_name()), entry.kind());
    let Some(name) = &args.forge else {
        let entries = rules.repositories();
        let named = entries.iter().find(|entry| repo.is_some_and(|repo| entry.covers(repo)));
        let first = || entries.first().filter(|_| repo.is_none());
        let github = (ForgeKind::Github.default_name(), ForgeKind::Github);
        return Ok(named.or_else(first).map_or(github, of));
    };
    if let Ok(kind) = name.parse::<ForgeKind>() {
        return Ok((kind.default_name(), kind));
    }
    let entry = rules.repositories().iter().find(|entry| entry.forge().is_some_and(|forge| forge.as_str() == name));
    entry.map(of).with_context(|| format!("{name} is neither github, gitlab, local nor a forge of the rule file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "version: 1
repositories: [{gitlab: platform/**, forge: work}, {github: acme/shop}, {local: demo}]
pipelines: {app: {stages: [{name: a, buildspec: a.yml}]}}
routes:
  - {name: main, branch: main, paths: {any: ['src/**']}, pipeline: app}
  - {name: tags, tag: 'v*', actors: dana, message: '*ship*', created: true, forced: false, pipeline: app}
  - {name: rest, any: true, pipeline: none}
";

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Result<Args, clap::Error> {
        <Line as clap::Parser>::try_parse_from(["explain"].iter().chain(line)).map(|line| line.args)
    }

    fn asked(line: &[&str]) -> anyhow::Result<Receipt> {
        explain(&args(line).unwrap(), &Rules::parse(RULES).unwrap(), None)
    }

    #[test]
    fn a_described_push_is_decided() {
        let receipt = asked(&["--branch", "main", "--changed", "src/a.rs", "--changed", "b"]).unwrap();
        assert_eq!((receipt.decision.as_str(), receipt.route.unwrap().as_str()), ("start", "main"));
        assert_eq!((receipt.forge.as_str(), receipt.repository.unwrap().as_str()), ("github", "acme/shop"));
        assert_eq!((receipt.commit, receipt.before), (None, None));
        let nothing = asked(&["--branch", "main", "--changed", ""]).unwrap();
        assert_eq!(nothing.decision, "nothing");
        for unknown in [asked(&["--branch", "main"]), asked(&["--branch", "main", "--changed", "unknown"])] {
            assert_eq!(serde_json::to_value(unknown.unwrap()).unwrap()["changed"], "unknown");
        }
        let line = ["--tag", "v1", "--actor", "dana", "--message", "ship it", "--created", "--repo", "demo"];
        let tag = asked(&line).unwrap();
        assert_eq!((tag.event.as_str(), tag.decision.as_str(), tag.forge.as_str()), ("tag", "start", "local"));
    }

    #[test]
    fn the_forge_is_taken_from_the_repository_when_it_is_not_said() {
        let work = asked(&["--branch", "main", "--repo", "platform/a/b"]).unwrap();
        assert_eq!((work.forge.as_str(), work.decision.as_str()), ("work", "start"));
        let elsewhere = asked(&["--branch", "main", "--repo", "evil/shop"]).unwrap();
        assert_eq!((elsewhere.forge.as_str(), elsewhere.decision.as_str()), ("github", "refused"));
        let said = asked(&["--branch", "main", "--repo", "acme/shop", "--forge", "work"]).unwrap();
        assert_eq!(said.decision, "refused");
        assert!(asked(&["--branch", "main", "--forge", "nowhere"]).unwrap_err().to_string().contains("nowhere"));
    }

    #[test]
    fn a_recorded_delivery_is_decided() {
        let folder = tempfile::tempdir().unwrap();
        let body = folder.path().join("body.json");
        let commit = "a".repeat(40);
        let json = json!({
            "repository": "demo", "ref": "refs/heads/main", "after": commit, "actor": "dana", "changed": ["src/a.rs"]
        });
        std::fs::write(&body, json.to_string()).unwrap();
        let receipt = asked(&["--forge", "local", "--event", "push", "--delivery", body.to_str().unwrap()]).unwrap();
        assert_eq!((receipt.decision.as_str(), receipt.actor.as_deref()), ("start", Some("dana")));
        assert_eq!(receipt.commit.unwrap().as_str(), commit);
        std::fs::write(&body, "{").unwrap();
        let refused = asked(&["--forge", "local", "--event", "push", "--delivery", body.to_str().unwrap()]).unwrap();
        assert_eq!(refused.decision, "refused");
    }

    #[test]
    fn arguments_that_contradict_each_other_are_refused() {
        for line in [
            &["--branch", "a", "--tag", "b"][..],
            &["--delivery", "x", "--event", "push", "--branch", "main"],
            &["--delivery", "x", "--event", "push", "--actor", "dana"],
            &[],
        ] {
            assert!(args(line).is_err(), "{line:?}");
        }
        assert!(asked(&["--delivery", "x"]).is_err());
        assert!(asked(&["--event", "push", "--branch", "a"]).is_err());
        assert!(asked(&["--branch", "a b"]).is_err());
        assert!(asked(&["--branch", "a", "--repo", "../x"]).is_err());
    }
}
