//! Any headers and any body at each address for webhooks, through the real doors into a real store: nobody is let in without proof, only
//! what is answered 202 is stored, and what was stored can be decided.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use cicd::access::Access;
use cicd::app::{App, Door, OnAws, Wake};
use cicd::aws::Aws;
use cicd::clock::FakeClock;
use cicd::engine::{Engine, EngineError, EngineEvent, Look, Sight};
use cicd::forge::Forges;
use cicd::logs::Logs;
use cicd::receive::Heard;
use cicd::rules_file::RulesFile;
use cicd::store::sqlite::SqliteStore;
use cicd::sweep::Keep;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use router::id::{ForgeKind, ForgeName};
use router::run::{Run, RunEvent};
use router::secret::Secret;
use router::verify::{
    GITHUB_SIGNATURE, GITLAB_TOKEN, Guard, LOCAL_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign,
    signing_key,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

const SECRET: &str = "0123456789abcdef-nobody-guesses-this";
const TOKEN: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NOW: i64 = 1_767_323_045;
/// A new service after so many cases: what is stored must not grow without end.
const CASES: usize = 1_000;

const RULES: &str = "version: 1
repositories: [{github: '**'}, {gitlab: '**'}, {local: demo}]
pipelines: {application: {stages: [{name: test, buildspec: test.yml}]}}
routes:
  - {name: main, branch: main, pipeline: application}
  - {name: requests, change_request: {target: main}, pipeline: application}
  - {name: the-rest, any: true, pipeline: none}
";

/// Each address, with what guards it.
const DOORS: [&str; 5] = ["github", "gitlab", "plain", "local", "nowhere"];

struct Idle;

#[async_trait]
impl Engine for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }
    async fn start(&self, _: &Run) -> Result<Vec<RunEvent>, EngineError> {
        Ok(Vec::new())
    }
    async fn stop(&self, _: &Run) -> Result<(), EngineError> {
        Ok(())
    }
    async fn leave(&self) {}
    async fn look(&self, _: &Run) -> Result<Look, EngineError> {
        Ok(Look::only(Sight::Idle))
    }
    async fn hear(&self, _: &str) -> Result<Vec<EngineEvent>, EngineError> {
        Ok(Vec::new())
    }
}

struct Service {
    app: Arc<App>,
    routes: axum::Router,
    cases: usize,
    stored: u32,
    _folder: TempDir,
}

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
    static SERVICE: RefCell<Option<Service>> = const { RefCell::new(None) };
}

impl Service {
    async fn open() -> Self {
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
        let rules = folder.path().join("pointsman.yaml");
        std::fs::write(&rules, RULES).expect("a file");
        let clock = Arc::new(FakeClock::at(Timestamp::from_second(NOW).expect("a time")));
        let secret = || [Secret::new(SECRET)];
        let doors = [
            ("github", ForgeKind::Github, Guard::github(secret())),
            ("gitlab", ForgeKind::Gitlab, Guard::gitlab_signed([Secret::new(TOKEN)])),
            ("plain", ForgeKind::Gitlab, Guard::gitlab_token(secret())),
            ("local", ForgeKind::Local, Guard::local(secret())),
        ];
        let doors: BTreeMap<ForgeName, Door> = doors
            .into_iter()
            .map(|(name, kind, guard)| {
                let guard = ArcSwap::from_pointee(guard.expect("a guard"));
                (name.parse().expect("a name"), Door { kind, guard, heard: Heard::default() })
            })
            .collect();
        let app = Arc::new(App {
            store: Arc::new(SqliteStore::open(&folder.path().join("data"), clock.clone()).expect("a store")),
            clock,
            engine: Arc::new(Idle),
            forges: Forges::new(),
            doors,
            rules: Arc::new(RulesFile::open(&rules.into(), &Aws::new()).await.expect("rules")),
            logs: Logs::new(folder.path().join("logs")),
            keep: Keep::default(),
            access: Access::new(Vec::new()),
            base_url: "http://ci".to_owned(),
            wake: Wake::default(),
            beside: TaskTracker::new(),
            on_aws: OnAws::default(),
        });
        Self { routes: cicd::http::router(Arc::clone(&app)), app, cases: 0, stored: 0, _folder: folder }
    }

    async fn count(&self) -> u32 {
        self.app.store.backlog().await.expect("the store answers").decisions.count
    }

