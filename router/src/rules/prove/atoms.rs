//! A language cut into what a list of globs can tell apart.
//!
//! All globs become one automaton, together with the language itself (git's rules for names, say). The sets of globs that
//! some name of the language matches are the atoms: whatever holds for one name of an atom holds for each. The shortest name of
//! each is found on the way, because the automaton is walked breadth first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};

use super::TooTangled;
use crate::id::{GitRef, RepoPath};
use crate::rules::pattern::Pattern;
use crate::rules::pattern::automaton::{bytes, limited};

/// The most bytes of one automaton: so many, and so many more for each byte of the globs. Ten thousand branches that begin
/// differently need a tenth of that; globs that interlace are given up after a second or two.
const AUTOMATON_BYTES: (usize, usize) = (4 << 20, 1 << 10);
/// The most bytes of the automaton that an example is taken from: no decision waits for more.
const EXAMPLE_BYTES: usize = 1 << 20;
/// The most atoms of a language.
const ATOMS_MAX: usize = 100_000;

/// A regular expression that nothing matches.
pub(super) const NOTHING: &str = r"[^\x00-\x{10FFFF}]";

/// All names of one kind.
#[derive(Debug, Clone)]
pub(in crate::rules) struct Language {
    /// What they are, in the plural: "branches and tags".
    pub(super) what: &'static str,
    /// A regular expression that each of them matches.
    pub(super) is: String,
    /// A regular expression that none of them matches.
    pub(super) is_not: String,
    /// The most characters of one.
    pub(super) characters_max: usize,
    /// Whether a name is one of them.
    pub(super) holds: fn(&str) -> bool,
}

/// Names that no glob of the list tells apart.
#[derive(Debug)]
pub(super) struct Atom {
    /// The shortest of them; of several, the one with the plainest letters.
    pub(super) shortest: String,
    /// The globs that match them, by their number in the list, from small to large.
    pub(super) globs: Vec<usize>,
}

/// Where a state was first come to from, and by which byte.
type Steps = HashMap<StateID, Option<(StateID, u8)>>;

impl Language {
    /// Cuts it into atoms.
    ///
    /// # Errors
    /// When the globs interlace so much that there would be more than anybody can look through.
    pub(super) fn atoms(&self, globs: &[&Pattern]) -> Result<Vec<Atom>, TooTangled> {
        let most = AUTOMATON_BYTES.0 + AUTOMATON_BYTES.1 * globs.iter().map(|glob| glob.as_str().len()).sum::<usize>();
        let mut atoms = Vec::new();
        self.walk(globs, most, |atom| {
            atoms.push(atom);
            if atoms.len() > ATOMS_MAX { Err(self.tangled()) } else { Ok(ControlFlow::Continue(())) }
        })?;
        Ok(atoms)
    }

