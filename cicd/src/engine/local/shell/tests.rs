//! Real shells in temporary folders.

use std::sync::Arc;
use std::time::Duration;

use router::id::RunId;

use super::*;
use crate::clock::SystemClock;
use crate::logs::{Logs, Masks};

struct Bench {
    folder: tempfile::TempDir,
    session: Session,
    group: Group,
    log: StepLog,
    logs: Logs,
}

impl Bench {
    fn new(shell: &Shell) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("src dir's")).unwrap();
        let environment =
            [("PATH", std::env::var_os("PATH").unwrap().into_string().unwrap()), ("GIVEN", "a'b\n$HOME".to_owned())];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let session = Session::new(shell, path("shell"), path("src dir's"), environment).unwrap();
        let logs = Logs::new(path("logs"));
        let log = StepLog::open(&logs, &run(), "test", Masks::default(), Arc::new(SystemClock)).unwrap();
        let group = Group::new(folder.path().to_str().unwrap()).unwrap();
        Self { folder, session, group, log, logs }
    }

    async fn run(&mut self, command: &str) -> i32 {
        self.session.run(&self.group, command, true, &mut self.log).await.unwrap()
    }

    async fn end(self) -> String {
        self.group.end(Duration::from_secs(5)).await;
        self.logs.read(&run(), "test", 0, 1 << 20).unwrap().0
    }
}

fn run() -> RunId {
    RunId::new("0123456789abcdef").unwrap()
}

fn shells() -> Vec<Shell> {
    vec![Shell::Sh, Shell::Bash]
}

#[tokio::test]
async fn variables_and_the_directory_go_on_and_an_exit_does_not() {
    for shell in shells() {
        let mut bench = Bench::new(&shell);
        assert_eq!(bench.run("plain=\"it's\n\\$x \\\"quoted\\\" \\\\\"; export SHOWN='*'").await, 0);
        assert_eq!(bench.run("mkdir -p deep/er && cd deep/er && exit 3").await, 3);
        assert_eq!(bench.run("pwd; printf '%s|' \"$plain\" \"$GIVEN\" \"$SHOWN\"; env | grep '^plain='").await, 1);
        assert_eq!(bench.run("unset GIVEN SHOWN; cd -").await, 0);
        assert_eq!(bench.run("echo \"<${GIVEN-none} ${SHOWN-none}>\"; env | grep -c '^GIVEN='").await, 1);
        let text = bench.end().await;
        assert!(text.contains("src dir's/deep/er\nit's\n$x \"quoted\" \\|a'b\n$HOME|*|"), "{shell:?}: {text}");
        assert!(text.contains("<none none>\n0\n"), "{shell:?}: {text}");
    }
}

#[tokio::test]
async fn bash_keeps_functions_and_lists() {
    let mut bench = Bench::new(&Shell::Bash);
    bench.run("greet() { echo \"hello $1\"; }; list=(a 'b c'); declare -A map=([k]='v w')").await;
    bench.run("greet world; echo \"${list[1]} ${map[k]}\"").await;
    let text = bench.end().await;
    assert!(text.contains("hello world\nb c v w\n"), "{text}");
}

#[tokio::test]
async fn state_outlives_options_traps_and_errors() {
    for shell in shells() {
        let mut bench = Bench::new(&shell);
        assert_eq!(bench.run("set -eu; A=1; false; A=2").await, 1);
        assert_eq!(bench.run("trap 'echo trapped' EXIT; B=$A").await, 0);
        assert_eq!(bench.run("set -x; C=$B; set -C").await, 0);
        assert_eq!(bench.run("if then").await, 2);
        assert_eq!(bench.run("echo \"c is $C\"; exec sh -c 'exit 9'").await, 9);
        assert_eq!(bench.run("kill -9 $$").await, 137);
        assert_eq!(bench.run("cat <<'X'\nhere $C\nX\necho \"c is still $C\"").await, 0);
        let text = bench.end().await;
        assert!(text.contains("trapped\n"), "{shell:?}: {text}");
        assert!(text.contains("c is 1\n") && text.contains("here $C\nc is still 1\n"), "{shell:?}: {text}");
        assert!(!text.contains("declare -p"), "{shell:?}: the wrapper does not show: {text}");
    }
}

#[tokio::test]
async fn the_build_knows_whether_it_succeeds() {
    let mut bench = Bench::new(&Shell::Sh);
    bench.run("echo $CODEBUILD_BUILD_SUCCEEDING").await;
    bench.session.run(&bench.group, "echo $CODEBUILD_BUILD_SUCCEEDING", false, &mut bench.log).await.unwrap();
    assert_eq!(bench.end().await, "1\n0\n");
}

#[tokio::test]
async fn values_are_read_as_they_are() {
    for shell in shells() {
        let mut bench = Bench::new(&shell);
        bench.run("A='x\n y'; B=; export C=$(printf 'ü\\n\\n')").await;
        let values = bench.session.values(&bench.group, &["A", "B", "C", "D", "$(id)"], &mut bench.log).await.unwrap();
        let expected = [("A", "x\n y"), ("B", ""), ("C", "ü")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(values, BTreeMap::from(expected));
        bench.end().await;
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_is_said() {
    let mut bench = Bench::new(&Shell::Sh);
    bench.run("mkdir x; cd x; rmdir ../x").await;
    assert_eq!(bench.run("pwd").await, 0);
    let home = bench.folder.path().join("src dir's");
    let text = bench.end().await;
    assert!(text.contains("is gone; going on in") && text.ends_with(&format!("{}\n", home.display())), "{text}");
}

#[tokio::test]
async fn a_chatty_process_in_the_background_stops_nobody() {
    let mut bench = Bench::new(&Shell::Sh);
    assert_eq!(bench.run("yes & echo started").await, 0);
    assert_eq!(bench.run("true").await, 0);
    assert!(bench.end().await.contains("started"));
}
