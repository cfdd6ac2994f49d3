//! What every implementation of a trait must do.

mod engine;
mod forge;
mod samples;
mod store;
