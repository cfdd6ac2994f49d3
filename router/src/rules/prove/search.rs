//! Is there a push that this condition takes and none of those before it? If so, the shortest.
//!
//! Axis by axis, the values are tried and those conditions dropped that do not allow them; what has come to the same
//! conditions is looked at once. What is left over must fail by the changed files.

use std::collections::BTreeMap;

use super::TooTangled;
use super::bits::Bits;
use super::files::{Choice, Demand, Search};
use super::space::{Axis, Case, Is, KINDS, Space, axes};
use crate::event::{ChangedFiles, Push};
use crate::id::{CommitId, ForgeKind, GitRef, Origin, RepoPath, Repository, RequestRef};
use crate::rules::condition::Moved;

/// The most sets of conditions that are looked at side by side.
const LAYER_MAX: usize = 50_000;
/// What it costs that nobody knows the changed files: more than none, less than one.
const UNKNOWN_COST: u32 = 1;

/// What is asked.
pub(super) struct Question<'a> {
    /// Each of these holds.
    pub(super) hold: Vec<&'a Case>,
    /// None of these holds.
    pub(super) fail: Vec<&'a Case>,
    /// What is left over for `then`.
    pub(super) left: Left,
    /// Only pushes of this kind, and of this name when there is one.
    pub(super) only: Option<(Moved, Option<usize>)>,
}

/// What a `then` must find.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// One of these files is there, or nobody knows.
    pub(super) some: Option<Bits>,
    /// It is known that none of these files is there.
    pub(super) nothing: Option<Bits>,
}

/// A push with its cost.
pub(super) struct Found {
    pub(super) cost: u32,
    pub(super) push: Push,
}

/// The cheapest way to a set of conditions that may still hold: its cost and the values on the way.
type Layer = BTreeMap<Vec<u32>, (u32, Vec<usize>)>;

impl<'a> Question<'a> {
    /// A push that these take, none of those does, whatever is left over.
    pub(super) fn new(hold: impl IntoIterator<Item = &'a Case>, fail: impl IntoIterator<Item = &'a Case>) -> Self {
        Self { hold: hold.into_iter().collect(), fail: fail.into_iter().collect(), left: Left::default(), only: None }
    }

    pub(super) fn with(self, left: Left) -> Self {
        Self { left, ..self }
    }
}

impl Space {
    /// The shortest push that answers the question.
    pub(super) fn find(&self, question: &Question<'_>) -> Result<Option<Found>, TooTangled> {
        let mut best: Option<Found> = None;
        for (at, kind) in KINDS.into_iter().enumerate() {
            let is_asked = question.only.is_none_or(|(only, _)| only == kind);
            if is_asked && question.hold.iter().all(|case| case.kinds[at]) {
                self.find_of(question, at, &mut best)?;
            }
        }
        Ok(best)
    }

    fn find_of(&self, question: &Question<'_>, kind: usize, best: &mut Option<Found>) -> Result<(), TooTangled> {
        let numbers = 0..u32::try_from(question.fail.len()).expect("a file has fewer routes");
        let open: Vec<u32> = numbers.filter(|at| question.fail[*at as usize].kinds[kind]).collect();
        let mut layer: Layer = BTreeMap::from([(open, (0, Vec::new()))]);
        for axis in axes(KINDS[kind]) {
            layer = self.step(question, kind, *axis, layer)?;
        }
        let mut ways: Vec<_> = layer.into_iter().collect();
        ways.sort_by_key(|(_, (cost, _))| *cost);
        for (open, (cost, values)) in ways {
            let below = best.as_ref().map_or(u32::MAX, |best| best.cost);
            if cost >= below {
                break;
            }
            if let Some((files_cost, changed)) = self.files(question, &open, below - cost)?
                && let Some(push) = self.push(kind, &values, changed)
            {
                *best = Some(Found { cost: cost + files_cost, push });
            }
        }
        Ok(())
    }

    /// Tries the values of one axis.
    fn step(&self, question: &Question<'_>, kind: usize, axis: Axis, layer: Layer) -> Result<Layer, TooTangled> {
        let mut values: Vec<usize> = (0..self.values[axis as usize].len())
            .filter(|value| question.hold.iter().all(|case| case.allows(axis, *value)))
            .filter(|value| self.is_possible(kind, axis, *value))
            .collect();
        if let Some((_, Some(only))) = question.only
            && axis == axes(KINDS[kind])[0]
        {
            values.retain(|value| *value == only);
        }
        values.sort_by_key(|value| self.values[axis as usize][*value].cost);
        let mut next = Layer::new();
        for (open, (cost, way)) in layer {
            let matters = open.iter().any(|at| question.fail[*at as usize].axes[axis as usize].is_some());
            for value in values.iter().take(if matters { usize::MAX } else { 1 }) {
                let left = open.iter().copied().filter(|at| question.fail[*at as usize].allows(axis, *value)).collect();
                let cost = cost + self.values[axis as usize][*value].cost;
                let known = next.get(&left);
                if known.is_none_or(|(other, _)| cost < *other) {
                    let way = way.iter().copied().chain([*value]).collect();
                    next.insert(left, (cost, way));
                }
            }
            if next.len() > LAYER_MAX {
                return Err(TooTangled(
                    "the conditions of the routes interlace too much to look at every case".to_owned(),
                ));
            }
        }
        Ok(next)
    }

