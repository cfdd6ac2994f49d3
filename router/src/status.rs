//! A run in the words a forge shows on a commit.

use serde::{Deserialize, Serialize};

/// One status on one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `pointsman`, `pointsman/tag`, `pointsman/<pipeline>/<stage>`, `pointsman/<pipeline>/deploy/<environment>`.
    pub context: String,
    /// What it says.
    pub state: StatusState,
    /// A sentence of at most [`DESCRIPTION_MAX`] characters.
    pub description: String,
    /// Where to read more.
    pub url: String,
}

/// GitHub's limit, in characters; GitLab's 255 bytes are the adapter's business.
pub const DESCRIPTION_MAX: usize = 140;

/// What a status says. Forges have fewer or other words; each adapter maps these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusState {
    /// Not begun, or waiting for a person.
    Pending,
    /// At work.
    Running,
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// Ended without a result: stopped, superseded, expired.
    Stopped,
}
