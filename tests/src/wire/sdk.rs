//! The AWS SDKs that our own engine uses.

use aws_sdk_codebuild::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_codebuild::types::StatusType;
use aws_sdk_codepipeline::types::{
    PipelineExecutionStatus, PipelineVariable, SourceRevisionOverride, SourceRevisionType,
};

use super::bench::{BUILDSPEC, Bench, REGION};

fn keys() -> Credentials {
    Credentials::new("key", "secret", None, None, "the tests")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_start_a_pipeline_and_read_its_build() {
    let bench = Bench::open("wire-sdk").await;
    bench.put("src/bad.zip", &[("buildspec.yml", BUILDSPEC), ("fail", "")]).await;
    bench.make("shop");
    let pipelines = aws_sdk_codepipeline::Client::from_conf(
        aws_sdk_codepipeline::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(cicd::outbound::for_aws())
            .endpoint_url(&bench.url)
            .region(Region::from_static(REGION))
            .credentials_provider(keys())
            .build(),
    );
    let builds = aws_sdk_codebuild::Client::from_conf(
        aws_sdk_codebuild::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(cicd::outbound::for_aws())
            .endpoint_url(&bench.url)
            .region(Region::from_static(REGION))
            .credentials_provider(keys())
            .build(),
    );
    let variable = |name: &str, value: &str| PipelineVariable::builder().name(name).value(value).build().unwrap();
    let revision = SourceRevisionOverride::builder()
        .action_name("source")
        .revision_type(SourceRevisionType::S3ObjectKey)
        .revision_value("src/bad.zip")
        .build()
        .unwrap();
    let started = pipelines.start_pipeline_execution().name("shop").source_revisions(revision);
    let started =
        started.variables(variable("RUN", "1")).variables(variable("STAGES", ",build,")).send().await.unwrap();
    let execution = started.pipeline_execution_id().unwrap();
    loop {
        let told = pipelines.get_pipeline_execution().pipeline_name("shop").pipeline_execution_id(execution);
        let told = told.send().await.unwrap();
        match told.pipeline_execution().unwrap().status().unwrap() {
            PipelineExecutionStatus::InProgress => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            status => break assert_eq!(*status, PipelineExecutionStatus::Failed),
        }
    }
    let listed = builds.list_builds_for_project().project_name("shop-build").send().await.unwrap();
    let told = builds.batch_get_builds().set_ids(listed.ids).send().await.unwrap();
    let build = &told.builds()[0];
    assert_eq!(*build.build_status().unwrap(), StatusType::Failed);
    let phase = build.phases().iter().find(|phase| phase.phase_status() == Some(&StatusType::Failed)).unwrap();
    assert!(phase.contexts()[0].message().unwrap().contains("test ! -e fail"), "{phase:?}");
    assert!(build.logs().unwrap().deep_link().is_some());
    let missing = pipelines.get_pipeline().name("none").send().await.unwrap_err().into_service_error();
    assert!(missing.is_pipeline_not_found_exception(), "{missing:?}");
}
