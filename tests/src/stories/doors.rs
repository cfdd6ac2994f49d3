//! The four functions, each invoked with what AWS brings: a push goes from the webhook through table and queue to its end, though nothing
//! goes on between two invocations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use cicd::aws::Aws;
use cicd::clock::FakeClock;
use cicd::config::{AwsSettings, ForgeSettings, Settings, StoreChoice};
use cicd::control::{self, Answer};
use cicd::invocation::Invocations;
use cicd::store::RunFilter;
use cicd::store::dynamodb::create_table;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use router::id::{CommitId, ForgeKind};
use router::run::{Person, Run, RunState};
use router::secret::Secret;
use serde_json::{Value, json};

use super::house::{RULES, first};
use crate::world::runtime_api::gateway_event;
use crate::world::{Delivery, FakeForge, Keys, Pushed, Repo, START, World, aws};

/// The functions of one deployment, in their world.
struct Doors {
    world: World,
    invocations: Invocations,
    sqs: aws_sdk_sqs::Client,
    queue: String,
    /// Where a subscriber hears.
    heard: String,
}

impl Doors {
    async fn open() -> Self {
        Self::with_queue(None).await
    }

    /// The address may be one that nobody is at.
    async fn with_queue(elsewhere: Option<&str>) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("doors-{}", MADE.fetch_add(1, Ordering::Relaxed));
        create_table(&aws::dynamodb(&aws::endpoint()), &name).await.unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws::config());
        let made =
            sqs.create_queue().queue_name(format!("{name}.fifo")).attributes(QueueAttributeName::FifoQueue, "true");
        let queue = made.send().await.unwrap().queue_url.unwrap();
        let heard = sqs.create_queue().queue_name(format!("{name}-heard")).send().await.unwrap().queue_url.unwrap();
        let sns = aws_sdk_sns::Client::new(&aws::config());
        let topic = sns.create_topic().name(&name).send().await.unwrap().topic_arn.unwrap();
        let account = "arn:aws:sqs:eu-central-1:123456789012";
        let subscribed = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(format!("{account}:{name}-heard"));
        subscribed.send().await.unwrap();
        let clock = FakeClock::at(Timestamp::from_second(START).unwrap());
        let world = World::by(Arc::new(clock.clone())).await;
        let text = RULES.replace("DEPLOY}", &format!("{}}}", world.folder("environments").display()));
        let github = ForgeSettings {
            api_url: Some(world.hub.api_url()),
            webhook_secrets: vec![Secret::new(Keys::GITHUB)],
            token: Some(Secret::new(FakeForge::TOKEN)),
            ..ForgeSettings::of(ForgeKind::Github)
        };
        let settings = Settings {
            rules: world.file("pointsman.yaml", &text).into(),
            data: world.folder("data"),
            store: StoreChoice::Dynamodb,
            base_url: Some("https://ci.example.org".to_owned()),
            aws: AwsSettings {
                table: Some(name),
                queue_url: Some(elsewhere.unwrap_or(&queue).parse().unwrap()),
                notification_topic: Some(topic.parse().unwrap()),
                ..AwsSettings::default()
            },
            to_aws: Arc::new(Aws::with(aws::config())),
            in_lambda: true,
            ..Settings::with_forges(vec![github])
        };
        let invocations = Invocations::open(&settings, Arc::new(clock)).await.unwrap();
        Self { world, invocations, sqs, queue, heard }
    }

    fn shop(&self) -> Repo {
        let shop = self.world.github("acme/shop");
        shop.push("main", first);
        shop
    }

    /// API Gateway brings a delivery.
    async fn webhook(&self, delivery: &Delivery) -> u16 {
        let request = lambda_http::request::from_str(&gateway_event(delivery).to_string()).unwrap();
        let app = cicd::http::router(Arc::clone(&self.invocations.app));
        lambda::webhook::handle(app, request).await.status().as_u16()
    }

    /// What waits in the queue.
    async fn waiting(&self) -> Vec<Message> {
        let asked = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let asked = asked.message_system_attribute_names(MessageSystemAttributeName::All);
        asked.send().await.unwrap().messages.unwrap_or_default()
    }

    /// What subscribers have heard since the last time.
    async fn heard(&self) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let asked = self.sqs.receive_message().queue_url(&self.heard).max_number_of_messages(10);
            let messages = asked.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return heard;
            }
            for message in messages {
                let told: Value = serde_json::from_str(body(&message)).unwrap();
                heard.push(serde_json::from_str(told["Message"].as_str().unwrap()).unwrap());
                let read = self.sqs.delete_message().queue_url(&self.heard);
                read.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
            }
        }
    }

    /// The queue brings messages: name, group and body. Gives the names of those that must come again.
    async fn dispatch(&self, messages: &[(&str, &str, &str)]) -> Vec<String> {
        let records: Vec<_> = messages.iter().map(|(id, group, body)| record(id, group, body)).collect();
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let answer = lambda::dispatch::handle(&self.invocations, LambdaEvent::new(event, context())).await;
        let answer = serde_json::to_value(answer).unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    async fn sweep(&self) {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
        lambda::sweep::handle(&self.invocations, LambdaEvent::new(event, context())).await.unwrap();
    }

    async fn runs(&self, commit: &CommitId) -> Vec<Run> {
        let runs = self.invocations.app.store.runs(RunFilter::Recent(100, None)).await.unwrap();
        runs.into_iter().filter(|run| run.key.commit == *commit).collect()
    }

    /// Sweeps until the run is over: only invocations move anything.
    async fn ends(&self, pushed: &Pushed, state: RunState) {
        for _ in 0..600 {
            self.sweep().await;
            if self.runs(&pushed.commit).await.iter().any(|run| run.state == state) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it did not come to be {}", state.as_str());
    }

    fn shown(&self, pushed: &Pushed) -> Vec<String> {
        let latest = self.world.hub.latest("acme/shop", &pushed.commit);
        latest.into_iter().map(|(context, (state, _))| format!("{context} {state}")).collect()
    }
}

/// A batch's message as SQS hands it to a function.
fn record(id: &str, group: &str, body: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": "r", "body": body, "md5OfBody": "m", "messageAttributes": {},
        "attributes": {
            "ApproximateReceiveCount": "1", "MessageGroupId": group, "MessageDeduplicationId": id,
            "SentTimestamp": "1767323045000", "SequenceNumber": "1", "SenderId": "s",
            "ApproximateFirstReceiveTimestamp": "1767323045000",
        },
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:d.fifo", "awsRegion": "eu-central-1",
    })
}

