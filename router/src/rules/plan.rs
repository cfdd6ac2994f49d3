//! What would have been decided otherwise: the same events under two rule files.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::parse::shown;
use super::{Decision, Planned, Verdict};
use crate::event::{Delivered, Event};
use crate::id::{DeliveryId, GitRef};

/// The most examples of a group.
const EXAMPLES: usize = 3;

/// The decisions that two rule files do not share.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Comparison {
    /// How many events were decided twice.
    pub seen: usize,
    /// How many of them were decided otherwise.
    pub changed: usize,
    /// Those, by what became of what.
    groups: Vec<Group>,
    #[serde(skip)]
    numbers: HashMap<(String, String), usize>,
}

/// Events that went one way and would go another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What the old file decides: "infra: infrastructure, to test; then main: application".
    pub from: String,
    /// What the new file decides.
    pub to: String,
    /// How many.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One event that goes another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// What it was: "push of branch main to github:acme/shop by dana".
    pub event: String,
    /// Why the new file decides as it does.
    pub because: Vec<String>,
}

impl Comparison {
    /// Compares what both files decide about an event.
    pub fn add(&mut self, delivered: &Delivered, before: &Decision, after: Decision) {
        self.seen += 1;
        let shadows =
            |decision: &Decision| decision.shadows.iter().map(|shadow| shadow.route.clone()).collect::<Vec<_>>();
        if before.verdict == after.verdict && shadows(before) == shadows(&after) {
            return;
        }
        self.changed += 1;
        let (from, mut to) = (words(before), words(&after));
        if from == to {
            to.push_str(" (with other settings)");
        }
        let group = self.group(from, to);
        group.count += 1;
        if group.examples.len() < EXAMPLES {
            let (delivery, event) = (delivered.id.clone(), about(&delivered.event));
            group.examples.push(Example { delivery, event, because: after.because });
        }
    }

    /// Adds what was compared of later events.
    pub fn extend(&mut self, later: Self) {
        self.seen += later.seen;
        self.changed += later.changed;
        for Group { from, to, count, examples } in later.groups {
            let group = self.group(from, to);
            group.count += count;
            let room = EXAMPLES.saturating_sub(group.examples.len());
            group.examples.extend(examples.into_iter().take(room));
        }
    }

    fn group(&mut self, from: String, to: String) -> &mut Group {
        let groups = &mut self.groups;
        let number = *self.numbers.entry((from, to)).or_insert_with_key(|(from, to)| {
            groups.push(Group { from: from.clone(), to: to.clone(), count: 0, examples: Vec::new() });
            groups.len() - 1
        });
        &mut self.groups[number]
    }

    /// The groups, the largest first.
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
        groups
    }

    /// Puts the largest group first, as programs read it.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.groups = self.groups().into_iter().cloned().collect();
        self.numbers.clear();
        self
    }

    /// "3 of 120 decisions change".
    pub fn summary(&self) -> String {
        match (self.changed, self.seen) {
            (0, seen) => format!("no decision changes, of {seen}"),
            (1, seen) => format!("1 of {seen} decisions changes"),
            (changed, seen) => format!("{changed} of {seen} decisions change"),
        }
    }

    /// A table for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for group in self.groups() {
            writeln!(text, "{:>7}  {}", group.count, group.from).expect("a string takes what is written to it");
            writeln!(text, "     ->  {}", group.to).expect("a string takes what is written to it");
            for example in &group.examples {
                let because = example.because.join("; ");
                writeln!(text, "         {} ({}): {because}", example.event, example.delivery)
                    .expect("a string takes what is written to it");
            }
        }
        text + &self.summary() + "\n"
    }

    /// A table for a comment on a pull request. No name in it can become markup or call anybody.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("**{}**\n", self.summary());
        if self.groups.is_empty() {
            return text;
        }
        text.push_str("\n| pushes | today | then | for example |\n| ---: | --- | --- | --- |\n");
        for group in self.groups() {
            let example = group.examples.first().map(|example| code(&example.event)).unwrap_or_default();
            writeln!(text, "| {} | {} | {} | {example} |", group.count, code(&group.from), code(&group.to))
                .expect("a string takes what is written to it");
        }
        text
    }
}

/// Text as Markdown shows it letter by letter, also within a table.
fn code(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c == '`' { '\'' } else { c }).collect();
    format!("`{}`", plain.replace('|', "\\|"))
}

/// A decision in one line.
fn words(decision: &Decision) -> String {
    let mut words = match &decision.verdict {
        Verdict::Start { chain, manual, .. } => {
            let chain: Vec<String> = chain.iter().map(planned).collect();
            format!("{}{}", if *manual { "offer " } else { "" }, chain.join("; then "))
        }
        Verdict::Ignore { rule } => format!("ignored by {rule}"),
        Verdict::Nothing { route: Some(route) } => format!("{route}: nothing"),
        Verdict::Nothing { route: None } => "nothing".to_owned(),
        Verdict::Refused => "refused".to_owned(),
    };
    for shadow in &decision.shadows {
        words.push_str(&format!(" (in the shadow: {})", shadow.route));
    }
    words
}

