//! The doors on AWS Lambda: each hands what AWS brings to code that stands elsewhere, and decides nothing.
//!
//! | module | what it opens |
//! |---|---|
//! | [`webhook`] | API Gateway's requests, for the same axum app that `pointsman serve` runs |
//! | [`dispatch`] | the queue's messages: deliveries that wait for their decision |
//! | [`callback`] | the topic's messages: what happened in the pipelines |
//! | [`sweep`] | the schedule: what nobody told is found |
//!
//! All four are one binary: what they share is nearly all of it, so one is built, and a function's handler setting says which door it
//! opens.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

pub mod callback;
pub mod dispatch;
pub mod sweep;
pub mod webhook;

/// The doors, as a function's handler setting names them.
pub const DOORS: [&str; 4] = ["webhook", "dispatch", "callback", "sweep"];

/// When an invocation's time is over.
fn until(context: &Context) -> Instant {
    let end = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    Instant::now() + end.duration_since(SystemTime::now()).unwrap_or_default()
}
