//! A wire that listens, with moto as the rest of AWS.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials as Keys, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};
use cicd::clock::SystemClock;
use cicd::wire::codebuild::Vaults;
use cicd::wire::deploys::DeployConfig;
use cicd::wire::front::{Front, FrontConfig};
use cicd::wire::{Locality, router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::aws::{self, endpoint};

pub(super) const REGION: &str = "eu-central-1";
pub(super) const ACCOUNT: &str = "111122223333";

/// A wire at an address.
pub(super) struct Bench {
    pub(super) url: String,
    pub(super) front: Arc<Front>,
    pub(super) s3: aws_sdk_s3::Client,
    /// A bucket that keeps versions.
    pub(super) bucket: String,
    pub(super) data: tempfile::TempDir,
}

impl Bench {
    /// Opens a wire; the bucket's name is the test's own.
    pub(super) async fn open(bucket: &str) -> Self {
        let s3 = s3();
        let place =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
        s3.create_bucket().bucket(bucket).create_bucket_configuration(place).send().await.unwrap();
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versions).send().await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let deploys = DeployConfig {
            ecs: Some(endpoint()),
            cloudformation: Some(endpoint()),
            look_every: Duration::from_millis(50),
            patience: Duration::from_secs(60),
            region: REGION.to_owned(),
            ..DeployConfig::recording(data.path().join("deploys.jsonl"))
        };
        let config = FrontConfig {
            locality: Locality { region: REGION.to_owned(), account: ACCOUNT.to_owned() },
            s3: Some(s3.clone()),
            vaults: Vaults {
                parameters: Some(aws_sdk_ssm::Client::new(&aws::config())),
                secrets: Some(aws_sdk_secretsmanager::Client::new(&aws::config())),
            },
            kill_grace: Duration::from_millis(200),
            deploys: Some(deploys),
            ..FrontConfig::new(data.path().join("wire"))
        };
        let front = Front::open(config, Arc::new(SystemClock)).unwrap();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", door.local_addr().unwrap());
        let routes = router(Arc::clone(&front));
        tokio::spawn(async move { axum::serve(door, routes).await });
        Self { url, front, s3, bucket: bucket.to_owned(), data }
    }

    /// Puts a source archive, and returns its version.
    pub(super) async fn put(&self, key: &str, files: &[(&str, &str)]) -> String {
        let body = ByteStream::from(zipped(files));
        let put = self.s3.put_object().bucket(&self.bucket).key(key).body(body).send().await.unwrap();
        put.version_id().unwrap().to_owned()
    }

    /// Makes a pipeline of a source, a build and a gate, and its project.
    pub(super) fn make(&self, name: &str) {
        let declared = cicd::wire::template::Declared {
            projects: vec![project(&format!("{name}-build"))],
            pipelines: vec![json!({"pipeline": pipeline(name, &self.bucket)})],
            disabled: vec![],
        };
        self.front.load(&declared).unwrap();
    }
}

/// A client of moto's S3.
pub(super) fn s3() -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(endpoint())
        .region(Region::from_static(REGION))
        .force_path_style(true)
        .credentials_provider(Keys::new("key", "secret", None, None, "the tests"))
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A zip of text files.
pub(super) fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::{Cursor, Write};
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A project whose builds a pipeline starts.
pub(super) fn project(name: &str) -> Value {
    json!({
        "name": name,
        "source": {"type": "CODEPIPELINE"},
        "artifacts": {"type": "CODEPIPELINE"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        "serviceRole": format!("arn:aws:iam::{ACCOUNT}:role/build"),
    })
}

/// A pipeline: source, build unless it is skipped, gate.
pub(super) fn pipeline(name: &str, bucket: &str) -> Value {
    let kind = |category: &str, provider: &str| json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"});
    let skip = json!({"conditions": [{"result": "SKIP", "rules": [{
        "name": "asked",
        "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
        "configuration": {"Variable": "#{variables.STAGES}", "Operator": "CONTAINS", "Value": ",build,"},
    }]}]});
    json!({
        "name": name,
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/pipeline"),
        "pipelineType": "V2",
        "executionMode": "PARALLEL",
        "artifactStore": {"type": "S3", "location": bucket},
        "variables": [{"name": "RUN"}, {"name": "STAGES", "defaultValue": ","}],
        "stages": [
            {"name": "source", "actions": [{
                "name": "source",
                "actionTypeId": kind("Source", "S3"),
                "configuration": {
                    "S3Bucket": bucket,
                    "S3ObjectKey": "none.zip",
                    "AllowOverrideForS3ObjectKey": "true",
                    "PollForSourceChanges": "false",
                },
                "outputArtifacts": [{"name": "source"}],
            }]},
            {"name": "build", "beforeEntry": skip, "actions": [{
                "name": "build",
                "namespace": "built",
                "actionTypeId": kind("Build", "CodeBuild"),
                "configuration": {
                    "ProjectName": format!("{name}-build"),
                    "EnvironmentVariables": r##"[{"name":"POINTSMAN_RUN","value":"#{variables.RUN}","type":"PLAINTEXT"}]"##,
                },
                "inputArtifacts": [{"name": "source"}],
                "outputArtifacts": [{"name": "build"}],
            }]},
            {"name": "gate", "actions": [{
                "name": "gate",
                "actionTypeId": kind("Approval", "Manual"),
                "configuration": {"CustomData": "run #{variables.RUN}"},
            }]},
        ],
    })
}

/// A buildspec that says something, and fails when it is told to.
pub(super) const BUILDSPEC: &str = r#"version: 0.2
env: {exported-variables: [SAID]}
phases:
  build:
    commands:
      - SAID="run $POINTSMAN_RUN"
      - test ! -e fail
artifacts: {files: [hello.txt]}
"#;
