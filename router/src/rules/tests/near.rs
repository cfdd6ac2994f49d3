//! What a push lacked of the route that came nearest.

use proptest::prelude::*;

use super::decisions::with_routes;
use super::*;

fn needed(routes: &str, push: Push) -> Vec<String> {
    with_routes(routes).decide(&Event::Push(push)).nearest_miss.map(|miss| miss.needed).unwrap_or_default()
}

#[test]
fn a_near_miss_says_all_that_it_would_have_needed() {
    let all = "  - {name: a, branch: [main, 'release/*'], repos: 'acme/*', forge: [github, work], actors: '*[bot]', message: 'x*',
      created: true, forced: true, paths: {any: ['infra/**', '!**/a'], all: [Makefile, '*.rs'], only: ['**/*.md'], none: '?'}, pipeline: app}";
    let pushed = Push { created: false, ..push("feature/x", known(&["src/a.rs", "b"])) };
    let expected = [
        "a repository that matches acme/*, as acme/a does",
        "forge github or work",
        "a branch that matches main, release/*, as main does",
        "an actor that matches *[bot], as a[bot] does",
        "a message that matches x*, as xa does",
        "a branch or tag that is new",
        "rewritten history",
        "a changed file that matches infra/**, !**/a, as infra/b does",
        "a changed file that matches Makefile, as Makefile does",
        "a changed file that matches *.rs, as a.rs does",
        "only changed files that match **/*.md, as a.md does",
        "no changed file that matches ?",
    ];
    assert_eq!(needed(all, pushed), expected);
    let one = "  - {name: a, branch: main, paths: {any: infra/main.tf}, pipeline: app}";
    assert_eq!(needed(one, push("x", known(&[]))), ["branch main", "changed file infra/main.tf"]);
    let never = "  - {name: a, branch: ['a', '!*'], pipeline: app}";
    assert_eq!(needed(never, push("x", known(&[]))), ["a branch that matches a, !*"]);
    let unknown_files = "  - {name: a, branch: '**', paths: {none: ['docs/**']}, pipeline: app}";
    let expected = ["changed files that are known, and none that matches docs/**"];
    assert_eq!(needed(unknown_files, push("x", unknown())), expected);
}

proptest! {
    /// What is named as an example does it.
    #[test]
    fn what_a_near_miss_needs_would_have_done(
        branch in "(a|b|\\*|\\?|\\{a,b\\}|/a|/\\*\\*|\\[!b\\]){1,3}", not in "(a|b|\\*|/a|\\?){1,2}",
        file in "(a|\\*|/|\\.|\\?){1,4}",
    ) {
        let routes = format!("  - {{name: a, branch: ['{branch}', '!{not}'], paths: {{any: ['{file}', '!{not}']}}, pipeline: app}}\n");
        let text = format!("version: 1\nrepositories: [{{local: demo}}]\npipelines: {{app: {{stages: [{{name: a, buildspec: b.yml}}]}}}}\nroutes:\n{routes}  - {{name: rest, any: true, pipeline: none}}\n");
        // A glob of chance may be none.
        if let Ok(rules) = Rules::parse(&text) {
            let miss = rules.decide(&Event::Push(push("zzz", known(&["zzz"])))).nearest_miss;
            let as_does = |needed: &String| Some(needed.split_once(", as ")?.1.strip_suffix(" does")?.to_owned());
            let examples: Vec<String> = miss.iter().flat_map(|miss| &miss.needed).filter_map(as_does).collect();
            if let [branch, file] = &examples[..] {
                prop_assert_eq!(outcome(&rules, push(branch, known(&[file]))), "start a", "{}", text);
            }
        }
    }
}
