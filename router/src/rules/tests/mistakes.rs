//! Each mistake once: where it is told, and in which words. The table is `mistakes.txt`.

use proptest::prelude::*;

use super::*;

/// A file that is right but for its routes, and the last route.
const HEAD: &str = "version: 1
repositories: [{github: acme/shop}]
pipelines:
  app:
    stages: [{name: build, buildspec: b.yml}, {name: test, buildspec: t.yml}]
    deploy: {buildspec: d.yml}
  bare:
    stages: [{name: build, buildspec: b.yml}]
environments: [{name: test}, {name: prod}]
";
const REST: &str = "- {name: rest, any: true, pipeline: none}";

/// What stands before and after a case of the table, by the heading above it.
fn frame(heading: &str) -> (String, String) {
    let small = "version: 1\nrepositories: [{github: a/b}]\n";
    let (before, after) = match heading {
        "file" => (String::new(), String::new()),
        "section" => (HEAD.to_owned(), format!("\nroutes:\n{REST}")),
        "check" => (HEAD.to_owned(), String::new()),
        "repository" => {
            let before = "version: 1\nrepositories:\n- {github: acme/shop}\n- {".to_owned();
            (before, format!("}}\nroutes:\n{REST}"))
        }
        "pipelines" => (format!("{small}routes:\n{REST}\npipelines:\n  "), String::new()),
        "step" => (format!("{small}routes:\n{REST}\npipelines:\n  app: {{stages: [{{name: a, "), "}]}".to_owned()),
        "deploy" => {
            let stages = "stages: [{name: a, buildspec: b.yml}]";
            (format!("{small}routes:\n{REST}\npipelines:\n  app: {{{stages}, deploy: {{"), "}}".to_owned())
        }
        "environments" => {
            let people = "people: {team: ['user:dana', 'user:kim']}";
            (format!("{small}{people}\nroutes:\n{REST}\nenvironments:\n  "), String::new())
        }
        "ignore" => (format!("{HEAD}ignore:\n- {{"), format!("}}\nroutes:\n{REST}")),
        "route" => (format!("{HEAD}routes:\n- {{"), format!("}}\n{REST}")),
        "test" => (format!("{HEAD}routes:\n{REST}\ntests:\n- {{"), "}".to_owned()),
        other => panic!("no frame for {other}"),
    };
    (before, after)
}

/// What is told about a case: `line:column message | help`, lines counted from the case's own first one.
fn told(heading: &str, case: &str) -> String {
    let (before, after) = frame(heading);
    let Err(problems) = Rules::parse(&format!("{before}{case}{after}\n")) else { return "> nothing\n".to_owned() };
    let line = before.matches('\n').count();
    let lines = problems.iter().map(|problem| {
        let help = problem.help.as_ref().map_or(String::new(), |help| format!(" | {help}"));
        let place = problem.place;
        format!("> {}:{} {}{help}\n", place.line.saturating_sub(line), place.column, problem.message)
    });
    lines.collect()
}

#[test]
fn each_mistake_is_told_at_its_place_with_what_to_do() {
    let (mut heading, mut case, mut now) = ("", String::new(), String::new());
    for line in include_str!("mistakes.txt").lines() {
        if let Some(word) = line.strip_prefix("# ") {
            heading = word;
            now.push_str(&format!("# {word}\n"));
        } else if !line.starts_with("> ") {
            case.push_str(&format!("\n{line}"));
        } else if !case.is_empty() {
            // The first line of an answer: the case above it is complete.
            let asked = case.trim_start_matches('\n');
            now.push_str(&format!("{asked}\n{}", told(heading, asked)));
            case.clear();
        }
    }
    for (number, (now, written)) in now.lines().zip(include_str!("mistakes.txt").lines()).enumerate() {
        assert_eq!(now, written, "line {} of mistakes.txt", number + 1);
    }
    assert_eq!(now.len(), include_str!("mistakes.txt").len());
}

