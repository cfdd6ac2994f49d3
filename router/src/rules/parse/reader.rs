//! Reads nodes as what they should be, and keeps every problem instead of stopping at the first.

use std::str::FromStr;

use crate::id::Invalid;
use crate::problem::{Place, Problem, nearest};
use crate::rules::pattern::automaton::AUTOMATON_BYTES_MAX;
use crate::rules::pattern::{Dialect, Pattern, Patterns};
use crate::yaml::{Node, Value};

/// What all globs of a file may take together. One that is too large counts as the largest there can be.
const GLOB_BYTES_MAX: usize = 512 << 20;

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::rules) struct At<T> {
    pub(in crate::rules) value: T,
    pub(in crate::rules) place: Place,
}

/// Text from the file as a message shows it: at most 80 characters, nothing that moves a cursor.
pub(in crate::rules) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(plain).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// A character as it can be shown anywhere.
pub(in crate::rules) fn plain(c: char) -> impl Iterator<Item = char> {
    let bends_text = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = (c.is_control() || bends_text).then(|| c.escape_default());
    let itself = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(itself)
}

/// A map's known entries.
pub(in crate::rules) struct Fields<'a> {
    pub(in crate::rules) place: Place,
    entries: Vec<(&'a str, Place, &'a Node)>,
    /// Keys that are there and have no value, or are misspelt: told as such, so they are not missing as well.
    spoilt: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    pub(in crate::rules) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(known, ..)| *known == key).map(|(_, _, node)| *node)
    }

    /// Where the key itself stands; the map's place when it is left out.
    pub(in crate::rules) fn key(&self, key: &str) -> Place {
        self.entries.iter().find(|(known, ..)| *known == key).map_or(self.place, |(_, place, _)| *place)
    }

    /// Whether a mistake about this key has been told already.
    pub(in crate::rules) fn spoilt(&self, key: &str) -> bool {
        self.spoilt.contains(&key)
    }

    /// Whether a mistake about any of its keys has been told already.
    pub(in crate::rules) fn is_spoilt(&self) -> bool {
        !self.spoilt.is_empty()
    }

    pub(in crate::rules) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Those of `keys` that are there, in the order of `keys`.
    pub(in crate::rules) fn among<'k>(&self, keys: &[&'k str]) -> Vec<&'k str> {
        keys.iter().copied().filter(|key| self.has(key)).collect()
    }
}

/// Collects problems while reading.
#[derive(Default)]
pub(in crate::rules) struct Reader {
    pub(in crate::rules) problems: Vec<Problem>,
    /// What the globs so far have cost to compile.
    glob_bytes: usize,
}

impl Reader {
    pub(in crate::rules) fn tell(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }

