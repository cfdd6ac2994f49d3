//! A build on its way: its turn, its files, its buildspec, its phases, what it leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use router::buildspec::{ArtifactSet, Buildspec};
use router::id::RunId;
use router::pipeline::Buildspec as Origin;
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::check::is_inline;
use super::record::{Build, Left, Status};
use super::shape::Declared;
use super::vaults::NotHad;
use super::{CodeBuild, variables};
use crate::engine::local::build::{Build as Phases, Worked, filled_in};
use crate::engine::local::job::{Halt, Leash};
use crate::engine::local::phases::{PhaseEnd, Witness, phase_complete, verdict};
use crate::engine::local::select::select;
use crate::engine::local::source::{Unread, read};
use crate::engine::local::{archive, folder};
use crate::logs::{Masks, StepLog};

/// The file that is read when nothing else is said.
const BUILDSPEC: &str = "buildspec.yml";
/// The log of a build among those of its id.
pub(super) const STEP: &str = "build";

/// Where a build's files come from.
#[derive(Debug, Clone)]
pub(super) enum Files {
    /// There are none.
    Nothing,
    /// Zips on this machine, by their artifacts' names; the first is the primary one.
    Zips(Vec<(String, PathBuf)>),
    /// A zip in a bucket.
    S3 {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
        /// Its version, when one is wanted.
        version: Option<String>,
    },
    /// Nowhere we can reach, with the reason.
    Unreachable(String),
}

/// A build that was accepted.
pub(super) struct Order {
    pub(super) id: String,
    /// The project as this build sees it.
    pub(super) declared: Declared,
    pub(super) files: Files,
    /// The artifacts that a pipeline expects.
    pub(super) outputs: Vec<String>,
    pub(super) build: Build,
}

/// Writes the phases of one build into the books.
struct Recorder<'a> {
    wire: &'a CodeBuild,
    id: &'a str,
}

impl Witness for Recorder<'_> {
    fn begins(&mut self, phase: &str) {
        self.wire.books().begins(self.id, phase, self.wire.clock.now());
    }

    fn ends(&mut self, _phase: &str, how: PhaseEnd<'_>) {
        self.wire.books().ends(self.id, how, self.wire.clock.now());
    }
}

/// Why a build ends early, when it is not its phases that say so.
enum Cut {
    Stopped,
    /// A phase of ours has failed: CodeBuild's code and the message.
    Failed(&'static str, String),
    /// A phase of the buildspec was cut short; the books know how.
    Told(Halt),
}

impl From<std::io::Error> for Cut {
    fn from(error: std::io::Error) -> Self {
        Self::Failed("INTERNAL_SERVICE_ERROR", format!("this machine cannot go on: {error}"))
    }
}

impl CodeBuild {
    /// Sends a build on its way.
    pub(super) fn set_out(self: &Arc<Self>, order: Order) {
        let wire = Arc::clone(self);
        tokio::spawn(async move {
            let over = order.build.over.clone();
            let _over = over.drop_guard();
            wire.carry_out(&order).await;
        });
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn carry_out(&self, order: &Order) {
        let mut recorder = Recorder { wire: self, id: &order.id };
        recorder.begins("SUBMITTED");
        recorder.ends("SUBMITTED", PhaseEnd::Succeeded);
        recorder.begins("QUEUED");
        let stop = &order.build.stop;
        let patience = self.minutes(order.declared.queued_timeout_in_minutes);
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => Err((PhaseEnd::Stopped, Status::Stopped)),
            () = self.stop.cancelled() => Err((PhaseEnd::Stopped, Status::Stopped)),
            () = tokio::time::sleep(patience) => Err((PhaseEnd::TimedOut, Status::TimedOut)),
            slot = Arc::clone(&self.slots).acquire_owned() => Ok(slot),
        };
        let status = match slot {
            Ok(_slot) => {
                recorder.ends("QUEUED", PhaseEnd::Succeeded);
                self.with_a_turn(order, &mut recorder).await
            }
            Err((how, status)) => {
                recorder.ends("QUEUED", how);
                status
            }
        };
        recorder.begins("COMPLETED");
        let now = self.clock.now();
        self.books().over(&order.id, status, now);
    }

