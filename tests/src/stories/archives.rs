//! A commit's files, from the forge to the source bucket: through the real function, in little memory, whatever their number and size.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cicd::store::dynamodb::create_table;
use serde_json::json;

use super::functions::{built, dispatch_event, vars_with_pipelines};
use super::house::first;
use crate::world::runtime_api::{Function, gateway_event};
use crate::world::sink::Sink;
use crate::world::tarball::Tarball;
use crate::world::{Archives, World, aws};

/// What packing may take beside what the function has anyway, in KiB, in a build that is not optimized.
const GROWS_BY: u64 = 48 * 1024;
/// What the function may have in all, in KiB, as it is deployed.
const HAS_MOST: u64 = 64 * 1024;

/// A function that was told of a push.
struct Dispatched {
    world: World,
    sink: Sink,
    /// The most memory before it packed, and after, in KiB.
    kib: (u64, u64),
    took: Duration,
    pushed: crate::world::Pushed,
}

impl Dispatched {
    /// What GitHub shows of the commit.
    fn verdict(&self) -> Option<(String, String)> {
        self.world.hub.latest("acme/shop", &self.pushed.commit).remove("pointsman")
    }
}

/// Sends a push whose archive is this through the functions `webhook` and `dispatch`.
async fn dispatch(binary: &Path, table: &str, tarball: Tarball, refuses: Option<usize>) -> Dispatched {
    let world = World::new().await;
    let sink = Sink::listen(world.folder("bucket").join("source.zip")).await;
    sink.kept().refuses = refuses;
    create_table(&aws::dynamodb(&aws::endpoint()), table).await.unwrap();
    let vars = vars_with_pipelines(&world, table, &aws::endpoint(), &sink.url);
    let shop = world.github("acme/shop");
    shop.push("main", first);
    let pushed = shop.push("feature/a", |work| work.write("src/a.rs", "fn a() {}\n"));
    world.hub.archives("acme/shop", Archives::Made(Arc::new(move || tarball.body())));

    let mut webhook = Function::start(binary, "webhook", &vars).await;
    webhook.ready().await;
    let (taken, _) = webhook.invoke(&gateway_event(&pushed.delivery)).await;
    assert_eq!(taken["statusCode"], 202, "{taken}");
    let mut function = Function::patient(binary, "dispatch", &vars, Duration::from_secs(3600)).await;
    function.ready().await;
    let before = function.peak_kib();
    let message = json!({"forge": "github", "delivery": pushed.delivery.id()}).to_string();
    let started = Instant::now();
    let (answer, _) = function.invoke(&dispatch_event(&[("m", &message)])).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let kib = (before, function.peak_kib());
    Dispatched { world, sink, kib, took: started.elapsed(), pushed }
}

/// What Python's zipfile finds in the zip: so many entries, all whole, the modes, the link; and whether it needed zip64.
#[expect(clippy::disallowed_methods, reason = "somebody else's reader looks at what was packed")]
fn looked_at(zip: &Path) -> String {
    const LOOK: &str = "import sys, zipfile
zip = zipfile.ZipFile(sys.argv[1])
assert zip.testzip() is None
modes = [oct(zip.getinfo(name).external_attr >> 16) for name in ('run', 'link')]
with open(sys.argv[1], 'rb') as raw:
    raw.seek(-98, 2)
    zip64 = b'PK\\6\\6' in raw.read() or b'PK\\6\\7' in raw.read()
    raw.seek(-42, 2)
    zip64 = zip64 or raw.read(4) == b'PK\\6\\7'
print(len(zip.infolist()), *modes, zip.read('link').decode(), 'zip64' if zip64 else 'zip', max(info.file_size for info in zip.infolist()))
";
    let looked = Command::new(aws::python()).args(["-c", LOOK]).arg(zip).output().unwrap();
    assert!(looked.status.success(), "{}", String::from_utf8_lossy(&looked.stderr));
    String::from_utf8(looked.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_files_and_large_ones_are_packed_in_little_memory() {
    let tarball = Tarball { tiny: 66_000, noise: vec![24_000_000; 4], ..Tarball::default() };
    let done = dispatch(&built(), "archives-many", tarball, None).await;
    let kept = done.sink.kept();
    assert!(kept.whole && kept.started.len() == 1, "{kept:?}");
    let (last, full) = kept.parts.split_last().unwrap();
    assert!(full.len() > 10 && full.iter().all(|size| size == &full[0]) && last <= &full[0], "{:?}", kept.parts);
    assert_eq!(looked_at(&kept.file), "66006 0o100755 0o120777 run zip64 24000000");
    let (before, after) = done.kib;
    assert!(after - before < GROWS_BY, "{before} KiB became {after} KiB over an archive of 96 MB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fails_is_given_up() {
    let tarball = Tarball { noise: vec![24_000_000], ..Tarball::default() };
    let done = dispatch(&built(), "archives-refused", tarball, Some(2)).await;
    let kept = done.sink.kept();
    assert_eq!((kept.begun, kept.given_up, kept.whole, kept.started.len()), (1, 1, false, 0));
    let (state, why) = done.verdict().unwrap();
    assert_eq!(state, "failure", "{why}");
    assert!(why.contains("source bucket sources"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_breaks_off_is_given_up_and_waits_for_another_try() {
    let tarball = Tarball { noise: vec![24_000_000], broken: true, ..Tarball::default() };
    let done = dispatch(&built(), "archives-broken", tarball, None).await;
    let kept = done.sink.kept();
    assert_eq!((kept.begun, kept.given_up, kept.whole, kept.started.len()), (1, 1, false, 0));
    assert_eq!(done.verdict().unwrap().0, "pending");
}

/// `make lambda-archive`: some gigabytes, with a file and a zip that need zip64, through what is deployed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes and gigabytes, and needs what `make lambda` builds"]
async fn a_repository_of_gigabytes_is_packed_in_little_memory() {
    let house = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let binary = house.join("target/lambda/dispatch/bootstrap");
    let tarball = Tarball { tiny: 66_000, noise: vec![1_100_000_000; 4], zeros: 4_500_000_000, ..Tarball::default() };
    let done = dispatch(&binary, "archives-huge", tarball, None).await;
    let kept = done.sink.kept();
    assert!(kept.whole && kept.started.len() == 1, "{kept:?}");
    assert_eq!(looked_at(&kept.file), "66007 0o100755 0o120777 run zip64 4500000000");
    let (before, after) = done.kib;
    assert!(after < HAS_MOST, "{after} KiB");
    let size = std::fs::metadata(&kept.file).unwrap().len();
    #[expect(clippy::print_stdout, reason = "this is what it is run for")]
    {
        println!(
            "8.9 GB in 66,007 files became a zip of {size} bytes in {} parts, in {:.0} s; memory {before} KiB before, {after} KiB at most",
            kept.parts.len(),
            done.took.as_secs_f64()
        );
    }
}
