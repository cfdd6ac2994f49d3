//! What a declaration may not say.

use serde_json::{Value, json};

use super::accept;

fn action(name: &str, kind: (&str, &str), configuration: Value, inputs: &[&str], outputs: &[&str]) -> Value {
    let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
    json!({
        "name": name,
        "actionTypeId": {"category": kind.0, "owner": "AWS", "provider": kind.1, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": named(inputs),
        "outputArtifacts": named(outputs),
    })
}

fn source() -> Value {
    action("source", ("Source", "S3"), json!({"S3Bucket": "b", "S3ObjectKey": "k"}), &[], &["source"])
}

fn build() -> Value {
    action("build", ("Build", "CodeBuild"), json!({"ProjectName": "p"}), &["source"], &["built"])
}

fn good() -> Value {
    json!({
        "name": "shop",
        "roleArn": "arn:aws:iam::123456789012:role/pipelines",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "pipelineType": "V2",
        "stages": [{"name": "source", "actions": [source()]}, {"name": "build", "actions": [build()]}],
    })
}

fn rule(provider: &str, operator: &str) -> Value {
    let configuration = json!({"Variable": "#{variables.A}", "Value": "x", "Operator": operator});
    json!({"name": "r", "ruleTypeId": {"category": "Rule", "provider": provider}, "configuration": configuration})
}

/// A mistake made in a good declaration, and what is said of it.
type Mistake<'a> = (&'a dyn Fn(&mut Value), &'a str);

fn refused(change: impl Fn(&mut Value)) -> (&'static str, String) {
    let mut declared = good();
    change(&mut declared);
    match accept(serde_json::from_value(declared.clone()).unwrap()) {
        Ok(_) => panic!("it was accepted: {declared}"),
        Err(error) => (error.code, error.message),
    }
}

#[test]
fn what_is_good_is_accepted_and_its_defaults_are_filled_in() {
    let accepted = accept(serde_json::from_value(good()).unwrap()).unwrap();
    let told = serde_json::to_value(accepted).unwrap();
    assert_eq!((&told["executionMode"], &told["pipelineType"]), (&json!("SUPERSEDED"), &json!("V2")));
}

#[test]
fn the_structure_is_checked() {
    let message = |change: &dyn Fn(&mut Value)| {
        let (code, message) = refused(change);
        assert_eq!(code, "InvalidStructureException", "{message}");
        message
    };
    let one = message(&|d| drop(d["stages"].as_array_mut().unwrap().pop()));
    assert_eq!(one, "Pipeline has 1 stage(s). There should be a minimum of 2 stages in a pipeline");
    message(&|d| d["stages"][1]["name"] = json!("source"));
    message(&|d| d["stages"][0]["actions"] = json!([source(), build()]));
    message(&|d| {
        d["stages"][1]["actions"][0] =
            action("s", ("Source", "S3"), json!({"S3Bucket": "b", "S3ObjectKey": "k"}), &[], &["x"])
    });
    let twice = message(&|d| d["stages"][1]["actions"][0]["outputArtifacts"] = json!([{"name": "source"}]));
    assert!(twice.contains("source has been used more than once"), "{twice}");
    let gone = message(&|d| d["stages"][1]["actions"][0]["inputArtifacts"] = json!([{"name": "gone"}]));
    assert!(gone.starts_with("Input Artifact Bundle gone in action build is not declared"), "{gone}");
    // Made in the same group, so it is not there yet.
    message(&|d| {
        let second = action("second", ("Build", "CodeBuild"), json!({"ProjectName": "p"}), &["built"], &[]);
        d["stages"][1]["actions"] = json!([build(), second]);
    });
    message(&|d| drop(d.as_object_mut().unwrap().remove("artifactStore")));
}

#[test]
fn actions_are_checked_by_their_type() {
    let cases: [Mistake<'_>; 7] = [
        (&|a| a["configuration"] = json!({}), "missing required configuration 'ProjectName'"),
        (&|a| a["configuration"]["ComputeType"] = json!("x"), "unknown configuration 'ComputeType'"),
        (&|a| a["inputArtifacts"] = json!([]), "0 input artifacts; its type takes 1 to 5"),
        (&|a| a["timeoutInMinutes"] = json!(5), "only a manual approval"),
        (&|a| a["namespace"] = json!("codepipeline"), "namespace codepipeline is reserved"),
        (
            &|a| *a = action("g", ("Approval", "Manual"), json!({"NotificationArn": "topic"}), &[], &[]),
            "no ARN of a topic",
        ),
        (
            &|a| *a = action("g", ("Approval", "Manual"), json!({}), &["source"], &[]),
            "1 input artifacts; its type takes 0",
        ),
    ];
    for (change, words) in cases {
        let (code, message) = refused(|d| change(&mut d["stages"][1]["actions"][0]));
        assert_eq!(code, "InvalidActionDeclarationException", "{message}");
        assert!(message.contains(words), "{message}");
    }
    let (code, message) = refused(|d| d["stages"][1]["actions"] = json!([build(), build()]));
    assert_eq!(
        (code, message.contains("build has been used more than once")),
        ("InvalidStageDeclarationException", true)
    );
}

#[test]
fn a_v1_pipeline_has_nothing_of_v2() {
    let changes: [&dyn Fn(&mut Value); 4] = [
        &|d| d["executionMode"] = json!("PARALLEL"),
        &|d| d["variables"] = json!([{"name": "A"}]),
        &|d| d["stages"][1]["onFailure"] = json!({"result": "ROLLBACK"}),
        &|d| d["triggers"] = json!([{"providerType": "CodeStarSourceConnection"}]),
    ];
    for change in changes {
        let of_v1 = |d: &mut Value| {
            d["pipelineType"] = json!("V1");
            change(d);
        };
        let (code, message) = refused(of_v1);
        assert_eq!((code, message.contains("V2")), ("ValidationException", true), "{message}");
        let mut guessed = good();
        guessed.as_object_mut().unwrap().remove("pipelineType");
        change(&mut guessed);
        let told = serde_json::to_value(accept(serde_json::from_value(guessed).unwrap()).unwrap()).unwrap();
        assert_eq!(told["pipelineType"], "V2");
    }
}

#[test]
fn texts_and_numbers_are_checked_against_the_model() {
    let long = "x".repeat(1001);
    let cases: [Mistake<'_>; 7] = [
        (&|d| d["name"] = json!("with space"), "'pipeline.name'"),
        (&|d| d["roleArn"] = json!("role"), "'pipeline.roleArn'"),
        (&|d| d["stages"][1]["actions"][0]["runOrder"] = json!(1000), "less than or equal to 999"),
        (&|d| d["stages"][1]["actions"][0]["configuration"]["ProjectName"] = json!(long), "less than or equal to 1000"),
        (
            &|d| d["variables"] = json!([{"name": "A", "defaultValue": ""}]),
            "'pipeline.variables.1.member.defaultValue'",
        ),
        (
            &|d| d["stages"][1]["actions"][0]["actionTypeId"]["category"] = json!("Bake"),
            "enum value set: [Source, Build",
        ),
        (&|d| d["variables"] = json!([{"name": "A"}, {"name": "A"}]), "already in use: A"),
    ];
    for (change, words) in cases {
        let (code, message) = refused(change);
        assert_eq!(code, "ValidationException");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn conditions_are_checked() {
    let condition = |result: &str, rules: Value| json!({"conditions": [{"result": result, "rules": rules}]});
    let cases: [(&str, Value, &str); 8] = [
        ("beforeEntry", condition("ROLLBACK", json!([rule("VariableCheck", "EQ")])), "one of the results [Fail, Skip]"),
        ("onSuccess", condition("SKIP", json!([rule("VariableCheck", "EQ")])), "one of the results [Fail, Rollback]"),
        ("beforeEntry", condition("SKIP", json!([])), "1 to 5 rules"),
        ("beforeEntry", json!({"conditions": []}), "exactly one condition"),
        ("beforeEntry", condition("SKIP", json!([rule("VariableCheck", "LIKE")])), "EQ, NE, CONTAINS or MATCHES"),
        ("beforeEntry", condition("FAIL", json!([rule("LambdaInvoke", "EQ")])), "not at LambdaInvoke"),
        ("onFailure", json!({"result": "FAIL", "retryConfiguration": {}}), "needs the result RETRY"),
        ("onFailure", json!({"conditions": [{"result": "ROLLBACK", "rules": []}]}), "no conditions of onFailure"),
    ];
    for (what, declared, words) in cases {
        let (code, message) = refused(|d| d["stages"][1][what] = declared.clone());
        assert_eq!(code, "InvalidStageDeclarationException");
        assert!(message.contains(words), "{message}");
    }
    let (_, message) = refused(|d| {
        d["executionMode"] = json!("PARALLEL");
        d["stages"][1]["onFailure"] = json!({"result": "ROLLBACK"});
    });
    assert!(message.contains("PARALLEL"), "{message}");
}
