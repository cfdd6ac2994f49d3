//! The doors on AWS Lambda: each hands what AWS brings to code that stands elsewhere, and decides nothing.
//!
//! | module | what it opens |
//! |---|---|
//! | [`webhook`] | API Gateway's requests, for the same axum app that `pointsman serve` runs |
//!
//! That one door is all there is here: a library, without a binary to deploy and without a client of AWS.

pub mod webhook;
