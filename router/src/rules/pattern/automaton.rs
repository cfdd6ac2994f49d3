//! A glob as a regular language: the text of its regular expression, and its automaton.
//!
//! globset says what a glob means; the automaton is built once, within limits, and answers in one step per byte.

use globset::{Glob, GlobBuilder};
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

use super::Dialect;

/// The most bytes of one glob's automaton, and of the work that goes into it.
pub(in crate::rules) const AUTOMATON_BYTES_MAX: usize = 1 << 20;
/// The most bytes of the step before it.
const STEPS_BYTES_MAX: usize = 1 << 20;

/// A deterministic automaton that says whether a whole name matches.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    table: dense::DFA<Vec<u32>>,
    start: StateID,
}

impl Automaton {
    /// Builds it from [`glob`]'s regular expression; none when it would be larger than [`AUTOMATON_BYTES_MAX`].
    pub(super) fn of(glob: &Glob) -> Option<Self> {
        let config = limited(AUTOMATON_BYTES_MAX).match_kind(MatchKind::LeftmostFirst);
        let mut builder = dense::Builder::new();
        let table = builder
            .syntax(bytes())
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(STEPS_BYTES_MAX)))
            .configure(config)
            .build(glob.regex())
            .ok()?;
        let start = table.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        Some(Self { table, start })
    }

    /// Whether the whole name is in the language.
    pub(super) fn accepts(&self, name: &str) -> bool {
        let mut state = self.start;
        for byte in name.bytes() {
            state = self.table.next_state(state, byte);
            if self.table.is_dead_state(state) {
                return false;
            }
        }
        self.table.is_match_state(self.table.next_eoi_state(state))
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.table.memory_usage()
    }
}

/// Names are bytes to a glob, and `.` takes new lines too: what globset itself asks for.
pub(in crate::rules) fn bytes() -> syntax::Config {
    syntax::Config::new().utf8(false).dot_matches_new_line(true)
}

/// Whole names only, in at most so many bytes.
pub(in crate::rules) fn limited(most: usize) -> dense::Config {
    dense::Config::new()
        .start_kind(StartKind::Anchored)
        .accelerate(false)
        .dfa_size_limit(Some(most))
        .determinize_size_limit(Some(most))
}

/// Reads what `path_glob` or `text_glob` has written.
pub(super) fn glob(written: &str, dialect: Dialect) -> Result<Glob, globset::Error> {
    GlobBuilder::new(written)
        .literal_separator(dialect == Dialect::Path)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
}
