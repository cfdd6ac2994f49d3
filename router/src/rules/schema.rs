//! The JSON Schema (draft 7, which editors read) of rule files.
//!
//! It says what can be said of one entry by itself. What needs the whole file (is there such a pipeline?), the meaning of a
//! glob or the clock of a zone is the parser's alone. A test holds the two together.

use serde_json::{Map, Value, json};

use super::compute::FAMILIES;
use super::parse::{KINDS, PERSON};
use crate::pipeline::DAYS;

/// The schema, as `pointsman schema` prints it.
pub fn schema() -> Value {
    let mut schema = object(
        &["version", "repositories", "routes"],
        json!({
            "version": {"enum": [1, "1"], "description": "Always 1."},
            "repositories": list(repository(), 1, "A push from a repository that is not named here starts nothing."),
            "pipelines": {
                "type": "object",
                "propertyNames": {"allOf": [{"pattern": NAME}, {"not": {"const": "none"}}]},
                "additionalProperties": pipeline(),
            },
            "environments": list(environment(), 0, "In the order in which a commit may travel."),
            "people": {"type": "object", "propertyNames": {"pattern": NAME}, "additionalProperties": some(person(), 1)},
            "ignore": list(ignore(), 0, "Looked at first. An ignored push still gets its receipt."),
            "routes": list(route(), 1, "From top to bottom; the first match owns the push."),
            "allow_repo": unique(json!({"enum": super::parse::ALLOWABLE})),
            "tests": list(test(), 0, "What `pointsman check` proves."),
        }),
    );
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        fields.insert("title".to_owned(), json!("Pointsman rule file"));
    }
    schema
}

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";
const VARIABLE: &str = "^(?!CODEBUILD_|POINTSMAN_|AWS_)[A-Za-z_][A-Za-z0-9_]{0,127}$";
const PATH: &str = "^(?!-)(?!.*(^|/)\\.{0,2}(/|$))[^\\\\\\u0000-\\u001f\\u007f-\\u009f]{1,500}$";
const LENGTH: &str = "^[0-9]+[smhd]$";

fn object(needed: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": needed, "properties": properties, "additionalProperties": false})
}

fn list(items: Value, at_least: usize, description: &str) -> Value {
    json!({"type": "array", "items": items, "minItems": at_least, "description": description})
}

/// One, or a list of at least so many.
fn some(item: Value, at_least: usize) -> Value {
    json!({"if": {"type": "array"}, "then": {"type": "array", "items": item.clone(), "minItems": at_least}, "else": item})
}

fn unique(item: Value) -> Value {
    json!({
        "if": {"type": "array"},
        "then": {"type": "array", "items": item.clone(), "minItems": 1, "uniqueItems": true},
        "else": item,
    })
}

/// Any scalar but nothing: values are text as written.
fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

/// What git allows in a name is the parser's to say.
fn git_name() -> Value {
    json!({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 1000})
}

fn name() -> Value {
    json!({"type": ["string", "integer", "boolean"], "pattern": NAME, "minimum": 0})
}

fn boolean() -> Value {
    json!({"enum": [true, false, "true", "false", "yes", "no", "on", "off"]})
}

fn glob() -> Value {
    json!({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 1000})
}

/// A list needs one that does not take out, and a single one is none that does.
fn globs() -> Value {
    json!({
        "if": {"type": "array"},
        "then": {
            "type": "array", "minItems": 1,
            "items": {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 1001, "not": {"const": "!"}},
            "contains": {"not": {"type": "string", "pattern": "^!"}},
        },
        "else": {"allOf": [glob(), {"not": {"type": "string", "pattern": "^!"}}]},
    })
}

fn repository() -> Value {
    let kinds = KINDS.map(|kind| json!({"required": [kind]}));
    let repository = object(
        &[],
        json!({
            "github": glob(), "gitlab": glob(), "local": glob(),
            "forge": name(),
            "variables": {
                "type": "object", "propertyNames": {"pattern": VARIABLE}, "additionalProperties": text(),
            },
            "clone": text(),
        }),
    );
    json!({"allOf": [repository, {"oneOf": kinds}]})
}

fn path() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": PATH})
}

fn step() -> Map<String, Value> {
    let sizes: Vec<String> = FAMILIES.iter().map(|sizes| sizes.join("|")).collect();
    let one = format!("({})", sizes.join("|"));
    let properties = json!({
        "buildspec": {
            "if": {"type": "object"},
            "then": {"oneOf": [object(&["central"], json!({"central": path()})), object(&["inline"], json!({"inline": text()}))]},
            "else": path(),
        },
        "compute": {"type": "string", "pattern": format!("^ *{one} *(\\.\\. *{one} *)?$"), "description": "A size, or from..to."},
        "image": {"type": ["string", "number", "boolean"], "pattern": "^(?!-)[\\x21-\\x7e]{1,500}$"},
        "privileged": boolean(),
        "timeout": {"type": "string", "pattern": LENGTH},
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

fn pipeline() -> Value {
    let mut stage = step();
    stage.insert("name".to_owned(), json!({"allOf": [name(), {"not": {"type": "string", "pattern": "^deploy-"}}]}));
    let stage = object(&["name", "buildspec"], Value::Object(stage));
    let service = |needed: &[&str], keys: &[&str]| {
        let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), text())).collect();
        object(needed, Value::Object(properties))
    };
    let stack = object(&["stack"], json!({"stack": text(), "template": text(), "only": unique(name())}));
    let stack = json!({"if": {"type": "object"}, "then": stack, "else": text()});
    let deploy = json!({
        "oneOf": [
            object(&["buildspec"], Value::Object(step())),
            object(&["ecs"], json!({"ecs": service(&["cluster", "service"], &["cluster", "service", "file"])})),
            object(&["cloudformation"], json!({"cloudformation": some(stack, 1)})),
            object(&["codedeploy"], json!({"codedeploy": service(&["application", "group"], &["application", "group"])})),
        ],
    });
    object(&["stages"], json!({"stages": list(stage, 1, "They run in this order."), "deploy": deploy}))
}

