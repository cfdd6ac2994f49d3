//! Gates: who may open them, what they hold, when they close.

use cicd::control::{Answer, Refusal};
use cicd::engine::Sight;
use cicd::sweep::Sweeper;
use router::id::ForgeKind;
use router::run::{Person, Run, RunState};

use super::house::House;
use crate::world::Pushed;

async fn waiting(house: &House, kind: ForgeKind) -> (Pushed, Run) {
    let shop = house.shop(kind);
    let pushed = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n").by("dana"));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Waiting).await;
    (pushed, run)
}

#[tokio::test]
async fn only_those_whom_the_rules_name_open_a_gate() {
    let house = House::open().await;
    let (pushed, run) = waiting(&house, ForgeKind::Github).await;
    for (who, words) in [
        ("mallory", "mallory is not among those who may decide here: leads"),
        ("octocat", "octocat made or pushed this commit; somebody else must decide (not_author)"),
    ] {
        let who = if run.actor == "dana" && who == "octocat" { "dana" } else { who };
        let words = words.replace("octocat", &run.actor);
        match house.decide(&run, "prod", Answer::Approve, who).await {
            Err(Refusal::NotAllowed(said)) => assert_eq!(said, words),
            other => panic!("{who}: {other:?}"),
        }
    }
    assert!(matches!(house.decide(&run, "stage", Answer::Approve, "lee").await, Err(Refusal::NotNow(_))));
    assert!(matches!(house.decide(&run, "moon", Answer::Approve, "lee").await, Err(Refusal::NotFound(_))));
    house.decide(&run, "prod", Answer::Approve, "lee").await.unwrap();
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert!(matches!(house.decide(&run, "prod", Answer::Approve, "lee").await, Err(Refusal::NotNow(_))));
    house.close().await;
}

