use router::id::GitRef;

use super::super::sample::{main_run, run};
use super::*;

fn value(run: &Run, name: &str) -> String {
    variables(run).unwrap().into_iter().find(|(known, _)| known == name).unwrap().1
}

#[test]
fn names_are_made_of_the_rule_files() {
    let (application, stage) = ("app.web".parse().unwrap(), "unit.test".parse().unwrap());
    assert_eq!(pipeline("pointsman", &application), "pointsman-app.web");
    assert_eq!(project("pointsman", &application, &stage), "pointsman-app_web-unit_test");
    assert_eq!(deploy_project("p", &application), "p-app_web-deploy");
    assert_eq!(artifact(&stage), "unit_test");
    assert_eq!(artifact(&"unit-test".parse().unwrap()), "unit_test");
    let prod: EnvironmentName = "prod".parse().unwrap();
    assert_eq!(environment_stage(&prod), "to-prod");
    assert_eq!(environment_of("to-prod"), Some(prod));
    assert_eq!(environment_of("to-"), None);
    assert_eq!(environment_of("prod"), None);
}

#[test]
fn a_list_contains_what_is_listed_and_nothing_like_it() {
    let all = list(["lint", "unit-test"]);
    assert_eq!(all, ",lint,unit-test,");
    assert!(all.contains(&listed("lint")) && !all.contains(&listed("test")));
    assert_eq!(list([]), ",");
}

#[test]
fn a_commit_has_one_key() {
    let run = main_run();
    let key = source_key(&run.key.repository, &run.key.commit);
    assert_eq!(key, format!("src/github/acme/shop/{}.zip", "c".repeat(40)));
}

#[test]
fn a_token_is_made_of_the_run_alone() {
    let run = main_run();
    assert_eq!(token(&run.id), token(&run.id));
    assert_eq!(token(&run.id).len(), 64);
    assert_ne!(token(&run.id), token(&"0123456789abcdef".parse().unwrap()));
}

#[test]
fn a_run_says_what_it_is() {
    let run = main_run();
    assert_eq!(value(&run, "RUN"), run.id.as_str());
    assert_eq!(value(&run, "REPOSITORY"), "acme/shop");
    assert_eq!(value(&run, "REF"), "refs/heads/main");
    assert_eq!(value(&run, "STAGES"), ",lint,test,");
    assert_eq!(value(&run, "ENVIRONMENTS"), ",prod,");
    let names: Vec<_> = variables(&run).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, VARIABLES);
}

#[test]
fn what_has_succeeded_is_not_asked_for_again() {
    let mut run = main_run();
    run.stages[0].work.state = WorkState::Succeeded;
    assert_eq!((value(&run, "STAGES"), value(&run, "ENVIRONMENTS")), (",test,".to_owned(), ",prod,".to_owned()));
}

#[test]
fn an_empty_value_is_sent_as_a_space_and_a_hostile_one_as_it_is() {
    let name = format!("#{{variables.RUN}}$(x){}", "é".repeat(200));
    let run = run(GitRef::Branch(name.clone()), &[], &[]);
    assert_eq!(value(&run, "BRANCH"), name);
    assert_eq!((value(&run, "TAG"), value(&run, "STAGES")), (" ".to_owned(), ",".to_owned()));
    let tagged = super::super::sample::run(GitRef::Tag("v1".to_owned()), &[], &[]);
    assert_eq!((value(&tagged, "BRANCH"), value(&tagged, "TAG")), (" ".to_owned(), "v1".to_owned()));
}

#[test]
fn what_codepipeline_does_not_take_is_said_before_it_starts() {
    let refused = |name: &str, value: &str| {
        let mut run = main_run();
        run.plan.variables.insert(name.to_owned(), value.to_owned());
        variables(&run).unwrap_err()
    };
    assert!(refused("A", &"é".repeat(1001)).contains("1001 characters"));
    assert!(refused("A", "a\nb").contains("more than one line"));
    assert!(refused("A", r#"x","value":"y"#).contains("quotation mark"));
    assert!(refused("A", r"x\").contains("backslash"));
    assert!(refused("A.B", "a").contains("no variable \"A.B\""));
    assert!(refused("RUN", "a").contains("Pointsman's own"));
    let mut run = main_run();
    run.plan.variables = (0..41).map(|n| (format!("V{n}"), "x".to_owned())).collect();
    assert!(variables(&run).unwrap_err().contains("51 variables"));
    run.plan.variables.pop_first();
    run.plan.variables.insert("V41".to_owned(), "é".repeat(1000));
    assert!(variables(&run).unwrap_err().contains("51 variables"));
    run.plan.variables.pop_first();
    assert_eq!(variables(&run).unwrap().len(), 50);
}
