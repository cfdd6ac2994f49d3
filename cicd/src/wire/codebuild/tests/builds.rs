//! Builds that a client starts.

use super::*;

#[tokio::test]
async fn a_build_goes_through_the_phases_of_codebuild() {
    let world = World::new();
    let text = r#"{"version": "0.2", "env": {"variables": {"A": "spec", "B": "spec"}, "exported-variables": ["A", "OUT"]},
        "phases": {"build": {"commands": ["OUT=$B-$C", "echo $CODEBUILD_INITIATOR $CODEBUILD_BUILD_ID"]}}}"#;
    world.project("shop", text).await;
    let variables =
        json!([{"name": "B", "value": "asked"}, {"name": "C", "value": "x y"}, {"name": "CODEBUILD_X", "value": "no"}]);
    let build = world.build(json!({"projectName": "shop", "environmentVariablesOverride": variables})).await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{}", world.log(&build));
    let expected = [
        "SUBMITTED=SUCCEEDED",
        "QUEUED=SUCCEEDED",
        "PROVISIONING=SUCCEEDED",
        "DOWNLOAD_SOURCE=SUCCEEDED",
        "INSTALL=SUCCEEDED",
        "PRE_BUILD=SUCCEEDED",
        "BUILD=SUCCEEDED",
        "POST_BUILD=SUCCEEDED",
        "UPLOAD_ARTIFACTS=SUCCEEDED",
        "FINALIZING=SUCCEEDED",
        "COMPLETED=-",
    ];
    assert_eq!(phases(&build), expected);
    let exported = json!([{"name": "A", "value": "spec"}, {"name": "OUT", "value": "asked-x y"}]);
    assert_eq!(build["exportedEnvironmentVariables"], exported);
    assert_eq!((&build["currentPhase"], &build["buildComplete"]), (&json!("COMPLETED"), &json!(true)));
    let log = world.log(&build);
    assert!(log.contains(&format!("wire {}", build["id"].as_str().unwrap())), "{log}");
    assert!(log.contains("asked for BUILD_GENERAL1_SMALL"), "{log}");
    assert!(!world.data.path().join("work").join(build["logs"]["streamName"].as_str().unwrap()).exists());
}

#[tokio::test]
async fn a_failure_says_its_phase_and_its_command() {
    let world = World::new();
    world.project("shop", &spec(&["echo begin", "exit 7", "echo never"])).await;
    let build = world.build(json!({"projectName": "shop"})).await;
    assert_eq!(build["buildStatus"], "FAILED");
    let (code, message) = context(&build, "BUILD");
    assert_eq!(code, "COMMAND_EXECUTION_ERROR");
    assert_eq!(message, "Error while executing command: exit 7. Reason: exit status 7");
    assert!(phases(&build).contains(&"POST_BUILD=SUCCEEDED".to_owned()), "{:?}", phases(&build));
    assert!(!world.log(&build).contains("never"));
}

#[tokio::test]
async fn a_variable_that_is_kept_where_nobody_said_fails_the_build_before_it_begins() {
    let world = World::new();
    for (key, code) in [("parameter-store", "Decrypted Variables Error"), ("secrets-manager", "Secrets Manager Error")]
    {
        let mut text: Value = serde_json::from_str(&spec(&["echo never"])).unwrap();
        text["env"] = json!({key: {"TOKEN": "somewhere"}});
        world.project(key, &text.to_string()).await;
        let build = world.build(json!({"projectName": key})).await;
        assert_eq!(build["buildStatus"], "FAILED");
        let told = context(&build, "DOWNLOAD_SOURCE");
        assert_eq!(told.0, code);
        assert!(told.1.contains("the variable TOKEN") && told.1.contains("AWS_ENDPOINT_URL_S"), "{}", told.1);
        assert!(!world.log(&build).contains("never"));
    }
}

#[tokio::test]
async fn a_command_that_was_killed_for_memory_shows_137() {
    let world = World::new();
    world.project("shop", &spec(&["sh -c 'kill -KILL $$'"])).await;
    let build = world.build(json!({"projectName": "shop"})).await;
    assert!(context(&build, "BUILD").1.ends_with("Reason: exit status 137"), "{build}");
    world
        .get(
            "UpdateProject",
            json!({"name": "shop", "source": {"type": "NO_SOURCE", "buildspec": spec(&["kill -KILL $$"])}}),
        )
        .await;
    let build = world.build(json!({"projectName": "shop"})).await;
    assert!(context(&build, "BUILD").1.ends_with("Reason: exit status 137"), "{build}");
}

