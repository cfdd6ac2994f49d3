//! `environments` and the `people` who let commits in.

use super::pipeline::{STAGE, StepEntry, step};
use super::{At, Reader, calendar, plain_name, shown};
use crate::id::EnvironmentName;
use crate::pipeline::Calendar;
use crate::problem::Place;
use crate::run::{Person, Team};
use crate::yaml::{Node, Value};

/// An environment as written.
pub(in crate::rules) struct EnvironmentEntry {
    pub(in crate::rules) name: At<EnvironmentName>,
    pub(in crate::rules) approval: Option<ApprovalEntry>,
    pub(in crate::rules) calendar: Option<Calendar>,
    /// What is done there in place of the pipeline's deploy.
    pub(in crate::rules) cleanup: Option<At<StepEntry>>,
    /// Its name says that customers are there, and the file says that nobody need say yes.
    pub(in crate::rules) allow_unapproved: bool,
}

/// An environment's approval as written.
pub(in crate::rules) struct ApprovalEntry {
    /// Groups, or people with their prefix.
    pub(in crate::rules) by: Vec<At<String>>,
    pub(in crate::rules) min: At<u32>,
    pub(in crate::rules) not_author: bool,
    pub(in crate::rules) within_seconds: Option<u64>,
}

/// A group of people as written.
pub(in crate::rules) struct Group {
    pub(in crate::rules) name: At<String>,
    pub(in crate::rules) people: Vec<String>,
}

pub(super) const ENVIRONMENT: [&str; 7] =
    ["name", "approval", "allow_unapproved", "zone", "window", "freeze", "cleanup"];
/// A cleanup has a stage's keys but for its name.
pub(super) const CLEANUP: [&str; 5] = [STAGE[1], STAGE[2], STAGE[3], STAGE[4], STAGE[5]];
pub(super) const APPROVAL: [&str; 4] = ["by", "min", "not_author", "within"];

/// What names people, as a regular expression: for editors, which read no Rust.
pub(in crate::rules) const PERSON: &str = concat!(
    r"^((user|oidc):[^\s].{0,99}",
    "|github:[A-Za-z0-9._][A-Za-z0-9._-]*/[A-Za-z0-9._][A-Za-z0-9._-]*",
    "|gitlab:[A-Za-z0-9._][A-Za-z0-9._-]*(/[A-Za-z0-9._][A-Za-z0-9._-]*)*)$",
);

/// The longest a gate waits, 60 days: what `CodePipeline` allows for an approval.
const WITHIN_MAX: u64 = 60 * 86400;
const VOTES_MAX: u32 = 100;

pub(super) fn read_environment(reader: &mut Reader, node: &Node) -> Option<EnvironmentEntry> {
    let fields = reader.fields(node, "an environment", &ENVIRONMENT)?;
    let approval = fields.get("approval").and_then(|node| approval(reader, node));
    let calendar = calendar::read(reader, &fields);
    let allow_unapproved =
        fields.get("allow_unapproved").and_then(|node| reader.boolean(node, "allow_unapproved")).unwrap_or_default();
    if allow_unapproved && fields.has("approval") {
        reader.tell(
            fields.key("allow_unapproved"),
            "`allow_unapproved` says that nobody need say yes, and `approval` says who must",
        );
    }
    let cleanup = fields.get("cleanup").and_then(|node| cleanup(reader, node));
    if fields.has("cleanup") && !fields.has("approval") {
        let help = "give the environment an `approval`";
        reader.advise(fields.key("cleanup"), "nothing is cleaned up before somebody has said yes", help);
    }
    let name = reader.need(&fields, "an environment", "name")?;
    Some(EnvironmentEntry { name: reader.name(name, "name")?, approval, calendar, cleanup, allow_unapproved })
}

fn cleanup(reader: &mut Reader, node: &Node) -> Option<At<StepEntry>> {
    let fields = reader.fields(node, "a cleanup", &CLEANUP)?;
    Some(At { value: step(reader, &fields, "a cleanup"), place: node.place })
}

fn approval(reader: &mut Reader, node: &Node) -> Option<ApprovalEntry> {
    if node.mapping().is_none() {
        reader.advise(node.place, format!("`approval` is a map, and this is {}", node.kind()), "write {by: [group]}");
        return None;
    }
    let fields = reader.fields(node, "an approval", &APPROVAL)?;
    let by = match reader.need(&fields, "an approval", "by") {
        Some(node) => reader.one_or_more(node, "by").iter().filter_map(|item| by(reader, item)).collect(),
        None => Vec::new(),
    };
    let min = fields.get("min").and_then(|node| min(reader, node));
    let not_author = fields.get("not_author").and_then(|node| reader.boolean(node, "not_author")).unwrap_or_default();
    let within_seconds = fields.get("within").and_then(|node| reader.seconds(node, "within", WITHIN_MAX));
    Some(ApprovalEntry {
        by,
        min: min.unwrap_or(At { value: 1, place: fields.key("min") }),
        not_author,
        within_seconds,
    })
}

fn by(reader: &mut Reader, node: &Node) -> Option<At<String>> {
    let text = reader.text(node, "by")?;
    if text.contains(':') {
        return person(reader, text, node.place).map(|value| At { value, place: node.place });
    }
    plain_name(reader, text, node.place, "a group of people")
}

fn min(reader: &mut Reader, node: &Node) -> Option<At<u32>> {
    match reader.text(node, "min")?.parse() {
        Ok(value @ 1..=VOTES_MAX) => Some(At { value, place: node.place }),
        _ => {
            reader.tell(node.place, format!("`min` is a number from 1 to {VOTES_MAX}"));
            None
        }
    }
}

pub(super) fn read_people(reader: &mut Reader, node: &Node) -> Vec<Group> {
    let Some(entries) = node.mapping() else {
        reader.tell(node.place, format!("`people` is a map of groups to people, and this is {}", node.kind()));
        return Vec::new();
    };
    let mut groups = Vec::new();
    for (key, value) in entries {
        let Value::Scalar { text, .. } = &key.value else { continue };
        let people = reader
            .one_or_more(value, text)
            .iter()
            .filter_map(|item| {
                let text = reader.text(item, "a person")?;
                person(reader, text, item.place)
            })
            .collect();
        if let Some(name) = plain_name(reader, text, key.place, "a group of people") {
            groups.push(Group { name, people });
        }
    }
    groups
}

/// `user:dana`, `user:*`, `github:acme/release-managers`, `gitlab:acme/release`, `oidc:release`.
fn person(reader: &mut Reader, text: &str, place: Place) -> Option<String> {
    let known = text.split_once(':').is_some_and(|(kind, name)| match kind {
        "user" | "oidc" => Person::new(name).is_ok(),
        _ => Team::new(text).is_ok(),
    });
    if !known {
        let help = "write user:NAME, user:* for everyone, github:ORG/TEAM, gitlab:GROUP (both as in their addresses) or oidc:GROUP";
        reader.advise(place, format!("`{}` names nobody", shown(text)), help);
    }
    known.then(|| text.to_owned())
}
