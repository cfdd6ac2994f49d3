//! `pointsman prove`: what can and cannot happen, over every push there can be.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use router::event::{Delivered, Event};
use router::id::DeliveryId;
use router::problem::Problem;
use router::rules::{Answer, CLAIMS, Claim, Finding, OwnWord, Proof, Receipt, Rules, Witness};
use serde_json::{Value, json};

use crate::format::Format;
use crate::own::OwnArgs;
use crate::problems::{DEFAULT_RULES, Examined, read};
use crate::sarif;

/// A claim is false, or the file has a problem.
const REFUTED: u8 = 2;

/// What an answer rests on.
const ASSUMES: &str = "every name that git allows, every actor and message, every set of changed files and none known; whether a \
                       branch is new or history was rewritten is taken as free";

/// Finds routes that are never reached, dead ignore entries, environments nobody reaches, overlaps and gaps, each with a shortest push
/// that shows it; or says whether a claim holds for every push. Nothing is sampled.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = AFTER_HELP.as_str())]
pub(crate) struct Args {
    /// A sentence to prove; may be given several times. Nothing else is looked for then.
    #[arg(long, value_name = "SENTENCE")]
    claim: Vec<String>,
    /// Overlaps and gaps count as problems too.
    #[arg(long, conflicts_with = "claim")]
    strict: bool,
    #[command(flatten)]
    own: OwnArgs,
}

static AFTER_HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    format!(
        "{CLAIMS}\n\nExit code: 0 all is well and every claim holds, 2 a problem or a claim that does not hold, 1 the file or a claim cannot be read."
    )
});

/// Prints what was found. Exit code 0, 2 or 1, see the help.
pub(crate) fn run(args: &Args, rules: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let path = rules.unwrap_or(Path::new(DEFAULT_RULES));
    let text = read(path).map_err(anyhow::Error::msg)?;
    let file = path.display().to_string();
    let rules = match Rules::parse(&text) {
        Ok(rules) => rules,
        Err(problems) => {
            let wrong = Examined { file, text, problems, warnings: Vec::new() };
            match format {
                Format::Human => write!(out, "{}", wrong.draw(console::colors_enabled(), 100))?,
                Format::Json => writeln!(out, "{}", json!({"ok": false, "problems": wrong.to_json()}))?,
                Format::Sarif => writeln!(out, "{:#}", sarif::log(&[wrong]))?,
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let asked = Asked { rules: &rules, own: args.own.read(&rules)?, own_file: args.own.repo_file.as_deref() };
    if !args.claim.is_empty() {
        if format == Format::Sarif {
            bail!("SARIF is for what is found in a file; a claim is answered in JSON (--format json)");
        }
        let (is_well, text, json) = asked.claims(&args.claim)?;
        match format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?,
            Format::Human | Format::Sarif => write!(out, "{text}")?,
        }
        return Ok(exit(is_well));
    }
    let found = asked.find(args.strict)?;
    match format {
        Format::Human => {
            let width = usize::from(console::Term::stdout().size().1).clamp(40, 140);
            write!(out, "{}", asked.to_text(&found, asked.examined(&found, &file, &text), width))?;
        }
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&asked.to_json(&found, &file))?)?,
        Format::Sarif => writeln!(out, "{:#}", sarif::log(&asked.examined(&found, &file, &text)))?,
    }
    Ok(exit(found.problems().next().is_none()))
}

fn exit(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::from(REFUTED) }
}

/// What is asked about: a rule file, and what every repository says for itself.
struct Asked<'a> {
    rules: &'a Rules,
    own: Option<OwnWord>,
    own_file: Option<&'a Path>,
}

/// What was found.
struct Found {
    proof: Proof,
    strict: bool,
}

impl Found {
    fn counts(&self, finding: &Finding) -> bool {
        finding.kind.is_problem() || self.strict
    }

    fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.proof.findings.iter().filter(|finding| self.counts(finding))
    }

    fn notes(&self) -> impl Iterator<Item = &Finding> {
        self.proof.findings.iter().filter(|finding| !self.counts(finding))
    }
}

