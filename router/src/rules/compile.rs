//! Names resolved: the tree of one file becomes [`Rules`].
//!
//! Everything that needs the whole file is checked here, and routes point to pipelines, environments and each other
//! by number from here on. A route keeps no copy of its pipeline: a file may have 100,000 of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::index::Index;
use super::parse::{self, At, EnvironmentEntry, Expected, File, Group, Reader, RepositoryEntry};
use super::{NamedRepository, Pipeline, Rules};
use crate::pipeline::{Approval, Deploy, Environment, Stage};
use crate::problem::{Problem, nearest};

mod route;
mod warn;

impl Rules {
    /// Reads and checks a rule file.
    ///
    /// # Errors
    /// Every problem of the file, in its order.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let file = parse::parse(text, &mut reader);
        let rules = compile(file, text, &mut reader);
        if reader.problems.is_empty() { Ok(rules) } else { Err(parse::in_order(reader.problems)) }
    }
}

fn compile(mut file: File, text: &str, reader: &mut Reader) -> Rules {
    let hash = format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())));
    twice(reader, file.environments.iter().map(|place| &place.name), "environment");
    twice(reader, file.ignore.iter().map(|entry| &entry.name), "ignore entry");
    expectations(reader, &file);
    cleanups(reader, &file.environments);
    stacks(reader, &file);
    let warnings = warn::about(&file);
    let entries = std::mem::take(&mut file.routes);
    let routes = route::resolve(reader, entries, &file.pipelines, &file.environments);
    Rules {
        hash,
        repositories: repositories(reader, file.repositories),
        pipelines: file
            .pipelines
            .into_iter()
            .map(|entry| Pipeline {
                name: entry.name.value,
                buildspecs: entry.stages.iter().map(|stage| stage.step.buildspec).collect(),
                stages: entry
                    .stages
                    .into_iter()
                    .map(|stage| Stage { name: stage.name.value, step: stage.step.step })
                    .collect(),
                deploy_buildspec: entry.deploy.as_ref().map(|deploy| deploy.place),
                deploy: entry.deploy.map(|deploy| deploy.value),
            })
            .collect(),
        cleanup_buildspec: file.environments.last().and_then(|place| Some(place.cleanup.as_ref()?.value.buildspec)),
        environment_places: file.environments.iter().map(|place| place.name.place).collect(),
        environments: file.environments.into_iter().map(|place| environment(reader, place, &file.people)).collect(),
        ignore: file.ignore,
        index: Index::of(&routes),
        routes,
        tests: file.tests,
        allow_repo: file.allow_repo,
        warnings,
    }
}

/// Tells names that stand twice.
fn twice<'a, T: ToString + 'a>(reader: &mut Reader, names: impl Iterator<Item = &'a At<T>>, what: &str) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for name in names {
        let text = name.value.to_string();
        if let Some(line) = seen.get(&text) {
            reader.tell(name.place, format!("another {what} is named `{text}`, on line {line}"));
        } else {
            seen.insert(text, name.place.line);
        }
    }
}

/// Tells a name that nothing has: `lack` says what there is not, as in "there is no route". Of `known` the nearest is
/// offered, or the first few.
fn undefined(reader: &mut Reader, name: &At<impl ToString>, lack: &str, known: &[&str]) {
    const SHOWN_MAX: usize = 20;
    let text = name.value.to_string();
    let help = match nearest(&text, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "none is defined".to_owned(),
        None => format!("known: {}", known[..known.len().min(SHOWN_MAX)].join(", ")),
    };
    reader.advise(name.place, format!("{lack} `{text}`"), help);
}

fn repositories(reader: &mut Reader, entries: Vec<RepositoryEntry>) -> Vec<NamedRepository> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut named = Vec::new();
    for entry in entries {
        let forge = entry.forge.as_ref().map_or("", |forge| forge.as_str());
        let key = format!("{}:{forge}:{}", entry.kind, entry.path.value.as_str());
        let place = entry.path.place;
        match seen.get(&key) {
            Some(line) => reader.tell(place, format!("this repository is already named on line {line}")),
            None => {
                seen.insert(key, place.line);
            }
        }
        named.push(NamedRepository {
            kind: entry.kind,
            forge: entry.forge,
            path: entry.path.value,
            variables: entry.variables,
            clone: entry.clone,
        });
    }
    named
}

