//! From a push to its final status, on both forges.

use cicd::control::Answer;
use router::id::ForgeKind;
use router::run::RunState;

use super::house::House;

async fn a_push_travels(kind: ForgeKind) -> Vec<String> {
    let house = House::open().await;
    let shop = house.shop(kind);
    let pushed = shop.push("main", |work| work.write("src/b.rs", "fn b() {}\n").by("dana"));
    let receipt = house.deliver(&pushed).await;
    assert_eq!((receipt["decision"].as_str(), receipt["route"].as_str()), (Some("start"), Some("main")), "{receipt}");

    let run = house.run(&pushed.commit, RunState::Waiting).await;
    assert_eq!(run.because, "waits at prod for 1 of leads");
    house.decide(&run, "prod", Answer::Approve, "lee").await.unwrap();
    let run = house.run(&pushed.commit, RunState::Succeeded).await;

    let built = std::fs::read(house.environments().join("stage.txt")).unwrap();
    assert_eq!(built, std::fs::read(house.environments().join("prod.txt")).unwrap(), "built once, deployed twice");
    assert_eq!(run.artifact.as_ref().unwrap().stage.as_str(), "build");
    let shown = house.shown(kind, &pushed.commit);
    house.close().await;
    shown
}

#[tokio::test]
async fn a_push_to_github_travels_to_prod() {
    insta::assert_snapshot!(a_push_travels(ForgeKind::Github).await.join("\n"), @r"
    pointsman success main succeeded: deployed to prod
    pointsman/application/build success done, 0.0s
    pointsman/application/deploy/prod success done, 0.0s
    pointsman/application/deploy/stage success done, 0.0s
    pointsman/application/test success done, 0.0s
    ");
}

#[tokio::test]
async fn a_push_to_gitlab_travels_to_prod() {
    insta::assert_snapshot!(a_push_travels(ForgeKind::Gitlab).await.join("\n"), @r"
    pointsman success main succeeded: deployed to prod
    pointsman/application/build success done, 0.0s
    pointsman/application/deploy/prod success done, 0.0s
    pointsman/application/deploy/stage success done, 0.0s
    pointsman/application/test success done, 0.0s
    ");
}

async fn a_test_fails(kind: ForgeKind) -> Vec<String> {
    let house = House::open().await;
    let shop = house.shop(kind);
    let pushed = shop.push("main", |work| work.write("ci/test.sh", "echo '3 of 120 tests failed'\nexit 3\n"));
    house.deliver(&pushed).await;
    let run = house.run(&pushed.commit, RunState::Failed).await;
    assert!(house.log(&run, "test").contains("3 of 120 tests failed"), "{}", house.log(&run, "test"));
    assert!(!house.environments().join("stage.txt").exists(), "nothing was deployed");
    let shown = house.shown(kind, &pushed.commit);
    house.close().await;
    shown
}

#[tokio::test]
async fn a_failing_test_stage_is_seen_on_github() {
    insta::assert_snapshot!(a_test_fails(ForgeKind::Github).await.join("\n"), @r"
    pointsman failure main: test failed: BUILD: sh ci/test.sh: exit status 3
    pointsman/application/build error not reached
    pointsman/application/deploy/prod error not reached
    pointsman/application/deploy/stage error not reached
    pointsman/application/test failure BUILD: sh ci/test.sh: exit status 3, 0.0s
    ");
}

#[tokio::test]
async fn a_failing_test_stage_is_seen_on_gitlab() {
    insta::assert_snapshot!(a_test_fails(ForgeKind::Gitlab).await.join("\n"), @r"
    pointsman failed main: test failed: BUILD: sh ci/test.sh: exit status 3
    pointsman/application/build canceled not reached
    pointsman/application/deploy/prod canceled not reached
    pointsman/application/deploy/stage canceled not reached
    pointsman/application/test failed BUILD: sh ci/test.sh: exit status 3, 0.0s
    ");
}

async fn nothing_is_to_be_done(kind: ForgeKind) -> Vec<String> {
    let house = House::open().await;
    let shop = house.shop(kind);
    let docs = shop.push("main", |work| work.write("docs/b.md", "# B\n"));
    let receipt = house.deliver(&docs).await;
    assert_eq!(receipt["decision"], "ignore", "{receipt}");
    house.everything_told().await;
    assert!(house.runs(&docs.commit).await.is_empty());
    let shown = house.shown(kind, &docs.commit);

    shop.branch("feature/x", "main");
    let gone = shop.delete_branch("feature/x");
    let receipt = house.deliver(&gone).await;
    assert_eq!((receipt["event"].as_str(), receipt["decision"].as_str()), (Some("branch_deleted"), Some("nothing")));
    house.everything_told().await;
    assert_eq!(house.shown(kind, &gone.commit), shown, "a deleted branch says nothing on the commit it pointed to");
    house.close().await;
    shown
}

#[tokio::test]
async fn an_ignored_push_has_a_final_status_on_github() {
    insta::assert_snapshot!(nothing_is_to_be_done(ForgeKind::Github).await.join("\n"), @"pointsman success ignored by docs-only, every changed file matches docs/**");
}

#[tokio::test]
async fn an_ignored_push_has_a_final_status_on_gitlab() {
    insta::assert_snapshot!(nothing_is_to_be_done(ForgeKind::Gitlab).await.join("\n"), @"pointsman success ignored by docs-only, every changed file matches docs/**");
}

#[tokio::test]
async fn a_tag_has_a_verdict_of_its_own() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Gitlab);
    let tagged = shop.annotated_tag("v1.0.0", "main", "the first");
    house.deliver(&tagged).await;
    house.run(&tagged.commit, RunState::Succeeded).await;
    insta::assert_snapshot!(house.shown(ForgeKind::Gitlab, &tagged.commit).join("\n"), @r"
    pointsman/tag success release-tag succeeded: deployed to stage
    pointsman/tag/application/build success done, 0.0s
    pointsman/tag/application/deploy/stage success done, 0.0s
    pointsman/tag/application/test success done, 0.0s
    ");
    house.close().await;
}

#[tokio::test]
async fn what_infra_leaves_goes_on_to_main() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let both = shop.push("main", |work| work.write("infra/net.tf", "x\n").write("src/c.rs", "fn c() {}\n"));
    let receipt = house.deliver(&both).await;
    assert_eq!(receipt["runs"][0]["route"], "infra");
    assert_eq!(receipt["runs"][1]["route"], "main");
    let main = house.run(&both.commit, RunState::Waiting).await;
    assert_eq!(main.key.route.as_str(), "main");
    assert_eq!(house.runs(&both.commit).await[0].state, RunState::Succeeded);

    let infra_only = shop.push("main", |work| work.write("infra/net.tf", "y\n"));
    let receipt = house.deliver(&infra_only).await;
    assert_eq!(receipt["runs"].as_array().unwrap().len(), 1, "nothing is left for main: {receipt}");
    house.run(&infra_only.commit, RunState::Succeeded).await;
    assert_eq!(house.runs(&infra_only.commit).await.len(), 1);
    house.close().await;
}

#[tokio::test]
async fn a_person_starts_what_only_a_person_may_start() {
    let house = House::open().await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("hand/over", |work| work.write("src/c.rs", "fn c() {}\n"));
    let receipt = house.deliver(&pushed).await;
    assert_eq!(receipt["offer"], true, "{receipt}");
    house.everything_told().await;
    insta::assert_snapshot!(house.shown(ForgeKind::Github, &pushed.commit).join("\n"), @"pointsman pending waiting for release: by-hand is started by a person, from this link");
    assert!(house.runs(&pushed.commit).await.is_empty());

    let id = pushed.delivery.id().parse().unwrap();
    let by = router::run::Person::new("lee").unwrap();
    cicd::control::start_offered(&house.app, &id, by).await.unwrap();
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.close().await;
}
