//! Secrets and rules that are kept on AWS, and exchanged under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cicd::aws::Aws;
use cicd::config::{Flags, Settings};
use cicd::rules_file::RulesFile;
use cicd::vault::{self, Reason};
use jiff::Timestamp;

use crate::world::aws;

fn fresh(name: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", MADE.fetch_add(1, Ordering::Relaxed))
}

fn to_aws() -> Arc<Aws> {
    Arc::new(Aws::with(aws::config()))
}

async fn load(vars: &[(&str, &str)]) -> Result<Settings, String> {
    let vars: HashMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    vault::load(Flags::default(), Box::new(vars), to_aws()).await.map_err(|mistakes| mistakes.to_string())
}

/// Keeps a secret and gives its ARN.
async fn keep(client: &aws_sdk_secretsmanager::Client, text: &str) -> String {
    let made = client.create_secret().name(fresh("git/hook")).secret_string(text).send().await.unwrap();
    made.arn.unwrap()
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + 60 * minute).unwrap()
}

fn proofs(settings: &Settings) -> Vec<&str> {
    settings.forges[0].webhook_secrets.iter().map(|secret| secret.expose_str().unwrap()).collect()
}

#[tokio::test]
async fn secrets_come_from_where_they_are_kept() {
    let client = aws_sdk_secretsmanager::Client::new(&aws::config());
    let ssm = aws_sdk_ssm::Client::new(&aws::config());
    let (plain, of_key) =
        (keep(&client, "plain").await, keep(&client, r#"{"user": "root", "hook": "of a key"}"#).await);
    let name = format!("/{}", fresh("token"));
    let kept = ssm.put_parameter().name(&name).value(r#"{"apiToken": "of ssm"}"#);
    kept.r#type(aws_sdk_ssm::types::ParameterType::SecureString).send().await.unwrap();
    let proof = format!("secretsmanager:{plain},secretsmanager:{of_key}:hook");
    let token = format!("ssm:{name}");
    let settings =
        load(&[("POINTSMAN_GITHUB_WEBHOOK_SECRET", &proof), ("POINTSMAN_GITHUB_TOKEN", &token)]).await.unwrap();
    assert_eq!(proofs(&settings), ["plain", "of a key"]);
    assert_eq!(settings.forges[0].token.as_ref().unwrap().expose_str(), Some("of ssm"));
}

#[tokio::test]
async fn a_secret_that_is_not_there_or_not_plain_is_named_and_not_shown() {
    let client = aws_sdk_secretsmanager::Client::new(&aws::config());
    let json = keep(&client, r#"{"username": "root", "password": "hunter2"}"#).await;
    let proof = format!("secretsmanager:{json},secretsmanager:{json}:port,secretsmanager:nowhere");
    let Err(mistakes) = load(&[("POINTSMAN_GITHUB_WEBHOOK_SECRET", &proof)]).await else { panic!("nothing was wrong") };
    assert!(mistakes.contains("the secret is JSON, not plain text"), "{mistakes}");
    assert!(mistakes.contains("it has no key \"port\", but password, username"), "{mistakes}");
    assert!(mistakes.contains("secretsmanager:nowhere cannot be read"), "{mistakes}");
    assert!(!mistakes.contains("hunter2") && !mistakes.contains("root"), "{mistakes}");
}

#[tokio::test]
async fn an_exchanged_secret_is_taken_with_time_or_at_the_first_doubt() {
    let client = aws_sdk_secretsmanager::Client::new(&aws::config());
    let arn = keep(&client, "old").await;
    let settings = load(&[("POINTSMAN_GITHUB_WEBHOOK_SECRET", &format!("secretsmanager:{arn}"))]).await.unwrap();
    let vault = settings.vault.clone().unwrap();
    assert!(vault.refresh(at(0), Reason::Age).await.is_none());
    client.put_secret_value().secret_id(&arn).secret_string("new").send().await.unwrap();
    assert!(vault.refresh(at(4), Reason::Age).await.is_none(), "it is not old yet");
    assert_eq!(proofs(&vault.refresh(at(4), Reason::Doubt).await.unwrap()), ["new"]);
    client.put_secret_value().secret_id(&arn).secret_string("newer").send().await.unwrap();
    assert!(vault.refresh(at(4), Reason::Doubt).await.is_none(), "anybody can raise a doubt");
    assert_eq!(proofs(&vault.refresh(at(9), Reason::Age).await.unwrap()), ["newer"]);
    assert!(vault.refresh(at(20), Reason::Age).await.is_none(), "nothing has changed");
}

#[tokio::test]
async fn a_secret_that_vanished_or_became_unusable_leaves_the_last_good_one() {
    let client = aws_sdk_secretsmanager::Client::new(&aws::config());
    let (gone, other) = (keep(&client, "gone").await, keep(&client, "other").await);
    let proof = format!("secretsmanager:{gone},secretsmanager:{other}");
    let settings = load(&[("POINTSMAN_GITHUB_WEBHOOK_SECRET", &proof)]).await.unwrap();
    let vault = settings.vault.clone().unwrap();
    client.put_secret_value().secret_id(&other).secret_string(r#"{"a": 1}"#).send().await.unwrap();
    assert!(vault.refresh(at(0), Reason::Doubt).await.is_none(), "a mistake does not come in force");
    client.delete_secret().secret_id(&gone).force_delete_without_recovery(true).send().await.unwrap();
    client.put_secret_value().secret_id(&other).secret_string("another").send().await.unwrap();
    let now = vault.refresh(at(10), Reason::Age).await.unwrap();
    assert_eq!(proofs(&now), ["gone", "another"]);
}

fn rules(route: &str) -> String {
    format!("version: 1\nrepositories: [{{github: a/b}}]\nroutes: [{{name: {route}, any: true, pipeline: none}}]\n")
}

#[tokio::test]
async fn rules_in_s3_are_looked_at_again_and_bad_ones_never_come_in_force() {
    let s3 =
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&aws::config()).force_path_style(true).build());
    let bucket = fresh("rules");
    let near = aws_sdk_s3::types::BucketLocationConstraint::EuCentral1;
    let near = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(near).build();
    s3.create_bucket().bucket(&bucket).create_bucket_configuration(near).send().await.unwrap();
    let versions = aws_sdk_s3::types::VersioningConfiguration::builder();
    let versions = versions.status(aws_sdk_s3::types::BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(&bucket).versioning_configuration(versions).send().await.unwrap();
    let put = async |text: String| {
        s3.put_object().bucket(&bucket).key("pointsman.yaml").body(text.into_bytes().into()).send().await.unwrap();
    };
    let place = cicd::config::RulesPlace::S3(format!("s3://{bucket}/pointsman.yaml").parse().unwrap());
    assert!(RulesFile::open(&place, &to_aws()).await.err().unwrap().contains("NoSuchKey"));
    put(rules("one")).await;
    let file = RulesFile::open(&place, &to_aws()).await.unwrap();
    let first = file.current().hash().to_owned();

    put("version: 1\nruotes: []\n".to_owned()).await;
    file.refresh(at(1)).await;
    assert_eq!(file.current().hash(), first);
    let problem = file.problem().unwrap();
    assert!(problem.text.contains("pointsman.yaml:2:1") && problem.text.contains("ruotes"), "{}", problem.text);
    file.refresh(at(2)).await;
    assert_eq!(file.problem().unwrap().at, at(1), "it is not bad anew at every look");
    // Whoever begins now begins with the last good one.
    let late = RulesFile::open(&place, &to_aws()).await.unwrap();
    assert_eq!(late.current().hash(), first);
    assert!(late.problem().unwrap().text.contains("ruotes"));

    put(rules("two")).await;
    file.refresh(at(3)).await;
    assert_ne!(file.current().hash(), first);
    assert!(file.problem().is_none());

    let second = file.current().hash().to_owned();
    s3.delete_object().bucket(&bucket).key("pointsman.yaml").send().await.unwrap();
    file.refresh(at(4)).await;
    assert_eq!(file.current().hash(), second);
    assert!(file.problem().unwrap().text.contains("NoSuchKey"));
    put(rules("two")).await;
    file.refresh(at(5)).await;
    assert!(file.problem().is_none(), "what is there again as it was is no problem");
}
