use super::fixture::{World, push};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is the shape itself")]
async fn a_run_has_the_promised_shape() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    insta::assert_json_snapshot!(world.get(&format!("/runs/{}.json", run.id)).await.json(), @r#"
    {
      "attempt": 1,
      "because": "waits at prod for 1 of release-managers",
      "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "deliveries": [
        "d-1"
      ],
      "environments": [
        {
          "deploy": {
            "detail": "",
            "ended_at": null,
            "started_at": null,
            "state": "pending"
          },
          "gate": {
            "approvals": [],
            "by": [
              "release-managers"
            ],
            "expires_at": "2023-11-14T23:14:20Z",
            "state": "waiting"
          },
          "name": "prod"
        }
      ],
      "id": "d846be908830a689",
      "pipeline": "application",
      "ref": "refs/heads/main",
      "repository": "acme/shop",
      "route": "main",
      "stages": [
        {
          "compute": "small",
          "detail": "",
          "ended_at": "2023-11-14T22:13:50Z",
          "name": "lint",
          "started_at": "2023-11-14T22:13:40Z",
          "state": "succeeded"
        },
        {
          "compute": "small",
          "detail": "",
          "ended_at": "2023-11-14T22:14:10Z",
          "name": "build",
          "started_at": "2023-11-14T22:14:00Z",
          "state": "succeeded"
        }
      ],
      "state": "waiting",
      "statuses": [
        {
          "context": "pointsman/application/lint",
          "description": "done, 10s",
          "state": "success",
          "url": "http://127.0.0.1:8700/runs/d846be908830a689"
        },
        {
          "context": "pointsman/application/build",
          "description": "done, 10s",
          "state": "success",
          "url": "http://127.0.0.1:8700/runs/d846be908830a689"
        },
        {
          "context": "pointsman/application/deploy/prod",
          "description": "waits at prod for 1 of release-managers",
          "state": "pending",
          "url": "http://127.0.0.1:8700/runs/d846be908830a689"
        },
        {
          "context": "pointsman",
          "description": "main: waits at prod for 1 of release-managers",
          "state": "pending",
          "url": "http://127.0.0.1:8700/runs/d846be908830a689"
        }
      ],
      "url": "http://127.0.0.1:8700/runs/d846be908830a689"
    }
    "#);
}

#[tokio::test]
async fn a_receipt_has_the_promised_shape() {
    let world = World::open().await;
    let id = world.decided(&push("main"), false).await;
    insta::assert_json_snapshot!(world.get(&format!("/deliveries/{id}.json")).await.json(), @r#"
    {
      "actor": "eli",
      "because": [
        "branch main matches main"
      ],
      "before": null,
      "branch": "main",
      "changed": [
        "src/a.rs"
      ],
      "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "created": false,
      "decision": "start",
      "delivery": "d-1",
      "event": "push",
      "forced": false,
      "forge": "github",
      "ignored_by": null,
      "nearest_miss": {
        "because": "no changed file matches infra/**",
        "needed": [
          "a changed file that matches infra/**, as infra/a does"
        ],
        "route": "infra"
      },
      "offer": false,
      "repository": "acme/shop",
      "route": "main",
      "rules": "sha256:00",
      "runs": [
        {
          "environments": [
            "prod"
          ],
          "pipeline": "application",
          "route": "main",
          "stages": [
            "lint",
            "build"
          ]
        }
      ],
      "tag": null
    }
    "#);
}

#[tokio::test]
async fn lists_hold_the_same_shapes() {
    let world = World::open().await;
    let run = world.waiting_run(&push("main")).await;
    let other = world.waiting_run(&push("other")).await;
    let id = world.decided(&push("main"), false).await;
    let runs = world.get("/runs.json").await.json();
    assert_eq!(runs.as_array().unwrap().len(), 2);
    let one = world.get(&format!("/runs.json?most=1&before={}", runs[0]["id"].as_str().unwrap())).await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0], runs[1]);
    let ids = [run.id.as_str(), other.id.as_str()];
    assert!(ids.contains(&one[0]["id"].as_str().unwrap()));
    let index = world.get("/index.json").await.json();
    assert_eq!((index["runs"].as_array().unwrap().len(), index["waiting"].as_array().unwrap().len()), (2, 2));
    let receipts = world.get("/deliveries.json").await.json();
    assert_eq!(receipts[0], world.get(&format!("/deliveries/{id}.json")).await.json());
    assert_eq!(world.get("/runs.json?before=nonsense").await.status, 400);
    let refused = world.get("/runs.json?most=nonsense").await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("most"), "{}", refused.text);
}
