//! From what `CloudFormation` writes to what the APIs take: other cases, other places, numbers that came as text.

use serde_json::{Map, Value, json};

/// Properties that are numbers, also when a template writes them as text.
const NUMBERS: [&str; 5] =
    ["timeoutInMinutes", "queuedTimeoutInMinutes", "runOrder", "concurrentBuildLimit", "gitCloneDepth"];
/// Properties that are switches, also when a template writes them as text.
const SWITCHES: [&str; 5] =
    ["privilegedMode", "encryptionDisabled", "insecureSsl", "overrideArtifactName", "reportBuildStatus"];

/// The input of `CreateProject`.
pub(super) fn project(name: &str, properties: &Value) -> Value {
    let mut project = object(properties);
    for elsewhere in ["triggers", "badgeEnabled"] {
        project.remove(elsewhere);
    }
    if let Some(visibility) = project.remove("visibility") {
        project.insert("projectVisibility".to_owned(), visibility);
    }
    project.insert("name".to_owned(), json!(name));
    let sources =
        project.get_mut("secondarySources").and_then(Value::as_array_mut).map_or(&mut [][..], Vec::as_mut_slice);
    for source in sources {
        respell(source);
    }
    if let Some(source) = project.get_mut("source") {
        respell(source);
    }
    Value::Object(project)
}

/// The template writes `BuildSpec`, the API `buildspec`.
fn respell(source: &mut Value) {
    if let Some(map) = source.as_object_mut()
        && let Some(text) = map.remove("buildSpec")
    {
        map.insert("buildspec".to_owned(), text);
    }
}

/// The input of `CreatePipeline`, and of `DisableStageTransition` for each transition that begins closed.
///
/// # Errors
/// What is missing.
pub(super) fn pipeline(name: &str, properties: &Value) -> Result<(Value, Vec<Value>), String> {
    let mut pipeline = object(properties);
    pipeline.insert("name".to_owned(), json!(name));
    pipeline.remove("restartExecutionOnUpdate");
    let tags = pipeline.remove("tags");
    let disabled = pipeline.remove("disableInboundStageTransitions").unwrap_or_default();
    let disabled = disabled.as_array().into_iter().flatten().map(|transition| {
        json!({
            "pipelineName": name,
            "stageName": transition.get("stageName"),
            "reason": transition.get("reason"),
            "transitionType": "Inbound",
        })
    });
    let disabled = disabled.collect();
    if let Some(stores) = pipeline.remove("artifactStores") {
        let mut by_region = Map::new();
        for store in stores.as_array().into_iter().flatten() {
            let region =
                store.get("region").and_then(Value::as_str).ok_or("ArtifactStores has one without a Region")?;
            by_region.insert(region.to_owned(), store.get("artifactStore").cloned().unwrap_or_default());
        }
        pipeline.insert("artifactStores".to_owned(), Value::Object(by_region));
    }
    let mut input = json!({"pipeline": pipeline});
    if let Some(tags) = tags {
        input["tags"] = tags;
    }
    Ok((input, disabled))
}

fn object(value: &Value) -> Map<String, Value> {
    match camel("", value) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn camel(key: &str, value: &Value) -> Value {
    match value {
        // An action's or a rule's configuration has keys of its own, and its values are text.
        Value::Object(map) if key == "configuration" => {
            map.iter().map(|(key, value)| (key.clone(), text(value))).collect()
        }
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let key = lowered(key);
                let value = camel(&key, value);
                (key, value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| camel("", item)).collect(),
        Value::String(text) if NUMBERS.contains(&key) => {
            text.parse::<u64>().map_or_else(|_| value.clone(), Value::from)
        }
        Value::String(text) if SWITCHES.contains(&key) => {
            text.parse::<bool>().map_or_else(|_| value.clone(), Value::from)
        }
        plain => plain.clone(),
    }
}

/// As `CloudFormation` hands it on: a list or a map is written as JSON.
fn text(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::from(other.to_string()),
    }
}

fn lowered(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}
