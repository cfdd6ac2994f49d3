//! Brings what a step works on: the commit's files, its buildspec, the artifacts of earlier stages.

use std::path::{Component, Path, PathBuf};

use router::buildspec::Buildspec;
use router::id::CommitId;
use router::pipeline::Buildspec as Origin;
use router::problem::Problem;
use router::run::Run;
use router::yaml;

use super::job::{Halt, Job};
use super::store_room::Kept;
use super::{Workshop, archive};
use crate::forge::CloneFrom;
use crate::git::GitError;
use crate::logs::StepLog;

impl Workshop {
    /// Checks the commit out into a folder.
    pub(super) async fn fetch(&self, run: &Run, folder: &Path) -> Result<(), Halt> {
        let repository = &run.key.repository;
        let Some(from) = self.fetch_from(run) else {
            return Err(Halt::RunOver(format!("{repository} has no address to clone from; name one with `clone`")));
        };
        let mut waits = self.config.fetch_again_after.iter();
        loop {
            match (self.mirrors.ensure(repository, &from, &run.key.commit).await, waits.next()) {
                (Err(GitError::Unreachable(_) | GitError::TimedOut(_)), Some(wait)) => tokio::time::sleep(*wait).await,
                (ensured, _) => break ensured?,
            }
        }
        Ok(self.mirrors.check_out(repository, &run.key.commit, folder).await?)
    }

    /// Where the rule file says, else where the forge says.
    fn fetch_from(&self, run: &Run) -> Option<CloneFrom> {
        match &run.plan.clone {
            Some(url) => Some(CloneFrom { url: url.clone(), authorization: None }),
            None => (self.clone)(&run.key.repository),
        }
    }

    /// Reads the buildspec of a step, wherever it comes from.
    pub(super) fn buildspec(&self, origin: &Origin, source: &Path, commit: &CommitId) -> Result<Buildspec, Unread> {
        let text = match origin {
            Origin::Inline(text) => text.clone(),
            Origin::Commit(path) => read(source, path)?.ok_or_else(|| {
                Unread::new("YAML file does not exist", format!("{path} is not in commit {}", commit.short()))
            })?,
            Origin::Central(path) => read(&self.config.rules_folder, path)?.ok_or_else(|| {
                Unread::new("YAML file does not exist", format!("{path} is not beside the rule file"))
            })?,
        };
        Buildspec::parse(&text).map_err(|problems| Unread::broken(origin, &problems))
    }

    /// Unpacks the artifacts of the stages before, each freshly, each only when its bytes are what they were.
    pub(super) async fn unpack(&self, job: &Job<'_>, folder: &Path, log: &mut StepLog) -> Result<Inputs, Halt> {
        let mut inputs = Inputs::new();
        for kept in self.store_room.of(job)? {
            let into = folder.join(&kept.name);
            log.say(&format!("Unpacking the artifact {} (sha256 {})", kept.name, kept.sha256))?;
            let Kept { file, sha256, name, variable } = kept;
            let checked = {
                let into = into.clone();
                tokio::task::spawn_blocking(move || {
                    if archive::digest(&file)?.sha256 != sha256 {
                        return Ok(false);
                    }
                    archive::unpack(&file, &into).map(|()| true)
                })
            };
            match checked.await.map_err(std::io::Error::other)? {
                Ok(true) => inputs.push((variable, into)),
                Ok(false) => {
                    return Err(Halt::Failed(format!(
                        "the artifact {name} is not what its stage left: its sha256 has changed"
                    )));
                }
                Err(error) => return Err(Halt::Failed(format!("the artifact {name} cannot be unpacked: {error}"))),
            }
        }
        Ok(inputs)
    }
}

/// Unpacked artifacts: the end of each one's variable, and its folder.
pub(super) type Inputs = Vec<(String, PathBuf)>;

/// Why there is no buildspec to run.
#[derive(Debug)]
pub(crate) struct Unread {
    /// In CodeBuild's words, and every problem.
    pub(crate) told: String,
    /// In ours, one line.
    pub(crate) detail: String,
}

impl Unread {
    pub(crate) fn new(told: impl Into<String>, detail: String) -> Self {
        Self { told: format!("{}: {detail}", told.into()), detail }
    }

    pub(crate) fn broken(origin: &Origin, problems: &[Problem]) -> Self {
        let lines: Vec<_> = problems.iter().map(|problem| in_words(origin, problem)).collect();
        let more = match lines.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Self { told: lines.join("\n"), detail: format!("{}{more}", lines[0]) }
    }
}

fn in_words(origin: &Origin, problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{origin}:{}:{}: {}{help}", problem.place.line, problem.place.column, problem.message)
}

/// Reads a file below a folder; none when it is not there. A path or a link that leaves the folder is not followed.
pub(crate) fn read(folder: &Path, path: &str) -> Result<Option<String>, Unread> {
    let stays = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let refused = |why: &str| Unread::new("YAML_FILE_ERROR", format!("{path} {why}"));
    if !stays {
        return Err(refused("leaves its folder; write a path below it"));
    }
    let Ok(file) = folder.join(path).canonicalize() else { return Ok(None) };
    if !folder.canonicalize().is_ok_and(|folder| file.starts_with(folder)) {
        return Err(refused("is a symbolic link out of its folder"));
    }
    let size = file.metadata().map_err(|e| refused(&format!("cannot be read: {e}")))?;
    if !size.is_file() || size.len() > yaml::SIZE_MAX as u64 {
        return Err(refused("is no file, or a very large one"));
    }
    let bytes = std::fs::read(&file).map_err(|e| refused(&format!("cannot be read: {e}")))?;
    String::from_utf8(bytes).map(Some).map_err(|_| refused("is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buildspec_is_read_from_its_own_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::write(folder.path().join("in/a.yml"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("in/link.yml")).unwrap();
        let home = folder.path().join("in");
        assert_eq!(read(&home, "./a.yml").unwrap(), Some("x".to_owned()));
        assert_eq!(read(&home, "none.yml").unwrap(), None);
        for path in ["../secret", "/etc/passwd", "link.yml", "."] {
            assert!(read(&home, path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_broken_buildspec_is_told_with_its_file_and_line() {
        let origin = Origin::Commit("b.yml".to_owned());
        let problems = Buildspec::parse("version: 0.2\nphases:\n  build:\n    comands: [a]\n").unwrap_err();
        let unread = Unread::broken(&origin, &problems);
        assert_eq!(
            unread.detail,
            "b.yml:4:5: the phase `build` has no key `comands`; did you mean `commands`? (and 1 more)"
        );
    }
}
