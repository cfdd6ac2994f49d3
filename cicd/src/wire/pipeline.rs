//! CodePipeline: pipelines, their executions, and how these go on.
//!
//! A pure core moves the state: `machine` takes what happened and says what is to be done next. The shell around it
//! (`shell`, `perform`) holds the state, lets the core decide under a lock that is never held while anything is
//! awaited, and does what was decided in tasks of its own.
//!
//! | module | what it does |
//! |---|---|
//! | [`api`] | the operations |
//! | `declare` | what a declaration may say |
//! | `book`, `execution` | what is known of pipelines and executions |
//! | `machine` | how executions go on |
//! | `condition`, `variables` | rules and variables |
//! | `artifact` | the zips on disk |
//! | `shell`, `perform`, `source`, `topic` | what reaches the world |

pub mod api;
mod artifact;
mod book;
mod condition;
mod declare;
mod execution;
mod limits;
mod machine;
mod perform;
pub(in crate::wire) mod shell;
pub mod source;
#[cfg(test)]
mod tests;
pub mod topic;
mod variables;
