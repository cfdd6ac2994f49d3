//! The world around the pure core: receives, stores, starts, watches, gates and reports.
//!
//! | module | what it does |
//! |---|---|
//! | [`clock`] | the time, the one place that reads it |
//! | [`config`] | the settings, from flags, environment and file |
//! | [`store`] | deliveries, runs and owed statuses, durable |
//! | [`engine`] | runs pipelines |
//! | [`forge`] | tells a forge, and asks it |
//! | [`git`] | drives the git command |
//! | [`logs`] | the logs of stages and deploys, on disk and live |

pub mod clock;
pub mod config;
pub mod engine;
pub mod forge;
pub mod git;
pub mod logs;
pub mod store;
