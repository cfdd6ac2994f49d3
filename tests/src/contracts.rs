//! What every implementation of a trait must do.

mod forge;
mod samples;
mod store;
mod webhooks;
