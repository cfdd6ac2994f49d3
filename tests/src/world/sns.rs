//! SNS as whoever hears it over HTTPS knows it: it signs messages, and its certificate lies at its own address.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::aws::python;

/// An SNS of one's own. It ends when this does.
pub struct Signer {
    process: Child,
    ask: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
    /// What a process needs in its environment to reach its certificate.
    pub variables: Vec<(&'static str, String)>,
}

impl Signer {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "the world outside the service starts its own AWS")]
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/world/sns.py");
        let spawned = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("SNS cannot be started ({error}); run `make venv`"));
        let ask = process.stdin.take();
        let mut told = BufReader::new(process.stdout.take().expect("it is piped"));
        let first = line(&mut told);
        let variables = vec![
            ("HTTPS_PROXY", format!("http://127.0.0.1:{}", first["proxy"])),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("SSL_CERT_FILE", first["roots"].as_str().expect("it says where they are").to_owned()),
        ];
        Self { process, ask, told, variables }
    }

    /// The message as SNS sends it: with its signature.
    ///
    /// # Panics
    /// When it has ended.
    pub fn sign(&mut self, message: &Value) -> Value {
        let ask = self.ask.as_mut().expect("it is there until this is dropped");
        writeln!(ask, "{message}").expect("it listens");
        line(&mut self.told)
    }
}

fn line(told: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    told.read_line(&mut line).expect("it speaks");
    serde_json::from_str(&line).expect("it speaks JSON, and says above why not")
}

impl Drop for Signer {
    fn drop(&mut self) {
        drop(self.ask.take());
        // It has ended or ends now; nobody asks with what.
        let _its_end = self.process.wait();
    }
}
