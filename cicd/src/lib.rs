//! The world around the pure core: receives, stores, starts, watches, gates and reports.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`], [`vault`] | settings from flags, environment and file, and the secrets kept on AWS |
//! | [`app`] | the parts put together |
//! | [`service`], [`invocation`] | kept going, in a process that stays or one that is frozen |
//! | [`receive`] | a delivery comes in: verified, read, durable |
//! | [`queue`] | it waits for its decision, on AWS |
//! | [`dispatch`] | it is decided, and a run begins |
//! | [`advance`] | live runs go as far as they can |
//! | [`observe`] | what the engine tells moves a run |
//! | [`callback`], [`sns`] | what the engine tells from outside, and whether it is genuine |
//! | [`control`] | what people ask of a run |
//! | [`report`] | the forge hears, from the outbox |
//! | [`notice`] | subscribers hear of decisions and gates |
//! | [`sweep`] | what we believe is compared with what is |
//! | [`http`], [`access`] | the axum app and the page, and who may use it |
//! | [`engine`] | runs pipelines |
//! | [`forge`] | tells a forge, and asks it |
//! | [`store`] | deliveries, runs and owed statuses, durable |
//! | [`synth`] | the pipelines as AWS is to have them, for `infra/` |
//! | [`wire`] | the AWS protocol in front of the embedded engine |
//! | [`aws`], [`outbound`] | the way to AWS, and the names of things there; the HTTP client beneath all that asks |
//! | [`rules_file`], [`hits`] | the rules in force, and how often each was taken |
//! | [`measures`] | what is counted and measured |
//! | [`git`], [`logs`], [`clock`] | the git command, the logs on disk and live, the time |
//!
//! The feature `machine`, which is on by default, is all that a process on a machine of its own has and a function on Lambda has not:
//! [`service`], [`wire`], [`sns`], [`git`], [`engine::local`], [`forge::local`], [`store::sqlite`] and the command line.

pub mod access;
pub mod advance;
pub mod app;
pub mod aws;
pub mod callback;
mod change;
pub mod clock;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod engine;
pub mod forge;
#[cfg(feature = "machine")]
pub mod git;
pub mod hits;
pub mod http;
pub mod invocation;
mod lane;
pub mod logs;
pub mod measures;
pub mod notice;
pub mod observe;
mod order;
pub mod outbound;
mod points;
pub mod queue;
pub mod receive;
pub mod report;
pub mod rules_file;
#[cfg(feature = "machine")]
pub mod service;
#[cfg(feature = "machine")]
pub mod sns;
pub mod store;
pub mod sweep;
pub mod synth;
pub mod vault;
#[cfg(feature = "machine")]
pub mod wire;
