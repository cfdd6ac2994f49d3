//! boto3, and every answer held against botocore's service models.

use tokio::process::Command;

use super::bench::{BUILDSPEC, Bench};
use crate::world::aws::{endpoint, python};

#[tokio::test(flavor = "multi_thread")]
async fn boto3_and_the_service_models_agree_with_the_wire() {
    let bench = Bench::open("wire-python").await;
    let version = bench.put("src/good.zip", &[("buildspec.yml", BUILDSPEC), ("hello.txt", "hello")]).await;
    bench.put("src/bad.zip", &[("buildspec.yml", BUILDSPEC), ("fail", "")]).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/clients.py");
    let run = Command::new(python())
        .args([script, &bench.url, &bench.bucket, &version])
        .env("MOTO", endpoint())
        .output()
        .await
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("held against the service models"), "{said}");
}
