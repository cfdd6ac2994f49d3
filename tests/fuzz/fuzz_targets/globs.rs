//! Globs of a rule file against globset's own matcher: a glob, and the name to match on the next line. A long glob takes long to compile and
//! shows nothing that a short one does not.

#![no_main]

use globset::GlobBuilder;
use libfuzzer_sys::fuzz_target;
use router::event::{ChangedFiles, Event, Push};
use router::id::{CommitId, ForgeKind, GitRef, RepoPath, Repository};
use router::rules::{Rules, Verdict};

const LONGEST: usize = 40;

fuzz_target!(|said: &str| {
    let Some((glob, name)) = said.split_once('\n').filter(|_| said.len() <= LONGEST) else { return };
    // We close negated classes against slashes, and take a `!` out of lists; globset does neither.
    if ["[!", "[^"].iter().any(|class| glob.contains(class)) || glob.starts_with('!') {
        return;
    }
    let quoted = serde_json::to_string(glob).expect("text is JSON");
    let text = format!(
        "version: 1\nrepositories: [{{github: a/b}}]\nroutes: [{{name: it, branch: {quoted}, pipeline: none}}, {{name: rest, any: true, pipeline: none}}]\n"
    );
    let (Ok(rules), Ok(git_ref)) = (Rules::parse(&text), GitRef::new(&format!("refs/heads/{name}"))) else { return };
    let kind = ForgeKind::Github;
    let push = Push {
        repository: Repository { forge: kind.default_name(), kind, path: RepoPath::new("a/b").expect("a path") },
        git_ref,
        before: None,
        commit: CommitId::new("1".repeat(40)).expect("a commit"),
        actor: String::new(),
        author: Default::default(),
        created: false,
        forced: false,
        pushed_at: None,
        changed: ChangedFiles::known(["x"]),
        message: String::new(),
    };
    let Verdict::Nothing { route: Some(route) } = rules.decide(&Event::Push(push)).verdict else {
        panic!("every push has an owner");
    };
    let reference =
        GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).empty_alternates(true).build();
    let reference = reference.expect("what we take, globset takes").compile_matcher();
    assert_eq!(route.as_str() == "it", reference.is_match(name), "{glob:?} {name:?}");
});
