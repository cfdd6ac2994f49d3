//! The page of the rules: hits, problems, the playground, the plan.

use super::fixture::{World, push};

#[tokio::test]
async fn each_route_has_its_hits_and_its_problems() {
    let world = World::open().await;
    world.decided(&push("main"), false).await;
    let json = world.get("/rules.json").await.json();
    let hits = |name: &str| {
        let routes = json["routes"].as_array().unwrap();
        routes.iter().find(|route| route["name"] == name).unwrap()["hits"].clone()
    };
    assert_eq!(hits("main"), 1);
    let others: u64 = json["routes"].as_array().unwrap().iter().filter_map(|route| route["hits"].as_u64()).sum();
    assert_eq!(others, 1);
    let page = world.get("/rules").await.text;
    assert!(page.contains("1 hit<") && page.contains("no hit<"), "{page}");

    let text = std::fs::read_to_string(world.folder.path().join("pointsman.yaml")).unwrap();
    let dead = "  - {name: never, branch: main, actors: nobody, pipeline: none}\n  - {name: the-rest";
    std::fs::write(world.folder.path().join("pointsman.yaml"), text.replace("  - {name: the-rest", dead)).unwrap();
    world.app.rules.refresh(super::fixture::at(700)).await;
    let page = world.get("/rules").await.text;
    assert!(page.contains("`never` is never reached"), "{page}");
}

#[tokio::test]
async fn a_push_that_never_happened_gets_a_receipt() {
    let world = World::open().await;
    let asked = "branch=main&actor=%3Cb%3E&changed=src%2Fa.rs%0D%0Ab";
    let json = world.get(&format!("/rules/try.json?{asked}")).await.json();
    assert_eq!((&json["route"], &json["actor"], &json["commit"]), (&"main".into(), &"<b>".into(), &().into()));
    assert_eq!(json["changed"], serde_json::json!(["b", "src/a.rs"]));
    let page = world.get(&format!("/rules/try?{asked}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("branch main matches main") && !page.text.contains("<b>\""), "{}", page.text);
    for wrong in ["", "branch=a&tag=b", "branch=a..b", "branch=main&repo=evil%2Fshop"] {
        assert_eq!(world.get(&format!("/rules/try.json?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_candidate_is_tried_on_what_came() {
    let world = World::open().await;
    world.decided(&push("main"), false).await;
    let text = std::fs::read_to_string(world.folder.path().join("pointsman.yaml")).unwrap();
    let send = async |file: &str| {
        let form = format!("file={}", percent_encoding::utf8_percent_encode(file, percent_encoding::NON_ALPHANUMERIC));
        world.submit("/rules/plan", &form).await
    };
    let same = send(&text.replace('\n', "\r\n")).await;
    assert!(same.status == 200 && same.text.contains("no decision changes, of 1"), "{}", same.text);
    let other = send(&text.replace("name: main,", "name: trunk,")).await;
    assert!(other.text.contains("1 of 1 decisions changes") && other.text.contains("trunk:"), "{}", other.text);
    let wrong = send("version: 2\n<script>").await;
    assert!(
        wrong.text.contains("no rule file that could be in force") && !wrong.text.contains("<script>\n"),
        "{}",
        wrong.text
    );
}
