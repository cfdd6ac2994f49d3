//! The rest of AWS in miniature: ministack on a loopback port, with the stacks of `infra/` deployed by its own CloudFormation.
//!
//! * The functions run as processes of this machine, behind its API Gateway; they find AWS at [`Ministack::endpoint`] by themselves.
//! * Pipelines are left out of what is deployed, for ministack has none: give the functions `AWS_ENDPOINT_URL_CODEPIPELINE` and
//!   `AWS_ENDPOINT_URL_CODEBUILD`, and the wire the very templates ([`Assembly::templates`]).
//! * Two things it does otherwise than AWS are mended in `emulated.py`: here the wire may put events of `aws.codepipeline` on the bus,
//!   as CodePipeline may, and a function that fails on what SNS brings is invoked again, and at last put aside.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The account that everything is in.
pub const ACCOUNT: &str = "123456789012";
/// The Region that everything is in.
pub const REGION: &str = "eu-central-1";

/// A ministack of one's own. It is gone when this is, in whatever way that ends: it reads a pipe that only this process holds.
pub struct Ministack {
    port: u16,
    process: Child,
}

/// What `cdk synth` makes: templates, and what they need besides.
pub struct Assembly {
    folder: PathBuf,
}

/// A stack that was deployed.
#[derive(Debug)]
pub struct Deployed {
    /// CloudFormation's word for how it is: `CREATE_COMPLETE`.
    pub status: String,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// What each resource is called now, by its name in the template.
    pub resources: BTreeMap<String, String>,
    /// Resources that ministack has no type for.
    pub left_out: Vec<String>,
}

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn python() -> PathBuf {
    house().join("target/venv-ministack/bin/python")
}

impl Ministack {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        let mut process = tool(python())
            .arg(house().join("tests/src/world/ministack.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C is for the tests; the server follows them.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started ({error}); run `make venv`", python().display()));
        let mut said = String::new();
        let read = process.stdout.take().map(|out| BufReader::new(out).read_line(&mut said));
        match (read, said.trim().parse()) {
            (Some(Ok(_)), Ok(port)) => Self { port, process },
            _ => panic!("ministack did not start, and said why above"),
        }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Deploys every stack of an assembly, with these variables for its functions besides their own.
    ///
    /// # Panics
    /// When a stack does not come up; what CloudFormation says stands in the message.
    pub fn deploy(&self, assembly: &Assembly, variables: &[(&str, &str)]) -> BTreeMap<String, Deployed> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let script = house().join("tests/src/world/deploy.py");
        let told = output(
            tool(python()).arg(script).arg(self.endpoint()).arg(&assembly.folder).arg(json!(variables).to_string()),
        );
        let told: Value = serde_json::from_str(&told).expect("the script prints JSON");
        let stacks = told["stacks"].as_object().expect("the script tells of stacks");
        stacks.iter().map(|(name, stack)| (name.clone(), Deployed::read(stack))).collect()
    }

    /// Where the API of the deployed router listens, and the host that requests must name: `Host` chooses the API here.
    pub fn api(&self, router: &Deployed) -> (String, String) {
        let webhooks = router.outputs.get("Webhooks").expect("the router says where webhooks go");
        let host = webhooks.split('/').nth(2).expect("it is an address");
        (self.endpoint(), host.to_owned())
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It has ended or ends now; nobody asks with what.
        let _its_end = self.process.wait();
    }
}

impl Assembly {
    /// Synthesizes the stacks for a rule file into `folder`, with the functions' code from `lambdas` (`<door>/bootstrap`) and
    /// what else the context says.
    ///
    /// # Panics
    /// When it cannot be synthesized; what the CDK says stands in the message.
    pub fn synthesize(folder: &Path, rules: &Path, lambdas: &Path, context: &[(&str, &str)]) -> Self {
        let app = house().join("infra/dist/bin/app.js");
        assert!(app.exists(), "infra/ is not built: run `make infra/dist/built`");
        let pointsman = house().join("target/debug/pointsman");
        let mut all = json!({
            "@aws-cdk/core:defaultCrossStackReferences": "strong",
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" },
            "rules": rules,
            "lambdas": lambdas,
            "pointsman": pointsman,
        });
        for (name, value) in context {
            all[*name] = json!(value);
        }
        output(tool("node").arg(app).env("CDK_OUTDIR", folder).env("CDK_CONTEXT_JSON", all.to_string()));
        Self { folder: folder.to_owned() }
    }

