//! An entry of `repositories`.

use std::collections::BTreeMap;

use super::{At, Reader, shown};
use crate::id::{ForgeKind, ForgeName};
use crate::rules::pattern::{Dialect, Pattern};
use crate::yaml::{Node, Value};

/// A repository, or a glob of them.
pub(in crate::rules) struct RepositoryEntry {
    pub(in crate::rules) kind: ForgeKind,
    pub(in crate::rules) path: At<Pattern>,
    pub(in crate::rules) forge: Option<ForgeName>,
    pub(in crate::rules) variables: BTreeMap<String, String>,
    pub(in crate::rules) clone: Option<String>,
}

pub(super) const KEYS: [&str; 6] = ["github", "gitlab", "local", "forge", "variables", "clone"];

/// Names that the engines give values to themselves.
const RESERVED: [&str; 3] = ["CODEBUILD_", "POINTSMAN_", "AWS_"];

pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<RepositoryEntry> {
    let fields = reader.fields(node, "a repository", &KEYS)?;
    let variables = fields.get("variables").map(|node| variables(reader, node)).unwrap_or_default();
    let clone = fields.get("clone").and_then(|node| clone(reader, node));
    let forge = fields.get("forge").and_then(|node| reader.name(node, "forge")).map(|forge| forge.value);
    let kinds: Vec<ForgeKind> = ForgeKind::ALL.into_iter().filter(|kind| fields.has(kind.as_str())).collect();
    let [kind] = kinds[..] else {
        reader.tell(node.place, "a repository has exactly one of `github`, `gitlab` and `local`");
        return None;
    };
    let path = fields.get(kind.as_str())?;
    let pattern = match Pattern::new(reader.text(path, kind.as_str())?, Dialect::Path) {
        Ok(pattern) => pattern,
        Err(why) => {
            reader.tell(path.place, why);
            return None;
        }
    };
    if let Some(name) = pattern.exact()
        && let Err(invalid) = crate::id::RepoPath::new(name)
    {
        reader.tell(path.place, invalid.to_string());
        return None;
    }
    if clone.is_some() && pattern.exact().is_none() {
        let message = "`clone` is one repository's address, and this entry is a glob";
        reader.advise(fields.key("clone"), message, "write the repository's own entry above this one");
    }
    Some(RepositoryEntry { kind, path: At { value: pattern, place: path.place }, forge, variables, clone })
}

pub(super) fn variables(reader: &mut Reader, node: &Node) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(entries) = node.mapping() else {
        reader.advise(node.place, format!("`variables` is a map, and this is {}", node.kind()), "write {NAME: value}");
        return variables;
    };
    for (key, value) in entries {
        let Value::Scalar { text: name, .. } = &key.value else { continue };
        let well = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !well || name.len() > 128 {
            let message = format!("`{}` is not a variable's name", shown(name));
            reader.advise(key.place, message, "1 to 128 of A-Z a-z 0-9 _, not starting with a digit");
        } else if let Some(prefix) = RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
            reader.tell(key.place, format!("the variable `{name}`: names with {prefix} are the engines' own"));
        } else if let Some(text) = reader.text(value, name) {
            variables.insert(name.clone(), text.to_owned());
        }
    }
    variables
}

/// What git may fetch from. `ext::` would run a command, and a leading `-` would be an option.
fn clone(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "clone")?;
    let schemes = ["https://", "http://", "ssh://", "git://", "file://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let names_something = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('-'));
    let is_path = text.starts_with('/');
    if !(is_path || names_something) || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let message = format!("`{}` is not an address to clone from", shown(text));
        let help = "write an https, http, ssh, git or file address (ssh://git@host/path.git), or an absolute path";
        reader.advise(node.place, message, help);
        return None;
    }
    let account = rest.and_then(|rest| rest.split('/').next()?.rsplit_once('@')).map(|(account, _)| account);
    if account.is_some_and(|account| account.contains(':')) {
        // The message does not repeat the text: it holds the password.
        reader.advise(node.place, "no password belongs into the rule file", "give the forge's token in the settings");
        return None;
    }
    Some(text.to_owned())
}
