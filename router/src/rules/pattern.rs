//! Globs, in two dialects.
//!
//! * [`Dialect::Path`] for branches, tags, repositories and files: `*` and `?` stay within `/`, `**` stands alone
//!   between slashes and crosses them, `[a-z]` is a class, `{a,b}` a choice.
//! * [`Dialect::Text`] for actors and messages: `*` and `?` cross everything, new lines too, and brackets are
//!   themselves: `*[bot]` means what it says.
//!
//! Case matters, the whole name must match, and names are compared as strings: nothing is normalised.

pub(super) mod automaton;

use std::sync::OnceLock;

use automaton::Automaton;

use super::prove::Language;

/// The longest glob in bytes.
const BYTES_MAX: usize = 1000;

/// What a glob is about, and so how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Names with slashes.
    Path,
    /// Free text.
    Text,
}

/// One glob.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    dialect: Dialect,
    how: How,
    /// A name that it matches in its list, once somebody has asked.
    example: OnceLock<Option<String>>,
}

/// Most globs of a rule file need no automaton, which takes kilobytes: a file may have 100,000 routes.
#[derive(Debug, Clone)]
enum How {
    /// `main`
    Exact,
    /// `docs/**`: what begins with so many bytes of the text.
    Under(usize),
    /// `release/*`: the same, with no slash in the rest.
    Within(usize),
    /// Any other.
    Glob(Box<Automaton>),
}

impl How {
    fn without_automaton(text: &str, dialect: Dialect) -> Option<Self> {
        let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        if is_plain(text) {
            return Some(Self::Exact);
        }
        let stem = text.trim_end_matches('*');
        let stars = text.len() - stem.len();
        match (stars, dialect) {
            _ if !is_plain(stem) => None,
            (2, Dialect::Path) if stem.is_empty() || stem.ends_with('/') => Some(Self::Under(stem.len())),
            (1, Dialect::Path) => Some(Self::Within(stem.len())),
            (1.., Dialect::Text) => Some(Self::Under(stem.len())),
            _ => None,
        }
    }
}

impl Pattern {
    /// Reads a glob; the error says what is wrong with it.
    pub(super) fn new(text: &str, dialect: Dialect) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty glob matches nothing".to_owned());
        }
        if text.len() > BYTES_MAX {
            return Err(format!("a glob of {} bytes; at most {BYTES_MAX} are read", text.len()));
        }
        let how = match How::without_automaton(text, dialect) {
            Some(how) => how,
            None => {
                let glob = whole(text, dialect)?;
                let too_large = || format!("the glob {text:?} is too large or nested too deep: write it as several");
                How::Glob(Box::new(Automaton::of(&glob).ok_or_else(too_large)?))
            }
        };
        Ok(Self { text: text.to_owned(), dialect, how, example: OnceLock::new() })
    }

    /// The bytes of its automaton, when it needed one.
    pub(super) fn bytes(&self) -> usize {
        if let How::Glob(automaton) = &self.how { automaton.bytes() } else { 0 }
    }

    /// The names that it matches, as a regular expression over bytes.
    pub(super) fn regex(&self) -> String {
        whole(&self.text, self.dialect).expect("it was read when it was made").regex().to_owned()
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match &self.how {
            How::Exact => self.text == name,
            How::Under(stem) => name.starts_with(&self.text[..*stem]),
            How::Within(stem) => name.strip_prefix(&self.text[..*stem]).is_some_and(|rest| !rest.contains('/')),
            How::Glob(automaton) => automaton.accepts(name),
        }
    }

    /// The one name it matches, when it has no wildcard.
    pub(super) fn exact(&self) -> Option<&str> {
        matches!(self.how, How::Exact).then_some(&self.text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// The glob as globset reads it.
fn whole(text: &str, dialect: Dialect) -> Result<globset::Glob, String> {
    let written = match dialect {
        Dialect::Path => path_glob(text)?,
        Dialect::Text => text_glob(text),
    };
    automaton::glob(&written, dialect).map_err(|error| format!("{text:?} is not a glob: {}", error.kind()))
}

/// Checks what globset would read otherwise than people mean it, and closes negated classes against `/`.
fn path_glob(text: &str) -> Result<String, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    let (mut at, mut braces) = (0, 0usize);
    while at < chars.len() {
        let start = at;
        match chars[at] {
            '\\' => at += 2,
            '*' => {
                at += chars[at..].iter().take_while(|c| **c == '*').count();
                if at - start > 1 && !stands_alone(&chars, start, at, braces) {
                    return Err(format!("`**` stands alone between slashes, which it does not in {text:?}"));
                }
            }
            '[' => {
                at = class_end(&chars, at).ok_or_else(|| format!("`[` is not closed in {text:?}"))?;
                out.push_str(&class(&chars[start..at], text)?);
                continue;
            }
            brace => {
                braces = match brace {
                    '{' => braces + 1,
                    '}' => braces.saturating_sub(1),
                    _ => braces,
                };
                at += 1;
            }
        }
        out.extend(&chars[start..at.min(chars.len())]);
    }
    Ok(out)
}

/// Whether the stars from `start` to `end` are two, with a slash or an end at both sides.
fn stands_alone(chars: &[char], start: usize, end: usize, braces: usize) -> bool {
    let before = start.checked_sub(1).map(|at| chars[at]);
    let after = chars.get(end).copied();
    let closed = matches!(after, None | Some('/')) || (braces > 0 && matches!(after, Some(',' | '}')));
    end - start == 2 && matches!(before, None | Some('/')) && closed
}

/// Where the class that opens at `open` is over: behind its `]`, of which the first may be a member.
fn class_end(chars: &[char], open: usize) -> Option<usize> {
    let negated = usize::from(matches!(chars.get(open + 1), Some('!' | '^')));
    let first = open + 1 + negated;
    let from = first + usize::from(chars.get(first) == Some(&']'));
    chars.get(from..)?.iter().position(|c| *c == ']').map(|close| from + close + 1)
}

/// The class as globset is to read it: a negated one does not match `/` either.
fn class(chars: &[char], text: &str) -> Result<String, String> {
    if !chars.iter().all(char::is_ascii) {
        return Err(format!("a class holds ASCII characters only; write {{ä,ö}} instead of [äö] in {text:?}"));
    }
    let mut written: String = chars.iter().collect();
    if matches!(chars[1], '!' | '^') {
        let dash = usize::from(chars.len() > 3 && chars[chars.len() - 2] == '-');
        written.insert(written.len() - 1 - dash, '/');
    }
    Ok(written)
}

/// Brackets made plain, and stars in a row made one.
fn text_glob(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(std::iter::once('\\').chain(chars.next())),
            '[' | ']' => out.extend(['\\', c]),
            '*' if out.ends_with('*') && !out.ends_with("\\*") => {}
            c => out.push(c),
        }
    }
    out
}

