//! What every implementation of a trait must do.

mod engine;
mod forge;
mod outbound;
pub(crate) mod samples;
mod store;
mod webhooks;
mod wire;
