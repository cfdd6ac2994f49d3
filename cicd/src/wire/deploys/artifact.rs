//! Files in an action's input artifacts.

use std::fs::File;
use std::io::{BufReader, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{failed, misconfigured};
use crate::wire::action::{ActionFailure, ActionWork, ArtifactIn};

/// The only input artifact of an action.
pub(super) fn only_input(work: &ActionWork) -> Result<&ArtifactIn, ActionFailure> {
    match work.inputs.as_slice() {
        [only] => Ok(only),
        inputs => Err(misconfigured(format!(
            "the {} action takes one input artifact, and this one has {}",
            work.kind.provider,
            inputs.len()
        ))),
    }
}

/// `Artifact::file`: which artifact, and which file in it.
pub(super) fn place<'w>(
    work: &'w ActionWork,
    key: &str,
    text: &'w str,
) -> Result<(&'w ArtifactIn, &'w str), ActionFailure> {
    let (name, file) = text
        .split_once("::")
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| misconfigured(format!("{key} is Artifact::file, and {text:?} is not")))?;
    let input = work.inputs.iter().find(|input| input.name == name);
    Ok((
        input.ok_or_else(|| misconfigured(format!("{key} names {name}, which is no input artifact of the action")))?,
        file,
    ))
}

/// Reads a file of an artifact; none when it is not there.
///
/// # Errors
/// An artifact that is no zip, a file that is larger than `most` bytes or not UTF-8.
pub(super) fn read(artifact: &ArtifactIn, file: &str, most: u64) -> Result<Option<String>, ActionFailure> {
    let broken = |why: String| failed("JobFailed", format!("the artifact {} cannot be read: {why}", artifact.name));
    let zip = File::open(&artifact.zip).map_err(|error| broken(error.to_string()))?;
    let mut zip = ZipArchive::new(BufReader::new(zip)).map_err(|error| broken(error.to_string()))?;
    let entry = match zip.by_name(file) {
        Ok(entry) => entry,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(broken(error.to_string())),
    };
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(misconfigured(format!("{file} in the artifact {} is larger than {most} bytes", artifact.name)));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| misconfigured(format!("{file} in the artifact {} is not UTF-8", artifact.name)))
}
