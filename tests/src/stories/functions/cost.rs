//! What it costs a function to begin: `make lambda-bench`.

use std::path::Path;
use std::time::Duration;

use cicd::store::dynamodb::create_table;
use serde_json::Value;

use super::vars_with_pipelines;
use crate::stories::house::first;
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::{World, aws};

/// Begun so often: the machine may be busy, and the least of many is what the function itself takes.
const STARTS: usize = 40;
/// Deliveries after the first one.
const LATER: usize = 5;

#[derive(Default)]
struct Costs {
    begins: Vec<Duration>,
    forged: Vec<Duration>,
    firsts: Vec<Duration>,
    later: Vec<Duration>,
    kib_at_poll: u64,
    kib_at_end: u64,
}

impl Costs {
    /// Starts the function once, and gives it a forgery and then genuine deliveries.
    async fn add(&mut self, mut function: Function, forged: &Value, deliveries: impl Iterator<Item = Value>) {
        self.begins.push(function.ready().await);
        self.kib_at_poll = self.kib_at_poll.max(function.peak_kib());
        let (answer, took) = function.invoke(forged).await;
        assert_eq!(answer["statusCode"], 401, "{answer}");
        self.forged.push(took);
        for (n, delivery) in deliveries.enumerate() {
            function.ready().await;
            let (answer, took) = function.invoke(&delivery).await;
            assert_eq!(answer["statusCode"], 202, "{answer}");
            if n == 0 { &mut self.firsts } else { &mut self.later }.push(took);
        }
        self.kib_at_end = self.kib_at_end.max(function.peak_kib());
    }
}

fn least_and_median(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!("{:.2} ms ({:.2})", ms(times[0]), ms(times[times.len() / 2]))
}

fn mib(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}

/// The endpoint speaks TLS, and its certificate stands among the machine's own.
#[tokio::test]
#[ignore = "it measures, and needs what `make lambda` builds"]
async fn the_cost_of_beginning() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let binary = house.join("target/lambda/webhook/bootstrap");
    let world = World::new().await;
    let secure = aws::secure(&world.folder("tls"));
    create_table(&aws::dynamodb(&secure.plain()), "cost").await.unwrap();
    let mut vars = vars_with_pipelines(&world, "cost", &secure.endpoint(), &secure.endpoint());
    vars.insert("SSL_CERT_FILE".to_owned(), secure.certificates.to_str().unwrap().to_owned());
    vars.insert("POINTSMAN_LOG".to_owned(), "error".to_owned());
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n")).delivery;
    let forged = gateway_event(&pushed.clone().forged("{}"));
    let mut costs = Costs::default();
    for start in 0..STARTS {
        let delivery = |n| gateway_event(&pushed.clone().through_another_hook(&format!("delivery-{start}-{n}")));
        let function = Function::start(&binary, "webhook", &vars).await;
        costs.add(function, &forged, (0..=LATER).map(delivery)).await;
    }
    let lines = [
        format!("binary: {} bytes", std::fs::metadata(&binary).unwrap().len()),
        format!("zip: {} bytes", std::fs::metadata(house.join("target/lambda/webhook.zip")).unwrap().len()),
        format!("the least and the median of {STARTS} starts:"),
        format!("start to first poll: {}", least_and_median(&mut costs.begins)),
        format!("forged webhook, 401: {}", least_and_median(&mut costs.forged)),
        format!("first delivery, with the first call over TLS: {}", least_and_median(&mut costs.firsts)),
        format!("later deliveries: {}", least_and_median(&mut costs.later)),
        format!("memory at the first poll, at most: {}", mib(costs.kib_at_poll)),
        format!("memory at the end, at most: {}", mib(costs.kib_at_end)),
        format!("load of the machine: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()),
    ];
    #[expect(clippy::print_stdout, reason = "this is what it is run for")]
    {
        println!("{}", lines.join("\n"));
    }
}