/// An environment with its groups resolved to people.
fn environment(reader: &mut Reader, entry: EnvironmentEntry, groups: &[Group]) -> Environment {
    let (name, calendar) = (entry.name.value, entry.calendar);
    let cleanup = entry.cleanup.map(|cleanup| cleanup.value.step);
    let Some(written) = entry.approval else { return Environment { name, approval: None, calendar, cleanup } };
    let mut people = Vec::new();
    let mut all_known = true;
    for by in &written.by {
        if by.value.contains(':') {
            people.push(by.value.clone());
        } else if let Some(group) = groups.iter().find(|group| group.name.value == by.value) {
            people.extend(group.people.iter().cloned());
        } else {
            all_known = false;
            let known: Vec<&str> = groups.iter().map(|group| group.name.value.as_str()).collect();
            undefined(reader, by, "there is no group of people", &known);
        }
    }
    let distinct: BTreeSet<&String> = people.iter().collect();
    let countable = all_known && distinct.iter().all(|person| person.starts_with("user:") && *person != "user:*");
    if countable && !distinct.is_empty() && distinct.len() < written.min.value as usize {
        let message = format!("{} people must say yes, and only {} are named", written.min.value, distinct.len());
        reader.tell(written.min.place, message);
    }
    let people = distinct.into_iter().cloned().collect();
    let approval = Approval {
        by: written.by.into_iter().map(|by| by.value).collect(),
        people,
        min: written.min.value,
        not_author: written.not_author,
        within_seconds: written.within_seconds,
    };
    Environment { name, approval: Some(approval), calendar, cleanup }
}

/// Tells stacks that are for an environment which is not there.
fn stacks(reader: &mut Reader, file: &File) {
    let known: Vec<&str> = file.environments.iter().map(|place| place.name.value.as_str()).collect();
    for deploy in file.pipelines.iter().filter_map(|pipeline| pipeline.deploy.as_ref()) {
        let Deploy::Cloudformation(stacks) = &deploy.value else { continue };
        for name in stacks.iter().flat_map(|stack| &stack.only).filter(|name| !known.contains(&name.as_str())) {
            undefined(reader, &At { value: name, place: deploy.place }, "there is no environment", &known);
        }
    }
}

/// A commit goes nowhere from a cleanup.
fn cleanups(reader: &mut Reader, environments: &[EnvironmentEntry]) {
    let Some((_last, before)) = environments.split_last() else { return };
    for place in before {
        if let Some(cleanup) = &place.cleanup {
            let message = format!("`{}` cleans up, and other environments come after it", place.name.value);
            reader.advise(cleanup.place, message, "let it be the last of `environments`");
        }
    }
}

/// Tells tests that name what the file does not have.
fn expectations(reader: &mut Reader, file: &File) {
    let routes: Vec<&str> = file.routes.iter().filter_map(|route| Some(route.name.as_ref()?.value.as_str())).collect();
    let is_route: HashSet<&str> = routes.iter().copied().collect();
    let ignored: Vec<&str> = file.ignore.iter().map(|entry| entry.name.value.as_str()).collect();
    let repositories: Vec<&str> = file.repositories.iter().map(|entry| entry.path.value.as_str()).collect();
    let plain = file.repositories.iter().any(|entry| entry.path.value.exact().is_some());
    for test in &file.tests {
        let place = test.expect.place;
        match &test.expect.value {
            Expected::Nothing => {}
            Expected::Ignored(name) if ignored.contains(&name.as_str()) => {}
            Expected::Ignored(name) => {
                undefined(reader, &At { value: name, place }, "there is no ignore entry", &ignored);
            }
            Expected::Routes(names) => {
                for name in names.iter().filter(|name| !is_route.contains(name.as_str())) {
                    undefined(reader, &At { value: name, place }, "there is no route", &routes);
                }
            }
        }
        match &test.repo {
            None if !plain && !file.repositories.is_empty() => {
                reader.advise(test.place, "this test is of no repository", "every entry is a glob; name one in `repo`");
            }
            Some(repo) if !file.repositories.iter().any(|entry| entry.path.value.matches(repo.value.as_str())) => {
                undefined(reader, repo, "there is no repository", &repositories);
            }
            _ => {}
        }
    }
}
