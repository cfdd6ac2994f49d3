//! What a repository says for itself, and what the rule file warns of.

use super::*;
use crate::pipeline::Buildspec;
use crate::rules::{OwnWord, REPO_FILE};

const RULES: &str = "version: 1
repositories: [{local: demo, variables: {IMAGE: shop, REGION: eu}}]
pipelines:
  app:
    stages: [{name: lint, buildspec: lint.yml}, {name: scan, buildspec: {central: scan.yml}}]
    deploy: {buildspec: deploy.yml}
environments: [{name: test}]
allow_repo: [ignore, variables, buildspecs]
routes:
  - {name: main, branch: main, pipeline: app, to: test}
  - {name: rest, any: true, pipeline: none}
";

fn own(text: &str) -> OwnWord {
    OwnWord::read(&rules(RULES), text)
}

fn decided(text: &str, push: Push) -> Decision {
    rules(RULES).decide_with(&Event::Push(push), Some(&own(text)))
}

#[test]
fn a_repository_can_ignore_what_would_start_and_nothing_else() {
    let file = "version: 1\nignore: [{name: generated, paths: {only: 'gen/**'}}]\n";
    let ignored = decided(file, push("main", known(&["gen/a"])));
    assert_eq!(ignored.verdict, Verdict::Ignore { rule: "generated".to_owned() });
    assert_eq!(ignored.because[0], format!("ignored by generated of {REPO_FILE}"));
    assert_eq!(decided(file, push("main", known(&["gen/a", "src/b"]))).verdict.word(), "start");
    assert_eq!(decided(file, push("main", unknown())).verdict.word(), "start");
    assert_eq!(decided(file, push("x", known(&["gen/a"]))).verdict.word(), "nothing");
    assert!(rules(RULES).needs_changed_files_with(&push("main", unknown()), Some(&own(file))));
    assert!(!rules(RULES).needs_changed_files_with(&push("main", unknown()), None));
}

#[test]
fn a_repository_sets_variables_and_buildspecs_of_the_commit() {
    let file = "version: 1\nvariables: {REGION: us}\nbuildspecs: {app: {lint: ci/lint.yml, deploy: ci/deploy.yml}}\n";
    let decision = decided(file, push("main", known(&["a"])));
    let Verdict::Start { chain, .. } = &decision.verdict else { panic!("{decision:?}") };
    let plan = &chain[0].plan;
    assert_eq!((plan.variables["IMAGE"].as_str(), plan.variables["REGION"].as_str()), ("shop", "us"));
    assert_eq!(plan.stages[0].step.buildspec, Buildspec::Commit("ci/lint.yml".to_owned()));
    assert_eq!(plan.stages[1].step.buildspec, Buildspec::Central("scan.yml".to_owned()));
    let deploy = plan.deploy.as_ref().and_then(crate::pipeline::Deploy::step).unwrap();
    assert_eq!(deploy.buildspec, Buildspec::Commit("ci/deploy.yml".to_owned()));
    assert!(decision.because.last().unwrap().starts_with(REPO_FILE));
}

#[test]
fn a_bad_file_counts_for_nothing_and_the_receipt_says_so() {
    for (text, why) in [
        ("version: 1\nroutes: []\n", "line 2: a repository's file has no key `routes`"),
        ("ignore: [", "this is not YAML"),
        ("version: 2\n", "line 1: this version of the language is not known"),
        ("version: 1\nbuildspecs: {app: {scan: x.yml}}\n", "has a buildspec that the platform keeps"),
        ("version: 1\nbuildspecs: {app: {test: x.yml}}\n", "has no buildspec for the stage `test`"),
        ("version: 1\nbuildspecs: {web: {lint: x.yml}}\n", "there is no pipeline `web`"),
        ("version: 1\nbuildspecs: {app: {lint: ../x.yml}}\n", "is not a buildspec's path"),
        ("version: 1\nvariables: {AWS_REGION: x}\n", "are the engines' own"),
    ] {
        let decision = decided(text, push("main", known(&["a"])));
        assert_eq!(decision.verdict.word(), "start");
        let last = decision.because.last().unwrap();
        assert!(last.contains(why) && last.ends_with("; the platform's rules hold alone"), "{text}: {last}");
    }
    assert!(rules(RULES).read_repo_file("version: 1\n").is_ok());
}

#[test]
fn only_what_is_allowed_may_stand_there() {
    let strict = rules(&RULES.replace("[ignore, variables, buildspecs]", "ignore"));
    let problems = strict.read_repo_file("version: 1\nvariables: {A: b}\n").unwrap_err();
    assert_eq!(problems[0].message, "the platform does not let a repository set `variables`");
    assert!(strict.asks_repositories() && !rules(ROOT).asks_repositories());
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    let told = |text: &str| -> Vec<String> {
        rules(text).warnings().iter().map(|problem| format!("{} {}", problem.place.line, problem.message)).collect()
    };
    let text = RULES.replace("[{name: test}]", "[{name: eu-prod}]").replace("to: test", "to: eu-prod");
    assert_eq!(told(&text), ["7 commits enter `eu-prod` and nobody need say yes"]);
    assert_eq!(told(&text.replace("{name: eu-prod}", "{name: eu-prod, allow_unapproved: true}")), Vec::<String>::new());
    assert_eq!(told(RULES), Vec::<String>::new());
    let teams = RULES.replace("{name: test}", "{name: test, approval: {by: [a, 'github:acme/b']}}");
    let some = teams.clone() + "people: {a: ['user:dana', 'oidc:c']}\n";
    assert_eq!(told(&some), ["7 `oidc:c` is not looked up, so its members cannot say yes at `test` by it"]);
    assert_eq!(told(&(teams + "people: {a: ['gitlab:c']}\n")), Vec::<String>::new());
    let none = RULES.replace("{name: test}", "{name: test, approval: {by: 'oidc:c'}}");
    assert_eq!(told(&none), ["7 `oidc:c` is not looked up, so nobody can say yes at `test` by it"]);
    let idle = RULES.replace("branch: main, pipeline: app, to: test", "branch: main, pipeline: none")
        + "people: {a: 'user:b'}\n";
    assert_eq!(told(&idle), ["4 no route starts the pipeline `app`", "12 no environment asks the group `a`"]);
}
