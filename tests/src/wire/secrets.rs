//! Builds whose variables are kept elsewhere.

use serde_json::{Value, json};

use super::bench::Bench;
use crate::world::aws;

const SERVICE: &str = "CodeBuild_20161006";

/// Starts a build and waits for its end; the build, and its log.
async fn build(bench: &Bench, name: &str, project: Value) -> (Value, String) {
    let ask = async |operation: &str, input: Value| {
        let told = bench.front.answer(SERVICE, operation, input).await;
        told.unwrap_or_else(|refused| panic!("{operation}: {refused}"))
    };
    ask("CreateProject", project).await;
    let id = ask("StartBuild", json!({"projectName": name})).await["build"]["id"].clone();
    loop {
        let told = ask("BatchGetBuilds", json!({"ids": [id]})).await["builds"][0].take();
        if told["buildComplete"] == true {
            let log = bench.front.codebuild.log(told["logs"]["streamName"].as_str().unwrap()).unwrap().unwrap();
            return (told, log);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn project(name: &str, spec: &Value, variables: Value) -> Value {
    let mut project = super::bench::project(name);
    project["source"] = json!({"type": "NO_SOURCE", "buildspec": spec.to_string()});
    project["artifacts"] = json!({"type": "NO_ARTIFACTS"});
    project["environment"]["environmentVariables"] = variables;
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_gets_its_parameters_and_secrets_and_shows_none() {
    let bench = Bench::open("wire-secrets").await;
    let ssm = aws_sdk_ssm::Client::new(&aws::config());
    let kept = ssm.put_parameter().name("/wire/token").value("of-the-store");
    kept.r#type(aws_sdk_ssm::types::ParameterType::SecureString).send().await.unwrap();
    let vault = aws_sdk_secretsmanager::Client::new(&aws::config());
    let made = vault.create_secret().name("wire/db").secret_string(r#"{"user": "of-a-key", "port": 5432}"#);
    let arn = made.send().await.unwrap().arn.unwrap();

    let spec = json!({
        "version": "0.2",
        "env": {
            "parameter-store": {"TOKEN": "/wire/token", "OVER": "/wire/none"},
            "secrets-manager": {"DB_USER": "wire/db:user", "PORT": format!("{arn}:port")},
        },
        "phases": {"build": {"commands": [
            "echo \"$TOKEN and $DB_USER\"",
            "test \"$TOKEN $DB_USER $PORT $OVER $OWN\" = \"of-the-store of-a-key 5432 plain of-the-store\"",
        ]}},
    });
    let variables = json!([
        {"name": "OVER", "value": "plain", "type": "PLAINTEXT"},
        {"name": "OWN", "value": "/wire/token", "type": "PARAMETER_STORE"},
    ]);
    let (told, log) = build(&bench, "kept", project("kept", &spec, variables)).await;
    assert_eq!(told["buildStatus"], "SUCCEEDED", "{log}");
    assert!(log.contains("*** and ***") && !log.contains("of-the-store") && !log.contains("of-a-key"), "{log}");
    assert!(!told["phases"].to_string().contains("of-a-key"), "{told}");

    for (name, env, code, words) in [
        (
            "no-parameter",
            json!({"parameter-store": {"A": "/none"}}),
            "Decrypted Variables Error",
            "parameter does not exist: /none",
        ),
        ("no-secret", json!({"secrets-manager": {"A": "none"}}), "Secrets Manager Error", "ResourceNotFoundException"),
        (
            "no-key",
            json!({"secrets-manager": {"A": "wire/db:other"}}),
            "Secrets Manager Error",
            "the secret wire/db has no key other",
        ),
    ] {
        let spec = json!({"version": "0.2", "env": env, "phases": {"build": {"commands": ["echo never"]}}});
        let (told, log) = build(&bench, name, project(name, &spec, json!([]))).await;
        assert_eq!(told["buildStatus"], "FAILED", "{log}");
        let phases = told["phases"].as_array().unwrap();
        let failed = phases.iter().find(|phase| phase["phaseType"] == "DOWNLOAD_SOURCE").unwrap();
        assert_eq!(failed["contexts"][0]["statusCode"], code);
        assert!(failed["contexts"][0]["message"].as_str().unwrap().contains(words), "{failed}");
        assert!(!log.contains("never") && !log.contains("of-a-key"), "{log}");
    }
}
