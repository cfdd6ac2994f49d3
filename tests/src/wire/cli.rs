//! The AWS CLI, as people use it.

use serde_json::Value;
use tokio::process::Command;

use super::bench::{BUILDSPEC, Bench, REGION};
use crate::world::aws::installed;

impl Bench {
    /// Asks with the CLI; what it prints, or what it complains about.
    async fn aws(&self, words: &[&str]) -> Result<Value, String> {
        let run = Command::new(installed("aws"))
            .args(words)
            .args(["--endpoint-url", &self.url, "--region", REGION, "--output", "json"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.data.path())
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&run.stdout);
        match run.status.success() {
            true if text.trim().is_empty() => Ok(Value::Null),
            true => Ok(serde_json::from_str(&text).unwrap()),
            false => Err(String::from_utf8_lossy(&run.stderr).into_owned()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_starts_reads_and_steers() {
    let bench = Bench::open("wire-cli").await;
    bench.put("src/good.zip", &[("buildspec.yml", BUILDSPEC), ("hello.txt", "hello")]).await;
    bench.make("shop");
    let listed = bench.aws(&["codepipeline", "list-pipelines"]).await.unwrap();
    assert_eq!(listed["pipelines"][0]["name"], "shop");
    let started = bench
        .aws(&[
            "codepipeline",
            "start-pipeline-execution",
            "--name",
            "shop",
            "--variables",
            r#"[{"name": "RUN", "value": "7"}, {"name": "STAGES", "value": ",build,"}]"#,
            "--source-revisions",
            "actionName=source,revisionType=S3_OBJECT_KEY,revisionValue=src/good.zip",
        ])
        .await
        .unwrap();
    let execution = started["pipelineExecutionId"].as_str().unwrap().to_owned();
    let gate = loop {
        let filter = format!("pipelineExecutionId={execution}");
        let told = ["codepipeline", "list-action-executions", "--pipeline-name", "shop", "--filter", &filter];
        let told = bench.aws(&told).await.unwrap();
        let details = told["actionExecutionDetails"].as_array().unwrap();
        assert!(details.iter().all(|action| action["status"] != "Failed"), "{told:#}");
        if let Some(gate) = details.iter().find(|action| action["actionName"] == "gate") {
            break gate["actionExecutionId"].as_str().unwrap().to_owned();
        }
    };
    let answer = [
        "codepipeline",
        "put-approval-result",
        "--pipeline-name",
        "shop",
        "--stage-name",
        "gate",
        "--action-name",
        "gate",
        "--token",
        &gate,
        "--result",
        "summary=fine,status=Approved",
    ];
    assert!(bench.aws(&answer).await.unwrap()["approvedAt"].is_number());
    loop {
        let told = [
            "codepipeline",
            "get-pipeline-execution",
            "--pipeline-name",
            "shop",
            "--pipeline-execution-id",
            &execution,
        ];
        let told = bench.aws(&told).await.unwrap();
        match told["pipelineExecution"]["status"].as_str().unwrap() {
            "InProgress" => {}
            status => break assert_eq!(status, "Succeeded"),
        }
    }
    let builds = bench.aws(&["codebuild", "list-builds-for-project", "--project-name", "shop-build"]).await.unwrap();
    let id = builds["ids"][0].as_str().unwrap();
    let build = bench.aws(&["codebuild", "batch-get-builds", "--ids", id]).await.unwrap();
    assert_eq!(build["builds"][0]["buildStatus"], "SUCCEEDED");
    let refused = bench.aws(&["codepipeline", "get-pipeline", "--name", "none"]).await.unwrap_err();
    assert!(refused.contains("(PipelineNotFoundException)"), "{refused}");
}
