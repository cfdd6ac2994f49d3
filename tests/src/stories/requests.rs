//! Pull requests and merge requests.

use router::id::ForgeKind;
use router::run::RunState;

use super::house::{House, RULES};

/// The usual rules, with routes for change requests and a shadow.
fn rules() -> String {
    let routes = "routes:
  - {name: requests, change_request: {target: main}, pipeline: application, stages: [test]}
  - {name: outside, change_request: {target: open}, forks: true, pipeline: application, stages: [test]}
  - {name: watched, branch: 'feature/**', shadow: true, pipeline: infrastructure}
";
    RULES.replacen("routes:\n", routes, 1)
}

#[tokio::test]
async fn a_request_is_tried_and_told_on_its_head() {
    let house = House::with_rules(&rules()).await;
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let shop = house.shop(kind);
        shop.push("feature/a", |work| work.write("src/a.rs", kind.as_str()));
        let asked = shop.change_request(7, "feature/a", "main", false);
        let receipt = house.deliver(&asked).await;
        assert_eq!((&receipt["event"], &receipt["route"]), (&"change_request".into(), &"requests".into()), "{receipt}");
        assert_eq!(receipt["change_request"]["target"], "main", "{receipt}");
        let run = house.run(&asked.commit, RunState::Succeeded).await;
        assert_eq!(run.key.git_ref.to_string(), "refs/requests/7/main:feature/a");
        let shown = house.shown(kind, &asked.commit).join("\n");
        assert!(shown.contains("pointsman success requests succeeded: all stages succeeded"), "{shown}");
        assert!(shown.contains("pointsman/request/application/test success done"), "{shown}");
        // The same head again is the same run.
        house.deliver(&shop.change_request(7, "feature/a", "main", false)).await;
        assert_eq!(house.runs(&asked.commit).await.len(), 1);
    }
    house.close().await;
}

#[tokio::test]
async fn a_fork_starts_nothing_and_is_told_nothing_unless_a_route_takes_forks() {
    let house = House::with_rules(&rules()).await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("theirs", |work| work.write("src/a.rs", "fn a() {}\n"));
    let receipt = house.deliver(&shop.change_request(8, "theirs", "main", true)).await;
    assert_eq!(receipt["decision"], "nothing", "{receipt}");
    assert_eq!(receipt["nearest_miss"]["route"], "requests", "{receipt}");
    house.everything_told().await;
    assert_eq!(house.shown(ForgeKind::Github, &pushed.commit), Vec::<String>::new());
    let receipt = house.deliver(&shop.change_request(9, "theirs", "open", true)).await;
    assert_eq!(receipt["route"], "outside", "{receipt}");
    house.run(&pushed.commit, RunState::Succeeded).await;
    house.close().await;
}

#[tokio::test]
async fn a_shadow_is_on_the_receipt_and_starts_nothing() {
    let house = House::with_rules(&rules()).await;
    let shop = house.shop(ForgeKind::Github);
    let pushed = shop.push("feature/b", |work| work.write("src/b.rs", "fn b() {}\n"));
    let receipt = house.deliver(&pushed).await;
    assert_eq!(receipt["route"], "feature", "{receipt}");
    assert_eq!(receipt["shadow"][0]["runs"][0]["pipeline"], "infrastructure", "{receipt}");
    house.run(&pushed.commit, RunState::Succeeded).await;
    assert_eq!(house.runs(&pushed.commit).await.len(), 1);
    let page = house.page(&format!("/deliveries/{}", receipt["delivery"].as_str().unwrap())).await;
    assert!(page.contains("Shadow route <b>watched</b> would have started"), "{page}");
    house.close().await;
}
