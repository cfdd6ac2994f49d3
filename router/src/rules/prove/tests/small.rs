//! A world so small that every push of it can be tried, and files about it.

use super::super::atoms::{Language, NOTHING};
use super::super::space::Languages;
use crate::event::{ChangedFiles, Event, Push};
use crate::id::{CommitId, ForgeKind, ForgeName, GitRef, RepoPath, Repository};

pub(super) const NAMES: [&str; 3] = ["a", "b", "a/b"];
pub(super) const FILES: [&str; 3] = ["a", "b/a", "b/b"];
pub(super) const ACTORS: [&str; 2] = ["", "x"];
pub(super) const MESSAGES: [&str; 2] = ["", "m"];

/// The languages of this world.
pub(super) fn languages() -> Languages {
    let of = |what, words: &[&str]| Language {
        what,
        is: format!("^(?:{})$", words.join("|")),
        is_not: NOTHING.to_owned(),
        characters_max: 99,
        holds: |_| true,
    };
    Languages {
        refs: of("refs", &NAMES),
        repositories: of("repositories", &["r", "s/t"]),
        files: of("files", &FILES),
        actors: of("actors", &ACTORS),
        messages: of("messages", &MESSAGES),
    }
}

/// A push of this world, with what it costs.
pub(super) struct Tries {
    pub(super) event: Event,
    pub(super) push: Push,
    pub(super) cost: u32,
}

/// What a text can tell apart.
pub(super) struct Mentioned {
    actors: bool,
    messages: bool,
    created: bool,
    forced: bool,
    repositories: bool,
}

impl Mentioned {
    pub(super) fn by(text: &str) -> Self {
        Self {
            actors: text.contains("actor"),
            messages: text.contains("message:"),
            created: text.contains("created:"),
            forced: text.contains("forced:"),
            repositories: text.contains("repos:") || text.contains("forge: ["),
        }
    }

    /// Whether the push is plain in all that is not mentioned.
    pub(super) fn varies(&self, push: &Push) -> bool {
        (self.actors || push.actor.is_empty())
            && (self.messages || push.message.is_empty())
            && (self.created || !push.created)
            && (self.forced || !push.forced)
            && (self.repositories || push.repository.forge == ForgeKind::Github.default_name())
    }
}

/// Every push of this world.
pub(super) fn pushes() -> Vec<Tries> {
    let mut all = Vec::new();
    for (repository, repository_cost) in [("github github r", 1), ("github w r", 2), ("gitlab w s/t", 3)] {
        for (git_ref, ref_cost) in refs() {
            let is_request = git_ref.request().is_some();
            for flags in 0..if is_request { 1 } else { 4u32 } {
                for (actor, message) in ACTORS.iter().flat_map(|actor| MESSAGES.map(|message| (actor, message))) {
                    for files in 0..=8u32 {
                        let changed: Vec<&str> = (0..3).filter(|at| files >> at & 1 == 1).map(|at| FILES[at]).collect();
                        let files_cost =
                            changed.iter().map(|file| 1 + file.len()).sum::<usize>() + usize::from(files == 8);
                        let cost = files_cost + actor.len() + message.len() + ref_cost + repository_cost;
                        let changed = match files {
                            8 => ChangedFiles::Unknown("nobody knows".to_owned()),
                            _ => ChangedFiles::known(changed),
                        };
                        let mut push = push(repository, git_ref.clone(), flags);
                        (push.changed, push.actor, push.message) = (changed, (*actor).to_owned(), message.to_owned());
                        let cost = u32::try_from(cost).unwrap() + flags.count_ones();
                        all.push(Tries { event: Event::Push(push.clone()), push, cost });
                    }
                }
            }
        }
    }
    all
}

fn refs() -> Vec<(GitRef, usize)> {
    let mut refs = Vec::new();
    for name in NAMES {
        for folder in ["heads", "tags"] {
            refs.push((GitRef::new(&format!("refs/{folder}/{name}")).unwrap(), name.len()));
        }
        for source in NAMES {
            for (fork, cost) in [(":", 0), (":fork/of:", 1)] {
                let full = format!("refs/requests/1/{name}{fork}{source}");
                refs.push((GitRef::new(&full).unwrap(), name.len() + source.len() + cost));
            }
        }
    }
    refs
}

fn push(repository: &str, git_ref: GitRef, flags: u32) -> Push {
    let mut words = repository.split(' ');
    let mut word = || words.next().unwrap();
    let kind: ForgeKind = word().parse().unwrap();
    let (forge, path) = (ForgeName::new(word()).unwrap(), RepoPath::new(word()).unwrap());
    Push {
        repository: Repository { forge, kind, path },
        git_ref,
        before: CommitId::new("2".repeat(40)).ok(),
        commit: CommitId::new("1".repeat(40)).unwrap(),
        actor: String::new(),
        author: Default::default(),
        created: flags & 1 == 1,
        forced: flags & 2 == 2,
        changed: ChangedFiles::Unknown(String::new()),
        message: String::new(),
        pushed_at: None,
    }
}