    /// The templates, by the names of their stacks.
    ///
    /// # Panics
    /// When the assembly has none.
    pub fn templates(&self) -> BTreeMap<String, PathBuf> {
        let files = std::fs::read_dir(&self.folder).expect("the assembly is a folder");
        let paths = files.map(|file| file.expect("the folder can be read").path());
        let named = paths.filter_map(|path| {
            let stack = path.file_name()?.to_str()?.strip_suffix(".template.json")?.to_owned();
            Some((stack, path))
        });
        named.collect()
    }
}

impl Deployed {
    fn read(stack: &Value) -> Self {
        let map = |value: &Value| {
            let entries = value.as_object().expect("the script tells maps").iter();
            entries.map(|(key, value)| (key.clone(), text(value))).collect()
        };
        Self {
            status: text(&stack["status"]),
            outputs: map(&stack["outputs"]),
            resources: map(&stack["resources"]),
            left_out: stack["left_out"].as_array().into_iter().flatten().map(text).collect(),
        }
    }

    /// What the one resource is called now whose name in the template begins so: the CDK puts eight letters behind a name.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub fn named(&self, name: &str) -> &str {
        let is_it = |key: &&String| key.strip_prefix(name).is_some_and(|rest| rest.len() == 8);
        let found: Vec<_> = self.resources.keys().filter(is_it).collect();
        let [key] = found[..] else { panic!("{name} is not one resource: {found:?}") };
        &self.resources[key]
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("the script tells texts").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the world outside the service starts its own AWS")]
fn tool(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// What a command prints when it succeeds.
fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{command:?}:\n{said}{}", String::from_utf8_lossy(&done.stderr));
    said
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use cicd::clock::FakeClock;
    use cicd::store::dynamodb::DynamoStore;
    use jiff::Timestamp;

    use super::*;
    use crate::world::aws::dynamodb;

    /// Functions that would end at once.
    fn no_functions(folder: &Path) -> PathBuf {
        for door in ["webhook", "dispatch", "callback", "sweep"] {
            let bootstrap = folder.join(door).join("bootstrap");
            std::fs::create_dir_all(bootstrap.parent().unwrap()).unwrap();
            std::fs::write(&bootstrap, "#!/bin/sh\nexit 1\n").unwrap();
            std::fs::set_permissions(&bootstrap, PermissionsExt::from_mode(0o755)).unwrap();
        }
        folder.to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_stacks_come_up_and_the_table_is_as_the_store_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let lambdas = no_functions(&folder.path().join("lambda"));
        let rules = house().join("pointsman.yaml");
        let assembly = Assembly::synthesize(&folder.path().join("cdk.out"), &rules, &lambdas, &[]);
        assert_eq!(assembly.templates().into_keys().collect::<Vec<_>>(), ["pointsman-pipelines", "pointsman-router"]);

        let ministack = Ministack::start();
        let stacks = ministack.deploy(&assembly, &[("POINTSMAN_LOG", "debug")]);
        let (router, pipelines) = (&stacks["pointsman-router"], &stacks["pointsman-pipelines"]);
        for stack in [router, pipelines] {
            assert_eq!(stack.status, "CREATE_COMPLETE");
        }
        assert!(router.left_out.is_empty(), "{:?}", router.left_out);
        assert_eq!(pipelines.left_out, ["applicationpipeline", "infrastructurepipeline"]);
        assert!(router.named("Deliveries").ends_with("/pointsman-deliveries.fifo"), "{}", router.named("Deliveries"));
        assert_eq!(router.named("Callbacks"), format!("arn:aws:sns:{REGION}:{ACCOUNT}:pointsman-callback"));
        assert_eq!(router.named("Webhook"), "pointsman-webhook");

        let clock = Arc::new(FakeClock::at(Timestamp::UNIX_EPOCH));
        let store = DynamoStore::open(dynamodb(&ministack.endpoint()), router.named("Table"), clock).await;
        store.unwrap_or_else(|error| panic!("the store does not take the table: {error}"));
    }
}
