//! `pointsman prove`: what can and cannot happen, over every push there can be.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use router::event::{Delivered, Event};
use router::id::DeliveryId;
use router::rules::{Answer, CLAIMS, Claim, Finding, Receipt, Rules, Witness};
use serde_json::{Value, json};

use crate::format::Format;
use crate::problems::{DEFAULT_RULES, Examined, read};

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
    let rules = match Rules::parse(&text) {
        Ok(rules) => rules,
        Err(problems) => {
            let wrong = Examined { file: path.display().to_string(), text, problems, warnings: Vec::new() };
            match format {
                Format::Json => writeln!(out, "{}", json!({"ok": false, "problems": wrong.to_json()}))?,
                _ => write!(out, "{}", wrong.draw(console::colors_enabled(), 100))?,
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let (is_well, text, json) = if args.claim.is_empty() { find(args, &rules)? } else { claims(&args.claim, &rules)? };
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?,
        _ => write!(out, "{text}")?,
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(REFUTED) })
}

fn find(args: &Args, rules: &Rules) -> anyhow::Result<(bool, String, Value)> {
    let proof = rules.prove()?;
    let counts = |finding: &Finding| finding.kind.is_problem() || args.strict;
    let mut text = String::new();
    for finding in &proof.findings {
        let weight = if counts(finding) { "problem" } else { "note" };
        text += &format!("{weight:<8} {}: {}\n", finding.kind.word().replace('_', " "), finding.message);
        text += &finding.witness.as_ref().map(shown).unwrap_or_default();
    }
    if proof.more {
        text += "note     there are more overlaps and gaps than these\n";
    }
    let problems = proof.findings.iter().filter(|finding| counts(finding)).count();
    let is_well = problems == 0;
    let notes = proof.findings.len() - problems;
    text += &format!("{problems} problem{}, {notes} note{}\n", plural(problems), plural(notes));
    let findings: Vec<Value> = proof
        .findings
        .iter()
        .map(|finding| {
            json!({"kind": finding.kind, "problem": counts(finding), "about": finding.about, "other": finding.other,
                "message": finding.message, "witness": finding.witness.as_ref().map(as_json)})
        })
        .collect();
    let json =
        json!({"ok": is_well, "rules": rules.hash(), "assumes": ASSUMES, "findings": findings, "more": proof.more});
    Ok((is_well, text, json))
}

fn claims(claims: &[String], rules: &Rules) -> anyhow::Result<(bool, String, Value)> {
    let (mut is_well, mut text, mut json) = (true, String::new(), Vec::new());
    for claim in claims {
        let claim = Claim::parse(claim, rules).map_err(|why| anyhow!("the claim \"{claim}\" cannot be read: {why}"))?;
        match rules.prove_claim(&claim)? {
            Answer::Yes(because) => {
                text += &format!("yes      {}: {because}\n", claim.as_str());
                json.push(json!({"claim": claim.as_str(), "holds": true, "because": because, "witness": null}));
            }
            Answer::No(witness) => {
                is_well = false;
                text += &format!("no       {}\n{}", claim.as_str(), shown(&witness));
                let because = witness.decision.because.join("; ");
                json.push(
                    json!({"claim": claim.as_str(), "holds": false, "because": because, "witness": as_json(&witness)}),
                );
            }
        }
    }
    Ok((is_well, text, json!({"ok": is_well, "rules": rules.hash(), "assumes": ASSUMES, "claims": json})))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The push, why it goes where it goes, and how to see for oneself.
fn shown(witness: &Witness) -> String {
    let arguments: Vec<String> = witness.arguments().iter().map(|argument| quoted(argument)).collect();
    let because = witness.decision.because.join("; ");
    format!(
        "         push: {witness}\n         because: {because}\n         see: pointsman explain {}\n",
        arguments.join(" ")
    )
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
    let delivered = Delivered { id, event: Event::Push(witness.push.clone()) };
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

    #[test]
    fn problems_are_told_with_a_push_that_explain_takes() {
        let rules = Rules::parse(RULES).unwrap();
        let (is_well, text, json) = find(&Args::default(), &rules).unwrap();
        assert!(!is_well);
        assert!(text.contains("problem  shadowed route: `late` is never reached"), "{text}");
        let see = r"see: pointsman explain --repo acme/shop --branch main --changed '' --actor 'o'\''hara x'";
        assert!(text.contains(see), "{text}");
        assert!(text.ends_with("1 problem, 3 notes\n"), "{text}");
        assert_eq!(json["findings"][0]["kind"], "shadowed_route");
        assert_eq!(json["findings"][0]["witness"]["receipt"]["route"], "main");
    }

    #[test]
    fn claims_are_answered_each() {
        let rules = Rules::parse(RULES).unwrap();
        let asked = ["prod requires approval".to_owned(), "branch main always reaches prod".to_owned()];
        let (is_well, text, json) = claims(&asked, &rules).unwrap();
        assert!(!is_well && text.starts_with("no       prod requires approval\n         push: branch main"), "{text}");
        assert_eq!((&json["claims"][0]["holds"], &json["claims"][1]["holds"]), (&false.into(), &true.into()));
        let refused = claims(&["prd requires approval".to_owned()], &rules).unwrap_err().to_string();
        assert!(refused.contains("did you mean `prod`?"), "{refused}");
    }

    #[test]
    fn the_help_lists_the_grammar() {
        assert!(AFTER_HELP.contains("requires approval") && AFTER_HELP.contains("Exit code: 0"));
    }
}