/// A list of globs: some match, none of those after a `!` does.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    pub(super) yes: Vec<Pattern>,
    pub(super) no: Vec<Pattern>,
}

impl Patterns {
    pub(super) fn matches(&self, name: &str) -> bool {
        self.matching(name).is_some()
    }

    /// The first glob that matches a name which no `!` takes out.
    pub(super) fn matching(&self, name: &str) -> Option<&Pattern> {
        self.yes.iter().find(|glob| glob.matches(name)).filter(|_| self.excluding(name).is_none())
    }

    /// The shortest name of a language that the list matches by its glob of this number; none when it matches no name, or
    /// when that is too much work to find out. It is looked for once.
    pub(super) fn example(&self, number: usize, language: impl FnOnce() -> Language) -> Option<&str> {
        let glob = self.yes.get(number)?;
        glob.example.get_or_init(|| language().example(glob, &self.no)).as_deref()
    }

    /// Whether a name is matched by the glob of this number, and by no `!` glob.
    pub(super) fn takes_by(&self, number: usize, name: &str) -> bool {
        self.yes.get(number).is_some_and(|glob| glob.matches(name)) && self.excluding(name).is_none()
    }

    /// The `!` glob that takes a name out.
    pub(super) fn excluding(&self, name: &str) -> Option<&Pattern> {
        self.no.iter().find(|glob| glob.matches(name))
    }

