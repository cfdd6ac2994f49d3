//! Schema and parser say the same, as far as a schema can say anything.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::rules::parse::{self, Reader};

static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&crate::rules::schema()).unwrap());

/// What a file may look like that uses every key.
fn whole() -> Value {
    json!({
        "version": 1,
        "repositories": [
            {"github": "acme/shop", "variables": {"IMAGE": "shop", "N": 2}, "clone": "/srv/shop.git"},
            {"gitlab": "platform/**", "forge": "work"},
        ],
        "pipelines": {"app": {
            "stages": [
                {"name": "lint", "buildspec": "lint.yml", "compute": "small..large", "privileged": true, "timeout": "30m"},
                {"name": "scan", "buildspec": {"central": "scan.yml"}, "image": "a/b:1"},
                {"name": "note", "buildspec": {"inline": "version: 0.2"}},
            ],
            "deploy": {"buildspec": "deploy.yml"},
        }},
        "environments": [
            {"name": "test", "allow_unapproved": true},
            {"name": "prod", "approval": {"by": ["team", "user:zoe"], "min": 2, "not_author": true, "within": "72h"},
             "zone": "Europe/Berlin", "window": {"days": ["mon-thu"], "hours": "09:00-16:00"}, "freeze": ["2026-12-18..2027-01-06"]},
            {"name": "cleanup", "approval": {"by": "team"}, "cleanup": {"buildspec": "cleanup.yml", "timeout": "10m"}},
        ],
        "people": {"team": ["user:dana"], "one": "user:*"},
        "ignore": [{"name": "docs", "paths": {"only": ["docs/**", "!docs/a"]}}, {"name": "bots", "actors": "*[bot]"}],
        "routes": [
            {"name": "a", "branch": ["x", "!y"], "created": false, "forced": false, "repos": "acme/*", "forge": ["github"],
             "message": "*x*", "paths": {"any": "infra/**", "none": ["a"]}, "pipeline": "app", "to": ["test", "prod"],
             "stages": "lint", "concurrency": "queue", "start": "manual", "shadow": false},
            {"name": "r", "change_request": {"target": "main", "source": "feature/**"}, "forks": true, "pipeline": "app"},
            {"name": "rest", "any": true, "pipeline": "none"},
        ],
        "allow_repo": ["ignore", "variables"],
        "tests": [
            {"push": "x", "repo": "acme/shop", "changed": ["a"], "actor": "d", "message": "m", "created": false, "forced": false, "expect": "a"},
            {"tag": "v1", "changed": "unknown", "expect": "nothing"},
            {"change_request": {"target": "main", "source": "x", "fork": true}, "expect": ["r"]},
        ],
    })
}

const WORDS: &[&str] = &[
    "main",
    "x y",
    "small",
    "huge",
    "small..large",
    "1h",
    "90",
    "09:00-16:00",
    "mon",
    "mon-thu",
    "someday",
    "2026-12-24",
    "none",
    "nothing",
    "user:dana",
    "github:acme/leads",
    "github:acme",
    "gitlab:acme",
    "oidc:leads",
    "team",
    "manual",
    "auto",
    "queue",
    "yes",
    "no",
    "true",
    "maybe",
    "ignore",
    "variables",
    "a/b",
    "../x",
    "-x",
    "!a",
    "!",
    "",
    "ignore:docs",
    "unknown",
    "deploy-x",
    "AWS_X",
    "A",
];
const KEYS: &[&str] = &[
    "name",
    "branch",
    "tag",
    "any",
    "paths",
    "pipeline",
    "to",
    "forks",
    "change_request",
    "created",
    "shadow",
    "zone",
    "window",
    "freeze",
    "approval",
    "allow_unapproved",
    "by",
    "min",
    "within",
    "days",
    "hours",
    "buildspec",
    "central",
    "inline",
    "compute",
    "timeout",
    "version",
    "routes",
    "expect",
    "push",
    "only",
    "target",
    "github",
    "local",
    "variables",
    "zebra",
    "deploy",
    "stages",
    "image",
    "none",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(WORDS).prop_map(|word| json!(word)),
        1 => (0u32..200).prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => Just(json!(null)),
        1 => Just(json!([])),
        1 => Just(json!({})),
        2 => prop::collection::vec(prop::sample::select(WORDS), 1..3).prop_map(|words| json!(words)),
        2 => (prop::sample::select(KEYS), prop::sample::select(WORDS)).prop_map(|(key, word)| json!({key: word})),
    ]
}

