//! `routes` and `ignore`: their conditions and what follows.

use super::{At, Reader, plain_name};
use crate::id::{EnvironmentName, PipelineName, RouteName, StageName};
use crate::pipeline::Concurrency;
use crate::problem::Place;
use crate::rules::condition::{About, Condition, Moved, Predicate, Quantity};
use crate::rules::parse::reader::Fields;
use crate::rules::pattern::Dialect;
use crate::yaml::Node;

/// A route as written.
pub(in crate::rules) struct RouteEntry {
    pub(in crate::rules) place: Place,
    /// None when it was missing or malformed, which has been told.
    pub(in crate::rules) name: Option<At<RouteName>>,
    pub(in crate::rules) condition: Condition,
    /// It says `any: true` and nothing that would narrow it.
    pub(in crate::rules) takes_all: bool,
    /// None when it was missing or malformed, which has been told.
    pub(in crate::rules) target: Option<Target>,
    pub(in crate::rules) to: Vec<At<EnvironmentName>>,
    pub(in crate::rules) stages: Option<Vec<At<StageName>>>,
    pub(in crate::rules) then: Option<At<RouteName>>,
    pub(in crate::rules) concurrency: Concurrency,
    pub(in crate::rules) manual: bool,
    /// It decides and is recorded, and starts nothing.
    pub(in crate::rules) shadow: bool,
    /// Keys that only mean something when a pipeline starts, and where they stand.
    pub(in crate::rules) follow_ups: Vec<(&'static str, Place)>,
}

/// What `pipeline` says.
pub(in crate::rules) enum Target {
    /// Nothing is started, and that is a decision.
    None,
    /// This one.
    Pipeline(At<PipelineName>),
}

/// An `ignore` entry as written.
#[derive(Debug)]
pub(in crate::rules) struct IgnoreEntry {
    pub(in crate::rules) name: At<String>,
    pub(in crate::rules) condition: Condition,
}

pub(super) const ROUTE: [&str; 20] = [
    "name",
    "branch",
    "tag",
    "change_request",
    "any",
    "forks",
    "paths",
    "repos",
    "forge",
    "actors",
    "message",
    "created",
    "forced",
    "pipeline",
    "to",
    "stages",
    "then",
    "concurrency",
    "start",
    "shadow",
];
pub(super) const REQUEST: [&str; 2] = ["target", "source"];
pub(super) const IGNORE: [&str; 7] = ["name", "paths", "actors", "message", "branch", "tag", "repos"];
pub(super) const PATHS: [&str; 4] = ["any", "all", "only", "none"];
/// The keys of which a route has exactly one.
const WHICH: [&str; 4] = ["branch", "tag", "change_request", "any"];
const FOLLOW_UPS: [&str; 5] = ["to", "stages", "then", "concurrency", "start"];

pub(super) fn read_route(reader: &mut Reader, node: &Node) -> Option<RouteEntry> {
    let fields = reader.fields(node, "a route", &ROUTE)?;
    let name = route_name(reader, &fields);
    which_ref(reader, &fields);
    let target = reader.need(&fields, "a route", "pipeline").and_then(|node| match node.text() {
        Some("none") => Some(Target::None),
        _ => reader.name(node, "pipeline").map(Target::Pipeline),
    });
    let skips = matches!(target, Some(Target::None));
    let about = if fields.has("change_request") { About::Requests } else { About::Pushes };
    let condition = condition(reader, &fields, skips, about);
    forks(reader, &fields);
    Some(RouteEntry {
        place: node.place,
        name,
        takes_all: fields.has("any")
            && condition.all.is_empty()
            && fields.get("shadow").and_then(Node::boolean) != Some(true),
        condition,
        target,
        to: fields.get("to").map(|node| reader.names(node, "to")).unwrap_or_default(),
        stages: fields.get("stages").map(|node| reader.names(node, "stages")),
        then: fields.get("then").and_then(|node| reader.name(node, "then")),
        concurrency: fields.get("concurrency").map(|node| concurrency(reader, node)).unwrap_or_default(),
        manual: fields.get("start").is_some_and(|node| manual(reader, node)),
        shadow: fields.get("shadow").and_then(|node| reader.boolean(node, "shadow")).unwrap_or_default(),
        follow_ups: fields.among(&FOLLOW_UPS).into_iter().map(|key| (key, fields.key(key))).collect(),
    })
}

fn route_name(reader: &mut Reader, fields: &Fields<'_>) -> Option<At<RouteName>> {
    let node = reader.need(fields, "a route", "name")?;
    let name: At<RouteName> = reader.name(node, "name")?;
    if name.value.as_str() == "nothing" {
        reader.tell(name.place, "`nothing` is no route's name: it is what a test expects when nothing starts");
    }
    Some(name)
}

/// Tells what contradicts itself about change requests: whose code it is decides where it may go.
fn forks(reader: &mut Reader, fields: &Fields<'_>) {
    let of_requests = fields.has("change_request") || fields.spoilt("change_request");
    if !of_requests && fields.has("forks") {
        reader.tell(fields.key("forks"), "`forks` is about change requests, and this route is about pushes");
    }
    if of_requests {
        for key in fields.among(&["created", "forced"]) {
            reader.tell(fields.key(key), format!("`{key}` is about pushes, and this route is about change requests"));
        }
    }
    if fields.has("to") && fields.get("forks").and_then(Node::boolean) == Some(true) {
        let help = "leave `to` out, or write another route with `forks: false` above this one";
        reader.advise(fields.key("to"), "code from forks goes to no environment", help);
    }
}

/// Tells a route that has none or several of [`WHICH`].
fn which_ref(reader: &mut Reader, fields: &Fields<'_>) {
    let which = fields.among(&WHICH);
    let meant = WHICH.iter().any(|key| fields.spoilt(key));
    if which.len() == 1 || (which.is_empty() && meant) {
        return;
    }
    let place = which.get(1).map_or(fields.place, |second| fields.key(second));
    let help = match which.is_empty() {
        true => "a route for every push says `any: true`".to_owned(),
        false => format!("write one route for each of {}", which.join(" and ")),
    };
    reader.advise(place, "a route has exactly one of `branch`, `tag`, `change_request` and `any`", help);
}

pub(super) fn read_ignore(reader: &mut Reader, node: &Node) -> Option<IgnoreEntry> {
    let fields = reader.fields(node, "an ignore entry", &IGNORE)?;
    let condition = condition(reader, &fields, true, About::Both);
    if fields.among(&IGNORE[1..]).is_empty() && !fields.is_spoilt() {
        reader.advise(
            node.place,
            "an ignore entry without a condition",
            "say what is ignored, as in `paths` or `actors`",
        );
    }
    if fields.has("branch") && fields.has("tag") {
        reader.tell(fields.key("tag"), "no push is of a branch and of a tag; write two entries");
    }
    let name = reader.need(&fields, "an ignore entry", "name")?;
    let text = reader.text(name, "name")?;
    Some(IgnoreEntry { name: plain_name(reader, text, name.place, "an ignore entry")?, condition })
}

/// The predicates in the order in which they are tried; files come last, because a forge may have to be asked for them.
fn condition(reader: &mut Reader, fields: &Fields<'_>, skips: bool, about: About) -> Condition {
    let mut all = Vec::new();
    let globs = |reader: &mut Reader, key: &str, dialect, make: fn(_) -> Predicate| {
        fields.get(key).map(|node| make(reader.patterns(node, key, dialect)))
    };
    all.extend(globs(reader, "repos", Dialect::Path, Predicate::Repository));
    if let Some(node) = fields.get("forge") {
        let names = reader.names(node, "forge").into_iter().map(|name| name.value).collect();
        all.push(Predicate::Forge(names));
    }
    all.extend(globs(reader, "branch", Dialect::Path, |globs| Predicate::Ref(Moved::Branch, globs)));
    all.extend(globs(reader, "tag", Dialect::Path, |globs| Predicate::Ref(Moved::Tag, globs)));
    all.extend(fields.get("change_request").into_iter().flat_map(|node| request(reader, node)));
    if about == About::Requests
        && !fields.get("forks").is_some_and(|node| reader.boolean(node, "forks").unwrap_or_default())
    {
        all.push(Predicate::NoFork);
    }
    all.extend(globs(reader, "actors", Dialect::Text, Predicate::Actor));
    all.extend(globs(reader, "message", Dialect::Text, Predicate::Message));
    if let Some(node) = fields.get("any")
        && reader.boolean(node, "any") == Some(false)
    {
        reader.tell(node.place, "`any` is true, or left out");
    }
    for (key, make) in [("created", Predicate::Created as fn(bool) -> Predicate), ("forced", Predicate::Forced)] {
        all.extend(fields.get(key).and_then(|node| reader.boolean(node, key)).map(make));
    }
    if let Some(node) = fields.get("paths")
        && let Some(paths) = reader.fields(node, "`paths`", &PATHS)
    {
        let quantities = [Quantity::Any, Quantity::All, Quantity::Only, Quantity::None];
        let given = quantities.into_iter().filter_map(|quantity| Some((quantity, paths.get(quantity.key())?)));
        let before = all.len();
        all.extend(
            given.map(|(quantity, node)| {
                Predicate::Files(quantity, reader.patterns(node, quantity.key(), Dialect::Path))
            }),
        );
        if all.len() == before && node.mapping().is_some_and(<[_]>::is_empty) {
            reader.tell(node.place, "`paths` says neither any, all, only nor none");
        }
    }
    Condition { all, skips, about }
}

/// `{target: main, source: "feature/**"}`, both of which may be left out.
fn request(reader: &mut Reader, node: &Node) -> Vec<Predicate> {
    let Some(fields) = reader.fields(node, "`change_request`", &REQUEST) else { return Vec::new() };
    let make: [fn(_) -> Predicate; 2] = [Predicate::Target, Predicate::Source];
    let given = REQUEST.into_iter().zip(make).filter_map(|(key, make)| Some((key, make, fields.get(key)?)));
    given.map(|(key, make, node)| make(reader.patterns(node, key, Dialect::Path))).collect()
}

fn concurrency(reader: &mut Reader, node: &Node) -> Concurrency {
    match node.text() {
        Some("latest") => Concurrency::Latest,
        Some("queue") => Concurrency::Queue,
        Some("all") => Concurrency::All,
        _ => {
            reader.tell(node.place, "`concurrency` is latest, queue or all");
            Concurrency::default()
        }
    }
}

fn manual(reader: &mut Reader, node: &Node) -> bool {
    match node.text() {
        Some("manual") => true,
        Some("auto") => false,
        _ => {
            reader.tell(node.place, "`start` is manual or auto");
            false
        }
    }
}
