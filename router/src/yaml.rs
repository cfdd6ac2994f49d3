//! YAML as a tree of places and texts.
//!
//! * Every scalar keeps its text as written: `3.10`, `true` and `0x1F` are strings until a reader says otherwise.
//! * Hostile documents end in a [`Problem`] in bounded time: size, depth and the number of nodes (aliases count what they
//!   stand for) have limits; duplicate keys, several documents, tags and tabs are told with their place.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::{Place, Problem};

/// The largest document in bytes.
pub const SIZE_MAX: usize = 8 * 1024 * 1024;
/// The deepest nesting.
const DEPTH_MAX: usize = 64;
/// The most nodes, each alias counted as what it stands for.
const NODES_MAX: usize = 1_000_000;

/// One node of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text as written. `plain` is true when it had no quotes and no block marker: then `~`, `null` and the empty text
    /// may mean "nothing".
    Scalar {
        /// The text.
        text: String,
        /// No quotes, no `|` or `>`.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in their order. Keys are scalars and do not repeat.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The scalar's text; none for lists, maps and an unquoted `null`, `~` or nothing.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// An unquoted `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// `true`/`yes`/`on` or `false`/`no`/`off`, as YAML 1.1 and 1.2 people write them.
    pub fn boolean(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The value under `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v)
    }

    /// What it is, in words for a message: "a list", "a map", "nothing", "text".
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "text",
        }
    }
}

/// Reads one document. An empty document is a null scalar.
///
/// # Errors
/// The first thing that YAML itself forbids, or every duplicate key, each with its place.
pub fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    if text.len() > SIZE_MAX {
        let message = format!("the document has {} bytes; at most {SIZE_MAX} are read", text.len());
        return Err(vec![Problem::new(Place { line: 1, column: 1, ..Place::default() }, message)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(offset) = text.find('\0') {
        return Err(vec![Problem::new(place_at(text, offset), "a NUL byte has no place in YAML")]);
    }
    let mut tree = Tree { text, anchors: HashMap::new(), nodes: 0, problems: Vec::new(), bytes: Offsets::of(text) };
    match tree.document() {
        Err(fatal) => {
            tree.problems.push(fatal);
            Err(tree.problems)
        }
        Ok(_) if !tree.problems.is_empty() => Err(tree.problems),
        Ok(root) => Ok(root),
    }
}

/// The place of a byte offset in a text.
fn place_at(text: &str, offset: usize) -> Place {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        offset,
        len: 1,
    }
}

/// Character index to byte offset: the parser counts characters, `miette` wants bytes.
struct Offsets(Option<Vec<u32>>);

impl Offsets {
    fn of(text: &str) -> Self {
        Self(
            (!text.is_ascii())
                .then(|| text.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()),
        )
    }

    fn byte(&self, index: usize, end: usize) -> usize {
        match &self.0 {
            None => index.min(end),
            Some(table) => table.get(index).map_or(end, |at| *at as usize),
        }
    }
}

struct Tree<'a> {
    text: &'a str,
    /// Anchor id to the node and its size in nodes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    problems: Vec<Problem>,
    bytes: Offsets,
}

type Events<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

impl<'a> Tree<'a> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut events = Parser::new_from_str(self.text);
        let mut root = None;
        while let Some(next) = events.next_event() {
            let (event, span) = next.map_err(|e| self.scan_error(&e))?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    return Err(Problem::new(self.place(span), "a second document starts here; one file holds one"));
                }
                event => root = Some(self.node(&mut events, event, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node {
            place: Place { line: 1, column: 1, ..Place::default() },
            value: Value::Scalar { text: String::new(), plain: true },
        }))
    }

    fn node(&mut self, events: &mut Events<'a>, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = self.place(span);
        if depth > DEPTH_MAX {
            return Err(Problem::new(place, format!("nested deeper than {DEPTH_MAX}")));
        }
        let before = self.nodes;
        self.count(1, place)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
                    return Err(Problem::new(place, format!("the tag {}{} is not read here", tag.handle, tag.suffix)));
                }
                (Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(events, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(events, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, place),
            _ => return Err(Problem::new(place, "the document ends too early")),
        };
        let node = Node { place, value };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<Node, Problem> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Problem::new(place, "an alias inside its own anchor, or to none"));
        };
        let (node, size) = (Node { place, value: node.value.clone() }, *size);
        self.count(size, place)?;
        Ok(node)
    }

    fn sequence(&mut self, events: &mut Events<'a>, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Sequence(items));
            }
            items.push(self.node(events, event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, events: &mut Events<'a>, depth: usize) -> Result<Value, Problem> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Mapping(entries));
            }
            let key = self.node(events, event, span, depth + 1)?;
            let (event, span) = self.next(events)?;
            let value = self.node(events, event, span, depth + 1)?;
            let Value::Scalar { text, .. } = &key.value else {
                return Err(Problem::new(key.place, format!("a key is text, and this is {}", key.kind())));
            };
            if let Some(line) = seen.insert(text.clone(), key.place.line) {
                let message = format!("the key `{text}` stands here again; it was given on line {line}");
                self.problems.push(Problem::new(key.place, message).help("keep one of the two"));
            }
            entries.push((key, value));
        }
    }

    fn next(&self, events: &mut Events<'a>) -> Result<(Event<'a>, Span), Problem> {
        match events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Err(Problem::new(Place::default(), "the document ends too early")),
        }
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > NODES_MAX {
            return Err(Problem::new(
                place,
                format!("more than {NODES_MAX} nodes, aliases counted as what they stand for"),
            ));
        }
        Ok(())
    }

    fn place(&self, span: Span) -> Place {
        let offset = self.bytes.byte(span.start.index(), self.text.len());
        let end = self.bytes.byte(span.end.index(), self.text.len());
        // A block's span runs on to the next token; what is shown is its first line.
        let shown = self.text.get(offset..end).and_then(|text| text.lines().next()).unwrap_or("").trim_end().len();
        Place { line: span.start.line(), column: span.start.col() + 1, offset, len: shown.max(1) }
    }

    fn scan_error(&self, error: &saphyr_parser::ScanError) -> Problem {
        let at = error.marker();
        let offset = self.bytes.byte(at.index(), self.text.len());
        let place = Place { line: at.line(), column: at.col() + 1, offset, len: 1 };
        let problem = Problem::new(place, format!("this is not YAML: {}", error.info()));
        let line = self.text.lines().nth(at.line().saturating_sub(1)).unwrap_or("");
        if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
            return problem.help("indent with spaces; YAML allows no tab there");
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar<'a>(root: &'a Node, key: &str) -> &'a str {
        root.get(key).unwrap().text().unwrap()
    }

    #[test]
    fn scalars_stay_as_written() {
        let root = parse("a: 3.10\nb: true\nc: 0x1F\nd: '~'\ne: ~\nf: 1e3\n").unwrap();
        assert_eq!(scalar(&root, "a"), "3.10");
        assert_eq!(scalar(&root, "b"), "true");
        assert_eq!(scalar(&root, "c"), "0x1F");
        assert_eq!(scalar(&root, "d"), "~");
        assert!(root.get("e").unwrap().is_null());
        assert_eq!(scalar(&root, "f"), "1e3");
    }

    #[test]
    fn places_count_from_one_and_bytes_are_bytes() {
        let text = "ü: 1\nkey:\n  - ünder\n  - x\n";
        let root = parse(text).unwrap();
        let x = &root.get("key").unwrap().sequence().unwrap()[1];
        assert_eq!((x.place.line, x.place.column), (4, 5));
        assert_eq!(&text[x.place.offset..x.place.offset + x.place.len], "x");
    }

    #[test]
    fn duplicate_keys_are_all_told() {
        let problems = parse("a: 1\nb: 2\na: 3\nb: 4\n").unwrap_err();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].place.line, 3);
        assert!(problems[0].message.contains("line 1"));
    }

    #[test]
    fn a_tab_is_named() {
        let problems = parse("a:\n\tb: 1\n").unwrap_err();
        assert_eq!(problems[0].place.line, 2);
        assert!(problems[0].help.as_ref().unwrap().contains("spaces"));
    }

    #[test]
    fn aliases_that_explode_end_early() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(",");
            text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        assert!(parse(&text).unwrap_err()[0].message.contains("nodes"));
    }

    #[test]
    fn deep_nesting_ends_early() {
        let nested = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(&nested).unwrap_err()[0].message.contains("nested"));
        assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().len(), 1);
    }

    #[test]
    fn one_document_no_bom_no_nul() {
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        assert_eq!(scalar(&parse("\u{feff}a: 1\r\nb: 2\r\n").unwrap(), "b"), "2");
        assert!(parse("a: \0").unwrap_err()[0].message.contains("NUL"));
        assert!(parse("").unwrap().is_null());
    }
}
