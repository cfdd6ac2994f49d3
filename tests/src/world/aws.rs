//! A stand-in for AWS: moto's server on a loopback port, one for all tests of this process.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::{Client, Config};

/// Started by the first test that asks for it. It ends when this process does, in whatever way that ends: the server reads
/// a pipe that only this process holds.
static SERVER: LazyLock<Result<Server, String>> = LazyLock::new(|| Server::start(&[]));

struct Server {
    port: u16,
    secure_port: Option<u16>,
    _process: Child,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "the world outside the service starts its own AWS")]
    fn start(tls: &[&Path]) -> Result<Self, String> {
        let python = python();
        let mut process = Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/world/aws.py"))
            .args(tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C is for the tests; the server follows them.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{} cannot be started ({error}); run `make venv`", python.display()))?;
        let mut said = String::new();
        let read = process.stdout.take().map(|out| BufReader::new(out).read_line(&mut said));
        let mut ports = said.split_whitespace().map_while(|port| port.parse().ok());
        match (read, ports.next()) {
            (Some(Ok(_)), Some(port)) => Ok(Self { port, secure_port: ports.next(), _process: process }),
            _ => Err("the stand-in for AWS did not start, and said why above; run `make venv` again".to_owned()),
        }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A stand-in that listens behind TLS, too.
pub struct Secure {
    server: Server,
    /// A file of certificates with its own among the machine's.
    pub certificates: PathBuf,
}

impl Secure {
    /// Where it listens without TLS.
    pub fn plain(&self) -> String {
        self.server.endpoint()
    }

    /// Where it listens behind TLS.
    ///
    /// # Panics
    /// When it does not.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.server.secure_port.expect("it was given a certificate"))
    }
}

/// A program that `make venv` has installed.
pub fn installed(program: &str) -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    house.join("target/venv/bin").join(program)
}

/// The Python of the stand-ins.
pub fn python() -> PathBuf {
    installed("python")
}

/// Where the stand-in listens.
///
/// # Panics
/// When it cannot be started.
pub fn endpoint() -> String {
    match &*SERVER {
        Ok(server) => server.endpoint(),
        Err(why) => panic!("{why}"),
    }
}

/// Another stand-in, behind TLS, too. It ends with what is given back, or a little later.
///
/// # Panics
/// When it cannot be started, or there is no `openssl` to make it a certificate.
#[expect(clippy::disallowed_methods, reason = "the world outside the service makes its own certificates")]
pub fn secure(folder: &Path) -> Secure {
    let (certificate, key, all) = (folder.join("own.pem"), folder.join("own.key"), folder.join("all.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
        // Without this it is an authority's, and clients take no authority for a server.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl makes no certificate");
    let roots = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let own = std::fs::read(&certificate).expect("openssl wrote a certificate");
    std::fs::write(&all, [roots, own].concat()).expect("a file can be written");
    let server = Server::start(&[&certificate, &key]).unwrap_or_else(|why| panic!("{why}"));
    Secure { server, certificates: all }
}

/// What every client of the stand-in is made of.
pub fn config() -> SdkConfig {
    at(&endpoint())
}

/// What every client of a service at an endpoint is made of; one that is not there is given up soon.
pub fn at(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(endpoint)
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "key",
            "secret",
            None,
            None,
            "the tests",
        )))
        .build()
}

/// A client of the DynamoDB behind an endpoint.
pub fn dynamodb(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(cicd::outbound::for_aws())
        .endpoint_url(endpoint)
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "the tests"))
        .build();
    Client::from_conf(config)
}
