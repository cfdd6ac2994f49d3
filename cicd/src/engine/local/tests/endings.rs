//! However a step ends, nothing of it is left.

use super::*;

/// A command that prints its own id and its grandchild's, and does not end by itself.
const STUBBORN: &str = "trap '' TERM\nsleep 1000 &\nsetsid sleep 1001 &\necho ready $$ $!\nwait\nwait";

fn nobody_carries(mark: &Path) -> bool {
    let mark = mark.to_str().unwrap().as_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    !processes.into_iter().any(|process| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark)
    })
}

/// Waits for a line that starts so.
async fn line(lines: &mut tokio::sync::broadcast::Receiver<crate::logs::LogLine>, start: &str) -> String {
    let wait = async {
        loop {
            let line = lines.recv().await.unwrap().line;
            if line.starts_with(start) {
                return line;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the line in time")
}

#[tokio::test]
async fn a_timeout_ends_grandchildren_too() {
    let mut world = World::new().await;
    let mut run = world.run(&[("test", &build(STUBBORN))]);
    run.plan.stages[0].step.timeout_seconds = 2;
    let last = world.go(&run).await.pop();
    assert!(matches!(last, Some(RunEvent::StageEnded { outcome: Outcome::TimedOut(2), .. })), "{last:?}");
    assert!(nobody_carries(world.data.path()) && world.work_is_empty());
    assert!(world.log("test").contains("Phase complete: BUILD State: TIMED_OUT"));
}

#[tokio::test]
async fn stop_returns_when_nothing_is_left() {
    let mut world = World::new().await;
    let mut lines = world.logs.listen();
    let run = world.run(&[("test", &build(STUBBORN)), ("more", &build("true"))]);
    world.engine.start(&run).await.unwrap();
    line(&mut lines, "ready").await;
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::AtWork);
    world.engine.stop(&run).await.unwrap();
    assert!(nobody_carries(world.data.path()) && world.work_is_empty());
    assert_eq!(world.engine.look(&run).await.unwrap().sight, Sight::Idle);
    assert_eq!(world.next().await, RunEvent::Started);
    assert!(matches!(world.next().await, RunEvent::StageStarted { .. }));
    assert!(matches!(world.next().await, RunEvent::StageEnded { outcome: Outcome::Stopped, .. }));
    assert!(world.events.try_recv().is_err());
}

/// The store may be locked, or slow: whoever looks again before it has heard must not have it done again.
#[tokio::test]
async fn what_was_done_and_not_heard_yet_is_not_done_again() {
    let mut world = World::new().await;
    let mut run = run_of(world.commit.clone(), &[("test", &build("true"))], &["prod"]);
    let told = world.go(&run).await;
    assert!(matches!(told.last(), Some(RunEvent::GateReached { .. })), "{told:?}");
    for _ in 0..2 {
        assert_eq!(world.engine.start(&run).await.unwrap(), told, "whoever begins it again hears what was missed");
        let look = world.engine.look(&run).await.unwrap();
        assert_eq!((look.sight, &look.missed), (Sight::AtWork, &told));
    }
    run.apply(&told[0], Timestamp::UNIX_EPOCH);
    assert_eq!(world.engine.look(&run).await.unwrap().missed, told[1..]);
    for event in &told[1..] {
        run.apply(event, Timestamp::UNIX_EPOCH);
    }
    assert_eq!(world.engine.look(&run).await.unwrap(), Look::only(Sight::Idle));
    assert_eq!(world.log("test").matches("Entering phase BUILD").count(), 1);
    assert!(world.events.try_recv().is_err(), "nothing more is told");
    run.environments[0].gate.state = GateState::Open;
    let told = world.go(&run).await;
    assert!(matches!(told.last(), Some(RunEvent::Failed { .. })), "without `deploy`, it is told so: {told:?}");
}

#[tokio::test]
async fn whoever_stops_need_not_listen() {
    let world = World::new().await;
    let (events, _nobody_reads) = mpsc::channel(1);
    let config = LocalConfig::new(world.data.path(), world.data.path());
    let from = world.source.fetch_from();
    let clone: CloneAddress = Arc::new(move |_| Some(from.clone()));
    let engine = LocalEngine::new(config, clone, Arc::new(SystemClock), world.logs.clone(), events);
    let run = world.run(&[("test", &build("true"))]);
    engine.start(&run).await.unwrap();
    tokio::time::timeout(PATIENCE, engine.stop(&run)).await.expect("no deadlock").unwrap();
}

#[tokio::test]
async fn a_process_in_the_background_lives_as_long_as_its_step() {
    let mut world = World::new().await;
    let spec = "\
version: 0.2
phases:
  pre_build: {commands: ['sleep 1000 & echo $! > server']}
  build: {commands: ['kill -0 $(cat server) && echo served']}
";
    assert_eq!(world.stage(spec).await, Outcome::Succeeded);
    assert!(world.log("test").contains("> served"));
    assert!(nobody_carries(world.data.path()));
}

/// The name of the variable that makes this test its own child: the folder to work in and the repository's.
const CHILD: &str = "ENGINE_TEST_CHILD";

#[tokio::test]
async fn a_killed_engine_leaves_no_process_and_the_next_one_carries_on() {
    if let Some(folders) = std::env::var_os(CHILD) {
        return be_killed(&folders.into_string().unwrap()).await;
    }
    let mut world = World::new().await;
    let folders = format!("{}|{}|{}", world.data.path().display(), world.source.path().display(), world.commit);
    let name = "engine::local::tests::endings::a_killed_engine_leaves_no_process_and_the_next_one_carries_on";
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, folders)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let ready = async {
        let mut text = String::new();
        while !text.contains("ready") {
            text.clear();
            let read = tokio::io::AsyncBufReadExt::read_line(&mut output, &mut text).await.unwrap();
            assert_ne!(read, 0, "the child has ended");
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("the child's build is at work");
    assert!(!nobody_carries(&world.data.path().join("work")) && !world.work_is_empty());
    child.kill().await.unwrap();

    let gone = async {
        while !nobody_carries(&world.data.path().join("work")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("nothing is left of the build");
    world.engine.sweep_leftovers().await.unwrap();
    assert!(world.work_is_empty());
    let mut run = world.run(&[("test", &build("echo again"))]);
    run.stages[0].work.state = WorkState::Running;
    let last = world.go(&run).await.pop();
    assert!(matches!(last, Some(RunEvent::StageEnded { outcome: Outcome::Succeeded, .. })), "{last:?}");
    let log = world.log("test");
    assert!(log.contains("> ready") && log.contains("The step begins again") && log.contains("> again"), "{log}");
}

/// What the test above does as its own child: has a build at work and never ends.
async fn be_killed(folders: &str) {
    let parts: Vec<_> = folders.split('|').collect();
    let from = CloneFrom { url: parts[1].to_owned(), authorization: None };
    let (engine, mut events, logs) = engine(Path::new(parts[0]), from);
    let mut lines = logs.listen();
    let stubborn = "trap '' TERM\nsleep 1000 &\necho ready\nwait\nwait";
    let run = run_of(CommitId::new(parts[2]).unwrap(), &[("test", &build(stubborn))], &[]);
    engine.start(&run).await.unwrap();
    line(&mut lines, "ready").await;
    std::io::Write::write_all(&mut std::io::stdout(), b"ready\n").unwrap();
    while events.recv().await.is_some() {}
}