fn planned(planned: &Planned) -> String {
    let plan = &planned.plan;
    let stages: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    let places: Vec<&str> = plan.environments.iter().map(|place| place.name.as_str()).collect();
    let to = if places.is_empty() { String::new() } else { format!(", to {}", places.join(", ")) };
    format!("{}: {} ({}){to}", planned.route, plan.pipeline, stages.join(", "))
}

/// An event in one line; nothing in it moves a cursor.
fn about(event: &Event) -> String {
    let Some(push) = event.as_push() else { return event.word().to_owned() };
    let what = match &push.git_ref {
        GitRef::Branch(name) => format!("push of branch {}", shown(name)),
        GitRef::Tag(name) => format!("push of tag {}", shown(name)),
        GitRef::Request(request) => format!("change request {} to {}", request.number, shown(&request.target)),
    };
    let by = if push.actor.is_empty() { String::new() } else { format!(" by {}", shown(&push.actor)) };
    format!("{what} to {}{by}", push.repository)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ChangedFiles, Push};
    use crate::id::{CommitId, ForgeKind, RepoPath, Repository};
    use crate::rules::Rules;

    fn rules(routes: &str) -> Rules {
        let text = format!(
            "version: 1
repositories: [{{github: a/b}}]
pipelines: {{app: {{stages: [{{name: test, buildspec: a.yml}}], deploy: {{buildspec: d.yml}}}}}}
environments: [{{name: prod}}]
routes:
{routes}
  - {{name: rest, any: true, pipeline: none}}
"
        );
        Rules::parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn pushed(branch: &str) -> Delivered {
        let kind = ForgeKind::Github;
        let event = Event::Push(Push {
            repository: Repository { forge: kind.default_name(), kind, path: RepoPath::new("a/b").unwrap() },
            git_ref: GitRef::new(&format!("refs/heads/{branch}")).unwrap(),
            before: None,
            commit: CommitId::new("1".repeat(40)).unwrap(),
            actor: "dana".to_owned(),
            author: Default::default(),
            created: false,
            forced: false,
            pushed_at: None,
            changed: ChangedFiles::known(["a"]),
            message: String::new(),
        });
        Delivered { id: DeliveryId::new(format!("d-{}", branch.len())).unwrap(), event: event.into() }
    }

    fn comparison(old: &Rules, new: &Rules, delivered: &Delivered) -> Comparison {
        let mut one = Comparison::default();
        one.add(delivered, &old.decide(&delivered.event), new.decide(&delivered.event));
        one
    }

    #[test]
    fn what_changes_is_grouped_and_counted() {
        let old = rules(
            "  - {name: main, branch: main, pipeline: app, to: [prod]}\n  - {name: f, branch: 'f*', pipeline: app}",
        );
        let new = rules(
            "  - {name: main, branch: main, pipeline: app}\n  - {name: f, branch: 'f*', pipeline: app, shadow: true}",
        );
        let mut compared = Comparison::default();
        for branch in ["main", "f", "fo", "x", "f`|\u{1b}@all"] {
            let pushed = GitRef::new(&format!("refs/heads/{branch}")).is_ok().then(|| pushed(branch));
            pushed.into_iter().for_each(|pushed| compared.extend(comparison(&old, &new, &pushed)));
        }
        insta::assert_snapshot!(compared.to_text(), @r"
              2  f: app (test)
             ->  rest: nothing (in the shadow: f)
                 push of branch f to github:a/b by dana (d-1): rest takes every push; rest starts nothing (pipeline: none)
                 push of branch fo to github:a/b by dana (d-2): rest takes every push; rest starts nothing (pipeline: none)
              1  main: app (test), to prod
             ->  main: app (test)
                 push of branch main to github:a/b by dana (d-4): branch main matches main
        3 of 4 decisions change
        ");
        let json = serde_json::to_value(compared.clone().sorted()).unwrap();
        assert_eq!((&json["changed"], &json["groups"][0]["count"]), (&3.into(), &2.into()));
        assert!(compared.to_markdown().contains("| 2 | `f: app (test)` |"));
    }

    #[test]
    fn the_same_file_changes_nothing() {
        let (old, new) = (rules(""), rules(""));
        let compared = comparison(&old, &new, &pushed("main"));
        assert_eq!(compared.to_text(), "no decision changes, of 1\n");
        assert_eq!(compared.to_markdown(), "**no decision changes, of 1**\n");
    }

    #[test]
    fn a_hostile_name_is_no_markup() {
        assert_eq!(code("a`|<b>@all"), "`a'\\|<b>@all`");
    }
}