    /// `docs/**, **/*.md`; `!` globs too.
    pub(super) fn words(&self) -> String {
        let yes = self.yes.iter().map(|glob| glob.as_str().to_owned());
        let no = self.no.iter().map(|glob| format!("!{}", glob.as_str()));
        yes.chain(no).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use globset::Candidate;
    use proptest::prelude::*;

    use super::*;

    fn path(glob: &str, name: &str) -> bool {
        Pattern::new(glob, Dialect::Path).unwrap().matches(name)
    }

    fn text(glob: &str, name: &str) -> bool {
        Pattern::new(glob, Dialect::Text).unwrap().matches(name)
    }

    #[test]
    fn stars_stay_within_slashes_and_double_stars_cross_them() {
        for (glob, name, expected) in [
            ("main", "main", true),
            ("main", "Main", false),
            ("main", "mainline", false),
            ("feature/**", "feature/a", true),
            ("feature/**", "feature/a/b", true),
            ("feature/**", "feature", false),
            ("feature/**", "features/a", false),
            ("feature/*", "feature/a/b", false),
            ("release/*", "release/1.2", true),
            ("**/*.md", "a.md", true),
            ("**/*.md", "x/y/a.md", true),
            ("**/*.md", ".md", true),
            ("**/*.md", "a.md/x", false),
            ("docs/**", "docs/a/b", true),
            ("docs/**", "docs/.hidden", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("v*", "v1.2.0", true),
            ("v*", "v1/2", false),
            ("v?", "v1", true),
            ("v?", "v/", false),
            ("**", "any/thing", true),
            ("**/test", "test", true),
            ("**/test", "a/./test", true),
            ("{a/**,b}", "a/x/y", true),
            ("{a,b}/**", "b/x", true),
            ("x{,.txt}", "x", true),
            ("[a-c]x", "bx", true),
            ("a[!b]c", "axc", true),
            ("a[!b]c", "a/c", false),
            ("a[^b-]c", "a-c", false),
            ("a[^b-]c", "a/c", false),
            ("a[!]]c", "a/c", false),
            ("a[!]]c", "axc", true),
            ("\\!x\\*", "!x*", true),
            ("ü/*", "ü/ö", true),
        ] {
            assert_eq!(path(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn brackets_in_text_are_brackets_and_stars_cross_lines() {
        assert!(text("*[bot]", "dependabot[bot]"));
        assert!(!text("*[bot]", "robot"));
        assert!(!text("*[bot]", "b"));
        assert!(text("*[skip ci]*", "fix: a/b\n\nlong\n[skip ci]\nmore"));
        assert!(text("**wip**", "a/wip\n"));
        assert!(text("\\**", "*x") && !text("\\**", "x"));
        assert!(text("{fix,feat}:*", "feat: x"));
        assert!(!text("*[Bot]", "a[bot]"));
    }

    #[test]
    fn what_is_no_glob_is_refused_with_its_reason() {
        let deep = "{".repeat(400) + "a" + &"}".repeat(400);
        for (glob, why) in [
            ("", "empty"),
            ("a**", "`**` stands alone"),
            ("a/**b", "`**` stands alone"),
            ("***", "`**` stands alone"),
            ("x{**,b}", "`**` stands alone"),
            ("[a", "`[` is not closed"),
            ("[]", "`[` is not closed"),
            ("[z-a]", "invalid range"),
            ("{a", "is not a glob"),
            ("a}", "is not a glob"),
            ("a\\", "is not a glob"),
            ("[äö]", "ASCII characters only"),
            (&"x".repeat(1001), "at most 1000"),
            (&deep, "too deep"),
            ("**/*a??????????????????????????b", "too large"),
            (&"{a,?,*b}".repeat(100), "too large"),
        ] {
            let refused = Pattern::new(glob, Dialect::Path).unwrap_err();
            assert!(refused.contains(why), "{glob}: {refused}");
        }
    }

    #[test]
    fn many_stars_alone_are_no_trouble() {
        let glob = "*a".repeat(400) + "b";
        assert!(path(&glob, &("a".repeat(900) + "b")) && !path(&glob, &"a".repeat(901)));
    }

    #[test]
    fn an_exclamation_mark_takes_out() {
        let list = Patterns {
            yes: vec![Pattern::new("src/**", Dialect::Path).unwrap()],
            no: vec![Pattern::new("**/*.md", Dialect::Path).unwrap()],
        };
        assert!(list.matches("src/a.rs"));
        assert!(!list.matches("src/a.md"));
        assert_eq!(list.words(), "src/**, !**/*.md");
    }

    proptest! {
        /// Our shortcuts and automata say what globset's own matcher says.
        #[test]
        fn shortcuts_are_exact(glob in "[ab./*?{},\\[\\]!-]{1,8}", name in "[ab./\n!-]{0,8}", is_path in any::<bool>()) {
            let dialect = if is_path { Dialect::Path } else { Dialect::Text };
            if let Ok(pattern) = Pattern::new(&glob, dialect) {
                let reference = whole(&glob, dialect).unwrap().compile_matcher();
                prop_assert_eq!(pattern.matches(&name), reference.is_match_candidate(&Candidate::from_bytes(&name)));
            }
        }

        #[test]
        fn no_glob_panics(glob in ".{0,60}", name in ".{0,20}") {
            for dialect in [Dialect::Path, Dialect::Text] {
                if let Ok(pattern) = Pattern::new(&glob, dialect) {
                    pattern.matches(&name);
                }
            }
        }
    }
}
