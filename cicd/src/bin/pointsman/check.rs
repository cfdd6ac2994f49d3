//! `pointsman check`: is the rule file right, is a buildspec?

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use router::buildspec::{self, Around};
use router::problem::Problem;
use router::rules::Rules;
use router::yaml;
use serde_json::{Map, Value, json};

use crate::format::Format;
use crate::problems::{DEFAULT_RULES, Examined, read};
use crate::sarif;
use specs::Specs;

mod specs;

/// Validates the rule file, its buildspecs and its tests, or one buildspec.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A rule file or a buildspec, - for standard input; the rule file when left out.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Warnings are problems too.
    #[arg(long)]
    deny_warnings: bool,
}

/// Prints what is wrong. Exit code 0 when nothing is, otherwise 1.
pub(crate) fn run(args: &Args, rules: Option<&Path>, format: Format) -> anyhow::Result<ExitCode> {
    let path = args.file.as_deref().or(rules).unwrap_or(Path::new(DEFAULT_RULES));
    let found = check(path, args.deny_warnings);
    let mut out = std::io::stdout().lock();
    match format {
        Format::Human => write!(out, "{}", found.to_text())?,
        Format::Json => writeln!(out, "{}", found.to_json())?,
        Format::Sarif => writeln!(out, "{:#}", sarif::log(&found.examined))?,
    }
    Ok(if found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a check has found.
#[derive(Default)]
struct Found {
    examined: Vec<Examined>,
    /// What was not checked, and why.
    notes: Vec<String>,
    /// What was right, for people.
    summary: String,
    /// More for programs.
    more: Map<String, Value>,
    /// A warning is a problem too.
    deny_warnings: bool,
}

impl Found {
    fn is_ok(&self) -> bool {
        let no_warnings = || self.examined.iter().all(|examined| examined.warnings.is_empty());
        self.examined.iter().all(|examined| examined.problems.is_empty()) && (!self.deny_warnings || no_warnings())
    }

    fn to_text(&self) -> String {
        let width = usize::from(console::Term::stdout().size().1).clamp(40, 140);
        let drawn = self.examined.iter().map(|examined| examined.draw(console::colors_enabled(), width));
        let notes = self.notes.iter().map(|note| format!("note: {note}\n"));
        let count: usize = self.examined.iter().map(|examined| examined.problems.len()).sum();
        let warnings: usize = self.examined.iter().map(|examined| examined.warnings.len()).sum();
        let warned = if warnings > 0 { format!(", {}", counted(warnings, "warning")) } else { String::new() };
        let end = match count {
            0 if self.is_ok() => format!("{}{warned}\n", self.summary),
            0 => format!("{}, which --deny-warnings makes problems\n", counted(warnings, "warning")),
            count => format!("{}{warned}\n", counted(count, "problem")),
        };
        drawn.chain(notes).chain([end]).collect()
    }

    fn to_json(&self) -> Value {
        let problems: Vec<Value> = self.examined.iter().flat_map(Examined::to_json).collect();
        let warnings: Vec<Value> = self.examined.iter().flat_map(Examined::warnings_to_json).collect();
        let mut json = json!({"ok": self.is_ok(), "problems": problems, "warnings": warnings, "notes": self.notes});
        if let Value::Object(fields) = &mut json {
            fields.extend(self.more.clone());
        }
        json
    }
}

fn check(path: &Path, deny_warnings: bool) -> Found {
    let file = path.display().to_string();
    let found = match read(path) {
        Err(why) => Found { examined: vec![Examined::unreadable(file, why)], ..Found::default() },
        Ok(text) if is_buildspec(&text) => check_buildspec(file, text),
        Ok(text) => check_rules(path, file, text),
    };
    Found { deny_warnings, ..found }
}

/// A buildspec has `phases`, or at least a version of its own kind.
fn is_buildspec(text: &str) -> bool {
    // What is no YAML is told as such either way; the guess only decides what it is called.
    let Ok(root) = yaml::parse(text) else { return text.lines().any(|line| line.starts_with("phases:")) };
    let version = root.get("version").and_then(yaml::Node::text);
    root.get("phases").is_some() || version.is_some_and(|version| version.starts_with("0."))
}

fn check_buildspec(file: String, text: String) -> Found {
    let (model, problems) = match buildspec::Buildspec::parse(&text) {
        Ok(spec) => (spec.to_json(), Vec::new()),
        Err(problems) => (Value::Null, problems),
    };
    // What other stages leave and which repository this is for, nobody has said.
    let around = Around { variables: &BTreeSet::new(), exists: None, inputs: None };
    let warnings = buildspec::Buildspec::lint(&text, &around);
    let summary = format!("{file}: the buildspec is right");
    let more = Map::from_iter([("model".to_owned(), model)]);
    Found { examined: vec![Examined { file, text, problems, warnings }], summary, more, ..Found::default() }
}

fn check_rules(path: &Path, file: String, text: String) -> Found {
    let rules = match Rules::parse(&text) {
        Ok(rules) => rules,
        Err(problems) => {
            let examined = vec![Examined { file, text, problems, warnings: Vec::new() }];
            return Found { examined, ..Found::default() };
        }
    };
    let tests = rules.run_tests();
    let tested = tests.len();
    let mut problems: Vec<Problem> = tests.into_iter().filter_map(|test| test.problem).collect();
    let failed = problems.len();
    let mut warnings = rules.warnings().to_vec();
    let specs = Specs::of(&rules, path.parent().unwrap_or(Path::new("")));
    problems.extend(specs.problems());
    warnings.extend(specs.inline_warnings());
    problems.sort_by_key(|problem| problem.place.offset);
    warnings.sort_by_key(|problem| problem.place.offset);
    let more = Map::from_iter([
        ("rules".to_owned(), json!(rules.hash())),
        ("tests".to_owned(), json!({"run": tested, "failed": failed})),
    ]);
    let summary = format!(
        "{file} is right: {}, {}, {}",
        counted(rules.routes().count(), "route"),
        counted(tested, "test"),
        counted(specs.checked(), "buildspec")
    );
    let notes = specs.notes();
    let examined = std::iter::once(Examined { file, text, problems, warnings }).chain(specs.files()).collect();
    Found { examined, notes, summary, more, ..Found::default() }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "version: 1
repositories: [{local: demo}]
pipelines: {app: {stages: [{name: a, buildspec: a.yml}, {name: b, buildspec: {central: b.yml}}]}}
routes:
  - {name: main, branch: main, pipeline: app}
  - {name: rest, any: true, pipeline: none}
tests:
  - {push: main, expect: main}
";
    const SPEC: &str = "version: 0.2\nphases: {build: {commands: [make]}}\n";

    /// Files in a new folder; the first one is checked.
    fn checked(files: &[(&str, &str)]) -> (tempfile::TempDir, Found) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let found = check(&folder.path().join(files[0].0), false);
        (folder, found)
    }

    #[test]
    fn a_right_rule_file_is_right() {
        let (_folder, found) = checked(&[("rules.yaml", RULES), ("a.yml", SPEC), ("b.yml", SPEC)]);
        let json = found.to_json();
        assert_eq!((&json["ok"], &json["problems"], &json["notes"]), (&json!(true), &json!([]), &json!([])));
        assert_eq!(json["tests"], json!({"run": 1, "failed": 0}));
        assert!(found.to_text().ends_with("rules.yaml is right: 2 routes, 1 test, 2 buildspecs\n"));
    }

    #[test]
    fn a_buildspec_of_the_commit_may_be_elsewhere_and_a_central_one_may_not() {
        let (_folder, found) = checked(&[("rules.yaml", RULES)]);
        assert_eq!(found.notes, ["a.yml is not here, so it was not checked; it comes from the commit"]);
        let json = found.to_json();
        assert_eq!(json["problems"][0]["message"], "`b.yml` is not beside the rule file");
        assert_eq!((&json["problems"][0]["line"], &json["problems"][0]["column"]), (&json!(3), &json!(78)));
        assert!(!found.is_ok());
    }

    #[test]
    fn a_failed_test_is_a_problem() {
        let rules = RULES.replace("{push: main, expect: main}", "{push: wip, expect: main}");
        let (_folder, found) = checked(&[("rules.yaml", &rules), ("a.yml", SPEC), ("b.yml", SPEC)]);
        let json = found.to_json();
        assert_eq!(json["problems"][0]["message"], "expected main, and nothing (rest) came");
        assert_eq!(json["tests"], json!({"run": 1, "failed": 1}));
    }

    #[test]
    fn all_problems_of_a_rule_file_come_at_once() {
        let rules = RULES.replace("branch: main", "brnach: main").replace("any: true", "any: maybe");
        let (_folder, found) = checked(&[("rules.yaml", &rules)]);
        assert_eq!(found.to_json()["problems"].as_array().unwrap().len(), 2);
        assert!(found.to_text().ends_with("2 problems\n"));
    }

    #[test]
    fn a_buildspec_is_known_by_its_phases() {
        let (_folder, found) = checked(&[("any-name.txt", SPEC)]);
        assert!(found.is_ok() && found.to_json().get("model").is_some());
        let (_folder, found) = checked(&[("any-name.txt", "version: 0.2\nphases: {biuld: {commands: [make]}}\n")]);
        assert!(!found.is_ok());
        assert_eq!(found.to_json()["model"], Value::Null);
    }

    #[test]
    fn a_wrong_buildspec_beside_the_rules_is_told_with_its_file() {
        let wrong = "version: 0.2\nphases: {build: {commands: [a]}, build: {commands: [b]}}\n";
        let (folder, found) = checked(&[("rules.yaml", RULES), ("a.yml", wrong), ("b.yml", SPEC)]);
        let json = found.to_json();
        assert_eq!(json["problems"][0]["file"], json!(folder.path().join("a.yml").display().to_string()));
        assert_eq!(json["problems"][0]["line"], 2);
    }

    #[test]
    fn an_inline_buildspec_is_told_where_it_stands() {
        let rules = RULES.replace("buildspec: a.yml", "buildspec: {inline: 'phases: ['}");
        let (_folder, found) = checked(&[("rules.yaml", &rules), ("b.yml", SPEC)]);
        let json = found.to_json();
        assert_eq!(json["problems"][0]["line"], 3);
        assert!(json["problems"][0]["message"].as_str().unwrap().contains("of this buildspec: "), "{json}");
    }

    #[test]
    fn what_is_hardly_meant_is_a_warning_and_no_problem() {
        let spec = "version: 0.2\nphases: {build: {commands: ['echo $NOWHERE $CODEBUILD_SRC_DIR_zebra']}}\n";
        let rules = RULES.replace("{local: demo}", "{local: demo, variables: {KNOWN: x}}");
        let (_folder, found) = checked(&[("rules.yaml", &rules), ("a.yml", spec), ("b.yml", SPEC)]);
        let json = found.to_json();
        let told: Vec<&str> =
            json["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap()).collect();
        assert_eq!(told, ["nobody defines `$NOWHERE`", "no stage before this one leaves an artifact named `zebra`"]);
        assert_eq!(json["ok"], true);
        assert!(found.to_text().ends_with("2 buildspecs, 2 warnings\n"), "{}", found.to_text());
        assert!(!Found { deny_warnings: true, ..found }.is_ok());
        let known = spec.replace("$NOWHERE $CODEBUILD_SRC_DIR_zebra", "$KNOWN");
        let (_folder, found) = checked(&[("rules.yaml", &rules), ("a.yml", &known), ("b.yml", SPEC)]);
        assert_eq!(found.to_json()["warnings"], json!([]));
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem_and_no_panic() {
        let found = check(Path::new("/nowhere/rules.yaml"), false);
        assert!(found.to_json()["problems"][0]["message"].as_str().unwrap().starts_with("cannot read /nowhere"));
        assert!(found.to_text().contains("cannot read"));
    }
}
