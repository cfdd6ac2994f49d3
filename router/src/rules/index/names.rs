//! Lists of globs, found by what a name begins with.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::rules::pattern::Patterns;

/// Beginnings are cut behind a slash, or to one of these lengths.
const LENGTHS: [usize; 5] = [2, 4, 8, 16, 32];
/// Tells a whole name from a beginning.
const WHOLE: u64 = 0x9e37_79b9_7f4a_7c15;

/// What globs begin with, and whose lists they are in. Two beginnings may have the same number: what is found is asked.
#[derive(Debug, Default)]
pub(super) struct Names {
    lists: HashMap<u64, Vec<u32>, BuildHasherDefault<Same>>,
    /// Those of [`LENGTHS`] that occur, a bit for each.
    lengths: u64,
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
                    let cut = cut(&text.as_bytes()[..plain]);
                    if !text.as_bytes()[..cut].ends_with(b"/") && cut > 0 {
                        self.lengths |= 1 << cut;
                    }
                    text.bytes().take(cut).fold(START, step)
                }
            };
            let lists = self.lists.entry(key).or_default();
            if lists.last() != Some(&at) {
                lists.push(at);
            }
        }
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
    }
}

/// The longest beginning that is looked for.
fn cut(plain: &[u8]) -> usize {
    let slash = plain.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let length = LENGTHS.into_iter().rev().find(|length| *length <= plain.len()).unwrap_or(0);
    slash.max(length)
}