impl Asked<'_> {
    fn find(&self, strict: bool) -> anyhow::Result<Found> {
        Ok(Found { proof: self.rules.prove_with(self.own.as_ref())?, strict })
    }

    /// The problems in their files.
    fn examined(&self, found: &Found, file: &str, text: &str) -> Vec<Examined> {
        let of = |is_own: bool, file: String, text: String| {
            let problems = found.problems().filter(|finding| finding.is_own == is_own);
            let mut problems: Vec<Problem> = problems.map(|finding| self.problem(finding)).collect();
            problems.sort_by_key(|problem| problem.place.offset);
            Examined { file, text, problems, warnings: Vec::new() }
        };
        let own = self.own_file.map(|path| of(true, path.display().to_string(), read(path).unwrap_or_default()));
        std::iter::once(of(false, file.to_owned(), text.to_owned())).chain(own).collect()
    }

    fn problem(&self, finding: &Finding) -> Problem {
        let problem = Problem::new(finding.place, finding.message.clone());
        match &finding.witness {
            Some(witness) => problem.help(self.shown(witness).join("\n")),
            None => problem,
        }
    }

    fn to_text(&self, found: &Found, examined: Vec<Examined>, width: usize) -> String {
        let mut text: String = examined.iter().map(|file| file.draw(console::colors_enabled(), width)).collect();
        for finding in found.notes() {
            let place = finding.place;
            let word = finding.kind.word().replace('_', " ");
            text += &format!("note: {word}: {}\n", finding.message);
            text += &format!("      at: {}:{}:{}\n", examined[0].file, place.line, place.column);
            for line in finding.witness.iter().flat_map(|witness| self.shown(witness)) {
                text += &format!("      {line}\n");
            }
        }
        if found.proof.more {
            text += "note: there are more overlaps and gaps than these\n";
        }
        let (problems, notes) = (found.problems().count(), found.notes().count());
        text + &format!("{problems} problem{}, {notes} note{}\n", plural(problems), plural(notes))
    }

    fn to_json(&self, found: &Found, file: &str) -> Value {
        let own_file = self.own_file.map(|path| path.display().to_string()).unwrap_or_default();
        let finding = |finding: &Finding| {
            let file = if finding.is_own { &own_file } else { file };
            json!({"kind": finding.kind, "problem": found.counts(finding), "about": finding.about,
                "other": finding.other, "file": file, "line": finding.place.line, "column": finding.place.column,
                "message": finding.message, "witness": finding.witness.as_ref().map(as_json)})
        };
        let findings: Vec<Value> = found.proof.findings.iter().map(finding).collect();
        json!({"ok": found.problems().next().is_none(), "rules": self.rules.hash(), "assumes": ASSUMES,
            "findings": findings, "more": found.proof.more})
    }

    fn claims(&self, claims: &[String]) -> anyhow::Result<(bool, String, Value)> {
        let (mut is_well, mut text, mut json) = (true, String::new(), Vec::new());
        for claim in claims {
            let claim = Claim::parse(claim, self.rules)
                .map_err(|why| anyhow!("the claim \"{claim}\" cannot be read: {why}"))?;
            match self.rules.prove_claim_with(&claim, self.own.as_ref())? {
                Answer::Yes(because) => {
                    text += &format!("yes      {}: {because}\n", claim.as_str());
                    json.push(json!({"claim": claim.as_str(), "holds": true, "because": because, "witness": null}));
                }
                Answer::No(witness) => {
                    is_well = false;
                    text += &format!("no       {}\n", claim.as_str());
                    self.shown(&witness).iter().for_each(|line| text += &format!("         {line}\n"));
                    let because = witness.decision.because.join("; ");
                    json.push(json!({"claim": claim.as_str(), "holds": false, "because": because,
                        "witness": as_json(&witness)}));
                }
            }
        }
        Ok((is_well, text, json!({"ok": is_well, "rules": self.rules.hash(), "assumes": ASSUMES, "claims": json})))
    }

    /// The push, why it goes where it goes, and how to see for oneself.
    fn shown(&self, witness: &Witness) -> [String; 3] {
        let own_file = self.own_file.map(|path| ["--repo-file".to_owned(), path.display().to_string()]);
        let arguments = witness.arguments().into_iter().chain(own_file.into_iter().flatten());
        let arguments: Vec<String> = arguments.map(|argument| quoted(&argument)).collect();
        [
            format!("push: {witness}"),
            format!("because: {}", witness.decision.because.join("; ")),
            format!("see: pointsman explain {}", arguments.join(" ")),
        ]
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        return argument.to_owned();
    }
    let plain: String = argument.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("'{}'", plain.replace('\'', r"'\''"))
}