/// Chance that is the same every time.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, most: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }

    pub(super) fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// True once in so many.
    fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn globs(&mut self, of: &[&str]) -> String {
        let mut globs = vec![format!("'{}'", self.one_of(of))];
        while self.once_in(3) {
            let not = if self.once_in(3) { "!" } else { "" };
            globs.push(format!("'{not}{}'", self.one_of(of)));
        }
        format!("[{}]", globs.join(", "))
    }

    fn paths(&mut self) -> String {
        const PATHS: [&str; 9] = ["a", "b/a", "b/*", "**", "*", "**/a", "{a,b}/**", "b/[!a]", "?"];
        let mut tests = Vec::new();
        for quantity in ["any", "all", "only", "none"] {
            if self.once_in(3) {
                tests.push(format!("{quantity}: {}", self.globs(&PATHS)));
            }
        }
        if tests.is_empty() { "paths: {any: ['b/**']}".to_owned() } else { format!("paths: {{{}}}", tests.join(", ")) }
    }

    fn conditions(&mut self, of_pushes: bool) -> Vec<String> {
        let mut all = Vec::new();
        if self.once_in(2) {
            all.push(self.paths());
        }
        if self.once_in(5) {
            all.push(format!("actors: {}", self.globs(&["*", "x", "?"])));
        }
        if self.once_in(6) {
            all.push(format!("message: {}", self.globs(&["*", "m", "z*"])));
        }
        if self.once_in(8) {
            all.push(format!("repos: {}", self.globs(&["r", "s/*", "**", "*"])));
        }
        if of_pushes && self.once_in(8) {
            all.push(format!("forge: [{}]", self.one_of(&["github", "gitlab", "w", "github, w"])));
        }
        for key in ["created", "forced"] {
            if of_pushes && self.once_in(8) {
                all.push(format!("{key}: {}", self.one_of(&["true", "false"])));
            }
        }
        all
    }

    /// A repository's own file, every other time.
    pub(super) fn own_file(&mut self) -> Option<String> {
        let entries = 1 + self.below(2);
        let one = |n: usize| {
            let mut said = self.conditions(false);
            if said.is_empty() {
                said.push(self.paths());
            }
            format!("  - {{name: o{n}, {}}}\n", said.join(", "))
        };
        let ignore: String = (0..entries).map(one).collect();
        self.once_in(2).then(|| format!("version: 1\nignore:\n{ignore}"))
    }

    /// A rule file.
    pub(super) fn file(&mut self) -> String {
        const REFS: [&str; 9] = ["a", "b", "a/b", "*", "**", "a/*", "{a,b}", "[!b]*", "**/b"];
        let mut file = "version: 1
repositories: [{github: r}, {gitlab: 's/*', forge: w}]
pipelines: {p: {stages: [{name: s, buildspec: a.yml}], deploy: {buildspec: d.yml}}, q: {stages: [{name: s, buildspec: a.yml}]}}
environments: [{name: e}, {name: f, approval: {by: ['user:x']}}, {name: g}]
allow_repo: ignore
"
        .to_owned();
        for n in 0..self.below(3) {
            let head = if n == 0 { "ignore:\n" } else { "" };
            let mut said = self.conditions(false);
            said.retain(|said| !said.starts_with("forge"));
            if said.is_empty() || self.once_in(4) {
                said.push(format!("{}: {}", self.one_of(&["branch", "tag"]), self.globs(&REFS)));
            }
            file += &format!("{head}  - {{name: i{n}, {}}}\n", said.join(", "));
        }
        file += "routes:\n";
        let routes = 1 + self.below(5);
        for n in 0..routes {
            let which = self.below(5);
            let globs = |chance: &mut Self| chance.globs(&REFS);
            let mut said = self.conditions(which < 4);
            match which {
                0..=2 => said.push(format!("branch: {}", globs(self))),
                3 => said.push(format!("tag: {}", globs(self))),
                _ => {
                    said.push(format!("change_request: {{target: {}, source: {}}}", globs(self), globs(self)));
                    said.push(format!("forks: {}", self.one_of(&["true", "false"])));
                }
            }
            let forks = said.iter().any(|said| said == "forks: true");
            let shadow = self.once_in(8);
            said.extend(shadow.then(|| "shadow: true".to_owned()));
            match self.below(3) {
                0 => said.push("pipeline: none".to_owned()),
                at => {
                    said.push(format!("pipeline: {}", ["p", "q"][at - 1]));
                    if at == 1 && !forks {
                        said.push(format!("to: [{}]", self.one_of(&["e", "f", "g", "e, f", "e, g"])));
                    }
                    let takes = said.iter().any(|said| said.contains("any: ") || said.contains("all: "));
                    if takes && !shadow && self.once_in(2) {
                        said.push(format!("then: r{}", self.below(routes)));
                    }
                    if self.once_in(6) {
                        said.push("start: manual".to_owned());
                    }
                }
            }
            file += &format!("  - {{name: r{n}, {}}}\n", said.join(", "));
        }
        file + "  - {name: rest, any: true, pipeline: none}\n"
    }
}
