//! What the hook of a repository on this machine sends.

use std::path::Path;

use serde_json::{Value, json};

use super::super::git;
use super::super::moved::Moved;
use super::Told;

pub(super) fn push(path: &str, bare: &Path, moved: &Moved) -> Told {
    let changed = match (&moved.before, &moved.after) {
        (Some(before), Some(after)) if !moved.is_tag() => {
            let changes = git::changes(bare, &["diff", "--no-renames", before, after]);
            json!(changes.expect("both commits are there").into_iter().map(|change| change.path).collect::<Vec<_>>())
        }
        _ => Value::Null,
    };
    let body = json!({
        "repository": path,
        "ref": moved.full_ref,
        "before": moved.before_or_zeros(),
        // git itself peels an annotated tag for the hook, which knows nothing of tag objects.
        "after": moved.commit().map_or_else(|| "0".repeat(40), str::to_owned),
        "actor": moved.actor,
        "message": moved.head.as_ref().map_or("", |head| head.message.as_str()),
        "forced": moved.forced,
        "changed": changed,
    });
    ("push", body)
}
