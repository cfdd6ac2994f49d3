//! `tests`: pushes, and what they must lead to.

use super::{At, Reader, shown};
use crate::event::ChangedFiles;
use crate::id::{GitRef, Origin, RepoPath, RequestRef, RouteName};
use crate::problem::Place;
use crate::yaml::Node;

/// A test as written.
#[derive(Debug, Clone)]
pub(in crate::rules) struct Expectation {
    pub(in crate::rules) place: Place,
    pub(in crate::rules) git_ref: GitRef,
    /// None is the first repository that is named without a glob.
    pub(in crate::rules) repo: Option<At<RepoPath>>,
    pub(in crate::rules) changed: ChangedFiles,
    pub(in crate::rules) actor: String,
    pub(in crate::rules) message: String,
    pub(in crate::rules) created: bool,
    pub(in crate::rules) forced: bool,
    pub(in crate::rules) expect: At<Expected>,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rules) enum Expected {
    /// No run, whichever route says so.
    Nothing,
    /// This `ignore` entry.
    Ignored(String),
    /// These routes, the first and those of its `then`. A single one may also be a route that starts nothing.
    Routes(Vec<RouteName>),
}

pub(super) const KEYS: [&str; 10] =
    ["push", "tag", "change_request", "repo", "changed", "actor", "message", "created", "forced", "expect"];
pub(super) const REQUEST: [&str; 3] = ["target", "source", "fork"];

pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Expectation> {
    let fields = reader.fields(node, "a test", &KEYS)?;
    let git_ref = match (fields.get("push"), fields.get("tag"), fields.get("change_request")) {
        (Some(node), None, None) => git_ref(reader, node, "push", "refs/heads/"),
        (None, Some(node), None) => git_ref(reader, node, "tag", "refs/tags/"),
        (None, None, Some(node)) => request(reader, node),
        _ => {
            reader.tell(node.place, "a test has exactly one of `push` (a branch), `tag` and `change_request`");
            None
        }
    };
    let repo = fields.get("repo").and_then(|node| {
        let text = reader.text(node, "repo")?;
        RepoPath::new(text)
            .map_err(|invalid| reader.tell(node.place, invalid.to_string()))
            .ok()
            .map(|value| At { value, place: node.place })
    });
    let changed = fields.get("changed").map(|node| changed(reader, node));
    let mut text = |key: &str| {
        let text = fields.get(key).and_then(|node| reader.text(node, key));
        text.unwrap_or_default().to_owned()
    };
    let (actor, message) = (text("actor"), text("message"));
    let mut boolean = |key: &str| fields.get(key).and_then(|node| reader.boolean(node, key)).unwrap_or_default();
    let (created, forced) = (boolean("created"), boolean("forced"));
    let expect = reader.need(&fields, "a test", "expect").and_then(|node| expected(reader, node));
    Some(Expectation {
        place: node.place,
        git_ref: git_ref?,
        repo,
        changed: changed.unwrap_or_else(|| ChangedFiles::Unknown("the test does not say".to_owned())),
        actor,
        message,
        created,
        forced,
        expect: expect?,
    })
}

fn git_ref(reader: &mut Reader, node: &Node, key: &str, prefix: &str) -> Option<GitRef> {
    let name = reader.text(node, key)?;
    match GitRef::new(&format!("{prefix}{name}")) {
        Ok(git_ref) => Some(git_ref),
        Err(invalid) => {
            reader.tell(node.place, invalid.to_string());
            None
        }
    }
}

/// `{target: main, source: feature/a, fork: true}`
fn request(reader: &mut Reader, node: &Node) -> Option<GitRef> {
    let fields = reader.fields(node, "a test's `change_request`", &REQUEST)?;
    let mut name = |key: &str| {
        let node = reader.need(&fields, "a test's `change_request`", key)?;
        git_ref(reader, node, key, "refs/heads/").map(|read| read.short().to_owned())
    };
    let (target, source) = (name("target"), name("source"));
    let fork = fields.get("fork").and_then(|node| reader.boolean(node, "fork")).unwrap_or_default();
    let origin = if fork { Origin::Unnamed } else { Origin::Same };
    Some(GitRef::Request(Box::new(RequestRef { number: 1, target: target?, source: source?, origin })))
}

fn changed(reader: &mut Reader, node: &Node) -> ChangedFiles {
    if node.text() == Some("unknown") {
        return ChangedFiles::Unknown("the test says so".to_owned());
    }
    // An empty list is a push that changes no file: a new branch on an old commit.
    let items = node.sequence().unwrap_or(std::slice::from_ref(node));
    ChangedFiles::known(items.iter().filter_map(|item| reader.text(item, "changed")))
}

fn expected(reader: &mut Reader, node: &Node) -> Option<At<Expected>> {
    let value = match node.text() {
        Some("nothing") => Expected::Nothing,
        Some(text) if text.starts_with("ignore:") => Expected::Ignored(text["ignore:".len()..].trim().to_owned()),
        Some(text) if text.contains(':') => {
            let message = format!("`{}` is nothing that can be expected", shown(text));
            reader.advise(node.place, message, "write a route, a list of routes, ignore:NAME or nothing");
            return None;
        }
        _ => {
            let items = reader.one_or_more(node, "expect");
            let routes: Vec<RouteName> =
                items.iter().filter_map(|item| reader.name(item, "expect")).map(|name| name.value).collect();
            if routes.len() != items.len() || routes.is_empty() {
                return None;
            }
            Expected::Routes(routes)
        }
    };
    Some(At { value, place: node.place })
}
