//! Does one step: a fresh folder, the commit, the artifacts before it, the phases, what it leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use router::buildspec::{Artifacts, Buildspec};
use router::run::Outcome;
use tokio_util::sync::CancellationToken;

use super::Workshop;
use super::archive::Digested;
use super::build::{Build, Worked, filled_in};
use super::environment::{Folders, environment};
use super::folder;
use super::job::{Ended, Halt, Job, Leash};
use super::phases::{phase_complete, verdict};
use crate::logs::StepLog;

impl Workshop {
    /// Does a step and leaves nothing behind but its log, its artifacts and its end.
    ///
    /// # Errors
    /// Why the whole run cannot go on, a sentence.
    pub(super) async fn work(&self, job: &Job<'_>, stop: &CancellationToken) -> Result<Ended, String> {
        let masks = self.config.masks.clone();
        let log = StepLog::open(&self.logs, &job.run.id, &job.name, masks, Arc::clone(&self.clock));
        let mut log = match log {
            Ok(log) => log,
            Err(error) => return Ok(Ended::with(Outcome::Failed(format!("the log cannot be written: {error}")))),
        };
        let step = self.config.data.join("work").join(job.run.id.as_str()).join(&job.name);
        let done = self.in_folder(job, &step, stop, &mut log).await;
        self.clear(job, &step).await;
        let ended = match done {
            Ok(ended) => Ok(ended),
            Err(Halt::Stopped) => Ok(Ended::with(Outcome::Stopped)),
            Err(Halt::TimedOut) => Ok(Ended::with(Outcome::TimedOut(job.step.timeout_seconds))),
            Err(Halt::Failed(why)) => Ok(Ended::with(Outcome::Failed(log.hide(&why)))),
            Err(Halt::RunOver(why)) => Err(log.hide(&why)),
        };
        let last_words = match &ended {
            Ok(Ended { outcome: Outcome::Succeeded, .. }) => "The build has succeeded".to_owned(),
            Ok(Ended { outcome: Outcome::Failed(why), .. }) => format!("The build has failed: {why}"),
            Ok(Ended { outcome: Outcome::TimedOut(after), .. }) => {
                format!("BUILD_TIMED_OUT: ended after {after} seconds")
            }
            Ok(Ended { outcome: Outcome::Stopped, .. }) => "The build was stopped".to_owned(),
            Err(why) => format!("The run cannot go on: {why}"),
        };
        if let Err(error) = log.say(&last_words) {
            tracing::warn!(run.id = %job.run.id, step = job.name, %error, "a log could not be ended");
        }
        ended
    }

    async fn clear(&self, job: &Job<'_>, step: &Path) {
        if let Err(error) = folder::remove(step).await {
            tracing::warn!(run.id = %job.run.id, step = job.name, %error, "a work folder could not be removed");
        }
        // The run's own folder goes with its last step.
        let _others_are_in_it = step.parent().map(std::fs::remove_dir);
        if let Err(error) = self.mirrors.prune(&job.run.key.repository).await {
            tracing::debug!(run.id = %job.run.id, step = job.name, %error, "a worktree could not be forgotten");
        }
    }

    async fn in_folder(
        &self,
        job: &Job<'_>,
        step: &Path,
        stop: &CancellationToken,
        log: &mut StepLog,
    ) -> Result<Ended, Halt> {
        folder::remove(step).await?;
        let source = step.join("src");
        let temporary = step.join("tmp");
        std::fs::create_dir_all(&temporary)?;
        if job.environment.is_none() {
            self.store_room.forget(&job.run.id, &job.name)?;
        }
        let (spec, inputs) = match self.prepare(job, step, &source, stop, log).await {
            Err(Halt::Failed(why)) => {
                phase_complete(log, "DOWNLOAD_SOURCE", Some(("CLIENT_ERROR", &why)))?;
                return Err(Halt::Failed(why));
            }
            prepared => prepared?,
        };
        let folders = Folders { step, source: &source, temporary: &temporary, inputs: &inputs };
        let variables = environment(job, &spec.env, &folders, self.clock.now()).map_err(Halt::Failed)?;
        phase_complete(log, "DOWNLOAD_SOURCE", None)?;

        let build = Build {
            spec: &spec,
            folder: step,
            source: &source,
            variables,
            // The step's time counts from its first command: a fetch has a timeout of its own.
            leash: Leash::new(stop, job.step.timeout_seconds),
            kill_grace: self.config.kill_grace,
        };
        let worked = build.run(log, &mut ()).await?;
        self.keep(job, &spec, &source, worked, log).await
    }

