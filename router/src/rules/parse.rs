//! Text to a tree with places.
//!
//! What can be said by looking at one entry is said here: unknown keys, wrong kinds, malformed names and globs.
//! What needs the whole file (is there such a pipeline?) is said by `compile`. An entry with a mistake stays in the
//! tree as far as it can be read, so that one mistake is told once and hides no other.

use std::collections::BTreeSet;

use crate::id::RouteName;
use crate::problem::{Place, Problem};
use crate::yaml::{self, Node};

mod calendar;
mod deploy;
mod expectation;
mod pipeline;
mod place;
mod reader;
mod repo;
mod repository;
mod route;

pub(super) use expectation::{Expectation, Expected};
pub(super) use pipeline::PipelineEntry;
pub(super) use place::PERSON;
pub(super) use place::{EnvironmentEntry, Group};
pub(super) use reader::{At, Reader, plain, shown};
pub(super) use repo::{KEYS as ALLOWABLE, parse_repo_file};
pub(super) use repository::RepositoryEntry;
pub(super) use route::{IgnoreEntry, RouteEntry, Target};

/// The kinds of repositories, by their keys.
pub(super) const KINDS: [&str; 3] = [repository::KEYS[0], repository::KEYS[1], repository::KEYS[2]];

/// The file as written.
#[derive(Default)]
pub(super) struct File {
    pub(super) repositories: Vec<RepositoryEntry>,
    pub(super) pipelines: Vec<PipelineEntry>,
    pub(super) environments: Vec<EnvironmentEntry>,
    pub(super) people: Vec<Group>,
    pub(super) ignore: Vec<IgnoreEntry>,
    pub(super) routes: Vec<RouteEntry>,
    pub(super) tests: Vec<Expectation>,
    /// What a repository's own file may say.
    pub(super) allow_repo: BTreeSet<&'static str>,
}

const SECTIONS: [&str; 9] =
    ["version", "repositories", "pipelines", "environments", "people", "ignore", "routes", "allow_repo", "tests"];

/// Every key of the language: the reference must explain each.
#[cfg(test)]
pub(super) fn keys() -> Vec<&'static str> {
    let all: [&[&str]; 15] = [
        &SECTIONS,
        &repository::KEYS,
        &repo::KEYS,
        &pipeline::PIPELINE,
        &pipeline::STAGE,
        &pipeline::BUILDSPEC,
        &place::ENVIRONMENT,
        &place::APPROVAL,
        &calendar::WINDOW,
        &route::ROUTE,
        &route::REQUEST,
        &route::IGNORE,
        &route::PATHS,
        &expectation::KEYS,
        &expectation::REQUEST,
    ];
    all.concat()
}

/// Reads the text; every problem is in the reader.
pub(super) fn parse(text: &str, reader: &mut Reader) -> File {
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err(mut problems) => {
            reader.problems.append(&mut problems);
            return File::default();
        }
    };
    if root.is_null() {
        reader.advise(root.place, "the file is empty", "a rule file begins with `version: 1`");
        return File::default();
    }
    let Some(file) = reader.fields(&root, "a rule file", &SECTIONS) else { return File::default() };
    if let Some(version) = reader.need(&file, "a rule file", "version")
        && version.text() != Some("1")
    {
        reader.advise(version.place, "this version of the language is not known", "write `version: 1`");
    }
    let repositories = reader.need(&file, "a rule file", "repositories");
    let routes = reader.need(&file, "a rule file", "routes");
    File {
        repositories: each(reader, repositories, "repositories", repository::read),
        pipelines: file.get("pipelines").map(|node| pipeline::read_all(reader, node)).unwrap_or_default(),
        environments: each(reader, file.get("environments"), "environments", place::read_environment),
        people: file.get("people").map(|node| place::read_people(reader, node)).unwrap_or_default(),
        ignore: each(reader, file.get("ignore"), "ignore", route::read_ignore),
        routes: each(reader, routes, "routes", route::read_route),
        tests: each(reader, file.get("tests"), "tests", expectation::read),
        allow_repo: file.get("allow_repo").map(|node| repo::read_allowed(reader, node)).unwrap_or_default(),
    }
}

/// Reads a section that is a list; an empty one is a mistake only where the section must be there.
fn each<T>(
    reader: &mut Reader,
    node: Option<&Node>,
    key: &str,
    read: impl Fn(&mut Reader, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(node) = node else { return Vec::new() };
    let items = reader.items(node, key);
    if items.is_empty() && node.sequence().is_some() && matches!(key, "repositories" | "routes") {
        reader.tell(node.place, format!("`{key}` is an empty list"));
    }
    items.iter().filter_map(|item| read(reader, item)).collect()
}

/// A name that is no type of its own: a group of people, an `ignore` entry. The rule is that of a route's name.
fn plain_name(reader: &mut Reader, text: &str, place: Place, what: &str) -> Option<At<String>> {
    if RouteName::new(text).is_ok() {
        return Some(At { value: text.to_owned(), place });
    }
    let message = format!("`{}` is not a name for {what}", shown(text));
    reader.advise(place, message, "1 to 100 of A-Z a-z 0-9 . _ -, starting with a letter or digit");
    None
}

/// The problems in the order of the file, and no more of them than anybody reads.
pub(super) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    const SHOWN_MAX: usize = 1000;
    problems.sort_by_key(|problem| problem.place.offset);
    let more = problems.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        problems.truncate(SHOWN_MAX);
        problems.push(Problem::new(problems[SHOWN_MAX - 1].place, format!("and {more} more problems after this one")));
    }
    problems
}
