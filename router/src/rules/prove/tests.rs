use super::*;
use crate::rules::{OwnWord, Verdict};

mod brute;
mod small;

const FILE: &str = "version: 1
repositories: [{github: acme/shop}]
pipelines:
  infrastructure: {stages: [{name: synth, buildspec: a.yml}], deploy: {buildspec: d.yml}}
  application: {stages: [{name: test, buildspec: a.yml}], deploy: {buildspec: d.yml}}
environments: [{name: test}, {name: perf}, {name: prod, approval: {by: ['user:dana']}}]
ignore:
  - {name: docs, paths: {only: ['docs/**']}}
  - {name: more-docs, paths: {only: ['docs/*.md']}}
routes:
  - {name: tag, tag: 'v*', pipeline: application, to: [prod]}
  - {name: infra, branch: main, paths: {any: ['infra/**']}, pipeline: infrastructure, to: [test, prod], then: main}
  - {name: main, branch: main, pipeline: application, to: [test]}
  - {name: late, branch: 'main', actors: dana, pipeline: application}
  - {name: feature, branch: 'f*', pipeline: application, stages: [test]}
  - {name: fix, branch: '*x', pipeline: none}
  - {name: odd, branch: 'a..b', pipeline: none}
  - {name: rest, any: true, pipeline: none}
";

fn proof(text: &str) -> Proof {
    rules(text).prove().unwrap()
}

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn found(proof: &Proof, kind: FindingKind) -> Vec<(String, String)> {
    let of_kind = proof.findings.iter().filter(|finding| finding.kind == kind);
    of_kind
        .map(|finding| (finding.about.clone(), finding.witness.as_ref().map(ToString::to_string).unwrap_or_default()))
        .collect()
}

#[test]
fn what_is_never_reached_is_found_with_the_shortest_push_that_shows_it() {
    let proof = proof(FILE);
    assert!(proof.has_problems() && !proof.more);
    let shadowed = found(&proof, FindingKind::ShadowedRoute);
    let late = "branch main of github:acme/shop, no file changed, by dana";
    assert_eq!(shadowed, [("late".to_owned(), late.to_owned()), ("odd".to_owned(), String::new())]);
    let dead = found(&proof, FindingKind::DeadIgnore);
    assert_eq!(dead, [("more-docs".to_owned(), "branch a of github:acme/shop, changed docs/.md".to_owned())]);
    assert_eq!(found(&proof, FindingKind::UnreachedEnvironment), [("perf".to_owned(), String::new())]);
    let partly = found(&proof, FindingKind::PartlyShadowed);
    let by = |files: &str| ("late".to_owned(), format!("branch main of github:acme/shop, {files}, by dana"));
    let fix = ("fix".to_owned(), "branch fx of github:acme/shop, no file changed".to_owned());
    assert_eq!(partly, [by("changed files unknown"), by("no file changed"), fix]);
    let order = found(&proof, FindingKind::OrderMatters);
    assert_eq!(order[0], ("main".to_owned(), "branch main of github:acme/shop, changed files unknown".to_owned()));
    let gaps = found(&proof, FindingKind::Gap);
    let one = |name: &str| ("rest".to_owned(), format!("{name} of github:acme/shop, no file changed"));
    assert_eq!(gaps, [one("branch a"), one("tag a")]);
}

#[test]
fn every_witness_is_what_is_decided_of_its_push() {
    let (rules, proof) = (rules(FILE), proof(FILE));
    for finding in &proof.findings {
        let Some(witness) = &finding.witness else { continue };
        let decided = rules.decide(&Event::Push(witness.push.clone()));
        assert_eq!(decided, witness.decision);
        let owner = match &decided.verdict {
            Verdict::Start { route, .. } | Verdict::Nothing { route: Some(route) } => route.to_string(),
            Verdict::Ignore { rule } => rule.clone(),
            other => panic!("{other:?}"),
        };
        match finding.kind {
            FindingKind::Gap => assert_eq!(owner, finding.about),
            FindingKind::PartlyShadowed | FindingKind::OrderMatters => assert_eq!(Some(owner), finding.other),
            _ => assert_ne!(owner, finding.about),
        }
    }
}