    /// Everything before the first command.
    async fn prepare(
        &self,
        job: &Job<'_>,
        step: &Path,
        source: &Path,
        stop: &CancellationToken,
        log: &mut StepLog,
    ) -> Result<(Buildspec, Vec<(String, PathBuf)>), Halt> {
        announce(job, log)?;
        Leash::new(stop, u64::MAX).hold(self.fetch(job.run, source)).await??;
        let read = self.buildspec(&job.step.buildspec, source, &job.run.key.commit);
        let spec = match read {
            Ok(spec) => spec,
            Err(unread) => {
                log.say(&unread.told)?;
                return Err(Halt::Failed(unread.detail));
            }
        };
        for note in &spec.notes {
            log.say(note)?;
        }
        let unmet = spec.unmet();
        if !unmet.is_empty() {
            return Err(Halt::Failed(unmet.join("; ")));
        }
        let inputs = self.unpack(job, &step.join("artifacts"), log).await?;
        log.say(&format!("CODEBUILD_SRC_DIR={}", source.display()))?;
        Ok((spec, inputs))
    }

    /// The end of a build: its artifacts, and what it comes to.
    async fn keep(
        &self,
        job: &Job<'_>,
        spec: &Buildspec,
        source: &Path,
        worked: Worked,
        log: &mut StepLog,
    ) -> Result<Ended, Halt> {
        let Worked { built, exports, named } = worked;
        let mut outcome = match verdict(&built.failures) {
            Some(failure) => Outcome::Failed(log.hide(&failure.detail)),
            None => Outcome::Succeeded,
        };
        if !built.to_the_end {
            return Ok(Ended { outcome, artifact: None, exports });
        }
        log.say("Entering phase UPLOAD_ARTIFACTS")?;
        let kept = match &spec.artifacts {
            Some(_) if job.environment.is_some() => {
                log.say("artifacts: what a deploy makes is not kept")?;
                Ok(None)
            }
            Some(artifacts) => self.upload(job, artifacts, source, &named, log).await?.map(Some),
            None => Ok(None),
        };
        phase_complete(log, "UPLOAD_ARTIFACTS", kept.as_ref().err().map(|why| ("CLIENT_ERROR", why.as_str())))?;
        if let (Outcome::Succeeded, Err(why)) = (&outcome, &kept) {
            outcome = Outcome::Failed(format!("UPLOAD_ARTIFACTS: {why}"));
        }
        Ok(Ended { outcome, artifact: kept.unwrap_or_default(), exports })
    }

    /// The `UPLOAD_ARTIFACTS` phase: the stage's artifact, or why there is none.
    async fn upload(
        &self,
        job: &Job<'_>,
        artifacts: &Artifacts,
        source: &Path,
        named: &BTreeMap<String, String>,
        log: &mut StepLog,
    ) -> Result<Result<Digested, String>, Halt> {
        let secondary = artifacts.secondary.iter().map(|(id, set)| (format!("{}+{id}", job.name), set));
        let mut main = Err("no matching artifact paths found".to_owned());
        for (name, set) in [(job.name.clone(), &artifacts.main)].into_iter().chain(secondary) {
            let set = filled_in(set, named);
            log.say(&format!("Assembling file list of {name}: {}", set.files.join(", ")))?;
            let (run, room, home) = (job.run.id.clone(), Arc::clone(&self.store_room), source.to_owned());
            let kept = {
                let name = name.clone();
                tokio::task::spawn_blocking(move || room.keep(&run, &name, &home, &set))
            };
            match kept.await.map_err(std::io::Error::other)? {
                Ok((files, digested)) => {
                    log.say(&format!("Found {files} file(s), {} bytes, sha256 {}", digested.bytes, digested.sha256))?;
                    if name == job.name {
                        main = Ok(digested);
                    }
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(main)
    }
}

/// Says what is done and what of the wishes is not met here.
fn announce(job: &Job<'_>, log: &mut StepLog) -> std::io::Result<()> {
    let key = &job.run.key;
    log.say(&format!("Run {} at {} of {}, {}", job.run.id, key.commit, key.repository, job.name))?;
    log.say(&format!("asked for compute {}; this engine runs it on this machine without a limit", job.step.compute))?;
    if let Some(image) = &job.step.image {
        log.say(&format!("asked for the image {image}; this engine runs it with this machine's own tools"))?;
    }
    if job.step.privileged {
        log.say("asked for privileged; this engine gives no more rights than it has itself")?;
    }
    log.say("Entering phase DOWNLOAD_SOURCE")
}
