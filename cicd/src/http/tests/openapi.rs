//! The description of the service against its real answers.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::fixture::{World, push};

/// What of `value` is not as its schema says. Knows the few words of JSON Schema that the description uses.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return faults(document, document.pointer(name.trim_start_matches('#')).expect(name), value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|schema| faults(document, schema, value, at).is_empty());
        return if fits { vec![] } else { vec![format!("{at}: {value} is none of {any:?}")] };
    }
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { vec![] } else { vec![format!("{at}: {value} is none of {words:?}")] };
    }
    if schema.get("const").is_some_and(|only| only != value) || !type_fits(&schema["type"], value) {
        return vec![format!("{at}: {value} does not fit {schema}")];
    }
    match value {
        Value::Array(items) => {
            let each = items.iter().enumerate();
            each.flat_map(|(i, item)| faults(document, &schema["items"], item, &format!("{at}/{i}"))).collect()
        }
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}: no {name}"));
            let each = fields.iter().flat_map(|(name, field)| match schema["properties"].get(name) {
                Some(schema) => faults(document, schema, field, &format!("{at}/{name}")),
                None => vec![format!("{at}: {name} is not described")],
            });
            missing.chain(each).collect()
        }
        _ => vec![],
    }
}

fn type_fits(types: &Value, value: &Value) -> bool {
    let one = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    types.as_array().map_or_else(|| one(types), |all| all.iter().any(one))
}

#[test]
fn the_validator_finds_faults() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    assert!(faults(&json!({}), &schema, &json!({"a": 1}), "").is_empty());
    for wrong in [json!({}), json!({"a": "1"}), json!({"a": 1, "b": 2}), json!([])] {
        assert_eq!(faults(&json!({}), &schema, &wrong, "").len(), 1, "{wrong}");
    }
}

#[tokio::test]
async fn everything_described_answers_as_described() {
    let world = World::listening(crate::sns::tests::usual()).await;
    let document = world.get("/openapi.json").await.json();
    let run = world.waiting_run(&push("main")).await;
    let delivery = world.decided(&push("main"), true).await;
    // A file that decides otherwise, so that there is something to describe.
    let rules = std::fs::read_to_string(world.folder.path().join("pointsman.yaml")).unwrap();
    let other_file = rules.replace("name: main,", "name: trunk,");
    let mut described = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let address = path
                .replace("{run}", run.id.as_str())
                .replace("{delivery}", delivery.as_str())
                .replace("{environment}", "prod")
                .replace("{step}", "lint")
                .replace("{forge}", "github")
                .replace("/try.json", "/try.json?branch=main&changed=src/a.rs");
            let body = json!({"answer": "approve", "as": "mallory", "file": other_file}).to_string();
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&address);
            let request = request
                .header("host", "localhost")
                .header("x-pointsman-client", "1")
                .header("content-type", "application/json");
            let answer = world.send(request.body(Body::from(body)).unwrap()).await;
            let response = &operation["responses"][answer.status.as_str()];
            let shared = response["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
            let response = shared.unwrap_or(response);
            assert!(response.is_object(), "{method} {address} answered {} {}", answer.status, answer.text);
            assert_ne!(answer.status, 404, "{method} {address}");
            if let Some(schema) = response["content"]["application/json"].get("schema") {
                let faults = faults(&document, schema, &answer.json(), "");
                assert!(faults.is_empty(), "{method} {address}: {faults:#?}\n{}", answer.text);
            }
            described += 1;
        }
    }
    assert_eq!(described, 18);
}
