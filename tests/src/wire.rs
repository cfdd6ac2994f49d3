//! The wire as stock clients meet it: over HTTP, with the AWS CLI, boto3 and the SDKs, none of them changed.

mod bench;
mod cli;
mod deploys;
mod python;
mod runs;
mod sdk;
mod secrets;