/// Every place of a document, as a pointer.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| places(item, &format!("{here}/{at}"), all))
        }
        Value::Object(fields) => fields.iter().for_each(|(key, field)| places(field, &format!("{here}/{key}"), all)),
        _ => {}
    }
}

/// One change: another value, a key more, or a part less.
fn change(document: &mut Value, at: prop::sample::Index, how: u8, key: &str, value: Value) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let place = &all[at.index(all.len())];
    let node = document.pointer_mut(place).unwrap();
    match (how, node) {
        (0, Value::Object(fields)) => drop(fields.insert(key.to_owned(), value)),
        (0, Value::Array(items)) => items.push(value),
        (1, Value::Object(fields)) => drop(fields.remove(key)),
        (1, Value::Array(items)) => drop(items.pop()),
        (_, node) if !place.is_empty() => *node = value,
        _ => {}
    }
}

/// What the parser has to say of single entries. What it says of meaning, a schema cannot.
fn told(text: &str) -> Vec<String> {
    const OF_MEANING: [&str; 14] = [
        "`**` stands alone",
        "is not closed in",
        "is not a glob",
        "git allows",
        "repository \"",
        "no time zone",
        "`clone` is one repository's",
        "is not an address",
        "cannot step up",
        "steps down",
        "is between 1s",
        "two stages named",
        "ASCII characters only",
        "belongs into the rule file",
    ];
    let mut reader = Reader::default();
    parse::parse(text, &mut reader);
    let messages = reader.problems.into_iter().map(|problem| problem.message);
    messages.filter(|message| !OF_MEANING.iter().any(|words| message.contains(words))).collect()
}

#[test]
fn the_whole_file_is_right_by_both() {
    let errors: Vec<String> =
        SCHEMA.iter_errors(&whole()).map(|error| format!("{} {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(told(&whole().to_string()), Vec::<String>::new());
}

#[test]
fn the_schema_knows_every_key_and_no_other() {
    let mut known = std::collections::BTreeSet::new();
    fn properties(node: &Value, known: &mut std::collections::BTreeSet<String>) {
        match node {
            Value::Object(fields) => {
                if let Some(Value::Object(own)) = fields.get("properties") {
                    known.extend(own.keys().cloned());
                }
                fields.values().for_each(|field| properties(field, known));
            }
            Value::Array(items) => items.iter().for_each(|item| properties(item, known)),
            _ => {}
        }
    }
    properties(&crate::rules::schema(), &mut known);
    let of_parser: std::collections::BTreeSet<String> =
        parse::keys().into_iter().filter(|key| *key != "buildspecs").map(str::to_owned).collect();
    let missing: Vec<_> = of_parser.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let services = [
        "ecs",
        "cloudformation",
        "codedeploy",
        "cluster",
        "service",
        "file",
        "stack",
        "template",
        "application",
        "group",
    ];
    let more: Vec<_> = known.difference(&of_parser).filter(|key| !services.contains(&key.as_str())).collect();
    assert!(more.is_empty(), "{more:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_one_takes_the_other_does(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, prop::sample::select(KEYS), value()), 1..4)
    ) {
        let mut document = whole();
        for (at, how, key, value) in changes {
            change(&mut document, at, how, key, value);
        }
        let errors: Vec<String> = SCHEMA.iter_errors(&document).map(|error| format!("{} {error}", error.instance_path())).collect();
        let told = told(&document.to_string());
        prop_assert_eq!(errors.is_empty(), told.is_empty(), "schema {:?}, parser {:?}, of {}", errors, told, document);
    }
}
