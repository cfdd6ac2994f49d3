//! All pushes there can be, cut into what a rule file can tell apart.
//!
//! A push is a point: a name, a repository, an actor and so on, each of its own axis, and a set of changed files. A condition
//! is a box in that space: for each axis a set of values, and tests of the files.

use std::collections::HashMap;

use super::TooTangled;
use super::atoms::{self, Atom, Language};
use super::bits::Bits;
use super::files::FileTest;
use crate::id::{ForgeName, RepoPath, Repository};
use crate::rules::condition::{About, Condition, Moved, Predicate};
use crate::rules::pattern::{Pattern, Patterns};
use crate::rules::{NamedRepository, Rules};

/// What can vary in a push, apart from its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Branch,
    Tag,
    Target,
    Source,
    Origin,
    Repository,
    Created,
    Forced,
    Actor,
    Message,
}

pub(super) const AXES: usize = 10;
const NAMES: [Axis; 6] = [Axis::Branch, Axis::Tag, Axis::Target, Axis::Source, Axis::Actor, Axis::Message];

/// What a push is of.
pub(super) const KINDS: [Moved; 3] = [Moved::Branch, Moved::Tag, Moved::Request];

/// What varies in a push of this kind; the axis that tells most apart comes first.
pub(super) fn axes(kind: Moved) -> &'static [Axis] {
    use Axis::*;
    match kind {
        Moved::Branch => &[Branch, Repository, Created, Forced, Actor, Message],
        Moved::Tag => &[Tag, Repository, Created, Forced, Actor, Message],
        Moved::Request => &[Target, Source, Origin, Repository, Actor, Message],
    }
}

/// A value on an axis, for all values that no condition tells apart from it.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// Witnesses with the smallest sum are shown.
    pub(super) cost: u32,
    pub(super) is: Is,
}

#[derive(Debug, Clone)]
pub(super) enum Is {
    Name(String),
    Repository(Repository),
    Flag(bool),
}

/// A condition in the space.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Which of [`KINDS`] it is about.
    pub(super) kinds: [bool; 3],
    /// The values it allows; none where it allows all.
    pub(super) axes: [Option<Bits>; AXES],
    pub(super) files: Vec<FileTest>,
    pub(super) skips: bool,
}

/// The languages that names are taken from.
pub(super) struct Languages {
    pub(super) refs: Language,
    pub(super) repositories: Language,
    pub(super) files: Language,
    pub(super) actors: Language,
    pub(super) messages: Language,
}

impl Languages {
    /// Those of git and of the forges.
    pub(super) fn real() -> Self {
        Self {
            refs: atoms::refs(),
            repositories: atoms::repositories(),
            files: atoms::files(),
            actors: atoms::actors(),
            messages: atoms::messages(),
        }
    }
}

/// The globs of one language, each once.
#[derive(Default)]
struct Globs<'a> {
    list: Vec<&'a Pattern>,
    at: HashMap<&'a str, usize>,
    /// The atoms that each matches.
    atoms: Vec<Bits>,
    len: usize,
}

impl<'a> Globs<'a> {
    fn add(&mut self, glob: &'a Pattern) {
        self.at.entry(glob.as_str()).or_insert_with(|| {
            self.list.push(glob);
            self.list.len() - 1
        });
    }

    fn add_all(&mut self, globs: &'a Patterns) {
        globs.yes.iter().chain(&globs.no).for_each(|glob| self.add(glob));
    }

    fn cut(&mut self, language: &Language) -> Result<Vec<Atom>, TooTangled> {
        let atoms = language.atoms(&self.list)?;
        self.len = atoms.len();
        self.atoms = vec![Bits::none(atoms.len()); self.list.len()];
        for (at, atom) in atoms.iter().enumerate() {
            atom.globs.iter().for_each(|glob| self.atoms[*glob].insert(at));
        }
        Ok(atoms)
    }

    fn of(&self, glob: &Pattern) -> &Bits {
        &self.atoms[self.at[glob.as_str()]]
    }

    fn union(&self, globs: &[Pattern]) -> Bits {
        let mut all = Bits::none(self.len);
        globs.iter().for_each(|glob| all.unite(self.of(glob)));
        all
    }

    /// The atoms that the list matches.
    fn matched(&self, globs: &Patterns) -> Bits {
        self.union(&globs.yes).without(&self.union(&globs.no))
    }
}