fn context() -> Context {
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(60);
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    context
}

fn body(message: &Message) -> &str {
    message.body().unwrap()
}

#[tokio::test]
async fn a_push_goes_from_the_webhook_through_the_queue_to_its_end() {
    let doors = Doors::open().await;
    let shop = doors.shop();
    let pushed = shop.push("feature/ü", |work| work.write("src/a.rs", "fn a() {}\n"));
    assert_eq!(doors.webhook(&pushed.delivery).await, 202);
    assert!(doors.runs(&pushed.commit).await.is_empty(), "the door decides nothing");
    let waiting = doors.waiting().await;
    let [message] = &waiting[..] else { panic!("one message: {waiting:?}") };
    let group = &message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert!(doors.dispatch(&[("m1", group, body(message))]).await.is_empty());
    let runs = doors.runs(&pushed.commit).await;
    assert_eq!(runs.len(), 1);
    assert!(!doors.shown(&pushed).is_empty(), "the forge hears of it within the invocation");
    doors.ends(&pushed, RunState::Succeeded).await;
    assert!(doors.shown(&pushed).iter().all(|shown| shown.ends_with("success")), "{:?}", doors.shown(&pushed));
    // SQS hands a message out more than once.
    assert!(doors.dispatch(&[("m1", group, body(message))]).await.is_empty());
    assert_eq!(doors.runs(&pushed.commit).await.len(), 1);
}

#[tokio::test]
async fn pushes_of_one_ref_are_one_group_and_a_redelivery_is_one_message() {
    let doors = Doors::open().await;
    let shop = doors.shop();
    let one = shop.push("feature/a", |work| work.write("src/a.rs", "1\n"));
    let two = shop.push("feature/a", |work| work.write("src/a.rs", "2\n"));
    let other = shop.push("feature/b", |work| work.write("src/b.rs", "3\n"));
    for delivery in [&one.delivery, &doors.world.redeliver(&one.delivery), &two.delivery, &other.delivery] {
        assert_eq!(doors.webhook(delivery).await, 202);
    }
    let waiting = doors.waiting().await;
    let groups: Vec<_> =
        waiting.iter().map(|it| &it.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId]).collect();
    let said = |delivery: &Delivery| waiting.iter().position(|it| body(it).contains(delivery.id())).unwrap();
    assert_eq!(waiting.len(), 3);
    assert_eq!(groups[said(&one.delivery)], groups[said(&two.delivery)]);
    assert_ne!(groups[said(&one.delivery)], groups[said(&other.delivery)]);
}

#[tokio::test]
async fn after_a_message_that_fails_all_of_its_group_comes_again_and_others_do_not() {
    let doors = Doors::open().await;
    let shop = doors.shop();
    let one = shop.push("feature/a", |work| work.write("src/a.rs", "1\n"));
    let other = shop.push("feature/b", |work| work.write("src/b.rs", "2\n"));
    for delivery in [&one.delivery, &other.delivery] {
        assert_eq!(doors.webhook(delivery).await, 202);
    }
    let waiting = doors.waiting().await;
    let of = |pushed: &Pushed| body(waiting.iter().find(|it| body(it).contains(pushed.delivery.id())).unwrap());
    let unknown = r#"{"forge": "github", "delivery": "nobody-knows-it"}"#;
    let batch = [("m1", "a", "{broken"), ("m2", "b", of(&other)), ("m3", "a", of(&one)), ("m4", "c", unknown)];
    assert_eq!(doors.dispatch(&batch).await, ["m1", "m3"]);
    assert_eq!((doors.runs(&one.commit).await.len(), doors.runs(&other.commit).await.len()), (0, 1));
    // What is in the dead letters, or lost, is in the table all the same.
    doors.sweep().await;
    assert_eq!(doors.runs(&one.commit).await.len(), 1);
}

