//! A rule file on this machine.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells that a file was written or another put in its place: cheaper than reading it every second. A file's own time and
/// length say too little: tools that unpack or copy set the time as they please.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    changed: (i64, i64),
    bytes: u64,
}

impl Stamp {
    pub(super) async fn of(path: &Path) -> Option<Self> {
        let meta = tokio::fs::metadata(path).await.ok()?;
        Some(Self { file: (meta.dev(), meta.ino()), changed: (meta.ctime(), meta.ctime_nsec()), bytes: meta.len() })
    }
}

pub(super) async fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let bytes = tokio::fs::read(path).await.map_err(|e| format!("{shown}: {e}"))?;
    String::from_utf8(bytes).map_err(|e| format!("{shown}: not UTF-8: {e}"))
}