    /// A short name that the glob matches and none of the others does; none when there is none, or when that is too much work to
    /// find out.
    pub(in crate::rules) fn example(&self, glob: &Pattern, others: &[Pattern]) -> Option<String> {
        let fits =
            |name: &String| (self.holds)(name) && glob.matches(name) && !others.iter().any(|other| other.matches(name));
        // Most globs can be read with a letter for each star.
        let plain = |(folders, rest): (&str, &str)| {
            glob.as_str().replace("**/", folders).replace("**", rest).replace(['*', '?'], "a")
        };
        if let Some(name) = [("", "a"), ("a/", "a"), ("a/", "a/a")].map(plain).into_iter().find(fits) {
            return Some(name);
        }
        let globs: Vec<&Pattern> = std::iter::once(glob).chain(others).collect();
        let mut found = None;
        let walked = self.walk(&globs, EXAMPLE_BYTES, |atom| {
            Ok(if atom.globs == [0] {
                found = Some(atom.shortest);
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        });
        found.filter(|_| walked.is_ok())
    }

    fn tangled(&self) -> TooTangled {
        TooTangled(format!("the globs for {} interlace too much to look at every case", self.what))
    }

    /// Hands over each atom, those of short names first.
    fn walk(
        &self,
        globs: &[&Pattern],
        most: usize,
        mut take: impl FnMut(Atom) -> Result<ControlFlow<()>, TooTangled>,
    ) -> Result<(), TooTangled> {
        let tangled = || self.tangled();
        let expressions =
            [self.is.clone(), self.is_not.clone()].into_iter().chain(globs.iter().map(|glob| glob.regex()));
        let table = dense::Builder::new()
            .syntax(bytes())
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(most)))
            .configure(limited(most).match_kind(MatchKind::All))
            .build_many(&expressions.collect::<Vec<_>>())
            .map_err(|_| tangled())?;
        let start = table.start_state(&start::Config::new().anchored(Anchored::Yes)).map_err(|_| tangled())?;
        let alphabet = alphabet(&table);
        let mut steps: Steps = HashMap::from([(start, None)]);
        let mut waiting = VecDeque::from([start]);
        let mut found: HashSet<Vec<usize>> = HashSet::new();
        while let Some(state) = waiting.pop_front() {
            if let Some(globs) = matched(&table, state)
                && found.insert(globs.clone())
                && let Some(shortest) = self.name(&steps, state)
                && take(Atom { shortest, globs })?.is_break()
            {
                return Ok(());
            }
            for byte in &alphabet {
                let next = table.next_state(state, *byte);
                if !table.is_dead_state(next) && !steps.contains_key(&next) {
                    steps.insert(next, Some((state, *byte)));
                    waiting.push_back(next);
                }
            }
        }
        Ok(())
    }

    /// The name that leads to a state, unless it is longer than a name can be: then so is every other.
    fn name(&self, steps: &Steps, state: StateID) -> Option<String> {
        let mut name = Vec::new();
        let mut at = state;
        while let Some((before, byte)) = steps[&at] {
            name.push(byte);
            at = before;
        }
        name.reverse();
        String::from_utf8(name).ok().filter(|name| name.chars().count() <= self.characters_max)
    }
}

/// The globs that match what ends here; none when it is not of the language.
fn matched(table: &dense::DFA<Vec<u32>>, state: StateID) -> Option<Vec<usize>> {
    let end = table.next_eoi_state(state);
    if !table.is_match_state(end) {
        return None;
    }
    let mut all: Vec<usize> = (0..table.match_len(end)).map(|at| table.match_pattern(end, at).as_usize()).collect();
    all.sort_unstable();
    let is_of_it = all.first() == Some(&0) && all.get(1) != Some(&1);
    is_of_it.then(|| all[1..].iter().map(|expression| expression - 2).collect())
}

/// One byte of each class that the automaton tells apart, plain letters first.
fn alphabet(table: &dense::DFA<Vec<u32>>) -> Vec<u8> {
    let plain = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(*b"-_./");
    let mut seen = [false; 256];
    let classes = table.byte_classes();
    plain.chain(0..=255).filter(|byte| !std::mem::replace(&mut seen[usize::from(classes.get(*byte))], true)).collect()
}

/// Branches and tags by git's rules: what [`crate::id::GitRef`] takes. What can be said by what there is, is: what there
/// is not is one more thing to remember at every step.
pub(in crate::rules) fn refs() -> Language {
    let x = r"[^\x00-\x20\x7f~^:?*\[\\/.@{]";
    let piece = format!(r"(?:(?:{x}|\{{|@+{x})+@*|@+)");
    let part = format!(r"{piece}(?:\.{piece})*\.?");
    Language {
        what: "branches and tags",
        is: format!("^{part}(?:/{part})*$"),
        is_not: r"(?-u)^(?:@|.*\.|(?:.*/)?[^/]*\.lock(?:/.*)?)$".to_owned(),
        characters_max: 1000,
        holds: |name| GitRef::new(&format!("refs/heads/{name}")).is_ok(),
    }
}