    pub(in crate::rules) fn advise(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(place, message).help(help));
    }

    /// A map with no other keys than `known`. Unknown ones are told and left out.
    pub(in crate::rules) fn fields<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
        known: &[&'static str],
    ) -> Option<Fields<'a>> {
        let Some(entries) = node.mapping() else {
            self.advise(node.place, format!("{what} is a map, and this is {}", node.kind()), keys_help(known));
            return None;
        };
        let mut fields = Fields { place: node.place, entries: Vec::new(), spoilt: Vec::new() };
        for (key, value) in entries {
            let Value::Scalar { text, .. } = &key.value else { continue };
            if !known.contains(&text.as_str()) {
                fields.spoilt.push(self.unknown_key(key.place, text, what, known).unwrap_or(text));
            } else if value.is_null() {
                self.advise(key.place, format!("`{text}` has no value"), "write one, or leave the key out");
                fields.spoilt.push(text);
            } else {
                fields.entries.push((text, key.place, value));
            }
        }
        Some(fields)
    }

    /// Tells an unknown key; what comes back is the key that was probably meant.
    fn unknown_key(&mut self, place: Place, key: &str, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let meant = nearest(key, known.iter().copied());
        let help = meant.map_or_else(|| keys_help(known), |word| format!("did you mean `{word}`?"));
        self.advise(place, format!("{what} has no key `{}`", shown(key)), help);
        meant
    }

    /// Tells that a key is missing, unless it is there.
    pub(in crate::rules) fn need<'a>(&mut self, fields: &Fields<'a>, what: &str, key: &str) -> Option<&'a Node> {
        let node = fields.get(key);
        if node.is_none() && !fields.spoilt(key) {
            self.tell(fields.place, format!("{what} needs `{key}`"));
        }
        node
    }

    /// Text.
    pub(in crate::rules) fn text<'a>(&mut self, node: &'a Node, key: &str) -> Option<&'a str> {
        if node.text().is_none() {
            self.tell(node.place, format!("`{key}` is text, and this is {}", node.kind()));
        }
        node.text()
    }

    /// `true` or `false`.
    pub(in crate::rules) fn boolean(&mut self, node: &Node, key: &str) -> Option<bool> {
        if node.boolean().is_none() {
            self.tell(node.place, format!("`{key}` is true or false"));
        }
        node.boolean()
    }

    /// A list.
    pub(in crate::rules) fn items<'a>(&mut self, node: &'a Node, key: &str) -> &'a [Node] {
        if node.sequence().is_none() {
            self.advise(
                node.place,
                format!("`{key}` is a list, and this is {}", node.kind()),
                "start each item with `- `",
            );
        }
        node.sequence().unwrap_or_default()
    }

    /// A list, or the one item that it would have; never empty.
    pub(in crate::rules) fn one_or_more<'a>(&mut self, node: &'a Node, key: &str) -> &'a [Node] {
        let items = node.sequence().unwrap_or(std::slice::from_ref(node));
        if items.is_empty() {
            self.tell(node.place, format!("`{key}` is an empty list"));
        }
        items
    }

    /// A checked name.
    pub(in crate::rules) fn name<T: FromStr<Err = Invalid>>(&mut self, node: &Node, key: &str) -> Option<At<T>> {
        match self.text(node, key)?.parse() {
            Ok(value) => Some(At { value, place: node.place }),
            Err(invalid) => {
                self.tell(node.place, invalid.to_string());
                None
            }
        }
    }

    /// One name or a list of them, none twice.
    pub(in crate::rules) fn names<T: FromStr<Err = Invalid> + PartialEq>(
        &mut self,
        node: &Node,
        key: &str,
    ) -> Vec<At<T>> {
        let mut names: Vec<At<T>> = Vec::new();
        for item in self.one_or_more(node, key) {
            let Some(name) = self.name::<T>(item, key) else { continue };
            if names.iter().any(|known| known.value == name.value) {
                let text = item.text().unwrap_or_default();
                self.tell(name.place, format!("`{text}` stands twice in `{key}`"));
            } else {
                names.push(name);
            }
        }
        names
    }

    /// A time such as `90s`, `30m`, `2h` or `3d`, in seconds.
    pub(in crate::rules) fn seconds(&mut self, node: &Node, key: &str, max: u64) -> Option<u64> {
        let text = self.text(node, key)?;
        let unit = |last: char| match last {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(3600),
            'd' => Some(86400),
            _ => None,
        };
        let seconds = text.chars().last().and_then(unit).and_then(|unit| {
            let digits = &text[..text.len() - 1];
            let well = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            well.then(|| digits.parse::<u64>().ok()?.checked_mul(unit)).flatten()
        });
        match seconds {
            Some(seconds) if (1..=max).contains(&seconds) => Some(seconds),
            Some(_) => {
                self.tell(node.place, format!("`{key}` is between 1s and {}h", max / 3600));
                None
            }
            None => {
                let message = format!("`{}` is not a length of time", shown(text));
                self.advise(node.place, message, "write a number and s, m, h or d, as in `90s` or `30m`");
                None
            }
        }
    }

    /// A glob or a list of globs, of which those after a `!` take out.
    pub(in crate::rules) fn patterns(&mut self, node: &Node, key: &str, dialect: Dialect) -> Patterns {
        let mut patterns = Patterns::default();
        let is_list = node.sequence().is_some();
        let before = self.problems.len();
        for item in self.one_or_more(node, key) {
            let Some(text) = self.text(item, key) else { continue };
            let (text, side) = match text.strip_prefix('!') {
                Some(rest) if is_list => (rest, &mut patterns.no),
                Some(_) => {
                    self.advise(item.place, "`!` takes out of a list, and this is no list", "write [\"**\", \"!…\"]");
                    continue;
                }
                None => (text, &mut patterns.yes),
            };
            if self.glob_bytes > GLOB_BYTES_MAX {
                continue;
            }
            let pattern = Pattern::new(text, dialect);
            self.glob_bytes += pattern.as_ref().map_or(AUTOMATON_BYTES_MAX, Pattern::bytes);
            match pattern {
                Ok(pattern) => side.push(pattern),
                Err(why) => self.tell(item.place, why),
            }
            if self.glob_bytes > GLOB_BYTES_MAX {
                let message = format!(
                    "the globs up to here take more than {} MiB; those after it are not read",
                    GLOB_BYTES_MAX >> 20
                );
                self.advise(item.place, message, "write fewer or simpler globs");
            }
        }
        if patterns.yes.is_empty() && self.problems.len() == before {
            let message = format!("`{key}` only takes out, so it matches nothing");
            self.advise(node.place, message, "put \"**\" before the globs that start with `!`");
        }
        patterns
    }
}

fn keys_help(known: &[&str]) -> String {
    format!("its keys are {}", known.join(", "))
}
