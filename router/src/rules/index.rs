//! Which routes a push can take, without asking each of them.
//!
//! Routes whose conditions begin alike stand on one branch of a tree, a predicate to each step. Where many predicates stand
//! side by side, those about names and files are found by what their globs begin with. What is found is still asked, so the
//! index can only save time; a test holds it against asking each route in turn.

use std::collections::HashMap;

use super::Route;
use super::condition::{About, Predicate, Quantity};
use crate::event::{ChangedFiles, Push};

mod names;

use names::Names;

/// What asking every route in turn would have found, by their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The first route that takes the push.
    pub(super) owner: Option<usize>,
    /// The shadow routes above it that would have taken it, from top to bottom.
    pub(super) shadows: Vec<usize>,
    /// Of the routes above it, the first of those that failed latest.
    pub(super) nearest: Option<usize>,
}

/// The routes of a file: one tree for pushes, one for change requests.
#[derive(Debug, Default)]
pub(super) struct Index {
    pushes: Node,
    requests: Node,
}

/// Where all predicates so far hold.
#[derive(Debug, Default)]
struct Node {
    /// The routes that ask no more.
    routes: Vec<usize>,
    /// What others ask next, by their first route.
    branches: Vec<Branch>,
    by_name: Names,
    by_file: Names,
    /// Branches that nothing tells from outside.
    always: Vec<u32>,
}

/// Routes that ask the same next.
#[derive(Debug)]
struct Branch {
    /// Where the predicate stands: the first route's, and the how manieth of its condition.
    at: (usize, usize),
    /// The first route that is no shadow.
    visible: Option<usize>,
    node: Node,
}

/// What a walk has seen: a node, its depth, and those of its branches that hold.
type Seen<'a> = Vec<(usize, &'a Node, Vec<u32>)>;

impl Index {
    pub(super) fn of(routes: &[Route]) -> Self {
        let tree = |about: About| {
            let numbers = (0..routes.len()).filter(|at| routes[*at].condition.about == about).collect();
            Node::of(routes, numbers, 0)
        };
        Self { pushes: tree(About::Pushes), requests: tree(About::Requests) }
    }

    /// Asks those routes that may take the push.
    pub(super) fn ask(&self, routes: &[Route], push: &Push) -> Asked {
        let root = if push.git_ref.request().is_some() { &self.requests } else { &self.pushes };
        let mut walk = Walk { routes, push, owner: usize::MAX, shadows: Vec::new(), seen: Vec::new() };
        walk.visit(root, 0);
        let Walk { owner, mut shadows, seen, .. } = walk;
        shadows.retain(|shadow| *shadow < owner);
        shadows.sort_unstable();
        let owner_or_none = (owner != usize::MAX).then_some(owner);
        Asked { owner: owner_or_none, shadows, nearest: nearest(&seen, owner) }
    }
}

/// The first visible route above the owner that failed at the greatest depth.
fn nearest(seen: &Seen<'_>, owner: usize) -> Option<usize> {
    let failed = |node: &Node, held: &[u32]| {
        let numbers = 0..u32::try_from(node.branches.len()).unwrap_or(u32::MAX);
        let failing = numbers.filter(|at| held.binary_search(at).is_err());
        let mut visible = failing.filter_map(|at| node.branches[at as usize].visible);
        visible.next().filter(|first| *first < owner)
    };
    let deepest = seen.iter().filter_map(|(depth, node, held)| Some((*depth, failed(node, held)?)));
    let (_, route) = deepest.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))?;
    Some(route)
}

struct Walk<'a> {
    routes: &'a [Route],
    push: &'a Push,
    owner: usize,
    shadows: Vec<usize>,
    seen: Seen<'a>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, node: &'a Node, depth: usize) {
        for route in &node.routes {
            if self.routes[*route].shadow {
                self.shadows.push(*route);
            } else {
                self.owner = self.owner.min(*route);
            }
        }
        if node.branches.is_empty() {
            return;
        }
        let mut held = Vec::new();
        for at in node.candidates(self.push) {
            let branch = &node.branches[at as usize];
            // Nothing below can come before the owner any more, whether it holds or not.
            if branch.at.0 > self.owner {
                break;
            }
            let condition = &self.routes[branch.at.0].condition;
            if condition.all[branch.at.1].holds(self.push, condition.skips) {
                held.push(at);
                self.visit(&branch.node, depth + 1);
            }
        }
        self.seen.push((depth, node, held));
    }
}

impl Node {
    /// The tree of these routes, whose first `depth` predicates are alike.
    fn of(routes: &[Route], numbers: Vec<usize>, depth: usize) -> Self {
        let mut node = Self::default();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<(String, bool), usize> = HashMap::new();
        for number in numbers {
            let condition = &routes[number].condition;
            let Some(predicate) = condition.all.get(depth) else {
                node.routes.push(number);
                continue;
            };
            let group = *known.entry((predicate.title(), condition.skips)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(number);
        }
        for (at, group) in groups.into_iter().enumerate() {
            let first = group[0];
            let visible = group.iter().copied().find(|number| !routes[*number].shadow);
            node.file_under(&routes[first].condition.all[depth], u32::try_from(at).unwrap_or(u32::MAX));
            node.branches.push(Branch { at: (first, depth), visible, node: Self::of(routes, group, depth + 1) });
        }
        node
    }

    fn file_under(&mut self, predicate: &Predicate, at: u32) {
        match predicate {
            Predicate::Ref(_, globs) | Predicate::Target(globs) => self.by_name.add(globs, at),
            Predicate::Files(Quantity::Any | Quantity::All | Quantity::Only, globs) => self.by_file.add(globs, at),
            _ => self.always.push(at),
        }
    }

    /// The branches that may hold, from the first on.
    fn candidates(&self, push: &Push) -> Vec<u32> {
        let mut found = self.always.clone();
        if !self.by_name.is_empty() {
            let name = push.git_ref.request().map_or_else(|| push.git_ref.short(), |request| &request.target);
            self.by_name.find(name, &mut found);
        }
        if !self.by_file.is_empty() {
            match &push.changed {
                ChangedFiles::Known(files) => files.iter().for_each(|file| self.by_file.find(file, &mut found)),
                ChangedFiles::Unknown(_) => found.extend(self.by_file.all()),
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