    /// A forge on this machine has no change requests.
    fn is_possible(&self, kind: usize, axis: Axis, value: usize) -> bool {
        let is_local =
            matches!(&self.values[axis as usize][value].is, Is::Repository(Repository { kind: ForgeKind::Local, .. }));
        KINDS[kind] != Moved::Request || !is_local
    }

    /// The cheapest changed files by which all that are still open fail.
    fn files(
        &self,
        question: &Question<'_>,
        open: &[u32],
        below: u32,
    ) -> Result<Option<(u32, ChangedFiles)>, TooTangled> {
        let open: Vec<&Case> = open.iter().map(|at| question.fail[*at as usize]).collect();
        if open.iter().any(|case| case.files.is_empty()) {
            return Ok(None);
        }
        let atoms = self.files.len();
        let held = question.hold.iter().flat_map(|case| &case.files).flat_map(|test| test.holds(atoms));
        let Left { some, nothing } = question.left.clone();
        let left = some.map(Demand::Some).into_iter().chain(nothing.map(Demand::None));
        let choices: Vec<Choice> =
            open.iter().map(|case| case.files.iter().flat_map(|test| test.fails(atoms)).collect()).collect();
        let found = Search::cheapest(&self.file_costs, held.chain(left), choices, below)?;
        let known =
            found.map(|(cost, files)| (cost, ChangedFiles::known(files.iter().map(|at| self.files[at].as_str()))));
        let is_dearer = known.as_ref().is_none_or(|(cost, _)| *cost > UNKNOWN_COST);
        if is_dearer && UNKNOWN_COST < below && self.holds_unknown(question, &open) {
            return Ok(Some((UNKNOWN_COST, ChangedFiles::Unknown("nobody knows".to_owned()))));
        }
        Ok(known)
    }

    /// Whether it can be that nobody knows the changed files.
    fn holds_unknown(&self, question: &Question<'_>, open: &[&Case]) -> bool {
        question.left.nothing.is_none()
            && question.hold.iter().all(|case| case.holds_unknown())
            && open.iter().all(|case| !case.holds_unknown())
    }

    /// The push of these values; none when git could not hold it.
    fn push(&self, kind: usize, values: &[usize], changed: ChangedFiles) -> Option<Push> {
        let mut flags = [false; 3];
        let mut names: [&str; 6] = [""; 6];
        let mut repository = None;
        for (axis, value) in axes(KINDS[kind]).iter().zip(values) {
            match (&self.values[*axis as usize][*value].is, axis) {
                (Is::Repository(is), _) => repository = Some(is.clone()),
                (Is::Flag(on), Axis::Created) => flags[0] = *on,
                (Is::Flag(on), Axis::Forced) => flags[1] = *on,
                (Is::Flag(on), _) => flags[2] = *on,
                (Is::Name(name), Axis::Branch | Axis::Tag | Axis::Target) => names[0] = name,
                (Is::Name(name), Axis::Source) => names[1] = name,
                (Is::Name(name), Axis::Actor) => names[2] = name,
                (Is::Name(name), _) => names[3] = name,
            }
        }
        let [created, forced, fork] = flags;
        let full = match KINDS[kind] {
            Moved::Branch => format!("refs/heads/{}", names[0]),
            Moved::Tag => format!("refs/tags/{}", names[0]),
            Moved::Request => {
                let origin = if fork { Origin::Fork(RepoPath::new("fork/of").ok()?) } else { Origin::Same };
                let (target, source) = (names[0].to_owned(), names[1].to_owned());
                GitRef::Request(Box::new(RequestRef { number: 1, target, source, origin })).to_string()
            }
        };
        Some(Push {
            repository: repository?,
            git_ref: GitRef::new(&full).ok()?,
            before: CommitId::new("2".repeat(40)).ok().filter(|_| !created),
            commit: CommitId::new("1".repeat(40)).ok()?,
            actor: names[2].to_owned(),
            author: Default::default(),
            created,
            forced,
            changed,
            message: names[3].to_owned(),
            pushed_at: None,
        })
    }
}

impl Case {
    /// Whether its tests hold when nobody knows the changed files.
    fn holds_unknown(&self) -> bool {
        use crate::rules::condition::Quantity;
        self.files.iter().all(|test| test.quantity == Quantity::Any && !self.skips)
    }
}
