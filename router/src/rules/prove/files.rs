//! Which sets of changed files there are.
//!
//! A set of files matters only by the atoms that its files are of, so a set of atoms stands for it; nothing is lost. What
//! conditions ask of such a set is either that it has something of a list ([`Demand::Some`]) or that it has nothing
//! ([`Demand::None`]), or a choice of these.

use super::TooTangled;
use super::bits::Bits;
use crate::rules::condition::Quantity;

/// The most steps of one search. Real files need a few dozen.
const STEPS_MAX: usize = 200_000;

/// One `paths` predicate over atoms.
#[derive(Debug, Clone)]
pub(super) struct FileTest {
    pub(super) quantity: Quantity,
    /// The atoms that the list matches.
    pub(super) list: Bits,
    /// For `all`: the atoms of each of its globs.
    pub(super) each: Vec<Bits>,
}

/// What a set of files must be like.
#[derive(Debug, Clone)]
pub(super) enum Demand {
    /// One of these is in it.
    Some(Bits),
    /// None of these is in it.
    None(Bits),
}

/// Demands of which one must be met.
pub(super) type Choice = Vec<Demand>;

impl FileTest {
    /// What makes it hold: all of these.
    pub(super) fn holds(&self, atoms: usize) -> Vec<Demand> {
        match self.quantity {
            Quantity::Any => vec![Demand::Some(self.list.clone())],
            Quantity::None => vec![Demand::None(self.list.clone())],
            Quantity::All => self.each.iter().cloned().map(Demand::Some).collect(),
            Quantity::Only => vec![Demand::Some(self.list.clone()), Demand::None(self.list.complement(atoms))],
        }
    }

    /// What makes it fail: one of these.
    pub(super) fn fails(&self, atoms: usize) -> Choice {
        match self.quantity {
            Quantity::Any => vec![Demand::None(self.list.clone())],
            Quantity::None => vec![Demand::Some(self.list.clone())],
            Quantity::All => self.each.iter().cloned().map(Demand::None).collect(),
            Quantity::Only => vec![Demand::None(Bits::all(atoms)), Demand::Some(self.list.complement(atoms))],
        }
    }
}

/// Looks for the cheapest set.
pub(super) struct Search<'a> {
    /// What each atom's file costs.
    costs: &'a [u32],
    barred: Bits,
    wanted: Vec<Bits>,
    best: Option<(u32, Bits)>,
    /// Only what is cheaper than this is of use.
    below: u32,
    steps: usize,
}

impl<'a> Search<'a> {
    /// The cheapest set of atoms that meets every demand and one of each choice, if any costs less than `below`.
    ///
    /// # Errors
    /// When it would take too long.
    pub(super) fn cheapest(
        costs: &'a [u32],
        demands: impl IntoIterator<Item = Demand>,
        mut choices: Vec<Choice>,
        below: u32,
    ) -> Result<Option<(u32, Bits)>, TooTangled> {
        let (barred, wanted) = (Bits::none(costs.len()), Vec::new());
        let mut search = Self { costs, barred, wanted, best: None, below, steps: 0 };
        for demand in demands {
            search.take(&demand);
        }
        choices.sort_by_key(Vec::len);
        search.choose(&choices)?;
        Ok(search.best)
    }

    fn take(&mut self, demand: &Demand) {
        match demand {
            Demand::Some(list) => self.wanted.push(list.clone()),
            Demand::None(list) => self.barred.unite(list),
        }
    }

    /// Whether the demand is met by whatever meets those taken so far.
    fn is_met(&self, demand: &Demand) -> bool {
        match demand {
            Demand::Some(list) => self.wanted.iter().any(|wanted| wanted.without(&self.barred).is_within(list)),
            Demand::None(list) => list.is_within(&self.barred),
        }
    }

    fn choose(&mut self, choices: &[Choice]) -> Result<(), TooTangled> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(TooTangled("the `paths` of the routes interlace too much to look at every case".to_owned()));
        }
        if self.wanted.iter().any(|wanted| wanted.is_within(&self.barred)) || self.least() >= self.below {
            return Ok(());
        }
        let Some((choice, rest)) = choices.split_first() else {
            return self.hit(&Bits::none(self.costs.len()), 0);
        };
        if choice.iter().any(|demand| self.is_met(demand)) {
            return self.choose(rest);
        }
        for demand in choice {
            let (barred, wanted) = (self.barred.clone(), self.wanted.len());
            self.take(demand);
            self.choose(rest)?;
            self.barred = barred;
            self.wanted.truncate(wanted);
        }
        Ok(())
    }

    /// What the dearest of the demands costs at least.
    fn least(&self) -> u32 {
        let cheapest = |wanted: &Bits| wanted.without(&self.barred).iter().map(|at| self.costs[at]).min().unwrap_or(0);
        self.wanted.iter().map(cheapest).max().unwrap_or(0)
    }

    /// Picks one atom for each demand that is not met yet.
    fn hit(&mut self, picked: &Bits, cost: u32) -> Result<(), TooTangled> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(TooTangled("the `paths` of the routes interlace too much to look at every case".to_owned()));
        }
        if cost >= self.below {
            return Ok(());
        }
        let open = self.wanted.iter().filter(|wanted| !wanted.meets(picked));
        let narrowest = open.map(|wanted| wanted.without(&self.barred)).min_by_key(|wanted| wanted.iter().count());
        let Some(wanted) = narrowest else {
            self.below = cost;
            self.best = Some((cost, picked.clone()));
            return Ok(());
        };
        for at in wanted.iter() {
            let mut more = picked.clone();
            more.insert(at);
            self.hit(&more, cost + self.costs[at])?;
        }
        Ok(())
    }
}
