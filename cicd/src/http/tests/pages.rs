use std::fs;

use axum::body::Body;
use axum::http::Request;
use router::run::{Run, RunEvent};

use super::fixture::{World, at, fresh, push};

const HOSTILE: &str = "x\"><script>alert(1)</script>'${IFS}&amp;";

fn write_log(world: &World, run: &Run, step: &str, text: &str) {
    let file = world.app.logs.file(&run.id, step);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

#[tokio::test]
async fn text_from_outside_is_only_text() {
    let world = World::open().await;
    let mut push = push(HOSTILE);
    push.message = HOSTILE.to_owned();
    push.actor = HOSTILE.to_owned();
    let run = world.waiting_run(&push).await;
    let id = world.decided(&push, false).await;
    write_log(&world, &run, "lint", &format!("{HOSTILE}\n"));
    for address in ["/", "/runs", &format!("/runs/{}?step=lint", run.id), "/deliveries", &format!("/deliveries/{id}")] {
        let page = world.get(address).await;
        assert_eq!(page.status, 200, "{address}");
        assert!(page.text.contains("&lt;script&gt;alert(1)"), "{address}: the text is not there");
        assert!(!page.text.contains("<script>alert") && !page.text.contains("x\"><"), "{address}");
    }
    let nowhere = world.get("/runs/%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!nowhere.text.contains("<script>alert"), "{}", nowhere.text);
}

#[tokio::test]
async fn no_page_has_code_or_style_in_it() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    for address in ["/", &format!("/runs/{}", run.id), "/deliveries", "/rules", "/nowhere"] {
        let page = world.get(address).await.text;
        assert_eq!(page.matches("<script").count(), page.matches("<script defer src=\"/assets/").count(), "{address}");
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"), "{address}");
        assert!(!page.contains("http://") && !page.contains("https://"), "{address} names another place");
    }
}

#[tokio::test]
async fn the_first_page_shows_the_gate_that_waits_with_its_two_answers() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let page = world.get("/").await.text;
    assert!(page.contains("Waiting for you"));
    assert!(page.contains(&format!(r#"action="/runs/{}/gates/prod""#, run.id)));
    assert!(page.contains(r#"value="approve""#) && page.contains(r#"value="reject""#));
    assert!(page.contains("<title>1 waiting · Pointsman</title>"), "{page}");
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let world = World::open().await;
    let mut run = fresh(&push("main"));
    world.save(&run).await;
    run = world.app.store.run(&run.id).await.unwrap().unwrap();
    for address in ["/", &format!("/runs/{}", run.id)] {
        let tag = world.get(address).await.header("etag").to_owned();
        let again = |tag: String| {
            let request = Request::get(address).header("host", "localhost").header("accept", "text/html");
            world.send(request.header("if-none-match", tag).body(Body::empty()).unwrap())
        };
        assert_eq!(again(tag.clone()).await.status, 304, "{address}");
        run.apply(&RunEvent::Failed { why: format!("because of {address}") }, at(1));
        assert_eq!(again("\"0\"".to_owned()).await.status, 200, "{address}");
    }
    let tag = world.get("/").await.header("etag").to_owned();
    world.save(&run).await;
    let request = Request::get("/").header("host", "localhost").header("accept", "text/html");
    let changed = world.send(request.header("if-none-match", tag).body(Body::empty()).unwrap()).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn a_bad_rule_file_is_told_on_every_page_and_the_last_good_one_stays() {
    let world = World::open().await;
    let good = world.get("/rules.json").await.json()["rules"].clone();
    fs::write(world.folder.path().join("pointsman.yaml"), "version: 99\nnonsense: <b>\n").unwrap();
    world.app.rules.refresh(at(700)).await;
    for address in ["/", "/deliveries", "/rules", "/nowhere"] {
        assert!(world.get(address).await.text.contains("The rule file has a problem"), "{address}");
    }
    let now = world.get("/rules.json").await.json();
    assert_eq!(now["rules"], good);
    assert!(now["problem"]["text"].is_string());
}

#[tokio::test]
async fn a_log_is_given_in_parts() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    write_log(&world, &run, "lint", "one\ntwo\n");
    let address = format!("/runs/{}/logs/lint", run.id);
    let first = world.get(&address).await;
    assert_eq!((first.text.as_str(), first.header("x-next-offset")), ("one\ntwo\n", "8"));
    assert_eq!(first.header("content-type"), "text/plain; charset=utf-8");
    let rest = world.get(&format!("{address}?from=4")).await;
    assert_eq!((rest.text.as_str(), rest.header("x-next-offset")), ("two\n", "8"));
    let long = "x".repeat(99).to_string() + "\n";
    write_log(&world, &run, "build", &long.repeat(4000));
    let part = world.get(&format!("/runs/{}/logs/build", run.id)).await;
    assert!(part.text.len() <= 256 * 1024 && part.text.len() > 200 * 1024);
    for nowhere in ["deploy-test", "..%2Flint", "%2e%2e", "nothing"] {
        assert_eq!(world.get(&format!("/runs/{}/logs/{nowhere}", run.id)).await.status, 404, "{nowhere}");
    }
    let unbegun = world.get(&format!("/runs/{}/logs/deploy-prod", run.id)).await;
    assert_eq!((unbegun.text.as_str(), unbegun.header("x-next-offset")), ("", "0"));
}

#[tokio::test]
async fn a_long_log_goes_on_where_its_first_part_ended() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let text: String = (1..=40_000).map(|n| format!("line {n}\n")).collect();
    write_log(&world, &run, "build", &text);
    let page = world.get(&format!("/runs/{}?step=build", run.id)).await.text;
    let last = page.rsplit("<li id=\"L").next().unwrap().split('"').next().unwrap().parse::<usize>().unwrap();
    let next = page.split("data-next=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let page = world.get(&next).await.text;
    let line = last + 1;
    assert!(page.contains(&format!("<li id=\"L{line}\">")) && page.contains(&format!("<span>line {line}</span>")));
    assert!(!page.contains(&format!("<li id=\"L{last}\">")));
}

#[tokio::test]
async fn failures_wear_the_dress_that_was_asked_for() {
    let world = World::open().await;
    let page = world.get("/runs/0123456789abcdef").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("<h1>Not Found</h1>") && page.header("content-type").starts_with("text/html"));
    let run = fresh(&push("main"));
    world.save(&run).await;
    let refused = world.submit(&format!("/runs/{}/gates/prod", run.id), "answer=approve&as=dana").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains(&format!(r#"<a href="/runs/{}">Back</a>"#, run.id)), "{}", refused.text);
    let data = world.get("/runs/0123456789abcdef.json").await;
    assert_eq!((data.status.as_u16(), data.text.as_str()), (404, r#"{"error":"no such run"}"#));
}

#[tokio::test]
async fn files_are_named_by_their_content_and_kept() {
    let world = World::open().await;
    let page = world.get("/").await.text;
    for ending in [".css", ".js", ".svg"] {
        let address = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(ending)).unwrap();
        let asset = world.get(address).await;
        assert_eq!(asset.status, 200, "{address}");
        assert!(asset.header("cache-control").contains("immutable"));
    }
}
