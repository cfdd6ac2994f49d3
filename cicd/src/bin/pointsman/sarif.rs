//! Problems as SARIF 2.1.0, which code scanning reads. Fields by the OASIS standard and GitHub's list of those that it shows.

use router::problem::Problem;
use serde_json::{Value, json};

use crate::problems::Examined;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }

    /// A rule's id must not change, or every alert is a new one.
    fn rule(self) -> &'static str {
        match self {
            Self::Error => "pointsman/wrong",
            Self::Warning => "pointsman/hardly-meant",
        }
    }
}

/// The log of one run.
pub(crate) fn log(examined: &[Examined]) -> Value {
    let results: Vec<Value> = examined
        .iter()
        .flat_map(|file| {
            let errors = file.problems.iter().map(|problem| result(file, problem, Level::Error));
            errors.chain(file.warnings.iter().map(|problem| result(file, problem, Level::Warning)))
        })
        .collect();
    let rule = |level: Level, text: &str| {
        json!({
            "id": level.rule(),
            "shortDescription": {"text": text},
            "defaultConfiguration": {"level": level.word()},
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pointsman",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule(Level::Error, "The rule file or buildspec is wrong"),
                    rule(Level::Warning, "The rule file or buildspec is right and hardly meant"),
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(file: &Examined, problem: &Problem, level: Level) -> Value {
    let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
    let place = problem.place;
    // The end's column is one past the last character, on the same line: a place never goes on to the next.
    let end = place.offset.saturating_add(place.len);
    let marked = file.text.get(place.offset.min(file.text.len())..end.min(file.text.len())).unwrap_or_default();
    let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
    json!({
        "ruleId": level.rule(),
        "ruleIndex": usize::from(level == Level::Warning),
        "level": level.word(),
        "message": {"text": format!("{}{help}", problem.message)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&file.file)},
            "region": {
                "startLine": place.line.max(1),
                "startColumn": place.column.max(1),
                "endColumn": place.column.max(1) + width,
            },
        }}],
    })
}

/// A relative path as a relative reference: what may not stand in one is escaped, and `./` is left out.
fn uri(path: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let path = path.strip_prefix("./").unwrap_or(path);
    let escaped = percent_encoding::utf8_percent_encode(path, KEPT).to_string();
    if path.starts_with('/') { format!("file://{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use router::problem::Place;

    use super::*;

    /// What the standard demands of each object that we write, and GitHub of each that it shows.
    fn check(log: &Value) {
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        for result in run["results"].as_array().unwrap() {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.is_ascii() && !uri.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']), "{uri}");
            let region = &place["region"];
            assert!(region["startLine"].as_u64().unwrap() >= 1 && region["startColumn"].as_u64().unwrap() >= 1);
            assert!(region["endColumn"].as_u64() > region["startColumn"].as_u64());
        }
    }

    #[test]
    fn every_problem_is_a_result_with_its_place() {
        let text = "ü: wörd\n".to_owned();
        let problem =
            |offset, len, column| Problem::new(Place { line: 1, column, offset, len }, "wrong").help("do right");
        let examined = Examined {
            file: "./rules ü.yaml".to_owned(),
            text,
            problems: vec![problem(4, 5, 4), problem(999, 9, 99)],
            warnings: vec![problem(0, 2, 1)],
        };
        let unreadable = Examined::unreadable("/gone".to_owned(), "cannot read".to_owned());
        let log = log(&[examined, unreadable]);
        check(&log);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "rules%20%C3%BC.yaml");
        assert_eq!(place["region"], json!({"startLine": 1, "startColumn": 4, "endColumn": 8}));
        assert_eq!((&results[2]["level"], &results[2]["ruleIndex"]), (&json!("warning"), &json!(1)));
        assert_eq!(results[0]["message"]["text"], "wrong (do right)");
    }
}