    async fn take(&mut self, case: &Case<'_>) {
        let answer = self.routes.clone().oneshot(case.request()).await.expect("a router answers");
        let status = answer.status();
        let known = [
            StatusCode::ACCEPTED,
            StatusCode::UNAUTHORIZED,
            StatusCode::NOT_FOUND,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ];
        assert!(known.contains(&status), "{status} is no answer to a webhook");
        let stored = self.count().await;
        if status == StatusCode::ACCEPTED {
            assert!(case.is_proved, "nobody proved this");
            let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await.expect("an answer ends");
            let told: serde_json::Value = serde_json::from_slice(&body).expect("it is JSON");
            let id = told["delivery"].as_str().expect("it names the delivery").parse().expect("by its id");
            let kept = self.app.store.delivery(&id).await.expect("the store answers");
            assert!(kept.is_some(), "{id} was acknowledged and is not stored");
            assert!(stored == self.stored || stored == self.stored + 1, "it is stored once, or was before");
        } else {
            assert_eq!(stored, self.stored, "{status}, and something is stored");
        }
        if case.must_be_taken() {
            assert_eq!(status, StatusCode::ACCEPTED, "a genuine delivery is taken");
        }
        self.stored = stored;
        self.cases += 1;
    }
}

struct Case<'a> {
    door: &'static str,
    is_proved: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'a [u8],
}

impl<'a> Case<'a> {
    fn new(which: u8, said: &[(Vec<u8>, Vec<u8>)], body: &'a [u8]) -> Option<Self> {
        let door = DOORS[usize::from(which) % DOORS.len()];
        let (is_proved, has_type) = (which & 0x80 != 0 && door != "nowhere", which & 0x40 != 0);
        let proof = proof(door, body);
        let read = |(name, value): &(Vec<u8>, Vec<u8>)| {
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let mut headers: Vec<_> = said.iter().filter_map(read).collect();
        let is_proof =
            |(_, value): &(HeaderName, HeaderValue)| proof.iter().any(|(_, p)| value.as_bytes() == p.as_bytes());
        if !is_proved && headers.iter().any(is_proof) {
            return None;
        }
        if is_proved {
            headers.retain(|(name, _)| proof.iter().all(|(known, _)| name.as_str() != *known));
            headers.extend(proof.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a proof is plain"))
            }));
        }
        if has_type {
            headers
                .retain(|(name, _)| !["content-type", "content-encoding", "content-length"].contains(&name.as_str()));
            headers.push((HeaderName::from_static("content-type"), HeaderValue::from_static("application/json")));
        }
        Some(Self { door, is_proved, headers, body })
    }

    /// Its proof is good, and its media type one that is taken.
    fn must_be_taken(&self) -> bool {
        let is_plain =
            |(name, value): &(HeaderName, HeaderValue)| name == "content-type" && value == "application/json";
        let is_odd = |(name, _): &(HeaderName, HeaderValue)| name == "content-encoding" || name == "content-length";
        let first = self.headers.iter().find(|(name, _)| name == "content-type");
        self.is_proved && first.is_some_and(is_plain) && !self.headers.iter().any(is_odd)
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::post(format!("/webhooks/{}", self.door));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.to_vec())).expect("its parts are good")
    }
}

/// The headers that prove a body at a door.
fn proof(door: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let secret = Secret::new(SECRET);
    match door {
        "github" => vec![(GITHUB_SIGNATURE, sign::github(&secret, body))],
        "gitlab" => {
            let key = signing_key(&Secret::new(TOKEN)).expect("a signing token");
            let at = Timestamp::from_second(NOW).expect("a time");
            // One body is one delivery, so that the same may come again.
            let id = format!("evt_{}", body.len());
            let signature = sign::gitlab(&key, &id, at, body);
            vec![(WEBHOOK_SIGNATURE, signature), (WEBHOOK_ID, id), (WEBHOOK_TIMESTAMP, NOW.to_string())]
        }
        "plain" => vec![(GITLAB_TOKEN, SECRET.to_owned())],
        "local" => vec![(LOCAL_SIGNATURE, sign::local(&secret, body))],
        _ => Vec::new(),
    }
}

fuzz_target!(|said: (u8, Vec<(Vec<u8>, Vec<u8>)>, &[u8])| {
    let (which, headers, body) = said;
    let Some(case) = Case::new(which, &headers, body) else { return };
    let mut service = SERVICE.with(RefCell::take);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            if let Some(full) = service.take_if(|service| service.cases == CASES) {
                cicd::dispatch::dispatch(&full.app).await.expect("what was stored can be decided");
                assert_eq!(full.count().await, 0, "everything is decided");
            }
            if service.is_none() {
                service = Some(Service::open().await);
            }
            if let Some(service) = &mut service {
                service.take(&case).await;
            }
        });
    });
    SERVICE.with(|kept| kept.replace(service));
});
