//! How an answer is written.

/// For people, or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines to read.
    #[default]
    Human,
    /// One JSON document.
    Json,
}
