//! Pointsman's pure core: whether, which and how far.
//!
//! Nothing here reads a clock, a file, the environment or the network; time and ids come in as arguments. What
//! may be depended on is an allow-list, checked by `tests/src/arrows.rs` and by this crate's own `clippy.toml`.
//!
//! | module | what it answers |
//! |---|---|
//! | [`id`] | is this text a commit, a ref, a repository, a name? |
//! | [`secret`] | a value that cannot be printed |
//! | [`verify`] | is this delivery genuine? |
//! | [`event`] | what happened, in our own words |
//! | [`yaml`], [`problem`] | a document with places, and what is wrong in it |
//! | [`buildspec`] | what a stage does |
//! | [`pipeline`] | the model: stages, environments, gates |
//! | [`rules`] | whether, which and how far a push travels |
//! | [`run`] | the state machine of one pipeline start |
//! | [`track`] | where a ref has been: which push is new, which one came first |
//! | [`status`] | a run in the words a forge shows on a commit |

pub mod buildspec;
pub mod event;
pub mod id;
pub mod pipeline;
pub mod problem;
pub mod rules;
pub mod run;
pub mod secret;
pub mod status;
pub mod track;
pub mod verify;
pub mod yaml;

/// Proofs are tried on pushes by the hundred million, and each decision is a handful of small strings.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