fn as_json(witness: &Witness) -> Value {
    let id = DeliveryId::new("prove").expect("a word is an id");
    let delivered = Delivered { id, event: Event::Push(witness.push.clone()).into() };
    let receipt = Receipt::of(&witness.push.repository.forge, &delivered, &witness.decision);
    // Its commits are made up.
    let receipt = Receipt { commit: None, before: None, ..receipt };
    json!({"push": witness.to_string(), "explain": witness.arguments(), "receipt": receipt})
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "version: 1
repositories: [{github: acme/shop}]
pipelines: {app: {stages: [{name: a, buildspec: a.yml}], deploy: {buildspec: d.yml}}}
environments: [{name: prod}]
routes:
  - {name: main, branch: main, pipeline: app, to: [prod]}
  - {name: late, branch: main, actors: \"o'hara x\", pipeline: app}
  - {name: rest, any: true, pipeline: none}
";

    fn asked(rules: &Rules) -> Asked<'_> {
        Asked { rules, own: None, own_file: None }
    }

    #[test]
    fn problems_are_drawn_in_their_place_with_a_push_that_explain_takes() {
        let rules = Rules::parse(RULES).unwrap();
        let asked = asked(&rules);
        let found = asked.find(false).unwrap();
        let text = asked.to_text(&found, asked.examined(&found, "rules.yaml", RULES), 140);
        assert!(text.contains("`late` is never reached") && text.contains("[rules.yaml:7:12]"), "{text}");
        let see = r"see: pointsman explain --repo acme/shop --branch main --changed '' --actor 'o'\''hara x'";
        assert!(text.contains(see), "{text}");
        assert!(text.contains("at: rules.yaml:"), "{text}");
        assert!(text.ends_with("1 problem, 3 notes\n"), "{text}");
        let json = asked.to_json(&found, "rules.yaml");
        let first = &json["findings"][0];
        assert_eq!(
            (&first["kind"], &first["line"], &first["column"]),
            (&"shadowed_route".into(), &7.into(), &12.into())
        );
        assert_eq!(first["witness"]["receipt"]["route"], "main");
        let log = sarif::log(&asked.examined(&found, "rules.yaml", RULES));
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
    }

    #[test]
    fn claims_are_answered_each() {
        let rules = Rules::parse(RULES).unwrap();
        let claims = ["prod requires approval".to_owned(), "branch main always reaches prod".to_owned()];
        let (is_well, text, json) = asked(&rules).claims(&claims).unwrap();
        assert!(!is_well && text.starts_with("no       prod requires approval\n         push: branch main"), "{text}");
        assert_eq!((&json["claims"][0]["holds"], &json["claims"][1]["holds"]), (&false.into(), &true.into()));
        let refused = asked(&rules).claims(&["prd requires approval".to_owned()]).unwrap_err().to_string();
        assert!(refused.contains("did you mean `prod`?"), "{refused}");
    }

    #[test]
    fn what_a_repository_says_is_counted_in_and_explain_is_told_so() {
        let rules = Rules::parse(&RULES.replace("routes:", "allow_repo: ignore\nroutes:")).unwrap();
        let text = "version: 1\nignore: [{name: gen, branch: main}, {name: idle, branch: x}]\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.yaml");
        std::fs::write(&path, text).unwrap();
        let own = OwnArgs { repo_file: Some(path.clone()) }.read(&rules).unwrap();
        let asked = Asked { rules: &rules, own, own_file: Some(&path) };
        let (_, said, _) = asked.claims(&["branch main always starts".to_owned()]).unwrap();
        assert!(said.contains("ignored by gen of .pointsman.yaml") && said.contains("--repo-file "), "{said}");
        let found = asked.find(false).unwrap();
        let examined = asked.examined(&found, "rules.yaml", RULES);
        assert_eq!(examined[1].problems.len(), 1, "{:?}", examined[1].problems);
        assert!(examined[1].problems[0].message.starts_with("`idle` of .pointsman.yaml never ignores"));
    }

    #[test]
    fn the_help_lists_the_grammar() {
        assert!(AFTER_HELP.contains("requires approval") && AFTER_HELP.contains("Exit code: 0"));
    }
}