fn claimed(text: &str) -> Result<String, String> {
    let rules = rules(FILE);
    let claim = Claim::parse(text, &rules)?;
    Ok(match rules.prove_claim(&claim).unwrap() {
        Answer::Yes(_) => "yes".to_owned(),
        Answer::No(witness) => witness.to_string(),
    })
}

#[test]
fn a_claim_is_true_or_there_is_a_push_that_it_is_not_true_of() {
    for (claim, answer) in [
        ("prod requires approval", "yes"),
        ("perf requires approval", "yes"),
        ("test requires approval", "branch main of github:acme/shop, no file changed"),
        ("route infra never runs application", "branch main of github:acme/shop, changed files unknown"),
        ("route main never runs infrastructure", "yes"),
        ("route infra and only path infra/** never runs application", "yes"),
        ("branch main always reaches test", "branch main of github:acme/shop, changed docs/a"),
        ("branch main and no path docs/** always reaches test", "yes"),
        ("any push always starts", "branch x of github:acme/shop, no file changed"),
        ("tag v* always takes tag", "tag v of github:acme/shop, changed docs/a"),
        ("actor \"mad hatter\" never reaches prod", "tag v of github:acme/shop, no file changed, by mad hatter"),
        ("only path docs/** always is ignored", "yes"),
        ("target main never starts", "yes"),
        ("repo acme/* and branch zz never starts", "yes"),
    ] {
        assert_eq!(claimed(claim), Ok(answer.to_owned()), "{claim}");
    }
}

#[test]
fn what_a_repository_ignores_for_itself_is_counted_in() {
    let rules = rules(&FILE.replace("ignore:", "allow_repo: [ignore]\nignore:"));
    let own = OwnWord::read(
        &rules,
        "version: 1\nignore: [{name: gen, paths: {only: 'gen/**'}}, {name: more, paths: {only: 'gen/a/**'}}]\n",
    );
    let proof = rules.prove_with(Some(&own)).unwrap();
    let dead: Vec<_> = proof.findings.iter().filter(|f| f.is_own).map(|f| (f.about.as_str(), f.place.line)).collect();
    assert_eq!(dead, [("more", 2)]);
    let claim = Claim::parse("branch main and no path docs/** always reaches test", &rules).unwrap();
    assert!(matches!(rules.prove_claim(&claim).unwrap(), Answer::Yes(_)));
    let Answer::No(witness) = rules.prove_claim_with(&claim, Some(&own)).unwrap() else { panic!("gen/** is ignored") };
    assert_eq!(witness.to_string(), "branch main of github:acme/shop, changed gen/a");
    assert_eq!(witness.decision.verdict, Verdict::Ignore { rule: "gen".to_owned() });
}

#[test]
fn a_finding_says_where_its_name_stands() {
    for finding in proof(FILE).findings {
        let line = FILE.lines().nth(finding.place.line - 1).unwrap();
        let at = line.find(&format!("name: {}", finding.about)).map(|at| at + "name: ".len() + 1);
        assert_eq!(Some(finding.place.column), at, "{}: {line}", finding.about);
    }
}

#[test]
fn a_claim_that_cannot_be_read_says_why() {
    for (claim, why) in [
        ("prod needs approval", "`always`, `never`"),
        ("prd requires approval", "did you mean `prod`?"),
        ("route nfra never starts", "did you mean `infra`?"),
        ("branch [ never starts", "not closed"),
        ("branch main never flies", "nothing that a push does"),
        ("weather fine always starts", "does not say which pushes"),
        ("branch \"main never starts", "a quote is not closed"),
    ] {
        let refused = claimed(claim).unwrap_err();
        assert!(refused.contains(why), "{claim}: {refused}");
    }
}

#[test]
fn what_interlaces_too_much_is_said_and_not_waited_for() {
    let mut text = FILE.split("routes:").next().unwrap().to_owned() + "routes:\n";
    for n in 0..40 {
        text += &format!("  - {{name: r{n}, branch: '*{n:02}*', pipeline: application}}\n");
    }
    text += "  - {name: rest, any: true, pipeline: none}\n";
    let refused = rules(&text).prove().unwrap_err().to_string();
    assert!(refused.contains("branches and tags interlace"), "{refused}");
}