/// Repositories' paths: what [`crate::id::RepoPath`] takes.
pub(in crate::rules) fn repositories() -> Language {
    Language {
        what: "repositories",
        is: r"(?-u)^[A-Za-z0-9._][A-Za-z0-9._-]*(?:/[A-Za-z0-9._][A-Za-z0-9._-]*)*$".to_owned(),
        is_not: r"(?-u)^(?:.*/)?\.\.?(?:/.*)?$".to_owned(),
        characters_max: 255,
        holds: |name| RepoPath::new(name).is_ok(),
    }
}

/// Files as git can hold them: no part is `.`, `..` or `.git`.
pub(in crate::rules) fn files() -> Language {
    let part = r"(?:[^./\x00][^/\x00]*|\.(?:[^.gG/\x00][^/\x00]*|\.[^/\x00]+|[gG](?:[^iI/\x00][^/\x00]*|[iI](?:[^tT/\x00][^/\x00]*|[tT][^/\x00]+)?)?))";
    Language {
        what: "changed files",
        is: format!("^{part}(?:/{part})*$"),
        is_not: NOTHING.to_owned(),
        characters_max: 4096,
        holds: |name| {
            name.split('/').all(|part| !["", ".", ".."].contains(&part) && !part.eq_ignore_ascii_case(".git"))
        },
    }
}

/// Accounts' names, of any text.
pub(in crate::rules) fn actors() -> Language {
    text("actors", 200)
}

/// Commits' messages.
pub(in crate::rules) fn messages() -> Language {
    text("messages", 4000)
}

/// Any text of at most so many characters.
fn text(what: &'static str, characters_max: usize) -> Language {
    Language { what, is: "^.*$".to_owned(), is_not: NOTHING.to_owned(), characters_max, holds: |_| true }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::pattern::Dialect;

    fn holds(language: &Language, name: &str) -> bool {
        let globs = [Pattern::new(&escaped(name), Dialect::Text).unwrap()];
        language.atoms(&globs.iter().collect::<Vec<_>>()).unwrap().iter().any(|atom| atom.globs == [0])
    }

    fn escaped(name: &str) -> String {
        name.chars().flat_map(|c| ['\\', c]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_languages_are_those_of_the_checked_names(file in "[.gGitx/]{1,6}", name in "[ab@{.lock/~ -]{1,7}|[a@{./]{1,6}|[a-c./]{1,5}(\\.lock)?") {
            prop_assert_eq!(holds(&refs(), &name), GitRef::new(&format!("refs/heads/{name}")).is_ok());
            prop_assert_eq!(holds(&files(), &file), (files().holds)(&file));
            prop_assert_eq!(holds(&repositories(), &name), RepoPath::new(name.as_str()).is_ok());
        }

        /// Every name falls into the atom whose globs match it, and the atom's own name is no longer.
        #[test]
        fn every_name_has_its_atom(globs in prop::collection::vec("[ab*/?]{1,4}", 1..5), name in "[ab]{1,2}(/[ab]{1,2}){0,2}") {
            let globs: Vec<Pattern> = globs.iter().filter_map(|glob| Pattern::new(glob, Dialect::Path).ok()).collect();
            let atoms = refs().atoms(&globs.iter().collect::<Vec<_>>()).unwrap();
            let of = |name: &str| (0..globs.len()).filter(|at| globs[*at].matches(name)).collect::<Vec<_>>();
            for atom in &atoms {
                prop_assert_eq!(of(&atom.shortest), atom.globs.clone());
            }
            let own = atoms.iter().find(|atom| atom.globs == of(&name));
            prop_assert!(own.is_some_and(|atom| atom.shortest.len() <= name.len()));
        }
    }

    #[test]
    fn globs_that_interlace_are_refused() {
        let globs: Vec<Pattern> = (0..60)
            .map(|n| Pattern::new(&format!("*{}?{}*", char::from(b'A' + n % 26), n / 26), Dialect::Text).unwrap())
            .collect();
        let refused = text("messages", 4000).atoms(&globs.iter().collect::<Vec<_>>()).unwrap_err();
        assert!(refused.to_string().contains("messages interlace"));
    }
}
