//! Messages signed with a key of the test's own, and certificates that a fake SNS hands out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::*;

/// Making one takes long.
static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:pipelines";
const CERTIFICATE: &str = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b.pem";
/// The clock of the doors' tests stands a little later.
const SENT: &str = "2023-11-14T22:23:15.123Z";

fn noon() -> Timestamp {
    "2023-11-14T22:23:20Z".parse().unwrap()
}

/// One value of DER: its tag, its length, what is in it.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inside = parts.concat();
    let length = u16::try_from(inside.len()).unwrap();
    let mut bytes = vec![tag];
    match length {
        0..=127 => bytes.push(length as u8),
        _ => bytes.extend([&[0x82][..], &length.to_be_bytes()].concat()),
    }
    bytes.extend(inside);
    bytes
}

/// A certificate of [`KEY`], valid in these years; what SNS's own says of itself is of no account here.
fn certificate(from: &str, until: &str) -> Vec<u8> {
    let algorithm =
        der(0x30, &[&der(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]]), &der(0x05, &[])]);
    let time = |year: &str| der(0x18, &[format!("{year}0101000000Z").as_bytes()]);
    let nobody = der(0x30, &[]);
    let key = KEY.public_key().as_der().unwrap();
    let signed = der(
        0x30,
        &[
            &der(0xa0, &[&der(0x02, &[&[2]])]),
            &der(0x02, &[&[1]]),
            &algorithm,
            &nobody,
            &der(0x30, &[&time(from), &time(until)]),
            &nobody,
            key.as_ref(),
        ],
    );
    let whole = der(0x30, &[&signed, &algorithm, &der(0x03, &[&[0, 1]])]);
    let text = BASE64_STANDARD.encode(whole);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n")).into_bytes()
}

/// Hands out what lies at an address, and counts.
#[derive(Default)]
struct Shelf {
    lies: BTreeMap<String, Vec<u8>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Fetch for Shelf {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.lies.get(url.as_str()).cloned().ok_or_else(|| "nothing lies there".to_owned())
    }
}

fn topics(certificate: Vec<u8>) -> (Topics, Arc<AtomicUsize>) {
    let shelf = Shelf { lies: BTreeMap::from([(CERTIFICATE.to_owned(), certificate)]), ..Shelf::default() };
    let asked = Arc::clone(&shelf.asked);
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    (Topics::new(config, [TOPIC.parse().unwrap()], Box::new(shelf)), asked)
}

pub(crate) fn usual() -> Topics {
    topics(certificate("2022", "2027")).0
}

/// What a message says, before it is signed.
pub(crate) fn notification() -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "be0e4081-80e5-55f6-92c8-23a065565365",
        "TopicArn": TOPIC,
        "Message": "{\"detail\": \"größer\\n\"}",
        "Timestamp": SENT,
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=x",
    })
}

fn confirmation() -> Value {
    let mut message = notification();
    message["Type"] = json!("SubscriptionConfirmation");
    message["Token"] = json!("2336412f");
    message["SubscribeURL"] =
        json!("https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f");
    message
}

/// Signed over these fields, in this order, as the guide of SNS says.
pub(crate) fn signed(mut message: Value, fields: &[&str]) -> Vec<u8> {
    let text: String = fields.iter().map(|name| format!("{name}\n{}\n", message[*name].as_str().unwrap())).collect();
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    message["Signature"] = json!(BASE64_STANDARD.encode(signature));
    message.to_string().into_bytes()
}

pub(crate) const OF_NOTIFICATION: [&str; 5] = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
const OF_CONFIRMATION: [&str; 7] = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

