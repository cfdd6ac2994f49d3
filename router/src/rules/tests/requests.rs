//! Change requests and shadows.

use super::*;
use crate::event::ChangeRequest;

const RULES: &str = "version: 1
repositories: [{local: demo}]
pipelines: {app: {stages: [{name: build, buildspec: b.yml}], deploy: {buildspec: d.yml}}}
environments: [{name: test}]
ignore:
  - {name: docs, paths: {only: ['docs/**']}}
  - {name: skip, message: '*[skip ci]*'}
routes:
  - {name: careful, change_request: {target: 'release/*', source: ['hotfix/**', '!hotfix/old']}, pipeline: app, to: test}
  - {name: open, change_request: {target: main}, forks: true, actors: '*', pipeline: app}
  - {name: ours, change_request: {}, pipeline: app}
  - {name: watched, branch: 'next/**', shadow: true, pipeline: app, to: test}
  - {name: watched-too, branch: 'next/**', paths: {any: [a]}, shadow: true, pipeline: none}
  - {name: main, branch: '**', pipeline: app}
  - {name: rest, any: true, pipeline: none}
tests:
  - {change_request: {target: main, source: a, fork: true}, expect: open}
  - {change_request: {target: next, source: a, fork: true}, expect: nothing}
  - {change_request: {target: next, source: a}, expect: ours}
  - {change_request: {target: release/1, source: hotfix/a}, expect: careful}
";

fn request(target: &str, source: &str, from: Option<&str>) -> ChangeRequest {
    ChangeRequest {
        repository: repository(ForgeKind::Local, "demo"),
        number: 7,
        action: "synchronize".to_owned(),
        target: target.to_owned(),
        source: source.to_owned(),
        fork: from.is_some(),
        from: from.map(|path| RepoPath::new(path).unwrap()),
        commit: Some(CommitId::new("a".repeat(40)).unwrap()),
        before: None,
        moved: true,
        actor: "mallory".to_owned(),
        author: Default::default(),
        title: "mend".to_owned(),
        changed: unknown(),
    }
}

fn decided(request: &ChangeRequest) -> (String, Option<String>) {
    let decision = rules(RULES).decide(&Event::ChangeRequest(request.clone()));
    let miss = decision.nearest_miss.map(|miss| format!("{}: {}", miss.route, miss.because));
    (came(&decision.verdict, &decision.because), miss)
}

fn came(verdict: &Verdict, because: &[String]) -> String {
    match verdict {
        Verdict::Start { route, .. } => format!("start {route}"),
        Verdict::Ignore { rule } => format!("ignore {rule}"),
        Verdict::Nothing { route: None } => because.join(", "),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_tests_of_the_file_hold() {
    let failed: Vec<_> = rules(RULES).run_tests().into_iter().filter_map(|test| test.problem).collect();
    assert_eq!(failed, []);
}

#[test]
fn target_source_and_origin_decide() {
    assert_eq!(decided(&request("release/1", "hotfix/a", None)).0, "start careful");
    assert_eq!(decided(&request("release/1", "hotfix/old", None)).0, "start ours");
    assert_eq!(decided(&request("main", "x", Some("mallory/demo"))).0, "start open");
}

#[test]
fn a_fork_starts_nothing_unless_a_route_says_so_and_the_miss_says_why() {
    let (came, miss) = decided(&request("release/1", "hotfix/a", Some("mallory/demo")));
    assert_eq!(came, "no route takes change request 7");
    let why = "careful: it comes from the fork mallory/demo, and forks start nothing here (forks: false)";
    assert_eq!(miss.as_deref(), Some(why));
}

#[test]
fn a_route_for_every_push_takes_no_change_request() {
    let text =
        RULES.replace("  - {name: ours, change_request: {}, pipeline: app}\n", "").replace("tests:", "tests: []\nx:");
    let text = text.split("tests:").next().unwrap();
    let decision = rules(text).decide(&Event::ChangeRequest(request("next", "x", None)));
    assert_eq!(decision.verdict, Verdict::Nothing { route: None });
}

#[test]
fn what_an_outsider_writes_skips_nothing() {
    let skip = |from| ChangeRequest { title: "x [skip ci]".to_owned(), ..request("main", "x", from) };
    assert_eq!(decided(&skip(None)).0, "ignore skip");
    assert_eq!(decided(&skip(Some("mallory/demo"))).0, "start open");
    let docs = ChangeRequest { changed: known(&["docs/a"]), ..request("main", "x", Some("mallory/demo")) };
    assert_eq!(decided(&docs).0, "ignore docs");
}

#[test]
fn what_brings_no_new_commit_starts_nothing() {
    let labeled = ChangeRequest { moved: false, action: "labeled".to_owned(), ..request("main", "x", None) };
    assert_eq!(decided(&labeled).0, "change request 7 (labeled) brought no new commit");
    let headless = ChangeRequest { commit: None, ..request("main", "x", None) };
    assert_eq!(decided(&headless).0, "change request 7 names no commit");
    let long = ChangeRequest { source: "x".repeat(999), ..request("main", "x", None) };
    assert_eq!(decided(&long).0, "the branches of change request 7 have too long names");
}

#[test]
fn a_shadow_is_recorded_and_owns_nothing() {
    let decision = rules(RULES).decide(&Event::Push(push("next/a", known(&["a"]))));
    assert_eq!(came(&decision.verdict, &decision.because), "start main");
    let shadows: Vec<(String, usize)> =
        decision.shadows.iter().map(|shadow| (shadow.route.to_string(), shadow.chain.len())).collect();
    assert_eq!(shadows, [("watched".to_owned(), 1), ("watched-too".to_owned(), 0)]);
    let text = Receipt::of(
        &"local".parse().unwrap(),
        &crate::event::Delivered {
            id: crate::id::DeliveryId::new("d").unwrap(),
            event: Event::Push(push("next/a", known(&["a"]))).into(),
        },
        &decision,
    )
    .to_text();
    assert!(text.contains("shadow    watched would start watched (app): branch next/a matches next/**\n"), "{text}");
    assert!(text.contains("shadow    watched-too would start nothing: "), "{text}");
}

#[test]
fn files_are_asked_for_when_a_shadow_wants_them() {
    let rules = rules(RULES.replace("  - {name: docs, paths: {only: ['docs/**']}}\n", "").as_str());
    assert!(rules.needs_changed_files(&push("next/a", unknown())));
    assert!(!rules.needs_changed_files(&push("main", unknown())));
}
