//! The processes of one step, and their end.
//!
//! * A holder process leads the group and reads a pipe that only we hold. When this process dies, however it dies, the
//!   pipe ends and the holder kills the group.
//! * A process that leaves the group (`setsid`) is found by a variable that every command is given.
//! * [`Group::end`] returns when none of them is left.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// The variable by which the processes of a step are known; its value is the step's folder.
pub(crate) const MARK: &str = "POINTSMAN_STEP";

/// Survives a polite end, so that it is there to do the impolite one.
const HOLDER: &str = "trap '' TERM INT HUP QUIT; while read -r _; do :; done; kill -KILL 0";
/// How long killed processes may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A process group with its holder.
pub(super) struct Group {
    holder: Child,
    id: Pid,
    mark: Vec<u8>,
}

impl Group {
    /// A group for the step in the folder `mark`.
    pub(super) fn new(mark: &str) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", HOLDER]).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = command.spawn()?;
        let id = holder.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("a process has ended before it began"))?;
        Ok(Self { holder, id, mark: format!("{MARK}={mark}").into_bytes() })
    }

    /// Makes what will be started a member.
    pub(super) fn join(&self, command: &mut Command) {
        command.process_group(self.id.as_raw_nonzero().get());
    }

    /// Ends every member, politely first when there is anybody to be polite to.
    pub(super) async fn end(mut self, grace: Duration) {
        if !self.living().is_empty() {
            self.signal(Signal::TERM);
            self.until_gone(grace).await;
        }
        self.signal(Signal::KILL);
        let _it_was_killed = self.holder.wait().await;
        self.until_gone(GONE_WITHIN).await;
    }

    async fn until_gone(&self, within: Duration) {
        let late = Instant::now() + within;
        while !self.living().is_empty() && Instant::now() < late {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let _nobody_left = kill_process_group(self.id, signal);
        for process in self.living() {
            let _gone_already = kill_process(process, signal);
        }
    }

    /// The members that live, without the holder. Where there is no `/proc` nobody is seen, and the group is killed
    /// without a grace.
    fn living(&self) -> Vec<Pid> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let processes = numbers.filter_map(Pid::from_raw).filter(|process| *process != self.id);
        processes.filter(|process| self.is_member(*process)).collect()
    }

    fn is_member(&self, process: Pid) -> bool {
        let number = process.as_raw_nonzero();
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) else { return false };
        // The name stands in parentheses and may hold anything, parentheses too.
        let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        if fields.next().is_none_or(|state| state == "Z" || state == "X") {
            return false;
        }
        if fields.nth(1).and_then(|group| group.parse().ok()) == Some(self.id.as_raw_nonzero().get()) {
            return true;
        }
        let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == self.mark)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// Starts a script in the group and returns the process ids that it prints, one per line.
    async fn start(group: &Group, mark: &str, script: &str, lines: usize) -> Vec<String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env(MARK, mark).stdin(Stdio::null()).stdout(Stdio::piped());
        group.join(&mut command);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ids = Vec::new();
        for _ in 0..lines {
            ids.push(output.next_line().await.unwrap().unwrap());
        }
        ids
    }

    fn lives(id: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn nothing_is_left_of_children_that_will_not_hear() {
        let group = Group::new("/steps/a").unwrap();
        let script = "trap '' TERM; sleep 1000 & echo $!; echo $$; wait; wait";
        let ids = start(&group, "/steps/a", script, 2).await;
        assert!(ids.iter().all(|id| lives(id)));
        group.end(Duration::from_millis(100)).await;
        assert!(!ids.iter().any(|id| lives(id)), "{ids:?}");
    }

    #[tokio::test]
    async fn a_process_that_left_the_group_is_found() {
        let group = Group::new("/steps/b").unwrap();
        let ids = start(&group, "/steps/b", "setsid sh -c 'echo $$; exec sleep 1000' & wait", 1).await;
        assert!(lives(&ids[0]));
        group.end(Duration::from_secs(5)).await;
        assert!(!lives(&ids[0]));
    }

    #[tokio::test]
    async fn the_group_dies_with_the_pipe() {
        let mut group = Group::new("/steps/c").unwrap();
        let ids = start(&group, "/steps/c", "trap '' TERM; sleep 1000 & echo $!; wait; wait", 1).await;
        drop(group.holder.stdin.take());
        group.holder.wait().await.unwrap();
        group.until_gone(Duration::from_secs(30)).await;
        assert!(!lives(&ids[0]));
    }
}