#[tokio::test]
async fn a_build_is_stopped_and_leaves_no_process() {
    let world = World::new();
    let mark = world.data.path().join("alive");
    world.project("shop", &spec(&[&format!("echo $$ > {}; sleep 1000", mark.display())])).await;
    let id = world.get("StartBuild", json!({"projectName": "shop"})).await["build"]["id"].as_str().unwrap().to_owned();
    while std::fs::read_to_string(&mark).map_or(true, |text| !text.ends_with('\n')) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.get("StopBuild", json!({"id": id})).await;
    let build = world.over(&id).await;
    assert_eq!(build["buildStatus"], "STOPPED");
    assert!(phases(&build).contains(&"BUILD=STOPPED".to_owned()));
    let pid = std::fs::read_to_string(&mark).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
    let unknown = world.ask("StopBuild", json!({"id": "shop:none"})).await.unwrap_err();
    assert_eq!(unknown.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn time_ends_a_build_and_its_waiting() {
    let world = World::with(|config| {
        config.minute = Duration::from_millis(20);
        config.slots = 1;
    });
    world.project("shop", &spec(&["sleep 1000"])).await;
    let long = json!({"projectName": "shop", "timeoutInMinutesOverride": 100, "queuedTimeoutInMinutesOverride": 480});
    let first = world.get("StartBuild", long).await["build"]["id"].as_str().unwrap().to_owned();
    let second = world.build(json!({"projectName": "shop", "queuedTimeoutInMinutesOverride": 5})).await;
    assert_eq!(second["buildStatus"], "TIMED_OUT");
    assert_eq!(phases(&second), ["SUBMITTED=SUCCEEDED", "QUEUED=TIMED_OUT", "COMPLETED=-"]);
    let first = world.over(&first).await;
    assert_eq!(first["buildStatus"], "FAILED");
    assert_eq!(context(&first, "BUILD").0, "BUILD_TIMED_OUT");
}

#[tokio::test]
async fn a_token_is_the_same_build_for_the_same_request() {
    let world = World::new();
    world.project("shop", &spec(&["true"])).await;
    let asked = json!({"projectName": "shop", "idempotencyToken": "t"});
    let first = world.build(asked.clone()).await;
    assert_eq!(world.build(asked.clone()).await["id"], first["id"]);
    let mut other = asked;
    other["imageOverride"] = json!("another");
    let mismatch = world.ask("StartBuild", other).await.unwrap_err();
    assert_eq!(mismatch.code, "InvalidInputException");
    let retried = world.get("RetryBuild", json!({"id": first["id"]})).await["build"].clone();
    assert_ne!(retried["id"], first["id"]);
    assert_eq!(retried["buildNumber"], 2);
    let listed = world.get("ListBuildsForProject", json!({"projectName": "shop"})).await;
    assert_eq!(listed["ids"], json!([retried["id"], first["id"]]), "the newest first");
    assert_eq!(world.get("ListBuilds", json!({"sortOrder": "ASCENDING"})).await["ids"][0], first["id"]);
}

#[tokio::test]
async fn a_build_that_cannot_be_is_refused_or_fails_at_its_source() {
    let world = World::new();
    world.project("shop", &spec(&["true"])).await;
    for (input, code) in [
        (json!({"projectName": "none"}), "ResourceNotFoundException"),
        (json!({}), "InvalidInputException"),
        (json!({"projectName": "shop", "computeTypeOverride": "HUGE"}), "InvalidInputException"),
        (json!({"projectName": "shop", "timeoutInMinutesOverride": 2161}), "InvalidInputException"),
        (json!({"projectName": "shop", "debugSessionEnabled": true}), "InvalidInputException"),
        (json!({"projectName": "shop", "timeoutInMinutesOverride": "5"}), "SerializationException"),
    ] {
        assert_eq!(world.ask("StartBuild", input.clone()).await.unwrap_err().code, code, "{input}");
    }
    let git = json!({"projectName": "shop", "sourceTypeOverride": "GITHUB", "sourceLocationOverride": "https://github.com/a/b"});
    let build = world.build(git).await;
    assert_eq!(build["buildStatus"], "FAILED");
    assert!(context(&build, "DOWNLOAD_SOURCE").1.contains("no source GITHUB"), "{build}");
    let broken =
        world.build(json!({"projectName": "shop", "buildspecOverride": "version: 0.2\nphases: {bild: {}}\n"})).await;
    assert_eq!(context(&broken, "DOWNLOAD_SOURCE").0, "YAML_FILE_ERROR");
    let secret = json!([{"name": "S", "value": "id", "type": "SECRETS_MANAGER"}]);
    let secret = world.build(json!({"projectName": "shop", "environmentVariablesOverride": secret})).await;
    assert!(context(&secret, "DOWNLOAD_SOURCE").1.contains("SECRETS_MANAGER"), "{secret}");
}
