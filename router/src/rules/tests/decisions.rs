//! Pushes, and where they go.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{About, ChangeRequest, Deleted, Delivered, Unreadable};
use crate::id::{DeliveryId, ForgeName};

/// A file with these routes above the last one; `app` builds and tests, `ground` goes everywhere.
pub(super) fn with_routes(routes: &str) -> Rules {
    with("", routes)
}

fn with(sections: &str, routes: &str) -> Rules {
    rules(&format!(
        "version: 1
repositories:
  - {{local: demo, variables: {{IMAGE: shop, EMPTY: ''}}, clone: /srv/demo.git}}
  - github: 'acme/*'
  - {{gitlab: platform/**, forge: work}}
pipelines:
  app:
    stages: [{{name: build, buildspec: b.yml}}, {{name: test, buildspec: t.yml, compute: small..large}}]
    deploy: {{buildspec: d.yml}}
  ground: {{stages: [{{name: synth, buildspec: s.yml}}], deploy: {{buildspec: d.yml}}}}
environments: [{{name: test}}, {{name: prod, approval: {{by: [team, 'user:zoe'], min: 2, not_author: true}}}}]
people: {{team: ['user:dana', 'user:kim', 'user:zoe']}}
{sections}
routes:
{routes}
  - {{name: rest, any: true, pipeline: none}}
"
    ))
}

fn because(rules: &Rules, push: Push) -> String {
    rules.decide(&Event::Push(push)).because.join("\n")
}

fn nearest(rules: &Rules, push: Push) -> String {
    let miss = rules.decide(&Event::Push(push)).nearest_miss;
    miss.map_or("none".to_owned(), |miss| format!("{}: {}", miss.route, miss.because))
}

#[test]
fn the_root_rule_file_passes_its_own_tests() {
    let failed: Vec<_> = rules(ROOT).run_tests().into_iter().filter_map(|test| test.problem).collect();
    assert_eq!(failed, []);
    assert_eq!(rules(ROOT).run_tests().len(), 10);
}

#[test]
fn a_failed_test_tells_what_came_and_why() {
    let text = ROOT.replace("changed: [src/a.rs],             expect: main", "changed: [src/a.rs], expect: infra");
    let failed: Vec<_> = rules(&text).run_tests().into_iter().filter_map(|test| test.problem).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].message, "expected infra, and main came");
    assert_eq!(
        failed[0].help.as_deref(),
        Some("branch main matches main; nearest was infra: no changed file matches infra/**")
    );
    assert_eq!(text.lines().nth(failed[0].place.line - 1).unwrap().find("infra"), Some(failed[0].place.column - 1));
}

#[test]
fn the_first_matching_route_owns_the_push() {
    let rules = with_routes(
        "  - {name: one, branch: 'release/*', actors: dana, pipeline: app}
  - {name: two, branch: 'release/*', pipeline: app}
  - {name: new, branch: '**', created: true, pipeline: app}
  - {name: forced, branch: '**', forced: true, pipeline: app}
  - {name: said, branch: '**', message: '*please*', pipeline: app}
  - {name: tags, tag: ['v*', '!v0.*'], pipeline: app}",
    );
    assert_eq!(outcome(&rules, push("release/1", known(&[]))), "start one");
    let kim = Push { actor: "kim".to_owned(), ..push("release/1", known(&[])) };
    assert_eq!(outcome(&rules, kim), "start two");
    assert_eq!(outcome(&rules, Push { created: true, ..push("x", known(&[])) }), "start new");
    assert_eq!(outcome(&rules, Push { forced: true, ..push("x", known(&[])) }), "start forced");
    let said = Push { message: "do\nthis please\nnow".to_owned(), ..push("x", known(&[])) };
    assert_eq!(outcome(&rules, said), "start said");
    assert_eq!(outcome(&rules, push("tag:v1.0", known(&[]))), "start tags");
    assert_eq!(outcome(&rules, push("tag:v0.9", known(&[]))), "nothing rest");
    assert_eq!(outcome(&rules, push("v1.0", known(&[]))), "nothing rest");
}

#[test]
fn repositories_and_forges_are_told_apart() {
    let rules = with_routes(
        "  - {name: shop, any: true, repos: acme/shop, pipeline: app}
  - {name: work, any: true, forge: work, pipeline: app}
  - {name: hub, any: true, forge: [github], pipeline: app}",
    );
    let at = |forge: &str, kind, path: &str| {
        let repository = Repository { forge: ForgeName::new(forge).unwrap(), ..super::repository(kind, path) };
        outcome(&rules, Push { repository, ..push("main", known(&[])) })
    };
    assert_eq!(at("github", ForgeKind::Github, "acme/shop"), "start shop");
    assert_eq!(at("enterprise", ForgeKind::Github, "acme/web"), "start hub");
    assert_eq!(at("work", ForgeKind::Gitlab, "platform/a/b"), "start work");
    assert_eq!(at("gitlab", ForgeKind::Gitlab, "platform/a/b"), "refused");
    assert_eq!(at("github", ForgeKind::Github, "acme/a/b"), "refused");
    assert_eq!(at("gitlab", ForgeKind::Gitlab, "acme/shop"), "refused");
    assert_eq!(at("local", ForgeKind::Local, "demo"), "nothing rest");
}

/// Per line: the quantity, the changed files (`?` is unknown, `-` none at all), and whether the route matches.
#[test]
fn paths_count_the_changed_files() {
    for (paths, changed, expected) in [
        ("any: [a/**]", "a/x b", true),
        ("any: [a/**]", "b", false),
        ("any: [a/**]", "-", false),
        ("any: [a/**]", "?", true),
        ("any: ['**', '!a/**']", "a/x", false),
        ("any: ['**', '!a/**']", "a/x b", true),
        ("all: [a/**, b]", "a/x b c", true),
        ("all: [a/**, b]", "a/x c", false),
        ("all: [a/**]", "-", false),
        ("all: [a/**]", "?", false),
        ("all: [a/**, '!a/x']", "a/x", false),
        ("only: [a/**, b]", "a/x b", true),
        ("only: [a/**, b]", "a/x c", false),
        ("only: ['**']", "-", false),
        ("only: ['**']", "?", false),
        ("none: [a/**]", "b", true),
        ("none: [a/**]", "b a/x", false),
        ("none: [a/**]", "-", true),
        ("none: [a/**]", "?", false),
        ("any: [a/**], none: [b]", "a/x", true),
        ("any: [a/**], none: [b]", "a/x b", false),
    ] {
        let files = match changed {
            "?" => unknown(),
            "-" => known(&[]),
            files => ChangedFiles::known(files.split(' ')),
        };
        let rules = with_routes(&format!("  - {{name: it, branch: main, paths: {{{paths}}}, pipeline: app}}"));
        let came = outcome(&rules, push("main", files));
        assert_eq!(came, if expected { "start it" } else { "nothing rest" }, "{paths} with {changed}");
    }
}

#[test]
fn work_is_never_skipped_on_missing_evidence() {
    let rules = with(
        "ignore: [{name: docs, paths: {any: [docs/**]}}, {name: bots, actors: '*[bot]'}]",
        "  - {name: quiet, branch: main, paths: {any: [notes/**]}, pipeline: none}
  - {name: main, branch: main, pipeline: app}",
    );
    assert_eq!(outcome(&rules, push("main", known(&["docs/a"]))), "ignore docs");
    assert_eq!(outcome(&rules, push("main", known(&["notes/a"]))), "nothing quiet");
    assert_eq!(outcome(&rules, push("main", unknown())), "start main");
    let bot = Push { actor: "dependabot[bot]".to_owned(), ..push("main", unknown()) };
    assert_eq!(outcome(&rules, bot), "ignore bots");
}

#[test]
fn an_ignored_push_is_ignored_before_any_route() {
    let rules = rules(ROOT);
    assert_eq!(outcome(&rules, push("tag:v1", known(&["docs/a", "README.md"]))), "ignore docs-only");
    let skipped = Push { message: "fix: a/b\n\n[skip ci]\n".to_owned(), ..push("main", known(&["a"])) };
    assert_eq!(because(&rules, skipped.clone()), "ignored by skip-ci\nthe message matches *[skip ci]*, *[ci skip]*");
    assert_eq!(nearest(&rules, skipped), "none");
}

#[test]
fn then_takes_what_is_left_over() {
    let rules = with_routes(
        "  - {name: one, branch: main, paths: {any: [a/**]}, pipeline: ground, to: [test], then: two}
  - {name: two, branch: elsewhere, paths: {all: [b/**]}, pipeline: app, stages: test, then: three}
  - {name: three, tag: x, pipeline: app}",
    );
    assert_eq!(outcome(&rules, push("main", known(&["a/x"]))), "start one");
    assert_eq!(outcome(&rules, push("main", known(&["a/x", "b/x"]))), "start one two");
    assert_eq!(outcome(&rules, push("main", known(&["a/x", "c"]))), "start one two three");
    assert_eq!(outcome(&rules, push("main", unknown())), "start one two three");
    assert_eq!(outcome(&rules, push("main", known(&["b/x"]))), "nothing rest");
    assert_eq!(
        because(&rules, push("main", known(&["a/x", "b/x"]))),
        "branch main matches main\nchanged a/x matches a/**\nthen two: 1 changed file is left over\n\
         then three: does not start, two took every changed file"
    );
}

#[test]
fn a_plan_is_complete() {
    let rules = with_routes(
        "  - {name: it, branch: main, pipeline: app, stages: [test, build], to: [test, prod], concurrency: queue}",
    );
    let Verdict::Start { chain, manual, .. } = rules.decide(&Event::Push(push("main", unknown()))).verdict else {
        panic!("nothing started")
    };
    assert!(!manual);
    let step = |path: &str, to: &str| {
        let compute = json!({"from": "small", "to": to});
        let buildspec = json!({"commit": path});
        json!({"buildspec": buildspec, "compute": compute, "image": null, "privileged": false, "timeout_seconds": 3600})
    };
    let approval = json!({
        "by": ["team", "user:zoe"], "people": ["user:dana", "user:kim", "user:zoe"],
        "min": 2, "not_author": true, "within_seconds": null
    });
    let expected = json!({
        "pipeline": "app",
        "stages": [
            {"name": "build", "step": step("b.yml", "small")},
            {"name": "test", "step": step("t.yml", "large")}
        ],
        "deploy": step("d.yml", "small"),
        "environments": [{"name": "test", "approval": null}, {"name": "prod", "approval": approval}],
        "variables": {"EMPTY": "", "IMAGE": "shop"},
        "clone": "/srv/demo.git",
        "concurrency": "queue"
    });
    assert_eq!(serde_json::to_value(&chain[0].plan).unwrap(), expected);
}

#[test]
fn a_route_without_environments_deploys_nothing() {
    let rules = with_routes("  - {name: it, branch: main, pipeline: app}");
    let Verdict::Start { chain, .. } = rules.decide(&Event::Push(push("main", unknown()))).verdict else {
        panic!("nothing started")
    };
    assert_eq!(chain[0].plan.deploy, None);
    assert_eq!(chain[0].plan.stages.len(), 2);
}

#[test]
fn the_nearest_miss_is_the_route_that_got_furthest() {
    let rules = rules(ROOT);
    assert_eq!(nearest(&rules, push("main", known(&["src/a"]))), "infra: no changed file matches infra/**");
    assert_eq!(nearest(&rules, push("tag:v1", known(&["a"]))), "none");
    // Nobody got further than another: the earliest.
    assert_eq!(nearest(&rules, push("wip", known(&["a"]))), "release-tag: wip is a branch, not a tag");
    let narrow = with_routes(
        "  - {name: one, branch: main, actors: kim, pipeline: app}
  - {name: two, branch: main, actors: dana, message: x, pipeline: app}",
    );
    assert_eq!(nearest(&narrow, push("main", known(&[]))), "two: the message does not match x");
}

#[test]
fn the_forge_is_asked_for_files_only_when_they_decide() {
    let rules = with(
        "ignore: [{name: docs, branch: docs, paths: {only: [docs/**]}}, {name: bots, actors: '*[bot]'}]",
        "  - {name: free, branch: free, pipeline: app}
  - {name: main, branch: main, paths: {any: [a]}, pipeline: app}
  - {name: kim, branch: team, actors: kim, paths: {any: [a]}, pipeline: app}",
    );
    for (name, expected) in [("free", false), ("main", true), ("docs", true), ("team", false), ("other", false)] {
        assert_eq!(rules.needs_changed_files(&push(name, unknown())), expected, "{name}");
    }
    assert!(!rules.needs_changed_files(&push("main", known(&["a"]))));
    assert!(!rules.needs_changed_files(&Push { actor: "x[bot]".to_owned(), ..push("docs", unknown()) }));
    let elsewhere = repository(ForgeKind::Github, "evil/demo");
    assert!(!rules.needs_changed_files(&Push { repository: elsewhere, ..push("main", unknown()) }));
}

#[test]
fn only_pushes_start_anything() {
    let rules = rules(ROOT);
    let repository = repository(ForgeKind::Local, "demo");
    let git_ref = GitRef::new("refs/heads/main").unwrap();
    let about = |what: &str| About { what: what.to_owned(), repository: None, actor: String::new() };
    let request = ChangeRequest {
        repository: repository.clone(),
        number: 7,
        action: "opened".to_owned(),
        target: "main".to_owned(),
        source: "x".to_owned(),
        fork: false,
        from: None,
        before: None,
        moved: false,
        title: String::new(),
        changed: ChangedFiles::default(),
        commit: None,
        actor: "dana".to_owned(),
        author: Default::default(),
    };
    for (event, why) in [
        (
            Event::Deleted(Deleted { repository, git_ref, before: None, actor: String::new(), pushed_at: None }),
            "branch main was deleted; nothing is started",
        ),
        (Event::ChangeRequest(request), "change request 7 names no commit"),
        (Event::Comment(about("issue_comment")), "a comment starts nothing"),
        (Event::Ping(about("ping")), "the forge tried whether we are there; we are"),
        (Event::Other(about("star")), "nothing is started by the event star"),
    ] {
        let decision = rules.decide(&event);
        assert_eq!(decision.verdict, Verdict::Nothing { route: None });
        assert_eq!(decision.because, [why]);
    }
    let unreadable = Unreadable { what: "push".to_owned(), why: "the body is not JSON".to_owned() };
    let decision = rules.decide(&Event::Unreadable(unreadable));
    assert_eq!((decision.verdict, decision.because.join("")), (Verdict::Refused, "the body is not JSON".to_owned()));
}

#[test]
fn an_unnamed_repository_is_refused_with_its_name() {
    let rules = rules(ROOT);
    let elsewhere = Push { repository: repository(ForgeKind::Github, "acme/demo"), ..push("main", unknown()) };
    assert_eq!(because(&rules, elsewhere), "no entry of `repositories` names github:acme/demo");
}

fn receipt(rules: &Rules, event: Event) -> Receipt {
    let delivered = Delivered { id: DeliveryId::new("72d3162e").unwrap(), event: event.into() };
    let receipt = Receipt::of(&ForgeKind::Local.default_name(), &delivered, &rules.decide(&delivered.event));
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap(), receipt);
    receipt
}

#[test]
fn a_receipt_has_the_agreed_shape() {
    let mut receipt = receipt(&rules(ROOT), Event::Push(push("main", known(&["infra/x.ts", "src/a.rs"]))));
    assert_eq!(receipt.rules, rules(ROOT).hash());
    receipt.rules = "sha256:…".to_owned();
    let expected = json!({
        "delivery": "72d3162e", "forge": "local", "event": "push",
        "repository": "demo", "branch": "main", "tag": null,
        "commit": "a".repeat(40), "before": "b".repeat(40), "actor": "dana",
        "created": false, "forced": false, "changed": ["infra/x.ts", "src/a.rs"],
        "decision": "start",
        "route": "infra",
        "ignored_by": null,
        "runs": [
            {
                "route": "infra", "pipeline": "infrastructure",
                "stages": ["synth"], "environments": ["test", "prod"]
            },
            {
                "route": "main", "pipeline": "application",
                "stages": ["lint", "test", "build"], "environments": ["test", "prod"]
            }
        ],
        "offer": false,
        "because": [
            "branch main matches main",
            "changed infra/x.ts matches infra/**",
            "then main: 1 changed file is left over"
        ],
        "nearest_miss": {
            "route": "release-tag", "because": "main is a branch, not a tag",
            "needed": ["a tag that matches v*, as va does"]
        },
        "rules": "sha256:…"
    });
    assert_eq!(serde_json::to_value(&receipt).unwrap(), expected);
    insta::assert_snapshot!(receipt.to_text(), @"
    event     push demo branch main at aaaaaaaa by dana (local)
    changed   infra/x.ts, src/a.rs
    decision  start (infra)
    run       infra: infrastructure, stages synth, to test, prod
    run       main: application, stages lint, test, build, to test, prod
    because   branch main matches main
    because   changed infra/x.ts matches infra/**
    because   then main: 1 changed file is left over
    nearest   release-tag: main is a branch, not a tag
    needed    a tag that matches v*, as va does
    rules     sha256:…
    ");
}

#[test]
fn a_receipt_of_nothing_has_nulls() {
    let unreadable = Unreadable { what: "push".to_owned(), why: "the body is not JSON".to_owned() };
    let receipt = Receipt { rules: String::new(), ..receipt(&with_routes(""), Event::Unreadable(unreadable)) };
    let json = serde_json::to_value(&receipt).unwrap();
    let given: Vec<&String> = json.as_object().unwrap().iter().filter(|(_, v)| !v.is_null()).map(|(k, _)| k).collect();
    assert_eq!(
        given,
        ["because", "created", "decision", "delivery", "event", "forced", "forge", "offer", "rules", "runs"]
    );
    assert_eq!((&json["decision"], &json["event"]), (&json!("refused"), &json!("other")));
}

#[test]
fn a_manual_route_offers_its_start() {
    let rules = with_routes("  - {name: it, branch: main, pipeline: app, start: manual}");
    let receipt = receipt(&rules, Event::Push(push("main", unknown())));
    assert!(receipt.offer);
    assert!(receipt.to_text().contains("decision  start (it), offered: a person starts it\n"), "{receipt}");
    assert_eq!(serde_json::to_value(&receipt).unwrap()["changed"], "unknown");
}

#[test]
fn a_receipt_cannot_move_a_cursor() {
    let files = known(&["a\u{1b}[2J\n\u{202e}b"]);
    let text = receipt(&rules(ROOT), Event::Push(push("main", files))).to_text();
    assert!(text.contains("changed   a\\u{1b}[2J\\n\\u{202e}b\n"), "{text}");
}

#[test]
fn the_routes_of_a_page_are_one_line_each() {
    let rules = rules(ROOT);
    let lines: Vec<String> = rules.routes().map(|(name, line)| format!("{name}: {line}")).collect();
    assert_eq!(
        lines,
        [
            "release-tag: tag v* -> application: prod",
            "infra: branch main, paths any infra/** -> infrastructure: test, prod, then main",
            "main: branch main -> application: test, prod",
            "release: branch release/* -> application: stage, perf",
            "feature: branch feature/** -> application (lint, test)",
            "the-rest: any push -> nothing",
        ]
    );
    let ignored: Vec<_> = rules.ignored().collect();
    assert_eq!(ignored[0], ("docs-only", "paths only docs/**, **/*.md".to_owned()));
    assert_eq!(rules.buildspecs().count(), 6);
}

proptest! {
    /// Whatever is pushed, there is a decision, twice the same, and its receipt can be read.
    #[test]
    fn a_decision_is_made_and_is_the_same_twice(
        name in "(main|feature/[a-z]{1,3}|release/1|tag:v[0-9]|[a-z]{1,4})",
        files in proptest::option::of(proptest::collection::btree_set("(infra|docs|src)/[a-z]\\.(md|rs)", 0..4)),
        actor in "([a-z]{0,5}|x\\[bot\\])",
        message in "\\PC{0,20}",
    ) {
        let rules = rules(ROOT);
        let changed = files.map_or(unknown(), ChangedFiles::Known);
        let event = Event::Push(Push { actor, message, ..push(&name, changed) });
        let decision = rules.decide(&event);
        prop_assert_eq!(&decision, &rules.decide(&event));
        prop_assert!(!decision.because.is_empty());
        prop_assert!(!receipt(&rules, event).to_text().is_empty());
    }

    /// Asking the forge can only change a decision when the rules say that they need it.
    #[test]
    fn what_is_not_asked_for_does_not_matter(
        name in "(main|feature/[a-z]{1,3}|release/1|tag:v[0-9]|[a-z]{1,4})",
        files in proptest::collection::btree_set("(infra|docs|src)/[a-z]\\.(md|rs)", 0..4),
    ) {
        // Without `ignore`, which looks at files always.
        let from = ROOT.find("ignore:").unwrap();
        let to = ROOT.find("routes:").unwrap();
        let tests = ROOT.find("tests:").unwrap();
        let rules = rules(&format!("{}{}", &ROOT[..from], &ROOT[to..tests]));
        let unknown = push(&name, unknown());
        if !rules.needs_changed_files(&unknown) {
            prop_assert_eq!(outcome(&rules, unknown), outcome(&rules, push(&name, ChangedFiles::Known(files))));
        }
    }
}
