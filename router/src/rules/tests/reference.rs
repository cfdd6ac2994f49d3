//! `docs/rules.md` is true: each of its examples is a rule file that passes its own tests.
//!
//! An example that begins with `version: 1` is a whole file. Any other is completed with the sections of the first example
//! that it leaves out (but for `tests`, which are about its routes), and with the last route where its own has none.

use super::*;

const REFERENCE: &str = include_str!("../../../../docs/rules.md");
/// Behind the fence of a file of a repository.
const OWN: &str = "```yaml .pointsman.yaml";
const LAST_ROUTE: &str = "  - {name: the-rest, any: true, pipeline: none}\n";

/// The line and the text of each rule file, or part of one.
fn examples() -> Vec<(usize, String)> {
    blocks("```yaml")
}

/// The line and the text of each block behind this fence.
fn blocks(fence: &str) -> Vec<(usize, String)> {
    let mut examples: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in REFERENCE.lines().enumerate() {
        match line {
            line if line == fence => {
                open = true;
                examples.push((at + 2, String::new()));
            }
            "```" => open = false,
            line if open => {
                let (_, text) = examples.last_mut().expect("a block is open");
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    examples
}

/// A file cut before each key at its margin.
fn sections(text: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if let Some((key, _)) =
            line.split_once(':').filter(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        {
            sections.push((key, String::new()));
        }
        if let Some((_, section)) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

/// The example as a whole file.
fn completed(example: &str, frame: &str) -> String {
    if example.starts_with("version: 1\n") {
        return example.to_owned();
    }
    let mut given = sections(example);
    if let Some((_, routes)) = given.iter_mut().find(|(key, text)| *key == "routes" && !text.contains("any: true")) {
        *routes = format!("{}\n{LAST_ROUTE}", routes.trim_end());
    }
    let left_out =
        sections(frame).into_iter().filter(|(key, _)| *key != "tests" && given.iter().all(|(k, _)| k != key));
    let all: Vec<String> =
        left_out.collect::<Vec<_>>().into_iter().chain(given.clone()).map(|(_, text)| text).collect();
    all.concat()
}

#[test]
fn every_example_is_a_rule_file_that_passes_its_tests() {
    let examples = examples();
    assert!(examples.len() > 8, "{} examples", examples.len());
    for (line, example) in &examples {
        let text = completed(example, &examples[0].1);
        let rules = Rules::parse(&text)
            .unwrap_or_else(|problems| panic!("the example on line {line} of docs/rules.md: {problems:#?}\n{text}"));
        let failed: Vec<_> = rules.run_tests().into_iter().filter_map(|test| test.problem).collect();
        assert!(failed.is_empty(), "the example on line {line} of docs/rules.md: {failed:#?}");
    }
}

#[test]
fn every_example_of_a_repositorys_own_file_is_right() {
    let rules = rules(&format!("{}\nallow_repo: [ignore, variables, buildspecs]\n", examples()[0].1));
    let own = blocks(OWN);
    assert!(!own.is_empty());
    for (line, text) in own {
        rules.read_repo_file(&text).unwrap_or_else(|problems| panic!("line {line} of docs/rules.md: {problems:#?}"));
    }
}

#[test]
fn every_key_has_an_example_and_a_word_of_explanation() {
    let all = [examples(), blocks(OWN)].concat();
    let yaml: String = all.into_iter().map(|(_, text)| text).collect();
    for key in crate::rules::parse::keys() {
        let in_yaml = yaml.match_indices(&format!("{key}:")).any(|(at, _)| {
            at == 0 || !yaml.as_bytes()[at - 1].is_ascii_alphanumeric() && yaml.as_bytes()[at - 1] != b'_'
        });
        assert!(in_yaml, "docs/rules.md has no example of `{key}`");
        assert!(REFERENCE.contains(&format!("`{key}`")) || REFERENCE.contains(&format!("`{{{key}: ")), "{key}");
    }
}

#[test]
fn the_globs_of_the_reference_match_what_it_says() {
    let table = REFERENCE.split("| glob | matches | does not match |").nth(1).expect("the table of globs");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let cells: Vec<Vec<&str>> = row.split('|').map(|cell| cell.split('`').skip(1).step_by(2).collect()).collect();
        let glob = pattern::Pattern::new(cells[1][0], pattern::Dialect::Path).unwrap();
        assert!(!cells[2].is_empty() && cells[2].iter().all(|name| glob.matches(name)), "{row}");
        assert!(!cells[3].iter().any(|name| glob.matches(name)), "{row}");
    }
}