fn environment() -> Value {
    let approval = object(
        &["by"],
        json!({
            "by": some(json!({"anyOf": [name(), person()]}), 1),
            "min": {"type": ["integer", "string"], "pattern": "^\\+?0*([1-9]|[1-9][0-9]|100)$", "minimum": 1, "maximum": 100},
            "not_author": boolean(),
            "within": {"type": "string", "pattern": LENGTH},
        }),
    );
    let day = DAYS.join("|");
    let window = json!({
        "allOf": [
            object(&[], json!({
                "days": some(json!({"type": "string", "pattern": format!("^({day})(-({day}))?$")}), 1),
                "hours": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"},
            })),
            {"minProperties": 1},
        ],
    });
    let freeze =
        json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(\\.\\.[0-9]{4}-[0-9]{2}-[0-9]{2})?$"});
    let environment = object(
        &["name"],
        json!({
            "name": name(),
            "approval": approval,
            "allow_unapproved": boolean(),
            "zone": {"type": ["string", "number", "boolean"], "description": "An IANA name, as in Europe/Berlin."},
            "window": some(window, 1),
            "freeze": some(freeze, 1),
            "cleanup": object(&["buildspec"], Value::Object(step())),
        }),
    );
    json!({
        "allOf": [
            environment,
            {"if": {"anyOf": [{"required": ["window"]}, {"required": ["freeze"]}]}, "then": {"required": ["zone"]}, "else": {"not": {"required": ["zone"]}}},
            {"if": {"required": ["cleanup"]}, "then": {"required": ["approval"]}},
            {"not": {"required": ["allow_unapproved", "approval"], "properties": {"allow_unapproved": {"enum": [true, "true", "yes", "on"]}}}},
        ],
    })
}

fn person() -> Value {
    json!({"type": "string", "pattern": PERSON})
}

fn paths() -> Value {
    let quantities = ["any", "all", "only", "none"].map(|key| (key.to_owned(), globs()));
    let paths = object(&[], Value::Object(quantities.into_iter().collect()));
    json!({"allOf": [paths, {"minProperties": 1}]})
}

fn ignore() -> Value {
    let ignore = object(
        &["name"],
        json!({
            "name": name(), "paths": paths(), "actors": globs(), "message": globs(), "branch": globs(), "tag": globs(), "repos": globs(),
        }),
    );
    json!({"allOf": [ignore, {"minProperties": 2, "not": {"required": ["branch", "tag"]}}]})
}

fn route() -> Value {
    let route = object(
        &["name", "pipeline"],
        json!({
            "name": {"allOf": [name(), {"not": {"const": "nothing"}}]},
            "branch": globs(), "tag": globs(),
            "change_request": object(&[], json!({"target": globs(), "source": globs()})),
            "any": {"enum": [true, "true", "yes", "on"]},
            "forks": boolean(),
            "paths": paths(), "repos": globs(), "forge": unique(name()), "actors": globs(), "message": globs(),
            "created": boolean(), "forced": boolean(),
            "pipeline": name(),
            "to": unique(name()), "stages": unique(name()), "then": name(),
            "concurrency": {"enum": ["latest", "queue", "all"]},
            "start": {"enum": ["manual", "auto"]},
            "shadow": boolean(),
        }),
    );
    let which = ["branch", "tag", "change_request", "any"].map(|key| json!({"required": [key]}));
    json!({
        "allOf": [
            route,
            {"oneOf": which},
            {
                "if": {"required": ["change_request"]},
                "then": {"not": {"anyOf": [{"required": ["created"]}, {"required": ["forced"]}]}},
                "else": {"not": {"required": ["forks"]}},
            },
            {"not": {"required": ["forks", "to"], "properties": {"forks": {"enum": [true, "true", "yes", "on"]}}}},
        ],
    })
}

fn test() -> Value {
    let test = object(
        &["expect"],
        json!({
            "push": git_name(), "tag": git_name(),
            "change_request": object(&["target", "source"], json!({"target": git_name(), "source": git_name(), "fork": boolean()})),
            "repo": text(),
            "changed": some(text(), 0),
            "actor": text(), "message": text(), "created": boolean(), "forced": boolean(),
            "expect": {"if": {"type": "array"}, "then": {"items": name(), "minItems": 1}, "else": {"anyOf": [name(), {"type": "string", "pattern": "^ignore:"}]}},
        }),
    );
    let which = ["push", "tag", "change_request"].map(|key| json!({"required": [key]}));
    json!({"allOf": [test, {"oneOf": which}]})
}