#[tokio::test]
async fn a_newer_run_at_the_same_gate_takes_the_place_of_the_older() {
    let rules = super::house::RULES.replace("to: [stage, prod]}", "to: [stage, prod], concurrency: queue}");
    let house = House::with_rules(&rules).await;
    let (older, run) = waiting(&house, ForgeKind::Github).await;
    let shop = house.world.github("acme/shop");
    let newer = shop.push("main", |work| work.write("src/c.rs", "fn c() {}\n").by("dana"));
    house.deliver(&newer).await;
    let waits = house.run(&newer.commit, RunState::Waiting).await;
    let over = house.run(&older.commit, RunState::Superseded).await;
    assert_eq!(over.because, format!("superseded by {}", newer.commit.short()));
    assert!(matches!(house.decide(&run, "prod", Answer::Approve, "lee").await, Err(Refusal::NotNow(_))));
    house.decide(&waits, "prod", Answer::Approve, "lee").await.unwrap();
    house.run(&newer.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn an_author_is_known_under_all_their_names() {
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let house = House::open().await;
        let shop = house.shop(kind);
        // The world's people commit as `<name>@example.com`, and `octo` is nobody whom the rules name.
        let pushed = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n").by("octo"));
        house.deliver(&pushed).await;
        let run = house.run(&pushed.commit, RunState::Waiting).await;
        // An account is one on its own forge, an address is the same everywhere.
        let known: &[&str] = if kind == ForgeKind::Github { &["lee", "octocat"] } else { &["lee"] };
        for who in known {
            match house.decide(&run, "prod", Answer::Approve, who).await {
                Err(Refusal::NotAllowed(said)) => assert!(said.starts_with(&format!("{who} made or pushed")), "{said}"),
                other => panic!("{kind} {who}: {other:?}"),
            }
        }
        let other = if kind == ForgeKind::Github { "dana" } else { "octocat" };
        house.decide(&run, "prod", Answer::Approve, other).await.unwrap();
        house.run(&pushed.commit, RunState::Succeeded).await;
        house.close().await;
    }
}

#[tokio::test]
async fn the_forge_says_who_of_a_team_opens_a_gate() {
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let team = format!("{kind}:acme/release");
        let people = format!("leads: ['user:dana', '{team}']");
        let rules = super::house::RULES.replace("leads: ['user:lee', 'user:octocat', 'user:dana']", &people);
        let house = House::with_rules(&rules).await;
        let fake = if kind == ForgeKind::Gitlab { &house.world.lab } else { &house.world.hub };
        fake.join("acme/release", "kim-k", "active");
        fake.join("acme/release", "pat", "active");
        let (pushed, run) = waiting(&house, kind).await;
        for (who, words) in [
            (
                "zoe",
                format!("zoe is not among those who may decide here: leads ({kind} does not count zoe-z in {team})"),
            ),
            // A name here is no account there, though one is called the same.
            ("pat", format!("pat has no account on {kind} under [auth] people, so nobody is asked about {team}")),
        ] {
            match house.decide(&run, "prod", Answer::Approve, who).await {
                Err(Refusal::NotAllowed(said)) => assert!(said.contains(&words), "{said}"),
                other => panic!("{who}: {other:?}"),
            }
        }
        fake.fail_next(9, crate::world::Failure::Status(503));
        for answer in [Answer::Approve, Answer::Reject] {
            match house.decide(&run, "prod", answer, "kim").await {
                Err(Refusal::Unanswered(said)) => {
                    assert!(said.contains(&team) && said.ends_with("try again"), "{said}")
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fake.recover(), 7);
        assert!(house.runs(&pushed.commit).await[0].environments[1].gate.approvals.is_empty());
        house.decide(&run, "prod", Answer::Approve, "kim").await.unwrap();
        let run = house.run(&pushed.commit, RunState::Succeeded).await;
        assert_eq!(run.environments[1].gate.approvals[0].entry.as_deref(), Some(team.as_str()));
        let page = house.page(&format!("/runs/{}", run.id)).await;
        assert!(page.contains(&format!("of {team}")), "{page}");
        house.close().await;
    }
}

#[tokio::test]
async fn of_a_push_that_nobody_told_of_the_commits_author_is_asked_for() {
    for silent in [false, true] {
        let house = House::open().await;
        let shop = house.shop(ForgeKind::Github);
        let sweep = async || Sweeper::default().sweep(&house.app).await.unwrap();
        sweep().await;
        let lost = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n").by("octo"));
        sweep().await;
        house.clock.advance_seconds(120);
        if silent {
            house.world.hub.forget_authors();
        }
        sweep().await;
        let run = house.run(&lost.commit, RunState::Waiting).await;
        if silent {
            assert!(run.because.starts_with("waits at prod for 2 of leads; one more"), "{}", run.because);
            house.decide(&run, "prod", Answer::Approve, "lee").await.unwrap();
            assert!(matches!(house.decide(&run, "prod", Answer::Approve, "lee").await, Err(Refusal::NotNow(_))));
        } else {
            assert!(matches!(house.decide(&run, "prod", Answer::Approve, "lee").await, Err(Refusal::NotAllowed(_))));
        }
        house.decide(&run, "prod", Answer::Approve, "dana").await.unwrap();
        house.run(&lost.commit, RunState::Succeeded).await;
        house.close().await;
    }
}

async fn somebody_says_no(kind: ForgeKind) -> Vec<String> {
    let house = House::open().await;
    let (pushed, run) = waiting(&house, kind).await;
    house.decide(&run, "prod", Answer::Reject, "lee").await.unwrap();
    house.run(&pushed.commit, RunState::Rejected).await;
    assert!(!house.environments().join("prod.txt").exists());
    let shown = house.shown(kind, &pushed.commit);
    house.close().await;
    shown
}

#[tokio::test]
async fn a_no_is_final_on_github() {
    insta::assert_snapshot!(somebody_says_no(ForgeKind::Github).await.join("\n"), @r"
    pointsman failure main: lee said no at prod: because
    pointsman/application/build success done, 0.0s
    pointsman/application/deploy/prod failure lee said no at prod: because
    pointsman/application/deploy/stage success done, 0.0s
    pointsman/application/test success done, 0.0s
    ");
}

#[tokio::test]
async fn a_no_is_final_on_gitlab() {
    insta::assert_snapshot!(somebody_says_no(ForgeKind::Gitlab).await.join("\n"), @r"
    pointsman failed main: lee said no at prod: because
    pointsman/application/build success done, 0.0s
    pointsman/application/deploy/prod failed lee said no at prod: because
    pointsman/application/deploy/stage success done, 0.0s
    pointsman/application/test success done, 0.0s
    ");
}

#[tokio::test]
async fn a_gate_that_nobody_opens_closes_in_time() {
    let house = House::open().await;
    let (pushed, _) = waiting(&house, ForgeKind::Github).await;
    house.clock.advance_seconds(3599);
    house.run(&pushed.commit, RunState::Waiting).await;
    house.clock.advance_seconds(1);
    let run = house.run(&pushed.commit, RunState::Expired).await;
    assert_eq!(run.because, "nobody said yes at prod in time");
    let shown = house.shown(ForgeKind::Github, &pushed.commit);
    assert!(shown.contains(&"pointsman error main: nobody said yes at prod in time".to_owned()), "{shown:?}");
    house.close().await;
}

#[tokio::test]
async fn an_environment_has_one_deploy_at_a_time_and_others_wait_their_turn() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    // Each deploy says that it is in, waits to be let out, and fails when it is not alone.
    let deploy = "version: 0.2\nphases: {build: {commands: ['mkdir \"$DEPLOY_TO/in\"', 'while ! [ -e \"$DEPLOY_TO/out-$POINTSMAN_REF_NAME\" ]; do sleep 0.02; done', 'rmdir \"$DEPLOY_TO/in\"']}}\n";
    let deploy = deploy.replace("out-$POINTSMAN_REF_NAME", "out-${POINTSMAN_TAG:-main}");
    let main = shop.push("main", |work| work.write("ci/deploy.yml", &deploy));
    house.deliver(&main).await;
    house.until("main is in", async || house.environments().join("in").is_dir()).await;

    let tag = shop.tag("v2", "main");
    house.deliver(&tag).await;
    house
        .until("the tag waits for stage", async || {
            house.runs(&tag.commit).await.iter().any(|run| run.because == "waits until stage is free")
        })
        .await;
    std::fs::write(house.environments().join("out-v2"), "").unwrap();
    std::fs::write(house.environments().join("out-main"), "").unwrap();
    house
        .until("both have been in", async || {
            let states: Vec<_> = house.runs(&tag.commit).await.iter().map(|run| run.state).collect();
            states == [RunState::Waiting, RunState::Succeeded]
        })
        .await;
    house.close().await;
}

#[tokio::test]
async fn an_environment_is_not_given_on_while_a_cancelled_deploy_still_ends() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    // A deploy that does not end when it is asked to, only when it is let out.
    let deploy = "version: 0.2\nphases: {build: {commands: [\"trap '' TERM; mkdir $DEPLOY_TO/in; while ! [ -e $DEPLOY_TO/out ]; do sleep 0.02; done; rmdir $DEPLOY_TO/in\"]}}\n";
    let main = shop.push("main", |work| work.write("ci/deploy.yml", deploy));
    house.deliver(&main).await;
    house.until("main is in", async || house.environments().join("in").is_dir()).await;
    let first = house.runs(&main.commit).await.pop().unwrap();
    let tag = shop.tag("v2", "main");
    house.deliver(&tag).await;
    let tagged = async || house.runs(&tag.commit).await.into_iter().find(|run| run.key.git_ref.tag().is_some());
    let waits = "waits until stage is free";
    house.until("the tag waits for stage", async || tagged().await.is_some_and(|run| run.because == waits)).await;

    cicd::control::cancel(&house.app, &first.id, Person::new("lee").unwrap()).await.unwrap();
    cicd::advance::advance(&house.app).await.unwrap();
    assert_eq!(house.app.engine.look(&first).await.unwrap().sight, Sight::AtWork, "the deploy has not ended yet");
    assert_eq!(tagged().await.unwrap().because, waits);

    std::fs::write(house.environments().join("out"), "").unwrap();
    house.until("the tag was deployed", async || tagged().await.unwrap().state == RunState::Succeeded).await;
    house.close().await;
}

/// A push that waits at the cleanup behind the last environment, with two releases in it; what is left of them after the yes, and the log.
async fn cleaned_up(variables: &str) -> (Vec<String>, String) {
    let cleanup = "  - {name: cleanup, approval: {by: [leads]}, cleanup: {buildspec: ci/cleanup.yml}}\npeople:";
    let rules = super::house::RULES
        .replace("people:", cleanup)
        .replace("to: [stage, prod]}", "to: [stage, cleanup]}")
        .replace("{DEPLOY_TO: DEPLOY}", &format!("{{{variables}DEPLOY_TO: DEPLOY}}"));
    let house = House::with_rules(&rules).await;
    let stage = house.environments().join("stage");
    let releases = || {
        let entries = std::fs::read_dir(&stage).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    for release in ["new", "old"] {
        std::fs::create_dir_all(stage.join(release)).unwrap();
        std::fs::write(stage.join(release).join("shop.tar.gz"), "").unwrap();
    }
    std::fs::write(stage.join("current"), "new\n").unwrap();
    let shop = house.shop(ForgeKind::Github);
    let spec = include_str!("../../../buildspecs/cleanup.yml");
    let pushed = shop.push("main", |work| work.write("ci/cleanup.yml", spec).by("dana"));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Waiting).await;
    assert_eq!(run.because, "waits at cleanup for 1 of leads");
    assert_eq!(releases(), ["current", "new", "old"], "nobody has said yes");
    house.decide(&run, "cleanup", Answer::Approve, "lee").await.unwrap();
    house.run(&pushed.commit, RunState::Succeeded).await;
    let shown = house.shown(ForgeKind::Github, &pushed.commit);
    assert!(shown.iter().any(|line| line.starts_with("pointsman/application/deploy/cleanup success")), "{shown:?}");
    let (left, log) = (releases(), house.log(&run, "deploy-cleanup"));
    house.close().await;
    (left, log)
}

#[tokio::test]
async fn a_cleanup_waits_for_a_yes_and_then_says_what_it_would_take_away() {
    let (left, log) = cleaned_up("").await;
    assert_eq!(left, ["current", "new", "old"]);
    assert!(log.contains("would take away") && log.contains("stage/old"), "{log}");
    assert!(!log.contains("stage/new"), "{log}");
}

#[tokio::test]
async fn a_cleanup_takes_away_what_is_old_when_the_rule_file_says_so() {
    let (left, log) = cleaned_up("CLEANUP: remove, ").await;
    assert_eq!(left, ["current", "new"], "{log}");
}