/// The space, and the conditions in it.
pub(super) struct Space {
    /// Each axis's values, by [`Axis`].
    pub(super) values: [Vec<Value>; AXES],
    /// One file for each atom of files.
    pub(super) files: Vec<String>,
    pub(super) file_costs: Vec<u32>,
    /// The conditions in the order in which they were given.
    pub(super) cases: Vec<Case>,
}

impl Space {
    /// Cuts the space by these conditions.
    pub(super) fn of(rules: &Rules, conditions: &[&Condition], languages: &Languages) -> Result<Self, TooTangled> {
        let mut names: [Globs<'_>; AXES] = Default::default();
        let mut files = Globs::default();
        rules.repositories.iter().for_each(|entry| names[Axis::Repository as usize].add(&entry.path));
        for predicate in conditions.iter().flat_map(|condition| &condition.all) {
            match predicate {
                Predicate::Files(_, globs) => files.add_all(globs),
                other => {
                    if let Some((axis, globs)) = about_names(other) {
                        names[axis as usize].add_all(globs);
                    }
                }
            }
        }
        let file_atoms = files.cut(&languages.files)?;
        let mut values: [Vec<Value>; AXES] = Default::default();
        for axis in NAMES {
            let language = match axis {
                Axis::Actor => &languages.actors,
                Axis::Message => &languages.messages,
                _ => &languages.refs,
            };
            let atoms = names[axis as usize].cut(language)?;
            values[axis as usize] = atoms.into_iter().map(|atom| Value::name(atom.shortest)).collect();
        }
        for flag in [Axis::Origin, Axis::Created, Axis::Forced] {
            values[flag as usize] = [false, true].map(|on| Value { cost: u32::from(on), is: Is::Flag(on) }).to_vec();
        }
        let paths = names[Axis::Repository as usize].cut(&languages.repositories)?;
        let (repositories, path_of) = repositories(rules, conditions, &paths);
        values[Axis::Repository as usize] = repositories;
        let mut space = Self {
            values,
            file_costs: file_atoms.iter().map(|atom| 1 + cost(&atom.shortest)).collect(),
            files: file_atoms.into_iter().map(|atom| atom.shortest).collect(),
            cases: Vec::new(),
        };
        space.cases = conditions.iter().map(|condition| space.case(condition, &names, &files, &path_of)).collect();
        Ok(space)
    }

    fn case(&self, condition: &Condition, names: &[Globs<'_>; AXES], files: &Globs<'_>, path_of: &[usize]) -> Case {
        let mut case = Case {
            kinds: match condition.about {
                About::Pushes => [true, true, false],
                About::Requests => [false, false, true],
                About::Both => [true; 3],
            },
            axes: Default::default(),
            files: Vec::new(),
            skips: condition.skips,
        };
        for predicate in &condition.all {
            match predicate {
                Predicate::Repository(globs) => {
                    let paths = names[Axis::Repository as usize].matched(globs);
                    case.allow(Axis::Repository, Bits::of(path_of.len(), |at| paths.contains(path_of[at])));
                }
                Predicate::Forge(forges) => {
                    let values = &self.values[Axis::Repository as usize];
                    case.allow(Axis::Repository, Bits::of(values.len(), |at| is_on(&values[at].is, forges)));
                }
                Predicate::Created(wanted) => case.flag(Axis::Created, *wanted),
                Predicate::Forced(wanted) => case.flag(Axis::Forced, *wanted),
                Predicate::NoFork => case.allow(Axis::Origin, Bits::of(2, |at| at == 0)),
                Predicate::Files(quantity, globs) => case.files.push(FileTest {
                    quantity: *quantity,
                    list: files.matched(globs),
                    each: globs.yes.iter().map(|glob| files.of(glob).without(&files.union(&globs.no))).collect(),
                }),
                Predicate::Ref(..)
                | Predicate::Target(_)
                | Predicate::Source(_)
                | Predicate::Actor(_)
                | Predicate::Message(_) => {
                    let Some((axis, globs)) = about_names(predicate) else { continue };
                    case.allow(axis, names[axis as usize].matched(globs));
                    case.only(predicate, condition.skips);
                }
            }
        }
        case
    }
}

impl Case {
    fn allow(&mut self, axis: Axis, values: Bits) {
        match &mut self.axes[axis as usize] {
            Some(before) => before.intersect(&values),
            none => *none = Some(values),
        }
    }

    /// A change request is neither new nor forced.
    fn flag(&mut self, axis: Axis, wanted: bool) {
        self.allow(axis, Bits::of(2, |at| (at == 1) == wanted));
        self.kinds[2] &= !wanted;
    }

    /// What a predicate about a name says beside the name.
    fn only(&mut self, predicate: &Predicate, skips: bool) {
        let kind = match predicate {
            Predicate::Ref(moved, _) => *moved,
            Predicate::Target(_) | Predicate::Source(_) => Moved::Request,
            // A message from a fork skips nothing.
            Predicate::Message(_) if skips => return self.allow(Axis::Origin, Bits::of(2, |at| at == 0)),
            _ => return,
        };
        KINDS.into_iter().enumerate().filter(|(_, other)| *other != kind).for_each(|(at, _)| self.kinds[at] = false);
    }

    /// Whether some push could be like both, as far as names tell.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        let kinds = self.kinds.iter().zip(&other.kinds).any(|(a, b)| *a && *b);
        let names = self.axes.iter().zip(&other.axes).all(|axes| match axes {
            (Some(a), Some(b)) => a.meets(b),
            _ => true,
        });
        kinds && names
    }

    /// Whether it allows a value.
    pub(super) fn allows(&self, axis: Axis, value: usize) -> bool {
        self.axes[axis as usize].as_ref().is_none_or(|values| values.contains(value))
    }
}

impl Value {
    fn name(name: String) -> Self {
        Self { cost: cost(&name), is: Is::Name(name) }
    }
}

fn cost(name: &str) -> u32 {
    u32::try_from(name.chars().count()).unwrap_or(u32::MAX / 4)
}

/// The axis of a predicate that compares a name with globs.
fn about_names(predicate: &Predicate) -> Option<(Axis, &Patterns)> {
    Some(match predicate {
        Predicate::Repository(globs) => (Axis::Repository, globs),
        Predicate::Ref(Moved::Branch, globs) => (Axis::Branch, globs),
        Predicate::Ref(Moved::Tag, globs) => (Axis::Tag, globs),
        // No route says it: `change_request` becomes target and source.
        Predicate::Ref(Moved::Request, globs) | Predicate::Source(globs) => (Axis::Source, globs),
        Predicate::Target(globs) => (Axis::Target, globs),
        Predicate::Actor(globs) => (Axis::Actor, globs),
        Predicate::Message(globs) => (Axis::Message, globs),
        Predicate::Forge(_)
        | Predicate::NoFork
        | Predicate::Created(_)
        | Predicate::Forced(_)
        | Predicate::Files(..) => return None,
    })
}

fn is_on(value: &Is, forges: &[ForgeName]) -> bool {
    let Is::Repository(repository) = value else { return false };
    forges.iter().any(|forge| *forge == repository.forge || forge.as_str() == repository.kind.as_str())
}

/// The repositories that the file names, one for each that conditions can tell apart, and the atom of each one's path.
fn repositories(rules: &Rules, conditions: &[&Condition], paths: &[Atom]) -> (Vec<Value>, Vec<usize>) {
    let said = conditions.iter().flat_map(|condition| &condition.all).filter_map(|predicate| match predicate {
        Predicate::Forge(forges) => Some(forges),
        _ => None,
    });
    let mut forges: Vec<&ForgeName> =
        said.flatten().chain(rules.repositories.iter().filter_map(|e| e.forge())).collect();
    forges.sort_unstable();
    forges.dedup();
    let (mut values, mut path_of): (Vec<Value>, Vec<usize>) = (Vec::new(), Vec::new());
    for kind in crate::id::ForgeKind::ALL {
        let entries: Vec<&NamedRepository> = rules.repositories.iter().filter(|entry| entry.kind == kind).collect();
        let default = kind.default_name();
        let is_kind = |name: &ForgeName| name.as_str().parse::<crate::id::ForgeKind>().is_ok();
        let others = forges.iter().filter(|forge| !is_kind(forge)).map(|forge| (*forge).clone());
        for forge in std::iter::once(default).chain(others) {
            for (at, path) in paths.iter().enumerate() {
                let Ok(path) = RepoPath::new(path.shortest.as_str()) else { continue };
                let names = |entry: &&&NamedRepository| {
                    entry.forge().is_none_or(|name| *name == forge) && entry.covers(path.as_str())
                };
                if let Some(entry) = entries.iter().find(names) {
                    // Beyond the shortest path, the forge that its entry means.
                    let strange = entry.forge().is_none() && forge.as_str() != kind.as_str();
                    let cost = cost(path.as_str()) + u32::from(strange);
                    values.push(Value { cost, is: Is::Repository(Repository { forge: forge.clone(), kind, path }) });
                    path_of.push(at);
                }
            }
        }
    }
    (values, path_of)
}
