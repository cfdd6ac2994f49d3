//! The world in miniature: forges with state, real git repositories, webhooks made of the same state and signed.
//!
//! * What a fake forge answers and what it sends come from one place, so they cannot disagree.
//! * A refusal of the real forge is a refusal here: too long a description, an unknown commit, a step that GitLab's
//!   statuses cannot take.
//! * Commits, delivery ids and times repeat from run to run.
//!
//! ```ignore
//! let world = World::new().await;
//! let pushed = world.github("acme/shop").push("main", |work| work.write("src/a.rs", "fn main() {}"));
//! let (code, answer) = world.send(&pushed.delivery, &service).await;
//! world.hub.latest("acme/shop", &pushed.commit);
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use cicd::clock::{Clock, FakeClock};
use jiff::Timestamp;
use router::id::ForgeKind;
use serde_json::Value;
use tempfile::TempDir;

pub mod aws;
mod delivery;
mod forge;
mod git;
pub mod ministack;
mod moved;
mod payload;
mod repo;
pub mod runtime_api;
pub mod sink;
pub mod sns;
pub mod tarball;
pub mod weather;
mod work;

pub use delivery::{Delivery, GitlabProof, Keys};
pub use forge::{Archives, Failure, FakeForge, Shown};
pub use moved::Pushed;
pub use repo::Repo;
pub use work::Work;

/// Where a world's clock stands when nobody gave it another: 2026-01-02T03:04:05Z.
pub const START: i64 = 1_767_323_045;

/// Everything outside the service. Its folders are gone when it is.
pub struct World {
    /// The fake GitHub.
    pub hub: FakeForge,
    /// The fake GitLab.
    pub lab: FakeForge,
    shared: Arc<Shared>,
}

/// What the parts of a world have in common.
struct Shared {
    folder: TempDir,
    clock: Arc<dyn Clock>,
    deliveries: AtomicU64,
}

impl World {
    /// A world whose clock stands at [`START`].
    pub async fn new() -> Self {
        let start = Timestamp::from_second(START).expect("the start is a time");
        Self::by(Arc::new(FakeClock::at(start))).await
    }

    /// A world that reads the clock that the service reads.
    pub async fn by(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::Builder::new().prefix("world-").tempdir().expect("a temporary folder can be made");
        let hub = FakeForge::start(ForgeKind::Github, folder.path().join("github")).await;
        let lab = FakeForge::start(ForgeKind::Gitlab, folder.path().join("gitlab")).await;
        Self { hub, lab, shared: Arc::new(Shared { folder, clock, deliveries: AtomicU64::new(1) }) }
    }

    /// A repository on the fake GitHub, made when it is not there.
    pub fn github(&self, path: &str) -> Repo {
        self.hub.create(path);
        Repo::open(&self.shared, ForgeKind::Github, path, self.hub.bare(path), Some(self.hub.clone()))
    }

    /// A repository on the fake GitLab, made when it is not there.
    pub fn gitlab(&self, path: &str) -> Repo {
        self.lab.create(path);
        Repo::open(&self.shared, ForgeKind::Gitlab, path, self.lab.bare(path), Some(self.lab.clone()))
    }

    /// A bare repository on this machine, made when it is not there.
    pub fn local(&self, path: &str) -> Repo {
        let bare = self.shared.folder.path().join("local").join(format!("{path}.git"));
        if !bare.exists() {
            git::init_bare(&bare);
        }
        Repo::open(&self.shared, ForgeKind::Local, path, bare, None)
    }

    /// A folder of the world's own, made when it is not there: for the service's data, rule files, tools.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.shared.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be made in the world's folder");
        folder
    }

    /// Writes a file in the world's folder and says where it is.
    pub fn file(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let file = self.shared.folder.path().join(path);
        let folder = file.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made in the world's folder");
        std::fs::write(&file, text).expect("a file can be written in the world's folder");
        file
    }

    /// Sends a delivery to a service over HTTP, as the forge would, and gives what it answered.
    pub async fn send(&self, delivery: &Delivery, service_url: &str) -> (StatusCode, Value) {
        delivery.send(service_url).await
    }

    /// The same delivery once more, as a forge sends it: the same id, and where a time is signed, a new time.
    pub fn redeliver(&self, delivery: &Delivery) -> Delivery {
        delivery.again(self.shared.clock.now())
    }
}

impl Shared {
    /// The next delivery's id, of the shape that forges use.
    fn next_delivery(&self) -> String {
        format!("{:08x}-cc78-11e3-81ab-4c9367dc0958", self.deliveries.fetch_add(1, Ordering::SeqCst))
    }
}
