//! The service without what it needs: a database that another program holds, no room on the disk, no more files.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use cicd::clock::SystemClock;
use rusqlite::Connection;

use super::bench::Bench;
use super::binary::{PATIENCE, Running};
use super::kills::quiet;
use crate::world::{Pushed, World};

const RULES: &str = "
version: 1
repositories: [{github: acme/shop}]
pipelines: {application: {stages: [{name: test, buildspec: ci/ok.yml}]}}
environments: []
routes:
  - {name: work, branch: '**', pipeline: application}
  - {name: the-rest, any: true, pipeline: none}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_program_holds_is_waited_for() {
    let mut bench = Bench::new(RULES).await;
    let mut running = bench.service.start().unwrap();
    let (before, during) = (bench.push("work/a"), bench.push("work/b"));
    bench.send_until_taken(&running, &before).await;
    let other = Connection::open(bench.service.data.join("pointsman.sqlite")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(bench.send(&running, &during).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(running.lives());
    other.execute_batch("ROLLBACK").unwrap();
    bench.send_until_taken(&running, &during).await;
    bench.finish(running).await;
}

/// Bodies that cannot be packed, until one is refused.
async fn fill(bench: &mut Bench, running: &Running) {
    for nth in 0..200_u32 {
        let noise: String = (0..40_000_u32)
            .map(|at| format!("{:06x}", nth.wrapping_add(at).wrapping_mul(2_654_435_761) >> 8))
            .collect();
        let pushed = bench.push(&format!("work/{nth}"));
        let large = Pushed { delivery: pushed.delivery.clone().edited(|body| body["noise"] = noise.into()), ..pushed };
        let code = bench.send(running, &large).await;
        if code != StatusCode::ACCEPTED {
            assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
            return;
        }
    }
    panic!("it was never full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow_loses_nothing_that_was_acknowledged() {
    let mut bench = Bench::new(RULES).await;
    // Blocks of 512 bytes for a POSIX shell: 3 MiB a file.
    let small = bench.service.limited("trap '' XFSZ; ulimit -f 6144;");
    let mut running = small.start().unwrap();
    fill(&mut bench, &running).await;
    assert!(running.lives(), "{}", small.said());
    assert!(!bench.ledger.acknowledged.is_empty(), "some found room");
    running.kill();
    let running = bench.service.start().unwrap();
    let after = bench.push("work/after");
    bench.send_until_taken(&running, &after).await;
    bench.finish(running).await;
}

/// A disk of its own, which takes root; without it the test says so and is done.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "the world mounts its own disk, or says why not"
    )]
    fn mount(at: PathBuf) -> Option<Self> {
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(&at).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(at)),
            other => {
                eprintln!("skipped: no disk can be mounted here ({other:?})");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    #[expect(clippy::disallowed_methods, reason = "what was mounted is unmounted")]
    fn drop(&mut self) {
        let _goes_with_the_machine = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_a_freed_one_is_used_again() {
    let world = World::by(Arc::new(SystemClock)).await;
    let Some(disk) = SmallDisk::mount(world.folder("disk")) else { return };
    let mut bench = Bench::on(world, disk.0.join("data"), RULES);
    let mut running = bench.service.start().unwrap();
    let first = bench.push("work/first");
    bench.send_until_taken(&running, &first).await;
    quiet(&bench.service).await;
    let ballast = disk.0.join("ballast");
    let mut size = 24 << 20;
    while size > 4096 {
        // As much as fits, down to the last page.
        let so_far = std::fs::metadata(&ballast).map_or(0, |file| file.len());
        let more = std::fs::OpenOptions::new().create(true).append(true).open(&ballast);
        let wrote = more.and_then(|mut file| std::io::Write::write_all(&mut file, &vec![1; size]));
        if wrote.is_err() {
            size /= 2;
        }
        assert!(std::fs::metadata(&ballast).map_or(0, |file| file.len()) >= so_far);
    }
    fill(&mut bench, &running).await;
    assert!(running.lives(), "{}", bench.service.said());
    std::fs::remove_file(&ballast).unwrap();
    let after = bench.push("work/after");
    bench.send_until_taken(&running, &after).await;
    let Bench { world, service, ledger, .. } = bench;
    quiet(&service).await;
    assert!(running.end().success());
    // Stages that found no room have failed; what was acknowledged is there, once, and final.
    let store = cicd::store::sqlite::SqliteStore::open(&service.data, Arc::new(SystemClock)).unwrap();
    for id in &ledger.acknowledged {
        let record = cicd::store::Store::delivery(&store, &id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(record.runs.len(), 1, "{id}");
    }
    for (path, commit) in &ledger.pushed {
        let shown = world.hub.latest(path, commit);
        assert!(!shown.is_empty() && shown.values().all(|(state, _)| state != "pending"), "{commit}: {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_take_every_file_stop_it_only_while_they_last() {
    let mut bench = Bench::new(RULES).await;
    let few = bench.service.limited("ulimit -n 72;");
    let mut running = few.start().unwrap();
    let first = bench.push("work/first");
    bench.send_until_taken(&running, &first).await;
    quiet(&few).await;
    let address = running.url.trim_start_matches("http://").to_owned();
    let idle: Vec<_> = (0..120).map_while(|_| TcpStream::connect(&address).ok()).collect();
    assert!(idle.len() > 72, "the machine itself takes them");
    let waiting = bench.push("work/waiting");
    let asked = tokio::time::timeout(Duration::from_secs(2), bench.world.send(&waiting.delivery, &running.url)).await;
    assert!(asked.is_err(), "nobody is there to answer: {asked:?}");
    assert!(running.lives());
    drop(idle);
    bench.send_until_taken(&running, &waiting).await;
    bench.finish(running).await;
}