#[test]
fn the_frames_of_the_table_are_right_themselves() {
    for (heading, case) in [
        ("file", "version: 1\nrepositories: [{local: demo}]\nroutes: [{name: x, any: true, pipeline: none}]"),
        ("section", ""),
        ("repository", "github: a/b, forge: hub, variables: {A_1: '1'}, clone: 'ssh://git@host/x.git'"),
        ("pipelines", "{app: {stages: [{name: a, buildspec: {central: b.yml}}]}}"),
        ("step", "buildspec: b.yml, compute: arm-small..arm-large, image: 'a/b:1', privileged: yes, timeout: 90s"),
        ("deploy", "buildspec: {inline: 'version: 0.2'}"),
        ("deploy", "ecs: {cluster: 'shop-{environment}', service: web, file: images/web.json}"),
        ("deploy", "cloudformation: ['net-{environment}', {stack: app, template: out/app.json}]"),
        ("deploy", "codedeploy: {application: shop, group: '{environment}'}"),
        ("environments", "[{name: a, approval: {by: [team, 'user:jo'], min: 3, not_author: true, within: 3d}}]"),
        (
            "environments",
            "[{name: a, zone: Europe/Berlin, window: [{days: [mon-thu, sun], hours: '09:00-24:00'}, {hours: '22:00-04:00'}]}]",
        ),
        ("environments", "[{name: a, zone: UTC, freeze: [2026-12-18..2027-01-06, 2026-11-27]}]"),
        ("section", "allow_repo: [ignore, buildspecs]"),
        ("ignore", "name: docs, paths: {only: docs/**}"),
        ("route", "name: a, branch: [x, '!y'], pipeline: app, to: test, stages: test, start: manual"),
        ("test", "push: x, changed: [], expect: nothing"),
    ] {
        assert_eq!(told(heading, case), "> nothing\n", "{heading}");
    }
}

#[test]
fn an_empty_file_is_told_how_a_rule_file_begins() {
    assert_eq!(told("file", ""), "> 1:1 the file is empty | a rule file begins with `version: 1`\n");
}

#[test]
fn a_stray_escape_sequence_does_not_reach_the_message() {
    let told = told("file", "\"\\e[31m\\u202e\": 1");
    assert!(told.contains("`\\u{1b}[31m\\u{202e}`"), "{told}");
}

#[test]
fn problems_come_in_the_order_of_the_file_and_end_somewhere() {
    let routes: String = (0..1500).map(|at| format!("- {{name: r{at}, branch: x, pipeline: zebra}}\n")).collect();
    let problems = Rules::parse(&format!("{HEAD}routes:\n{routes}{REST}\n")).unwrap_err();
    assert!(problems.is_sorted_by_key(|problem| problem.place.offset));
    assert_eq!(problems.len(), 1001);
    assert_eq!(problems[1000].message, "and 500 more problems after this one");
}

#[test]
fn there_is_a_limit_to_routes() {
    let route = "- {name: x, any: true, pipeline: none}\n";
    let problems = Rules::parse(&format!("{HEAD}routes:\n{}", route.repeat(100_001))).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "100001 routes; at most 100000 are read");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Rules::parse(&text);
    }

    /// Nearer to a rule file: the root one with a piece cut out and another put in.
    #[test]
    fn no_damaged_rule_file_panics(from in 0usize..4000, len in 0usize..60, put in "[-a-z:{}\\[\\], *!\"'\n&|>]{0,12}") {
        let chars: Vec<char> = ROOT.chars().collect();
        let from = from.min(chars.len());
        let rest = chars.iter().skip(from + len);
        let text: String = chars[..from].iter().copied().chain(put.chars()).chain(rest.copied()).collect();
        if let Err(problems) = Rules::parse(&text) {
            for problem in &problems {
                let place = problem.place;
                prop_assert!(text.get(place.offset..place.offset + place.len.min(1)).is_some() || place.offset >= text.len());
            }
        }
    }
}
