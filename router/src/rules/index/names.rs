//! Lists of globs, found by what a name begins with, or else by a part or an ending that it must have.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::rules::pattern::Patterns;

/// Beginnings are cut behind a slash, or to one of these lengths.
const LENGTHS: [usize; 5] = [2, 4, 8, 16, 32];
/// Tells a whole name from a beginning.
const WHOLE: u64 = 0x9e37_79b9_7f4a_7c15;
/// Tells a part, all that stands between two slashes.
const PART: u64 = 0xc2b2_ae3d_27d4_eb4f;
/// Tells an ending; its bytes are taken from the last on.
const END: u64 = 0x1656_67b1_9e37_79f9;

/// What globs begin with, and whose lists they are in. Those that begin with anything are filed by a part of theirs without
/// wildcards (`**/node/**`) or by their ending (`**/*.md`). Two may have the same number: what is found is asked.
#[derive(Debug, Default)]
pub(super) struct Names {
    lists: HashMap<u64, Vec<u32>, BuildHasherDefault<Same>>,
    /// Those of [`LENGTHS`] that occur, a bit for each.
    lengths: u64,
    /// The same of endings.
    endings: u64,
    /// Whether any is filed by a part.
    has_parts: bool,
    all: Vec<u32>,
}

/// The keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers");
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key ^ (key >> 32);
    }
}

/// FNV-1a, one byte at a time.
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every list.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.all.iter().copied()
    }

    pub(super) fn add(&mut self, globs: &Patterns, at: u32) {
        self.all.push(at);
        for glob in &globs.yes {
            let key = match glob.exact() {
                Some(name) => name.bytes().fold(START, step) ^ WHOLE,
                None => {
                    let text = glob.as_str();
                    let plain = text.find(['*', '?', '[', ']', '{', '}', '\\']).unwrap_or(text.len());
                    match cut(&text.as_bytes()[..plain]) {
                        0 => self.inner(text),
                        cut => {
                            if !text.as_bytes()[..cut].ends_with(b"/") {
                                self.lengths |= 1 << cut;
                            }
                            text.bytes().take(cut).fold(START, step)
                        }
                    }
                }
            };
            let lists = self.lists.entry(key).or_default();
            if lists.last() != Some(&at) {
                lists.push(at);
            }
        }
    }

    /// The key of a glob that begins with anything.
    fn inner(&mut self, text: &str) -> u64 {
        // Within braces and brackets a slash divides nothing.
        let is_simple = !text.contains(['[', ']', '{', '}', '\\']);
        let is_plain = |part: &&str| !part.is_empty() && !part.contains(['*', '?']);
        if is_simple && let Some(part) = text.split('/').filter(is_plain).max_by_key(|part| part.len()) {
            self.has_parts = true;
            return part.bytes().fold(START, step) ^ PART;
        }
        // What follows a slash may be the whole name: `**/a` matches `a`.
        let plain = text.rfind(['*', '?', '[', ']', '{', '}', '\\', '/']).map_or(text, |at| &text[at + 1..]);
        let ending = LENGTHS.into_iter().rev().find(|length| *length <= plain.len()).unwrap_or(0);
        if ending == 0 || text.contains('\\') {
            return START;
        }
        self.endings |= 1 << ending;
        plain.bytes().rev().take(ending).fold(START, step) ^ END
    }

    /// Adds the lists that may match a name.
    pub(super) fn find(&self, name: &str, found: &mut Vec<u32>) {
        let mut add = |key: u64| found.extend(self.lists.get(&key).into_iter().flatten());
        let mut hash = START;
        add(hash);
        for (before, byte) in name.bytes().enumerate() {
            hash = step(hash, byte);
            let is_length = before < 63 && self.lengths >> (before + 1) & 1 == 1;
            if byte == b'/' || is_length {
                add(hash);
            }
        }
        add(hash ^ WHOLE);
        if self.has_parts {
            name.split('/').for_each(|part| add(part.bytes().fold(START, step) ^ PART));
        }
        if self.endings > 0 {
            let mut hash = START;
            for (before, byte) in name.bytes().rev().enumerate().take(LENGTHS[LENGTHS.len() - 1]) {
                hash = step(hash, byte);
                if self.endings >> (before + 1) & 1 == 1 {
                    add(hash ^ END);
                }
            }
        }
    }
}

/// The longest beginning that is looked for.
fn cut(plain: &[u8]) -> usize {
    let slash = plain.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let length = LENGTHS.into_iter().rev().find(|length| *length <= plain.len()).unwrap_or(0);
    slash.max(length)
}