    async fn with_a_turn(&self, order: &Order, recorder: &mut Recorder<'_>) -> Status {
        recorder.begins("PROVISIONING");
        let step = self.work_folder(&order.build.uuid);
        let provisioned = self.provision(order, &step);
        let mut log = match provisioned {
            Ok(log) => log,
            Err(error) => {
                recorder.ends("PROVISIONING", PhaseEnd::Failed("INTERNAL_SERVICE_ERROR", &error.to_string()));
                return Status::Fault;
            }
        };
        recorder.ends("PROVISIONING", PhaseEnd::Succeeded);
        let stop = self.leash_of(order);
        let done = self.in_folder(order, &step, &stop, recorder, &mut log).await;
        recorder.begins("FINALIZING");
        if let Err(error) = folder::remove(&step).await {
            tracing::warn!(build = order.id, %error, "a work folder could not be removed");
        }
        recorder.ends("FINALIZING", PhaseEnd::Succeeded);
        match done {
            Ok(status) => status,
            Err(Cut::Stopped | Cut::Told(Halt::Stopped)) => Status::Stopped,
            // A recorded build on AWS that timed out says FAILED, with TIMED_OUT at its phase alone.
            Err(Cut::Told(_)) => Status::Failed,
            Err(Cut::Failed(code, _)) => {
                if code == "INTERNAL_SERVICE_ERROR" {
                    Status::Fault
                } else {
                    Status::Failed
                }
            }
        }
    }

