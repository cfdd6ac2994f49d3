//! The embedded engine in the words of AWS: the CodePipeline and CodeBuild JSON protocol in front of it.
//!
//! | module | what it does |
//! |---|---|
//! | [`error`] | a refusal as the protocol says it |
//! | [`action`] | one action to be done, and who does it |

pub mod action;
pub mod error;