async fn refused(topics: &Topics, body: &[u8], now: Timestamp) -> Refused {
    topics.verify(body, now).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn a_signed_message_is_believed_and_its_certificate_fetched_once() {
    let (topics, asked) = topics(certificate("2022", "2027"));
    let told = topics.verify(&signed(notification(), &OF_NOTIFICATION), noon()).await.unwrap();
    assert_eq!((told.kind, told.message.as_str()), (Kind::Notification, "{\"detail\": \"größer\\n\"}"));
    let mut with_subject = notification();
    with_subject["Subject"] = json!("AWS Notification");
    let fields = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
    assert!(topics.verify(&signed(with_subject.clone(), &fields), noon()).await.is_ok());
    // No subject and a subject that is null are the same.
    with_subject["Subject"] = Value::Null;
    assert!(topics.verify(&signed(with_subject, &OF_NOTIFICATION), noon()).await.is_ok());
    let told = topics.verify(&signed(confirmation(), &OF_CONFIRMATION), noon()).await.unwrap();
    assert_eq!((told.kind, told.token()), (Kind::SubscriptionConfirmation, Ok("2336412f")));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// A message of version 1, signed by `openssl dgst -sha1` with the key of the certificate beside it: the library signs with SHA-1 no
/// more.
#[tokio::test]
async fn version_1_is_signed_with_sha_1() {
    let mut message = notification();
    message["SignatureVersion"] = json!("1");
    message["Timestamp"] = json!("2026-11-30T12:00:00.123Z");
    message["Signature"] = json!(include_str!("tests/version1.signature").trim());
    let noon: Timestamp = "2026-11-30T12:00:05Z".parse().unwrap();
    let (topics, _) = topics(include_bytes!("tests/version1.pem").to_vec());
    let told = topics.verify(message.to_string().as_bytes(), noon).await;
    assert!(told.is_ok(), "{:?}", told.err());
    message["SignatureVersion"] = json!("2");
    assert!(topics.verify(message.to_string().as_bytes(), noon).await.is_err());
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_not_believed() {
    let topics = usual();
    for (field, value) in [
        ("Message", "other"),
        ("MessageId", "other"),
        ("Timestamp", "2023-11-14T22:23:15.124Z"),
        ("Type", "UnsubscribeConfirmation"),
        ("Subject", "added"),
        ("SignatureVersion", "1"),
        ("SignatureVersion", "3"),
        ("Signature", "AAAA"),
        ("Signature", "no base64"),
    ] {
        let mut message: Value = serde_json::from_slice(&signed(notification(), &OF_NOTIFICATION)).unwrap();
        message[field] = json!(value);
        let why = refused(&topics, message.to_string().as_bytes(), noon()).await;
        assert_eq!(why, Refused::NotGenuine("its signature does not hold"), "{field} {value}");
    }
    let mut message: Value = serde_json::from_slice(&signed(confirmation(), &OF_CONFIRMATION)).unwrap();
    message["Token"] = json!("another");
    let why = refused(&topics, message.to_string().as_bytes(), noon()).await;
    assert_eq!(why, Refused::NotGenuine("its signature does not hold"));
}

#[tokio::test]
async fn nothing_is_fetched_for_a_topic_that_nobody_configured_or_an_address_elsewhere() {
    let (topics, asked) = topics(certificate("2022", "2027"));
    for (field, value) in [
        ("TopicArn", "arn:aws:sns:eu-central-1:123456789012:others"),
        ("SigningCertURL", "https://evil.example/SimpleNotificationService-0a1b.pem"),
        ("SigningCertURL", "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b.pem"),
        ("Timestamp", "2023-11-14T20:23:15Z"),
        ("Timestamp", "2023-11-14T22:53:15Z"),
    ] {
        let mut message = notification();
        message[field] = json!(value);
        let why = refused(&topics, &signed(message, &OF_NOTIFICATION), noon()).await;
        assert!(matches!(why, Refused::NotGenuine(_)), "{field} {value}: {why}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_certificate_counts_while_it_is_valid() {
    for (from, until) in [("2020", "2022"), ("2027", "2030")] {
        let (topics, _) = topics(certificate(from, until));
        let why = refused(&topics, &signed(notification(), &OF_NOTIFICATION), noon()).await;
        assert_eq!(why, Refused::NotGenuine("its certificate is not valid now"));
    }
    let (topics, _) = topics(b"<html>".to_vec());
    let why = refused(&topics, &signed(notification(), &OF_NOTIFICATION), noon()).await;
    assert_eq!(why, Refused::NotGenuine("its certificate cannot be read"));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_fetched_is_asked_for_again() {
    let (topics, asked) = topics(certificate("2022", "2027"));
    let mut message = notification();
    message["SigningCertURL"] = json!(CERTIFICATE.replace("0a1b", "ffff"));
    for times in 1..=2 {
        let why = refused(&topics, &signed(message.clone(), &OF_NOTIFICATION), noon()).await;
        assert_eq!((why, asked.load(Ordering::Relaxed)), (Refused::Later("nothing lies there".to_owned()), times));
    }
}

#[tokio::test]
async fn what_is_no_message_is_told_so() {
    let topics = usual();
    let without = |field: &str| {
        let mut message: Value = serde_json::from_slice(&signed(notification(), &OF_NOTIFICATION)).unwrap();
        message.as_object_mut().unwrap().remove(field);
        message.to_string().into_bytes()
    };
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let bad = [b"".to_vec(), b"{}".to_vec(), b"\xff\xfe".to_vec(), deep, without("Signature"), without("TopicArn")];
    for body in bad {
        let why = refused(&topics, &body, noon()).await;
        assert!(matches!(why, Refused::Unreadable(_)), "{why}");
    }
}