    /// A token that is cancelled when the build or the whole wire is stopped.
    fn leash_of(&self, order: &Order) -> CancellationToken {
        let (both, build, wire) = (CancellationToken::new(), order.build.stop.clone(), self.stop.clone());
        let (either, over) = (both.clone(), order.build.over.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = build.cancelled() => either.cancel(),
                () = wire.cancelled() => either.cancel(),
                () = over.cancelled() => {}
            }
        });
        both
    }

    fn provision(&self, order: &Order, step: &Path) -> std::io::Result<StepLog> {
        std::fs::create_dir_all(step.join("tmp"))?;
        let mut log =
            StepLog::open(&self.logs, &log_of(&order.build.uuid), STEP, self.masks(), Arc::clone(&self.clock))?;
        let environment = &order.declared.environment;
        log.say(&format!("Build {} of {}, asked by {}", order.build.uuid, order.build.project, order.build.initiator))?;
        let words = "this engine runs it on this machine with this machine's own tools, without a limit";
        log.say(&format!(
            "asked for {} on {} with {}; {words}",
            environment.compute_type, environment.kind, environment.image
        ))?;
        Ok(log)
    }

    fn masks(&self) -> Masks {
        self.config.masks.clone()
    }

    async fn in_folder(
        &self,
        order: &Order,
        step: &Path,
        stop: &CancellationToken,
        recorder: &mut Recorder<'_>,
        log: &mut StepLog,
    ) -> Result<Status, Cut> {
        recorder.begins("DOWNLOAD_SOURCE");
        log.say("Entering phase DOWNLOAD_SOURCE")?;
        let prepared = tokio::select! {
            biased;
            () = stop.cancelled() => Err(Cut::Stopped),
            prepared = self.prepare(order, step, log) => prepared,
        };
        let (spec, variables) = match prepared {
            Ok(prepared) => {
                phase_complete(log, "DOWNLOAD_SOURCE", None)?;
                recorder.ends("DOWNLOAD_SOURCE", PhaseEnd::Succeeded);
                prepared
            }
            Err(cut) => {
                match &cut {
                    Cut::Failed(code, why) => {
                        let why = log.hide(why);
                        phase_complete(log, "DOWNLOAD_SOURCE", Some((code, &why)))?;
                        recorder.ends("DOWNLOAD_SOURCE", PhaseEnd::Failed(code, &why));
                    }
                    _ => recorder.ends("DOWNLOAD_SOURCE", PhaseEnd::Stopped),
                }
                return Err(cut);
            }
        };
        let source = step.join("src");
        let build = Phases {
            spec: &spec,
            folder: step,
            source: &source,
            variables,
            leash: Leash::within(stop, self.minutes(order.declared.timeout_in_minutes)),
            kill_grace: self.config.kill_grace,
        };
        let worked = build.run(log, recorder).await.map_err(Cut::Told)?;
        self.keep(order, &spec, &source, worked, recorder, log).await
    }

    /// Everything before the first command: the files, the buildspec, the environment.
    async fn prepare(
        &self,
        order: &Order,
        step: &Path,
        log: &mut StepLog,
    ) -> Result<(Buildspec, BTreeMap<String, String>), Cut> {
        let source = step.join("src");
        let inputs = self.unpack(&order.files, step).await?;
        let spec =
            buildspec(&order.declared, &source).map_err(|unread| Cut::Failed("YAML_FILE_ERROR", unread.detail))?;
        for note in &spec.notes {
            log.say(note)?;
        }
        if let Some(unmet) = spec.unmet_shell() {
            return Err(Cut::Failed("CLIENT_ERROR", unmet));
        }
        let variables = variables::of(self, order, &spec.env, step, &inputs, log).await;
        let variables = variables.map_err(|NotHad(code, why)| Cut::Failed(code, why))?;
        log.say(&format!("CODEBUILD_SRC_DIR={}", source.display()))?;
        Ok((spec, variables))
    }

    /// Lays the files out: the primary ones in `src`, the others beside, by their artifacts' names.
    async fn unpack(&self, files: &Files, step: &Path) -> Result<Vec<(String, PathBuf)>, Cut> {
        let failed = |why: String| Cut::Failed("CLIENT_ERROR", why);
        let zips = match files {
            Files::Nothing => Vec::new(),
            Files::Zips(zips) => zips.clone(),
            Files::S3 { bucket, key, version } => {
                let zip = step.join("source.zip");
                self.fetch(bucket, key, version.as_deref(), &zip).await.map_err(failed)?;
                vec![(String::new(), zip)]
            }
            Files::Unreachable(why) => return Err(failed(why.clone())),
        };
        std::fs::create_dir_all(step.join("src"))?;
        let mut inputs = Vec::new();
        for (at, (name, zip)) in zips.into_iter().enumerate() {
            let into = if at == 0 { step.join("src") } else { step.join("inputs").join(at.to_string()) };
            let folder = into.clone();
            let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&zip, &folder)).await;
            let unpacked = unpacked.map_err(std::io::Error::other)?;
            unpacked.map_err(|error| failed(format!("the artifact {name} cannot be unpacked: {error}")))?;
            if at > 0 {
                inputs.push((name, into));
            }
        }
        Ok(inputs)
    }

    /// `UPLOAD_ARTIFACTS`, and what the build comes to.
    async fn keep(
        &self,
        order: &Order,
        spec: &Buildspec,
        source: &Path,
        worked: Worked,
        recorder: &mut Recorder<'_>,
        log: &mut StepLog,
    ) -> Result<Status, Cut> {
        let Worked { built, exports, named } = worked;
        let well = verdict(&built.failures).is_none();
        if let Some(build) = self.books().builds.get_mut(&order.id) {
            build.exported = exports;
        }
        let status = if well { Status::Succeeded } else { Status::Failed };
        if !built.to_the_end {
            return Ok(status);
        }
        recorder.begins("UPLOAD_ARTIFACTS");
        log.say("Entering phase UPLOAD_ARTIFACTS")?;
        let kept = self.upload(order, spec, source, &named, log).await?;
        phase_complete(log, "UPLOAD_ARTIFACTS", kept.as_ref().err().map(|why| ("CLIENT_ERROR", why.as_str())))?;
        match kept {
            Ok((left, location)) => {
                recorder.ends("UPLOAD_ARTIFACTS", PhaseEnd::Succeeded);
                if let Some(build) = self.books().builds.get_mut(&order.id) {
                    build.left = left;
                    build.artifacts_location = location;
                }
                Ok(status)
            }
            Err(why) => {
                recorder.ends("UPLOAD_ARTIFACTS", PhaseEnd::Failed("CLIENT_ERROR", &why));
                Ok(Status::Failed)
            }
        }
    }

    async fn upload(
        &self,
        order: &Order,
        spec: &Buildspec,
        source: &Path,
        named: &BTreeMap<String, String>,
        log: &mut StepLog,
    ) -> Result<Result<(Vec<Left>, Option<String>), String>, Cut> {
        let wanted = match wanted(order, spec) {
            Ok(wanted) => wanted,
            Err(why) => return Ok(Err(why)),
        };
        let into = self.artifacts_folder(&order.build.uuid);
        let mut left = Vec::new();
        for (at, (name, set)) in wanted.into_iter().enumerate() {
            let set = filled_in(set, named);
            log.say(&format!("Assembling file list: {}", set.files.join(", ")))?;
            let (home, zip) = (source.to_owned(), into.join(format!("{at}.zip")));
            std::fs::create_dir_all(&into)?;
            let packed = tokio::task::spawn_blocking(move || {
                let selection = select(&home, &set)?;
                let digested = archive::pack(&selection, &zip, !set.discard_paths);
                digested.map(|digested| (selection.len(), zip, digested)).map_err(|error| error.to_string())
            });
            match packed.await.map_err(std::io::Error::other)? {
                Ok((files, zip, digested)) => {
                    log.say(&format!("Found {files} file(s), {} bytes, sha256 {}", digested.bytes, digested.sha256))?;
                    left.push(Left { name, zip, digested });
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        let location = match self.put(order, &left).await {
            Ok(location) => location,
            Err(why) => return Ok(Err(why)),
        };
        Ok(Ok((left, location)))
    }
}

/// Which artifacts a build must leave: what the pipeline expects, by the rules of CodePipeline's action, else what the
/// project's artifacts say.
fn wanted<'s>(order: &Order, spec: &'s Buildspec) -> Result<Vec<(String, &'s ArtifactSet)>, String> {
    let kind = order.declared.artifacts.kind.as_str();
    let none_declared = || "the buildspec has no artifacts, and this build must leave some".to_owned();
    if kind == "CODEPIPELINE" {
        let alone = order.outputs.len() == 1;
        let one = |name: &String| {
            let artifacts = spec.artifacts.as_ref().ok_or_else(none_declared)?;
            let named = artifacts.secondary.get(name);
            let set = named.or_else(|| Some(&artifacts.main).filter(|_| alone));
            let set = set.ok_or_else(|| {
                format!("the buildspec has no secondary artifact {name}, which the action must leave")
            })?;
            Ok((name.clone(), set))
        };
        return order.outputs.iter().map(one).collect();
    }
    if kind == "NO_ARTIFACTS" {
        return Ok(Vec::new());
    }
    let artifacts = spec.artifacts.as_ref().ok_or_else(none_declared)?;
    Ok(vec![(String::new(), &artifacts.main)])
}

/// The buildspec: inline, the file that is named, or the usual one.
fn buildspec(declared: &Declared, source: &Path) -> Result<Buildspec, Unread> {
    let said = declared.source.buildspec.as_deref().filter(|text| !text.trim().is_empty());
    let origin = match said {
        Some(text) if is_inline(text) => Origin::Inline(text.to_owned()),
        Some(path) => Origin::Commit(path.to_owned()),
        None => Origin::Commit(BUILDSPEC.to_owned()),
    };
    let text = match &origin {
        Origin::Inline(text) => text.clone(),
        Origin::Commit(path) | Origin::Central(path) => read(source, path)?
            .ok_or_else(|| Unread::new("YAML_FILE_ERROR", format!("YAML file does not exist: {path}")))?,
    };
    Buildspec::parse(&text).map_err(|problems| Unread::broken(&origin, &problems))
}

/// The id under which a build's log is kept: the first digits of its own.
pub(super) fn log_of(uuid: &str) -> RunId {
    let digits: String = uuid.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    RunId::new(digits).expect("a build's id has more than sixteen hexadecimal digits")
}