#[tokio::test]
async fn a_delivery_is_taken_though_the_queue_is_down_and_the_sweep_decides_it() {
    let doors = Doors::with_queue(Some("http://127.0.0.1:9/123456789012/nobody.fifo")).await;
    let shop = doors.shop();
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "1\n"));
    assert_eq!(doors.webhook(&pushed.delivery).await, 202);
    assert!(doors.runs(&pushed.commit).await.is_empty());
    doors.ends(&pushed, RunState::Succeeded).await;
}

#[tokio::test]
async fn a_message_that_can_never_be_read_is_dropped_and_is_not_told_again() {
    let doors = Doors::open().await;
    let sns = json!({
        "Type": "Notification", "MessageId": "be0e4081-80e5-55f6-92c8-23a065565365",
        "TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": "{not an event",
        "Timestamp": "2026-09-14T12:07:15.504Z", "SignatureVersion": "1", "Signature": "C2QM==",
        "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1e.pem", "Subject": null,
        "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe", "MessageAttributes": {},
    });
    let event = json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:000000000000:t:802a430b", "Sns": sns,
    }]});
    let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context());
    assert!(lambda::callback::handle(&doors.invocations, event).await.is_ok());
}

#[tokio::test]
async fn subscribers_hear_of_decisions_and_gates() {
    let doors = Doors::open().await;
    let shop = doors.shop();
    let pushed = shop.push("main", |work| work.write("src/a.rs", "1\n"));
    assert_eq!(doors.webhook(&pushed.delivery).await, 202);
    doors.ends(&pushed, RunState::Waiting).await;
    let heard = doors.heard().await;
    let told: Vec<_> = heard.iter().map(|notice| (notice["is"].as_str().unwrap(), &notice["commit"])).collect();
    assert_eq!(told[0], ("decision", &json!(pushed.commit.as_str())), "{heard:?}");
    assert_eq!(heard[0]["verdict"], "start");
    let gates: Vec<_> = heard.iter().skip(1).map(|gate| format!("{} {}", gate["environment"], gate["state"])).collect();
    for gate in ["\"stage\" \"waits\"", "\"stage\" \"open\""] {
        assert!(gates.iter().any(|told| told == gate), "{gates:?}");
    }
    assert!(doors.heard().await.is_empty(), "each is told once");
}

#[tokio::test]
async fn what_a_person_decides_is_carried_on_before_the_request_is_answered() {
    let doors = Doors::open().await;
    let shop = doors.shop();
    let pushed = shop.push("main", |work| work.write("src/a.rs", "1\n").by("kim"));
    assert_eq!(doors.webhook(&pushed.delivery).await, 202);
    let at_prod = |run: &Run| run.waiting_at().is_some_and(|(place, _)| place.name.as_str() == "prod");
    for _ in 0..600 {
        doors.sweep().await;
        if doors.runs(&pushed.commit).await.iter().any(at_prod) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let run = doors.runs(&pushed.commit).await.remove(0);
    let (lee, prod) = (Person::new("lee").unwrap(), "prod".parse().unwrap());
    control::decide_gate(&doors.invocations.app, &run.id, &prod, Answer::Approve, lee, "go").await.unwrap();
    doors.invocations.settle(tokio::time::Instant::now() + Duration::from_secs(60)).await;
    let run = doors.runs(&pushed.commit).await.remove(0);
    assert!(run.waiting_at().is_none(), "the gate is open: {}", run.because);
}

#[tokio::test]
async fn a_topic_that_is_not_there_delays_notices_and_nothing_else() {
    let doors = Doors::open().await;
    let sns = aws_sdk_sns::Client::new(&aws::config());
    let name = doors.heard.rsplit('/').next().unwrap().trim_end_matches("-heard");
    sns.delete_topic().topic_arn(format!("arn:aws:sns:eu-central-1:123456789012:{name}")).send().await.unwrap();
    let shop = doors.shop();
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "1\n"));
    assert_eq!(doors.webhook(&pushed.delivery).await, 202);
    doors.ends(&pushed, RunState::Succeeded).await;
    assert!(doors.shown(&pushed).iter().all(|shown| shown.ends_with("success")), "{:?}", doors.shown(&pushed));
    assert_eq!(doors.invocations.app.store.notices(9).await.unwrap().len(), 1, "it waits for the topic");
}
