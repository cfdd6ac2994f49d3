//! Mirrors that nobody has used for long go away; whoever wants one then makes it again.

use std::path::Path;

use jiff::Timestamp;

use super::Mirrors;

/// Holds when the mirror was last used, in seconds since 1970.
const USED: &str = "pointsman-used";

impl Mirrors {
    /// Somebody uses a mirror, and holds its lock.
    pub(super) fn note_use(&self, mirror: &Path) {
        if let Err(why) = std::fs::write(mirror.join(USED), self.clock.now().as_second().to_string()) {
            tracing::warn!("that the mirror {} is used cannot be noted: {why}", mirror.display());
        }
    }

    /// Removes the mirrors that nobody has used since `before`. One of which that is not known counts as used now.
    pub async fn forget(&self, before: Timestamp) {
        for mirror in self.all() {
            let _ours = self.lock(&mirror).await;
            match last_use(&mirror) {
                Some(used) if used >= before => {}
                Some(_) => match tokio::fs::remove_dir_all(&mirror).await {
                    Ok(()) => tracing::info!("the mirror {} was not used for long and is removed", mirror.display()),
                    Err(why) => tracing::warn!("the mirror {} cannot be removed: {why}", mirror.display()),
                },
                None => self.note_use(&mirror),
            }
        }
    }
}

fn last_use(mirror: &Path) -> Option<Timestamp> {
    let text = std::fs::read_to_string(mirror.join(USED)).ok()?;
    Timestamp::from_second(text.trim().parse().ok()?).ok()
}
