//! Where artifacts are kept: `<data>/artifacts/<run>/<stage>.zip`, a secondary one as `<stage>+<id>.zip` (no stage's name
//! holds a `+`), each with a `.sha256` beside it.

use std::io;
use std::path::{Path, PathBuf};

use router::buildspec::ArtifactSet;
use router::id::RunId;

use super::archive::{self, Digested};
use super::job::{Halt, Job};
use super::select::select;

/// The artifacts of all runs.
pub(super) struct StoreRoom(pub(super) PathBuf);

/// One artifact on disk.
pub(super) struct Kept {
    /// `<stage>` or `<stage>+<id>`.
    pub(super) name: String,
    /// The end of the variable that says where it is unpacked.
    pub(super) variable: String,
    /// The archive.
    pub(super) file: PathBuf,
    /// What its bytes must hash to.
    pub(super) sha256: String,
}

impl StoreRoom {
    fn folder(&self, run: &RunId) -> PathBuf {
        self.0.join(run.as_str())
    }

    /// Selects, packs and keeps one artifact.
    ///
    /// # Errors
    /// Words for the log.
    pub(super) fn keep(
        &self,
        run: &RunId,
        name: &str,
        home: &Path,
        set: &ArtifactSet,
    ) -> Result<(usize, Digested), String> {
        let selection = select(home, set)?;
        let pack = || {
            let file = self.folder(run).join(format!("{name}.zip"));
            std::fs::create_dir_all(self.folder(run))?;
            let digested = archive::pack(&selection, &file, !set.discard_paths)?;
            std::fs::write(beside(&file), format!("{}  {name}.zip\n", digested.sha256))?;
            io::Result::Ok(digested)
        };
        let digested = pack().map_err(|e| format!("the artifact {name} cannot be kept: {e}"))?;
        Ok((selection.len(), digested))
    }

    /// Forgets what a step left when it was at work before.
    pub(super) fn forget(&self, run: &RunId, name: &str) -> io::Result<()> {
        for kept in self.named(run, name)? {
            std::fs::remove_file(self.folder(run).join(format!("{kept}.zip")))?;
            let _goes_with_it = std::fs::remove_file(beside(&self.folder(run).join(format!("{kept}.zip"))));
        }
        Ok(())
    }

    /// The artifacts of the stages before a job, in their order.
    pub(super) fn of(&self, job: &Job<'_>) -> Result<Vec<Kept>, Halt> {
        let run = &job.run.id;
        let mut all = Vec::new();
        for stage in &job.before {
            for name in self.named(run, stage)? {
                let file = self.folder(run).join(format!("{name}.zip"));
                let told = std::fs::read_to_string(beside(&file))?;
                let sha256 = match job.artifact.filter(|artifact| artifact.stage.as_str() == name) {
                    Some(artifact) => artifact.sha256.clone(),
                    None => told.split_whitespace().next().unwrap_or("").to_owned(),
                };
                let variable = name.rsplit('+').next().unwrap_or(&name).to_owned();
                all.push(Kept { name, variable, file, sha256 });
            }
        }
        if let Some(artifact) = job.artifact
            && !all.iter().any(|kept| kept.name == artifact.stage.as_str())
        {
            return Err(Halt::Failed(format!("the artifact of stage {} is no longer on this machine", artifact.stage)));
        }
        Ok(all)
    }

    /// The names of a stage's artifacts, secondary ones first, so that the stage's own name wins.
    fn named(&self, run: &RunId, stage: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.folder(run)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_suffix(".zip")?.to_owned();
            let ours = name == stage || name.strip_prefix(stage).is_some_and(|rest| rest.starts_with('+'));
            ours.then_some(name)
        });
        let mut names: Vec<_> = names.collect();
        names.sort_by_key(|name| (name == stage, name.clone()));
        Ok(names)
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}
