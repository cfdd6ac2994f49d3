//! Artifacts: zips on this machine's disk, under the names they would have in the artifact store's bucket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::wire::action::ArtifactIn;
use crate::wire::ids;
use crate::wire::shape::told::{ArtifactDetail, S3Location};

/// A zip on disk. It goes when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Zip(PathBuf);

impl Drop for Zip {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "an artifact was gone already");
        }
    }
}

/// An artifact of an execution.
#[derive(Debug, Clone)]
pub(super) struct Artifact {
    /// Its name in the pipeline.
    pub(super) name: String,
    /// As the API names it.
    pub(super) bucket: String,
    /// As the API names it.
    pub(super) key: String,
    /// The source's revision it was made of.
    pub(super) revision: Option<String>,
    /// None in a place that is only reserved, or once it is forgotten.
    pub(super) zip: Option<Arc<Zip>>,
}

impl Artifact {
    /// A place for an artifact: `<20 of the pipeline>/<10 of the artifact>/<7 random>.zip`.
    pub(super) fn reserve(bucket: &str, pipeline: &str, name: &str) -> Self {
        let first = |text: &str, count: usize| text.chars().take(count).collect::<String>();
        Self {
            name: name.to_owned(),
            bucket: bucket.to_owned(),
            key: format!("{}/{}/{}.zip", first(pipeline, 20), first(name, 10), ids::letters(7)),
            revision: None,
            zip: None,
        }
    }

    /// As the API tells it.
    pub(super) fn told(&self) -> ArtifactDetail {
        let s3location = S3Location { bucket: self.bucket.clone(), key: self.key.clone() };
        ArtifactDetail { name: self.name.clone(), s3location }
    }

    /// As an action takes it.
    pub(super) fn given(&self) -> Option<ArtifactIn> {
        let zip = self.zip.as_ref()?.0.clone();
        let Self { name, bucket, key, revision, .. } = self.clone();
        Some(ArtifactIn { name, zip, bucket, key, revision })
    }
}

/// Where artifacts and the actions' folders lie.
#[derive(Debug)]
pub(super) struct Room {
    home: PathBuf,
}

impl Room {
    /// Opens the room, empty: what an earlier process left belongs to executions nobody remembers.
    pub(super) fn open(home: &Path) -> io::Result<Self> {
        for folder in ["artifacts", "work"] {
            match std::fs::remove_dir_all(home.join(folder)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => std::fs::create_dir_all(home.join(folder))?,
            }
        }
        Ok(Self { home: home.to_owned() })
    }

    /// An action's folder, made.
    pub(super) async fn folder(&self, action_execution: &str) -> io::Result<PathBuf> {
        let folder = self.home.join("work").join(action_execution);
        tokio::fs::create_dir_all(&folder).await?;
        Ok(folder)
    }

    /// Takes a zip out of an action's folder.
    pub(super) async fn take(&self, zip: &Path) -> io::Result<Arc<Zip>> {
        let place = self.home.join("artifacts").join(format!("{}.zip", ids::uuid()));
        match tokio::fs::rename(zip, &place).await {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                tokio::fs::copy(zip, &place).await?;
            }
            moved => moved?,
        }
        Ok(Arc::new(Zip(place)))
    }

    /// Removes an action's folder.
    pub(super) async fn clear(&self, folder: &Path) {
        if let Err(error) = tokio::fs::remove_dir_all(folder).await {
            tracing::warn!(folder = %folder.display(), %error, "an action's folder stays");
        }
    }
}
